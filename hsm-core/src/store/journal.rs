//! The journal: numbered, all-or-nothing changes to opaque sealed records.
//!
//! Everything that a token keeps is written through [`Journal::propose`]: a batch of writes with preconditions that
//! becomes one revision, or nothing. One host's SQLite file and a replicated engine keep the same contract, and
//! [`suite`](super::suite) is the proof that an implementation keeps it.

use std::time::{Duration, Instant};

pub use super::batch::{Batch, OperationTag, Precondition, Write};
pub use super::record_key::RecordKey;
use crate::error::Error;

/// A point in a journal's history. Revisions only grow, also over a re-initialisation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Revision(pub u64);

impl core::fmt::Display for Revision {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// A blind-index token: says that a record has some attribute value without saying which.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SearchToken(pub [u8; 16]);

/// A record as the journal sees it: bytes that it cannot read, and the tokens that find it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sealed {
    /// The sealed record; `docs/storage-format.md` has its layout.
    pub bytes: Vec<u8>,
    /// Tokens under which an object is found. Only an object record may have any.
    pub search: Vec<SearchToken>,
}

/// A record at the revision that wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its key.
    pub key: RecordKey,
    /// The revision that wrote this value.
    pub revision: Revision,
    /// The value.
    pub value: Sealed,
}

/// What became of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Durable at this revision.
    Committed(Revision),
    /// A precondition did not hold and nothing was written.
    Refused {
        /// The journal's revision when it refused.
        at: Revision,
        /// What the preconditions' keys held, in the batch's order; `None` for a key that is absent and for
        /// [`Precondition::Generation`].
        current: Vec<Option<Entry>>,
    },
}

/// Which history a journal tells: changes when a token is initialised anew or a backup is restored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct History {
    /// Random, new with every history.
    pub id: [u8; 16],
    /// Counts the histories of this store, from 1.
    pub generation: u64,
}

/// What a subscriber missed: the way from one whole revision to a later whole revision.
///
/// Revisions in between may be merged, since a journal keeps only the newest value of a record; half a revision is
/// never shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The revision that the subscriber has reached with this change.
    pub revision: Revision,
    /// Every key that changed, with its value now; `None` where the record is gone.
    pub records: Vec<(RecordKey, Option<Entry>)>,
}

/// A running subscription.
pub trait Changes: Send {
    /// What is new; `None` when nothing is. Never waits.
    ///
    /// # Errors
    /// [`JournalError::Compacted`] when the journal no longer knows what changed: take a
    /// [`snapshot`](Journal::snapshot) and subscribe again. [`JournalError::HistoryChanged`] likewise.
    fn poll(&mut self) -> Result<Option<Change>, JournalError>;
}

/// A presence record to keep while a member is there.
#[derive(Clone, Debug)]
pub struct Presence {
    /// Whose presence: the record is `node/<id>`.
    pub node: u64,
    /// The sealed record.
    pub value: Sealed,
}

/// A member's presence; dropping it removes the record.
pub trait Membership: Send {
    /// Whether the presence may have ended, by our own clock and without asking anyone.
    fn lost(&self) -> bool;
}

/// Numbered changes with preconditions; see the module's documentation.
pub trait Journal: Send + Sync {
    /// All writes or none, if and only if every precondition holds. Committed means durable.
    ///
    /// A batch with an [`OperationTag`] may be proposed again after [`JournalError::Unknown`]: when the first try had
    /// been committed after all, the answer is its revision.
    ///
    /// # Errors
    /// [`JournalError::TooLarge`] and [`JournalError::Unconditional`] for a batch that breaks the rules of [`Batch`];
    /// [`JournalError::Full`]; [`JournalError::Unknown`] when it may or may not have been written.
    fn propose(&self, batch: &Batch, deadline: Instant) -> Result<Outcome, JournalError>;

    /// Every change after `after`, in order.
    ///
    /// # Errors
    /// [`JournalError::Compacted`] when the journal no longer knows what changed since then.
    fn subscribe(&self, after: Revision) -> Result<Box<dyn Changes + '_>, JournalError>;

    /// Shows every record as of one revision, in the order of the keys' texts, and returns that revision.
    /// `sink` must not call the journal.
    ///
    /// # Errors
    /// What `sink` returns, and failures to read.
    fn snapshot(&self, sink: &mut dyn FnMut(Entry) -> Result<(), JournalError>) -> Result<Revision, JournalError>;

    /// The newest revision that anybody was told of, and the named records at it.
    ///
    /// # Errors
    /// [`JournalError::NoQuorum`] when the newest revision cannot be known by the deadline.
    fn read(&self, keys: &[RecordKey], deadline: Instant) -> Result<(Revision, Vec<Option<Entry>>), JournalError>;

    /// Puts a presence record that lives as long as the returned value.
    ///
    /// # Errors
    /// As [`propose`](Self::propose).
    fn join(&self, presence: &Presence, ttl: Duration) -> Result<Box<dyn Membership + '_>, JournalError>;

    /// Which history this is.
    ///
    /// # Errors
    /// Failures to read.
    fn history(&self) -> Result<History, JournalError>;
}

/// Why a journal failed. A precondition that does not hold is an [`Outcome`], not an error.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JournalError {
    /// The newest revision cannot be known now.
    #[error("the journal has no quorum")]
    NoQuorum,
    /// The batch may or may not have been written.
    #[error("the outcome is unknown: {0}")]
    Unknown(String),
    /// What changed since the given revision is no longer known.
    #[error("the journal no longer knows what changed")]
    Compacted,
    /// There is no room.
    #[error("the journal is full: {0}")]
    Full(String),
    /// The batch is over a limit.
    #[error("the batch is too large: {0}")]
    TooLarge(&'static str),
    /// The batch breaks another rule.
    #[error("the batch is invalid: {0}")]
    Invalid(&'static str),
    /// No precondition of the batch is made false by the batch itself, so it could be applied twice.
    #[error("the batch has no precondition that it makes false")]
    Unconditional,
    /// The journal tells another history than before.
    #[error("the journal's history changed")]
    HistoryChanged,
    /// A record or a file is damaged.
    #[error("{0} is damaged")]
    Corrupt(String),
    /// The store was written by a newer version.
    #[error("the store has schema version {found}, this version knows up to {known}")]
    TooNew {
        /// The store's version.
        found: u32,
        /// The newest that this build knows.
        known: u32,
    },
    /// Nothing was written: the engine failed in another way.
    #[error("{0}")]
    Failed(String),
}

impl From<JournalError> for Error {
    fn from(error: JournalError) -> Self {
        match error {
            JournalError::Full(text) => Self::StoreFull(text),
            JournalError::TooLarge(limit) => Self::StoreFull(format!("one write is over a limit: {limit}")),
            JournalError::Corrupt(record) => Self::Damaged { record },
            JournalError::TooNew { found, known } => Self::StoreTooNew { found, known },
            JournalError::Failed(text) => Self::Store(text),
            other => Self::Store(other.to_string()),
        }
    }
}

impl From<Error> for JournalError {
    fn from(error: Error) -> Self {
        match error {
            Error::StoreFull(text) => Self::Full(text),
            Error::Damaged { record } => Self::Corrupt(record),
            Error::StoreTooNew { found, known } => Self::TooNew { found, known },
            Error::Store(text) => Self::Failed(text),
            other => Self::Failed(other.to_string()),
        }
    }
}
