//! Rows as records and records as rows.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::StoreIdentity;
use super::failure::{OrFail, damaged};
use crate::error::Error;
use crate::store::journal::{Entry, History, RecordKey, Revision, Sealed, SearchToken};

/// The one row of `history`.
#[derive(Clone, Copy, Debug)]
pub(in crate::store) struct Head {
    pub(super) store: [u8; 16],
    pub(super) history: History,
    pub(in crate::store) revision: Revision,
    /// Changes up to this revision are no longer known.
    pub(super) floor: Revision,
}

pub(super) fn head(connection: &Connection) -> Result<Head, Error> {
    let sql = "SELECT store, history, generation, revision, floor FROM history";
    let found = connection.prepare_cached(sql).or_fail()?.query_row([], read_head).optional().or_fail()?;
    found.flatten().ok_or_else(|| damaged("the table `history` is not as written"))
}

fn read_head(row: &Row<'_>) -> rusqlite::Result<Option<Head>> {
    let numbers: [i64; 3] = [row.get(2)?, row.get(3)?, row.get(4)?];
    let [generation, revision, floor] = numbers.map(u64::try_from);
    let (Ok(generation), Ok(revision), Ok(floor)) = (generation, revision, floor) else {
        return Ok(None);
    };
    let history = History { id: row.get(1)?, generation };
    Ok(Some(Head { store: row.get(0)?, history, revision: Revision(revision), floor: Revision(floor) }))
}

pub(super) fn insert_head(connection: &Connection, identity: &StoreIdentity) -> Result<(), Error> {
    let sql = "INSERT INTO history (one, store, history, generation, revision, floor) VALUES (1, ?1, ?2, 1, 0, 0)";
    connection.execute(sql, params![identity.store, identity.history]).or_fail()?;
    Ok(())
}

/// Empties the store for a new history; revisions go on.
pub(super) fn clear(connection: &Connection, history: &[u8; 16]) -> Result<(), Error> {
    connection.execute_batch("DELETE FROM entry; DELETE FROM search; DELETE FROM change").or_fail()?;
    // The next revision is the first of the new history, and nothing before it can be told as changes.
    let sql = "UPDATE history SET history = ?1, generation = generation + 1, floor = revision + 1";
    connection.execute(sql, params![history]).or_fail()?;
    Ok(())
}

pub(super) fn entry(connection: &Connection, key: &RecordKey) -> Result<Option<Entry>, Error> {
    let sql = "SELECT revision, search, value FROM entry WHERE key = ?1";
    let mut statement = connection.prepare_cached(sql).or_fail()?;
    let found = statement.query_row([key.to_string()], |row| columns(row, 0)).optional().or_fail()?;
    found.map(|columns| to_entry(*key, columns)).transpose()
}

pub(super) fn user_entries(connection: &Connection) -> Result<Vec<Entry>, Error> {
    // `0` is the character after `/`: all keys `user/…`.
    let sql = "SELECT key, revision, search, value FROM entry WHERE key > 'user/' AND key < 'user0' ORDER BY key";
    let mut statement = connection.prepare_cached(sql).or_fail()?;
    let found = statement.query_map([], |row| Ok((row.get::<_, String>(0)?, columns(row, 1)?))).or_fail()?;
    found.map(|row| row.or_fail().and_then(|(text, columns)| to_entry(key(&text)?, columns))).collect()
}

/// `revision`, `search` and `value` of a row of `entry`, as stored.
pub(super) type Columns = (i64, Vec<u8>, Vec<u8>);

pub(super) fn columns(row: &Row<'_>, first: usize) -> rusqlite::Result<Columns> {
    Ok((row.get(first)?, row.get(first + 1)?, row.get(first + 2)?))
}

pub(super) fn to_entry(key: RecordKey, (revision, search, bytes): Columns) -> Result<Entry, Error> {
    let damaged = || Error::Damaged { record: key.to_string() };
    let revision = Revision(u64::try_from(revision).map_err(|_| damaged())?);
    let (tokens, rest) = search.as_chunks::<16>();
    if !rest.is_empty() {
        return Err(damaged());
    }
    let search = tokens.iter().copied().map(SearchToken).collect();
    Ok(Entry { key, revision, value: Sealed { bytes, search } })
}

pub(super) fn key(text: &str) -> Result<RecordKey, Error> {
    RecordKey::parse(text).ok_or_else(|| damaged(format_args!("a record is called {text:?}")))
}

/// A revision or an object's id as SQLite's signed integer.
pub(super) fn signed(number: u64) -> Result<i64, Error> {
    i64::try_from(number).map_err(|_| Error::Store("a number is out of SQLite's range".into()))
}
