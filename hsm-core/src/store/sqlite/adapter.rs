//! [`Journal`] for the store.

use std::time::{Duration, Instant};

use super::changes::Subscription;
use super::failure::OrFail;
use super::{PATIENCE, SqliteStore, rows, until};
use crate::error::Error;
use crate::store::journal::{
    Batch, Changes, Entry, History, Journal, JournalError, Membership, Outcome, Precondition, Presence, RecordKey,
    Revision, Write,
};

impl Journal for SqliteStore {
    fn propose(&self, batch: &Batch, deadline: Instant) -> Result<Outcome, JournalError> {
        self.propose_within(batch, until(deadline))
    }

    fn subscribe(&self, after: Revision) -> Result<Box<dyn Changes + '_>, JournalError> {
        Ok(Box::new(Subscription::new(self, after)?))
    }

    fn snapshot(&self, sink: &mut dyn FnMut(Entry) -> Result<(), JournalError>) -> Result<Revision, JournalError> {
        // The sink's own error is kept as it is.
        let mut stopped = None;
        let revision = self.connections.read(|connection| {
            let transaction = connection.unchecked_transaction().or_fail()?;
            let sql = "SELECT key, revision, search, value FROM entry ORDER BY key";
            let mut statement = transaction.prepare_cached(sql).or_fail()?;
            let mut found = statement.query([]).or_fail()?;
            while let Some(row) = found.next().or_fail()? {
                let text: String = row.get(0).or_fail()?;
                let entry = rows::to_entry(rows::key(&text)?, rows::columns(row, 1).or_fail()?)?;
                if let Err(error) = sink(entry) {
                    stopped = Some(error);
                    break;
                }
            }
            rows::head(&transaction).map(|head| head.revision)
        })?;
        stopped.map_or(Ok(revision), Err)
    }

    fn read(&self, keys: &[RecordKey], _: Instant) -> Result<(Revision, Vec<Option<Entry>>), JournalError> {
        let read = self.connections.read(|connection| {
            let transaction = connection.unchecked_transaction().or_fail()?;
            let entries = keys.iter().map(|key| rows::entry(&transaction, key)).collect::<Result<_, Error>>()?;
            Ok((rows::head(&transaction)?.revision, entries))
        })?;
        Ok(read)
    }

    fn join(&self, presence: &Presence, _: Duration) -> Result<Box<dyn Membership + '_>, JournalError> {
        let key = RecordKey::Node(presence.node);
        let mut current = self.lookup(&key)?;
        loop {
            let precondition = match &current {
                Some(entry) => Precondition::AtRevision(key, entry.revision),
                None => Precondition::Absent(key),
            };
            let writes = vec![Write::Put(key, presence.value.clone())];
            let batch = Batch { preconditions: vec![precondition], writes, tag: None };
            match self.propose_within(&batch, PATIENCE)? {
                Outcome::Committed(revision) => return Ok(Box::new(Member { store: self, key, revision })),
                Outcome::Refused { current: mut now, .. } => current = now.pop().flatten(),
            }
        }
    }

    fn history(&self) -> Result<History, JournalError> {
        Ok(self.current_history()?)
    }
}

/// A presence in the file that we write ourselves: it cannot be lost.
struct Member<'s> {
    store: &'s SqliteStore,
    key: RecordKey,
    revision: Revision,
}

impl Membership for Member<'_> {
    fn lost(&self) -> bool {
        false
    }
}

impl Drop for Member<'_> {
    fn drop(&mut self) {
        let preconditions = vec![Precondition::AtRevision(self.key, self.revision)];
        let batch = Batch { preconditions, writes: vec![Write::Remove(self.key)], tag: None };
        if let Err(error) = self.store.propose_within(&batch, PATIENCE) {
            log::warn!("{} stays in the store: {error}", self.key);
        }
    }
}
