//! What is on disk for one token.
//!
//! [`journal`] is the contract for writing, [`sqlite`] keeps it in one file, [`barrier`] seals every record before
//! the journal sees it. [`fork`] makes forks of the host program safe.

pub mod barrier;
mod batch;
#[cfg(test)]
pub(crate) mod child;
pub(crate) mod files;
pub mod fork;
pub mod journal;
pub mod keyring;
pub mod login_lock;
mod record_key;
pub mod sqlite;

pub mod suite;
#[cfg(test)]
mod vector_tests;

pub use barrier::{Barrier, Opened, RecordKind};
pub use journal::{
    Batch, Change, Changes, Entry, History, Journal, JournalError, Membership, OperationTag, Outcome, Precondition,
    Presence, RecordKey, Revision, Sealed, SearchToken, Write,
};
pub use keyring::{Keyring, Scope};
pub use login_lock::{LoginLocks, PresenceGuard};
pub use sqlite::{Changed, ChangedKeys, SqliteStore, StoreIdentity};
