//! What changed since a revision.

use rusqlite::Connection;

use super::SqliteStore;
use super::failure::{OrFail, damaged};
use super::rows::{self, signed};
use crate::error::Error;
use crate::store::journal::{Change, Changes, History, JournalError, RecordKey, Revision};

/// What changed after a revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed {
    /// The revision that the store is at: apply the changes, and this is the revision to ask from next.
    pub revision: Revision,
    /// The history that the store tells.
    pub history: History,
    /// Which records changed.
    pub keys: ChangedKeys,
}

/// Which records changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChangedKeys {
    /// These, each once.
    Listed(Vec<RecordKey>),
    /// Possibly every one: the change log does not reach back that far, or the token was initialised anew.
    Everything,
}

pub(super) fn since(connection: &Connection, after: Revision) -> Result<Changed, Error> {
    let transaction = connection.unchecked_transaction().or_fail()?;
    let head = rows::head(&transaction)?;
    let keys = match (after < head.floor, after > head.revision) {
        (true, _) => ChangedKeys::Everything,
        (_, true) => return Err(damaged(format_args!("revision {after} was there, and it ends at {}", head.revision))),
        _ => ChangedKeys::Listed(keys_after(&transaction, after)?),
    };
    Ok(Changed { revision: head.revision, history: head.history, keys })
}

fn keys_after(connection: &Connection, after: Revision) -> Result<Vec<RecordKey>, Error> {
    let sql = "SELECT DISTINCT key FROM change WHERE revision > ?1";
    let mut statement = connection.prepare_cached(sql).or_fail()?;
    let texts = statement.query_map([signed(after.0)?], |row| row.get::<_, String>(0)).or_fail()?;
    texts.map(|text| rows::key(&text.or_fail()?)).collect()
}

/// A subscription to one store.
pub(super) struct Subscription<'s> {
    store: &'s SqliteStore,
    applied: Revision,
}

impl<'s> Subscription<'s> {
    pub(super) fn new(store: &'s SqliteStore, after: Revision) -> Result<Self, JournalError> {
        match store.changes_since(after)?.keys {
            ChangedKeys::Listed(_) => Ok(Self { store, applied: after }),
            ChangedKeys::Everything => Err(JournalError::Compacted),
        }
    }
}

impl Changes for Subscription<'_> {
    fn poll(&mut self) -> Result<Option<Change>, JournalError> {
        if self.store.observe()? == self.applied.0 {
            return Ok(None);
        }
        let applied = self.applied;
        // One transaction for the keys and their values: half a revision is never seen.
        let change = self.store.connections.read(|connection| {
            let transaction = connection.unchecked_transaction().or_fail()?;
            let head = rows::head(&transaction)?;
            if applied < head.floor {
                return Ok(None);
            }
            let keys = keys_after(&transaction, applied)?;
            let records = keys.into_iter().map(|key| Ok((key, rows::entry(&transaction, &key)?)));
            Ok(Some(Change { revision: head.revision, records: records.collect::<Result<_, Error>>()? }))
        })?;
        let change = change.ok_or(JournalError::Compacted)?;
        if change.revision == applied {
            return Ok(None);
        }
        self.applied = change.revision;
        Ok(Some(change))
    }
}
