//! Applying a batch inside a write transaction.

use rusqlite::{Connection, params};

use super::failure::OrFail;
use super::rows::{self, signed};
use crate::error::Error;
use crate::store::barrier::RecordKind;
use crate::store::journal::{
    Batch, Entry, OperationTag, Outcome, Precondition, RecordKey, Revision, Sealed, SearchToken, Write,
};

/// How many revisions of changes are kept, so that another process can follow instead of starting anew.
pub(super) const KEPT_REVISIONS: u64 = 4096;
/// After how many revisions older changes are taken out.
const PRUNED_EVERY: u64 = 64;

/// `None` when every precondition holds. Otherwise the answer for the caller, and nothing may be written: that the
/// batch was committed before, or that it is refused.
pub(super) fn check(connection: &Connection, batch: &Batch) -> Result<Option<Outcome>, Error> {
    let head = rows::head(connection)?;
    let mut current = Vec::with_capacity(batch.preconditions.len());
    let mut holds = true;
    for precondition in &batch.preconditions {
        let entry = match precondition.key() {
            Some(key) => rows::entry(connection, &key)?,
            None => None,
        };
        holds &= match precondition {
            Precondition::Absent(_) => entry.is_none(),
            Precondition::AtRevision(_, revision) => entry.as_ref().is_some_and(|entry| entry.revision == *revision),
            Precondition::Generation(generation) => head.history.generation == *generation,
        };
        current.push(entry);
    }
    if holds {
        return Ok(None);
    }
    let committed = batch.tag.map(|tag| committed_before(connection, &tag)).transpose()?.flatten();
    Ok(Some(committed.map_or(Outcome::Refused { at: head.revision, current }, Outcome::Committed)))
}

/// The revision that wrote the batch with this tag, if it was the last one of its lane.
fn committed_before(connection: &Connection, tag: &OperationTag) -> Result<Option<Revision>, Error> {
    let entry = rows::entry(connection, &tag.key())?;
    Ok(entry.filter(|entry| entry.value.bytes == tag.id).map(|entry| entry.revision))
}

/// Writes a batch as the next revision.
pub(super) fn apply(connection: &Connection, batch: &Batch) -> Result<Revision, Error> {
    let revision = Revision(rows::head(connection)?.revision.0 + 1);
    for write in &batch.writes {
        match write {
            Write::Put(key, value) => put(connection, revision, key, value)?,
            Write::Remove(key) => remove(connection, revision, key)?,
        }
    }
    if let Some(tag) = &batch.tag {
        put(connection, revision, &tag.key(), &Sealed { bytes: tag.id.to_vec(), search: Vec::new() })?;
    }
    connection
        .prepare_cached("UPDATE history SET revision = ?1")
        .and_then(|mut statement| statement.execute([signed(revision.0).unwrap_or(i64::MAX)]))
        .or_fail()?;
    if revision.0.is_multiple_of(PRUNED_EVERY) && revision.0 > KEPT_REVISIONS {
        prune(connection, Revision(revision.0 - KEPT_REVISIONS))?;
    }
    Ok(revision)
}

/// Writes the first batch of a history, whose preconditions must hold for a store without records.
pub(super) fn apply_first(connection: &Connection, batch: &Batch) -> Result<Revision, Error> {
    match check(connection, batch)? {
        None => apply(connection, batch),
        Some(_) => Err(Error::Store("the first batch has a precondition that an empty store does not meet".into())),
    }
}

fn put(connection: &Connection, revision: Revision, key: &RecordKey, value: &Sealed) -> Result<(), Error> {
    if let RecordKey::Object(_) = key {
        let old = rows::entry(connection, key)?.map(|entry| entry.value.search).unwrap_or_default();
        reindex(connection, key, &old, &value.search)?;
    }
    let search: Vec<u8> = value.search.iter().flat_map(|token| token.0).collect();
    let sql = "INSERT INTO entry (key, revision, search, value) VALUES (?1, ?2, ?3, ?4) ON CONFLICT (key) DO UPDATE \
               SET revision = excluded.revision, search = excluded.search, value = excluded.value";
    let mut statement = connection.prepare_cached(sql).or_fail()?;
    statement.execute(params![key.to_string(), signed(revision.0)?, search, value.bytes]).or_fail()?;
    note(connection, revision, key)
}

fn remove(connection: &Connection, revision: Revision, key: &RecordKey) -> Result<(), Error> {
    let Some(old) = rows::entry(connection, key)? else {
        return Ok(());
    };
    reindex(connection, key, &old.value.search, &[])?;
    delete(connection, key)?;
    note(connection, revision, key)
}

fn delete(connection: &Connection, key: &RecordKey) -> Result<(), Error> {
    let mut statement = connection.prepare_cached("DELETE FROM entry WHERE key = ?1").or_fail()?;
    statement.execute([key.to_string()]).or_fail()?;
    Ok(())
}

fn note(connection: &Connection, revision: Revision, key: &RecordKey) -> Result<(), Error> {
    let mut statement = connection.prepare_cached("INSERT INTO change (revision, key) VALUES (?1, ?2)").or_fail()?;
    statement.execute(params![signed(revision.0)?, key.to_string()]).or_fail()?;
    Ok(())
}

fn reindex(connection: &Connection, key: &RecordKey, old: &[SearchToken], new: &[SearchToken]) -> Result<(), Error> {
    let RecordKey::Object(object) = key else {
        return Ok(());
    };
    let object = signed(object.0)?;
    let mut delete = connection.prepare_cached("DELETE FROM search WHERE token = ?1 AND object = ?2").or_fail()?;
    for token in old.iter().filter(|token| !new.contains(token)) {
        delete.execute(params![token.0, object]).or_fail()?;
    }
    let mut insert = connection.prepare_cached("INSERT INTO search (token, object) VALUES (?1, ?2)").or_fail()?;
    for token in new.iter().filter(|token| !old.contains(token)) {
        insert.execute(params![token.0, object]).or_fail()?;
    }
    Ok(())
}

/// Forgets the changes up to `floor`, and with them the tombstones of that time: whoever has not seen those yet starts
/// anew, and will not find the record.
fn prune(connection: &Connection, floor: Revision) -> Result<(), Error> {
    let mut statement = connection.prepare_cached("SELECT revision, key FROM change WHERE revision <= ?1").or_fail()?;
    let rows = statement.query_map([signed(floor.0)?], |row| Ok((row.get(0)?, row.get(1)?))).or_fail()?;
    let changes: Vec<(i64, String)> = rows.collect::<rusqlite::Result<_>>().or_fail()?;
    for (revision, text) in changes {
        let key = rows::key(&text)?;
        let entry = rows::entry(connection, &key)?;
        let is_tombstone = |value: &Sealed| RecordKind::claimed(value) == Some(RecordKind::Tombstone);
        let written_then = |entry: &Entry| signed(entry.revision.0).is_ok_and(|written| written == revision);
        if entry.is_some_and(|entry| written_then(&entry) && is_tombstone(&entry.value)) {
            delete(connection, &key)?;
        }
    }
    connection
        .prepare_cached("DELETE FROM change WHERE revision <= ?1")
        .or_fail()?
        .execute([signed(floor.0)?])
        .or_fail()?;
    connection.prepare_cached("UPDATE history SET floor = ?1").or_fail()?.execute([signed(floor.0)?]).or_fail()?;
    Ok(())
}

impl OperationTag {
    const fn key(&self) -> RecordKey {
        RecordKey::Operation { hsm: self.hsm, lane: self.lane }
    }
}
