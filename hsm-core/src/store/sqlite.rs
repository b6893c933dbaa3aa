//! The journal in one SQLite file, which several processes share.
//!
//! WAL with `synchronous=FULL`: a committed batch survives a power cut. One connection writes, a few read; all of them
//! are private to this module, so that a fork finds nobody inside SQLite (see [`fork`](super::fork)).

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use hsm_types::ObjectId;
use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::files::{self, Presence};
use super::journal::{Batch, Entry, History, JournalError, Outcome, RecordKey, Revision, SearchToken};
use crate::crypto::rng::Rng;
use crate::error::Error;
use connection::Connections;
use failure::{DATABASE, OrFail, damaged};
use revision_file::RevisionFile;
use rows::Head;

mod adapter;
mod changes;
mod connection;
#[cfg(test)]
mod damage_tests;
mod failure;
mod find;
#[cfg(test)]
mod process_tests;
mod revision_file;
mod rows;
mod schema;
mod snapshot;
#[cfg(test)]
mod tests;
mod verify;
mod write;

pub use changes::{Changed, ChangedKeys};

/// One token's store: the database `store.db` and the side file `revision` in the token's directory.
pub struct SqliteStore {
    directory: PathBuf,
    store: [u8; 16],
    connections: Arc<Connections>,
    side: RevisionFile,
}

/// The two random ids of a new store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoreIdentity {
    /// The store's id: stays for as long as the file lives. The open keys are derived from it.
    pub store: [u8; 16],
    /// The id of the store's first history.
    pub history: [u8; 16],
}

/// How long a write waits for other processes' writes when the caller has no deadline of its own.
pub const PATIENCE: Duration = connection::BUSY;

impl StoreIdentity {
    /// Draws both ids.
    ///
    /// # Errors
    /// As [`Rng::fill`].
    pub fn random(rng: &dyn Rng) -> Result<Self, Error> {
        let mut identity = Self { store: [0; 16], history: [0; 16] };
        rng.fill(&mut identity.store)?;
        rng.fill(&mut identity.history)?;
        Ok(identity)
    }
}

impl SqliteStore {
    /// Creates the store in an existing directory, with its first records, in one transaction: a crash leaves either
    /// the whole store or none.
    ///
    /// # Errors
    /// [`Error::Store`] when the directory already holds a store, is not ours alone, or cannot be written;
    /// [`Error::StoreFull`]; as [`commit`](Self::commit).
    pub fn create(directory: &Path, identity: &StoreIdentity, first: &Batch) -> Result<Self, Error> {
        first.check()?;
        let directory = files::checked_directory(directory)?;
        // SQLite would create it for everybody to read.
        drop(files::open_file(&directory.join(DATABASE), std::fs::OpenOptions::new().append(true))?);
        let side = RevisionFile::open(&directory)?;
        let connections = Connections::new(&directory);
        let store = Self { directory, store: identity.store, connections, side };
        store.write(PATIENCE, |transaction| {
            if schema::version(transaction)? != 0 {
                return Err(Error::Store(format!("{DATABASE} exists already")));
            }
            schema::migrate(transaction)?;
            rows::insert_head(transaction, identity)?;
            // What is left of an older store in this directory must not be believed of this one.
            store.side.begin(0)?;
            store.side.acknowledge(0)?;
            write::apply_first(transaction, first)
        })?;
        files::sync_directory(&store.directory)?;
        Ok(store)
    }

    /// Opens the store of a directory. Reads a few pages, however large the store is; a store of at most 1 MiB is
    /// [verified](Self::verify) whole.
    ///
    /// # Errors
    /// [`Error::TokenNotPresent`] without a store; [`Error::StoreTooNew`]; [`Error::Damaged`], also when the database
    /// has lost writes that were acknowledged; [`Error::Store`] for files that others could have written.
    pub fn open(directory: &Path) -> Result<Self, Error> {
        let directory = files::checked_directory(directory)?;
        let has_side = files::check_file(&directory.join(RevisionFile::NAME))? != Presence::Absent;
        let size = match files::check_file(&directory.join(DATABASE))? {
            Presence::Present { size, .. } => size,
            Presence::Absent => 0,
        };
        if size == 0 && !has_side {
            return Err(Error::TokenNotPresent);
        }
        let side = RevisionFile::open(&directory)?;
        if size == 0 {
            return Err(missing(side.noted()?.acknowledged));
        }
        Self::open_present(directory, side)
    }

    fn open_present(directory: PathBuf, side: RevisionFile) -> Result<Self, Error> {
        for name in ["-wal", "-shm"] {
            files::check_file(&directory.join(format!("{DATABASE}{name}")))?;
        }
        // Read before the database: what was acknowledged by now must be in it.
        let noted = side.noted()?;
        let mut store = Self { connections: Connections::new(&directory), directory, store: [0; 16], side };
        if store.connections.read(schema::version)? == 0 {
            return Err(missing(noted.acknowledged));
        }
        if store.connections.read(schema::version)? < schema::newest() {
            store.write_transaction(PATIENCE, schema::migrate)?;
        }
        let head = store.head()?;
        if noted.acknowledged > head.revision.0 {
            return Err(damaged(format_args!(
                "it is at revision {}, but revision {} was acknowledged: writes are lost, or an older copy was put \
                 back; remove the file `{}` to accept that",
                head.revision,
                noted.acknowledged,
                RevisionFile::NAME
            )));
        }
        store.store = head.store;
        store.verify_if_small()?;
        if noted.beginning != head.revision.0 {
            store.settle_side_file();
        }
        Ok(store)
    }

    /// The store's id, which the open keys are derived from.
    #[must_use]
    pub const fn id(&self) -> &[u8; 16] {
        &self.store
    }

    /// The store's directory, without symbolic links.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Which history this is: another one after a [`reset`](Self::reset), also by another process.
    ///
    /// # Errors
    /// Failures to read.
    pub fn current_history(&self) -> Result<History, Error> {
        self.head().map(|head| head.history)
    }

    /// The newest committed revision.
    ///
    /// # Errors
    /// Failures to read.
    pub fn revision(&self) -> Result<Revision, Error> {
        self.head().map(|head| head.revision)
    }

    /// The revision that the last writer of any process was about to commit: one system call, no SQLite.
    ///
    /// Equal to the revision that the caller has applied: provably nothing is new. Different: ask
    /// [`changes_since`](Self::changes_since). A writer that crashed leaves it ahead until the next write.
    ///
    /// # Errors
    /// [`Error::Store`] when it cannot be read, or in a forked child.
    pub fn observe(&self) -> Result<u64, Error> {
        self.connections.check_usable()?;
        self.side.beginning()
    }

    /// The record of a key; a tombstone is a record too.
    ///
    /// # Errors
    /// Failures to read; [`Error::Damaged`].
    pub fn lookup(&self, key: &RecordKey) -> Result<Option<Entry>, Error> {
        self.connections.read(|connection| rows::entry(connection, key))
    }

    /// The records of all users, deleted ones' tombstones among them, in the order of their ids.
    ///
    /// # Errors
    /// Failures to read; [`Error::Damaged`].
    pub fn user_entries(&self) -> Result<Vec<Entry>, Error> {
        self.connections.read(rows::user_entries)
    }

    /// The objects that carry every one of the tokens, ascending. Give the most selective token first; no token finds
    /// nothing.
    ///
    /// # Errors
    /// Failures to read; [`Error::Damaged`].
    pub fn search(&self, tokens: &[SearchToken]) -> Result<Vec<ObjectId>, Error> {
        self.connections.read(|connection| find::search(connection, tokens, None, usize::MAX))
    }

    /// The objects that carry every token of at least one alternative, ascending. Within an alternative, give the
    /// most selective token first.
    ///
    /// # Errors
    /// As [`search`](Self::search).
    pub fn search_any(&self, alternatives: &[Vec<SearchToken>]) -> Result<Vec<ObjectId>, Error> {
        self.connections.read(|connection| find::search_any(connection, alternatives))
    }

    /// As [`search`](Self::search): at most `limit` objects, from the first one after `after`.
    ///
    /// # Errors
    /// As [`search`](Self::search).
    pub fn search_page(
        &self,
        tokens: &[SearchToken],
        after: Option<ObjectId>,
        limit: usize,
    ) -> Result<Vec<ObjectId>, Error> {
        self.connections.read(|connection| find::search(connection, tokens, after, limit))
    }

    /// What changed after a revision, in any process.
    ///
    /// # Errors
    /// Failures to read; [`Error::Damaged`] when the store is behind that revision.
    pub fn changes_since(&self, after: Revision) -> Result<Changed, Error> {
        self.connections.read(|connection| changes::since(connection, after))
    }

    /// Writes a batch; as [`Journal::propose`](super::journal::Journal::propose) with [`PATIENCE`].
    ///
    /// # Errors
    /// [`Error::StoreFull`] without room or for a batch that is too large, [`Error::Store`] for other failures:
    /// nothing was acknowledged then, and the store stays usable.
    pub fn commit(&self, batch: &Batch) -> Result<Outcome, Error> {
        Ok(self.propose_within(batch, PATIENCE)?)
    }

    /// Makes a new history: removes every record and writes the first ones of the new history, in one transaction.
    ///
    /// Old content is overwritten on disk as far as SQLite's `secure_delete` and the file system do so. Other
    /// processes see [`ChangedKeys::Everything`] and another [`history`](Self::current_history).
    ///
    /// # Errors
    /// As [`commit`](Self::commit); [`Error::Store`] when a precondition of `first` fails on the empty store.
    pub fn reset(&self, history: &[u8; 16], first: &Batch) -> Result<Revision, Error> {
        first.check()?;
        let revision = self.write(PATIENCE, |transaction| {
            rows::clear(transaction, history)?;
            write::apply_first(transaction, first)
        })?;
        self.shrink_log();
        Ok(revision)
    }

    pub(super) fn head(&self) -> Result<Head, Error> {
        self.connections.read(rows::head)
    }

    fn propose_within(&self, batch: &Batch, patience: Duration) -> Result<Outcome, JournalError> {
        batch.check()?;
        let mut refused = None;
        let written = self.write(patience, |transaction| match write::check(transaction, batch)? {
            None => write::apply(transaction, batch),
            Some(outcome) => {
                refused = Some(outcome);
                Ok(NOTHING_WRITTEN)
            }
        })?;
        Ok(refused.unwrap_or(Outcome::Committed(written)))
    }

    /// One write transaction. `work` returns the revision that it wrote, or [`NOTHING_WRITTEN`].
    fn write(
        &self,
        patience: Duration,
        work: impl FnOnce(&Transaction<'_>) -> Result<Revision, Error>,
    ) -> Result<Revision, JournalError> {
        self.connections.write(|connection| {
            let transaction = begin(connection, patience)?;
            let revision = work(&transaction)?;
            if revision == NOTHING_WRITTEN {
                return Ok(Ok(revision));
            }
            self.side.begin(revision.0)?;
            if let Err(error) = transaction.commit() {
                return Ok(Err(failure::of_commit(&error)));
            }
            if let Err(error) = self.side.acknowledge(revision.0) {
                // The commit is durable: only the check for lost writes is weaker now.
                log::warn!("{error}");
            }
            Ok(Ok(revision))
        })?
    }

    fn write_transaction(
        &self,
        patience: Duration,
        work: impl FnOnce(&Connection) -> Result<(), Error>,
    ) -> Result<(), Error> {
        self.connections.write(|connection| {
            let transaction = begin(connection, patience)?;
            work(&transaction)?;
            transaction.commit().or_fail()
        })
    }

    /// Puts right what a crashed writer or a power cut left in the side file. Only saves time, so a failure is none.
    fn settle_side_file(&self) {
        let settled = self.connections.write(|connection| {
            // While we hold the write lock nobody is between announcing and committing.
            let transaction = begin(connection, Duration::ZERO)?;
            self.side.begin(rows::head(&transaction)?.revision.0)
        });
        if let Err(error) = settled {
            log::debug!("the side file stays behind: {error}");
        }
    }

    /// Empties the write-ahead log, where old content would stay for a while. Readers may prevent it.
    fn shrink_log(&self) {
        let shrunk = self.connections.write(|connection| {
            connection.busy_timeout(PATIENCE).or_fail()?;
            connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, i64>(0)).or_fail()
        });
        match shrunk {
            Ok(0) => {}
            Ok(_) => log::warn!("{DATABASE}: readers keep old records in the write-ahead log for now"),
            Err(error) => log::warn!("{error}"),
        }
    }
}

/// No revision has this number.
const NOTHING_WRITTEN: Revision = Revision(0);

/// Starts a write transaction; it is rolled back when dropped.
fn begin(connection: &Connection, patience: Duration) -> Result<Transaction<'_>, Error> {
    if !connection.is_autocommit() {
        // An earlier roll-back failed with the disk; it must not keep later writes out.
        connection.execute_batch("ROLLBACK").or_fail()?;
    }
    connection.busy_timeout(patience).or_fail()?;
    Transaction::new_unchecked(connection, TransactionBehavior::Immediate).or_fail()
}

/// What is left of a deadline.
fn until(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(Instant::now())
}

/// The error for a directory whose database holds no store.
fn missing(acknowledged: u64) -> Error {
    match acknowledged {
        0 => Error::TokenNotPresent,
        revision => damaged(format_args!("it is empty, but revision {revision} was acknowledged")),
    }
}
