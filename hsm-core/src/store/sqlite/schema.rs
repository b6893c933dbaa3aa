//! The tables, as numbered migrations.
//!
//! `PRAGMA user_version` is the number of the last migration that ran. A migration is never changed once released:
//! a new one is added at the end.

use rusqlite::Connection;

use super::failure::{OrFail, damaged};
use crate::error::Error;

/// Every migration in order; the first brings an empty file to version 1.
const MIGRATIONS: &[&str] = &[
    // 1: `history` has one row. `entry.search` repeats a record's tokens, so that either side of the index can be
    // checked against the other. `change` lists which keys a revision wrote, from `history.floor` on (exclusive).
    "CREATE TABLE history (
         one INTEGER PRIMARY KEY CHECK (one = 1),
         store BLOB NOT NULL,
         history BLOB NOT NULL,
         generation INTEGER NOT NULL,
         revision INTEGER NOT NULL,
         floor INTEGER NOT NULL
     ) STRICT;
     CREATE TABLE entry (
         key TEXT NOT NULL UNIQUE,
         revision INTEGER NOT NULL,
         search BLOB NOT NULL,
         value BLOB NOT NULL
     ) STRICT;
     CREATE TABLE change (
         revision INTEGER NOT NULL,
         key TEXT NOT NULL,
         PRIMARY KEY (revision, key)
     ) STRICT, WITHOUT ROWID;
     CREATE TABLE search (
         token BLOB NOT NULL,
         object INTEGER NOT NULL,
         PRIMARY KEY (token, object)
     ) STRICT, WITHOUT ROWID;",
];

/// The newest schema version that this build knows.
pub(super) fn newest() -> u32 {
    u32::try_from(MIGRATIONS.len()).unwrap_or(u32::MAX)
}

/// The version that the file has; 0 for a file without any table.
///
/// # Errors
/// [`Error::StoreTooNew`]; [`Error::Damaged`] for a file whose tables are not ours.
pub(super) fn version(connection: &Connection) -> Result<u32, Error> {
    let found: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0)).or_fail()?;
    let found = u32::try_from(found).map_err(|_| damaged("a negative schema version"))?;
    if found > newest() {
        return Err(Error::StoreTooNew { found, known: newest() });
    }
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).or_fail()?;
    if found == 0 && tables != 0 {
        return Err(damaged("tables without a schema version"));
    }
    Ok(found)
}

/// Runs the migrations that the file has not seen. Call it inside a write transaction.
pub(super) fn migrate(connection: &Connection) -> Result<(), Error> {
    let found = version(connection)?;
    for (migration, reached) in MIGRATIONS.iter().zip(1_u32..) {
        if reached > found {
            connection.execute_batch(migration).or_fail()?;
            connection.pragma_update(None, "user_version", reached).or_fail()?;
        }
    }
    Ok(())
}
