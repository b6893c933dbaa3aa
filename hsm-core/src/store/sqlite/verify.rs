//! Checking a whole database: SQLite's own structure, and that index and records say the same.

use rusqlite::{Connection, params};

use super::SqliteStore;
use super::failure::{OrFail, damaged};
use super::rows::{self, signed};
use crate::error::Error;
use crate::store::journal::{Entry, RecordKey, Revision};

/// A database up to this size, in bytes, is checked whenever it is opened.
const SMALL: i64 = 1 << 20;

impl SqliteStore {
    /// Checks the whole database: its structure, every record's name and revision, and that records and index agree.
    /// Takes time and reads everything. Whether each record authenticates is for who has the keys to check.
    ///
    /// # Errors
    /// [`Error::Damaged`] naming the record, or what is wrong with the file.
    pub fn verify(&self) -> Result<(), Error> {
        self.connections.read(verify)
    }

    pub(super) fn verify_if_small(&self) -> Result<(), Error> {
        let pragma = |name| {
            self.connections.read(|connection| connection.pragma_query_value(None, name, |row| row.get(0)).or_fail())
        };
        let (pages, page_size): (i64, i64) = (pragma("page_count")?, pragma("page_size")?);
        match pages.saturating_mul(page_size) <= SMALL {
            true => self.verify(),
            false => Ok(()),
        }
    }
}

fn verify(connection: &Connection) -> Result<(), Error> {
    let transaction = connection.unchecked_transaction().or_fail()?;
    let found: String = transaction.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0)).or_fail()?;
    if found != "ok" {
        return Err(damaged(found));
    }
    verify_history(&transaction)?;
    let tokens = verify_entries(&transaction)?;
    let indexed: i64 = transaction.query_row("SELECT count(*) FROM search", [], |row| row.get(0)).or_fail()?;
    match usize::try_from(indexed) == Ok(tokens) {
        true => Ok(()),
        false => Err(dangling(&transaction)?),
    }
}

fn verify_history(connection: &Connection) -> Result<(), Error> {
    let rows: i64 = connection.query_row("SELECT count(*) FROM history", [], |row| row.get(0)).or_fail()?;
    let head = rows::head(connection)?;
    if rows != 1 || head.floor > head.revision || head.history.generation == 0 {
        return Err(damaged("the table `history` is not as written"));
    }
    let sql = "SELECT revision, key FROM change";
    let mut statement = connection.prepare_cached(sql).or_fail()?;
    let changes = statement.query_map([], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?))).or_fail()?;
    for change in changes {
        let (revision, text) = change.or_fail()?;
        rows::key(&text)?;
        if revision < signed(head.floor.0)? || revision > signed(head.revision.0)? {
            return Err(damaged(format_args!("the change log has a revision {revision}")));
        }
    }
    Ok(())
}

/// Checks every record and returns how many tokens they have.
fn verify_entries(connection: &Connection) -> Result<usize, Error> {
    let head = rows::head(connection)?;
    let mut statement = connection.prepare_cached("SELECT key, revision, search, value FROM entry").or_fail()?;
    let records = statement.query_map([], |row| Ok((row.get::<_, String>(0)?, rows::columns(row, 1)?))).or_fail()?;
    let mut tokens = 0;
    for record in records {
        let (text, columns) = record.or_fail()?;
        let entry = rows::to_entry(rows::key(&text)?, columns)?;
        if entry.revision > head.revision {
            return Err(damaged_entry(&entry));
        }
        if entry.revision > head.floor {
            verify_change(connection, &entry)?;
        }
        verify_tokens(connection, &entry)?;
        tokens += entry.value.search.len();
    }
    Ok(tokens)
}

/// A record that was written lately is in the change log: other processes would miss it otherwise.
fn verify_change(connection: &Connection, entry: &Entry) -> Result<(), Error> {
    let sql = "SELECT count(*) FROM change WHERE revision = ?1 AND key = ?2";
    let mut statement = connection.prepare_cached(sql).or_fail()?;
    let parameters = params![signed(entry.revision.0)?, entry.key.to_string()];
    let found: i64 = statement.query_row(parameters, |row| row.get(0)).or_fail()?;
    if found == 1 { Ok(()) } else { Err(damaged_entry(entry)) }
}

fn verify_tokens(connection: &Connection, entry: &Entry) -> Result<(), Error> {
    let RecordKey::Object(object) = entry.key else {
        return if entry.value.search.is_empty() { Ok(()) } else { Err(damaged_entry(entry)) };
    };
    let sql = "SELECT count(*) FROM search WHERE token = ?1 AND object = ?2";
    let mut statement = connection.prepare_cached(sql).or_fail()?;
    for token in &entry.value.search {
        let found: i64 = statement.query_row(params![token.0, signed(object.0)?], |row| row.get(0)).or_fail()?;
        if found != 1 {
            return Err(damaged_entry(entry));
        }
    }
    Ok(())
}

/// Names the record that the index has a row for that the record does not know of.
fn dangling(connection: &Connection) -> Result<Error, Error> {
    let mut statement = connection.prepare_cached("SELECT token, object FROM search").or_fail()?;
    let rows = statement.query_map([], |row| Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, i64>(1)?))).or_fail()?;
    for row in rows {
        let (token, object) = row.or_fail()?;
        let Ok(object) = u64::try_from(object) else {
            return Ok(damaged(format_args!("the index names object {object}")));
        };
        let key = RecordKey::Object(hsm_types::ObjectId(object));
        let entry = rows::entry(connection, &key)?;
        let tokens = entry.map(|entry| entry.value.search).unwrap_or_default();
        if !tokens.iter().any(|known| known.0.as_slice() == token) {
            return Ok(Error::Damaged { record: format!("{key} (its index row has no record)") });
        }
    }
    Ok(damaged("the index has a row twice"))
}

fn damaged_entry(entry: &Entry) -> Error {
    let Entry { key, revision: Revision(revision), .. } = entry;
    Error::Damaged { record: format!("{key} (at revision {revision}, its index or change row)") }
}
