//! Checking an unpacked database, and counting what it holds.

use std::path::Path;

use super::{BackupIdentity, BackupSummary};
use crate::error::Error;
use crate::store::{Barrier, Entry, Keyring, RecordKey, RecordKind, SqliteStore, files};
use crate::user::User;

/// What the database's file is called.
pub(super) const DATABASE: &str = "store.db";

/// Checks the database in a directory of our own and counts its users and objects. Leaves everything in the one file.
///
/// # Errors
/// [`Error::Damaged`] naming the record.
pub(super) fn summarize(directory: &Path, identity: BackupIdentity) -> Result<BackupSummary, Error> {
    let store = SqliteStore::open(directory)?;
    store.verify()?;
    let barrier = Barrier::new(Keyring::new(store.id())?);
    let (mut users, mut objects) = (0, 0);
    store.each_entry(&mut |entry| {
        match check(&barrier, entry)? {
            Some(RecordKind::User) => users += 1,
            Some(RecordKind::PublicObject | RecordKind::PrivateObject) => objects += 1,
            _ => {}
        }
        Ok(())
    })?;
    let revision = store.revision()?.0;
    // The last connection puts SQLite's log into the database and removes it.
    drop(store);
    if matches!(files::check_file(&directory.join("store.db-wal"))?, files::Presence::Present { size, .. } if size > 0)
    {
        return Err(Error::Store(format!("the log of {DATABASE} could not be put into it")));
    }
    let database = directory.join(DATABASE);
    let bytes = std::fs::metadata(&database).map_err(|error| files::cannot("read", &database, &error))?.len();
    Ok(BackupSummary { identity, users, objects, bytes, revision })
}

/// Checks one record as far as that goes without a login. `None` for a proposer's mark, which is not sealed.
fn check(barrier: &Barrier, entry: &Entry) -> Result<Option<RecordKind>, Error> {
    let damaged = || Error::Damaged { record: entry.key.to_string() };
    if matches!(entry.key, RecordKey::Operation { .. }) {
        return Ok(None);
    }
    let kind = RecordKind::claimed(&entry.value).ok_or_else(damaged)?;
    match (kind, entry.key) {
        // Sealed under the master key, which only a password opens.
        (RecordKind::PrivateObject, RecordKey::Object(_)) => {}
        (RecordKind::User, _) => {
            User::open(barrier, entry)?.ok_or_else(damaged)?;
        }
        _ => {
            barrier.open(entry)?;
        }
    }
    Ok(Some(kind))
}
