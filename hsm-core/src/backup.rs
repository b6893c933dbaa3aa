//! Backups: one file that holds a store's database as it was at one moment, encrypted and authenticated.
//!
//! `docs/storage-format.md` section 9 has the file's format. The database is copied by SQLite's online backup while
//! others write, checked, and only then sealed. Nothing appears under its final name before it is whole and synced.

mod check;
mod file;
mod header;
mod key;

use std::path::{Path, PathBuf};

use rustix::fs::{CWD, RenameFlags, renameat_with};
use tempfile::TempDir;

use crate::crypto::rng::Rng;
use crate::error::Error;
use crate::store::files::{self, Presence};
use crate::store::sqlite::SqliteStore;

pub use key::BackupKey;

/// Which backup this is, of what. In the clear in the file's header, and authenticated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupIdentity {
    /// Its id, at most 255 bytes.
    pub backup_id: String,
    /// The cluster that was backed up, at most 255 bytes; empty for a token without a cluster.
    pub cluster_id: String,
    /// The history that was backed up.
    pub history_id: [u8; 16],
    /// When, in seconds since 1970.
    pub created: u64,
}

/// What a backup holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupSummary {
    /// Which backup it is.
    pub identity: BackupIdentity,
    /// How many users.
    pub users: u64,
    /// How many objects, whoever owns them.
    pub objects: u64,
    /// The size of the database in bytes.
    pub bytes: u64,
    /// The revision of the store at the moment of the backup.
    pub revision: u64,
}

/// Backs up the store in the directory `store` into `file`, which must not exist. Programs that use the store go on.
///
/// Every write that was acknowledged before the call is in the backup. The copy is checked as [`verify`] does.
///
/// # Errors
/// [`Error::Damaged`] for a store that does not check out, which makes no backup; [`Error::Backup`] when `file` exists
/// or the identity is too long; [`Error::Store`], [`Error::StoreFull`] naming a file that cannot be written.
pub fn create(
    store: &Path,
    file: &Path,
    identity: &BackupIdentity,
    key: &BackupKey,
    rng: &dyn Rng,
) -> Result<BackupSummary, Error> {
    if files::check_file(file)? != Presence::Absent {
        return Err(exists(file));
    }
    let work = workplace(file)?;
    let copy = directory(&work, "store")?;
    SqliteStore::open(store)?.snapshot(&copy)?;
    let summary = check::summarize(&copy, identity.clone())?;
    let sealed = work.path().join("backup");
    file::seal(&copy.join(check::DATABASE), &sealed, identity, key, rng)?;
    put(&sealed, file)?;
    Ok(summary)
}

/// Checks a backup: every chunk's authenticity, the database's structure, and every record as far as that goes without
/// a login (private objects authenticate under keys that only a user's password opens). Nothing is restored; the
/// database is unpacked beside the file for as long as the check runs.
///
/// # Errors
/// [`Error::Backup`] for a file that is no backup, was changed or cut, or has another key; [`Error::Damaged`] naming
/// the record; failures to read and write.
pub fn verify(file: &Path, key: &BackupKey) -> Result<BackupSummary, Error> {
    let work = workplace(file)?;
    let copy = directory(&work, "store")?;
    let identity = file::open(file, &copy.join(check::DATABASE), key)?;
    check::summarize(&copy, identity)
}

/// Restores a backup into the directory `store`, which must not exist: all of it, checked as by [`verify`], or nothing.
///
/// The store keeps its id, which its records are sealed for, and its users with their passwords; who was locked stays
/// locked. It begins a new history. The audit log begins anew: it is not part of a backup.
///
/// # Errors
/// As [`verify`]; [`Error::Backup`] when `store` exists.
pub fn restore(file: &Path, store: &Path, key: &BackupKey, rng: &dyn Rng) -> Result<BackupSummary, Error> {
    if store.symlink_metadata().is_ok() {
        return Err(exists(store));
    }
    let work = workplace(store)?;
    let copy = directory(&work, "store")?;
    let identity = file::open(file, &copy.join(check::DATABASE), key)?;
    let summary = check::summarize(&copy, identity)?;
    let mut history = [0; 16];
    rng.fill(&mut history)?;
    SqliteStore::open(&copy)?.begin_history(&history)?;
    files::sync_directory(&copy)?;
    put(&copy, store)?;
    Ok(summary)
}

/// A directory of our own beside `target`, removed at the end.
fn workplace(target: &Path) -> Result<TempDir, Error> {
    let parent = parent(target);
    let made = tempfile::Builder::new().prefix(".kinko-backup-").tempdir_in(parent);
    made.map_err(|error| files::cannot("write to", parent, &error))
}

/// A directory for one database, without symbolic links in its path.
fn directory(work: &TempDir, name: &str) -> Result<PathBuf, Error> {
    let path = work.path().join(name);
    files::create_directory(&path)?;
    files::checked_directory(&path)
}

/// Gives what is finished its name, durably and without replacing anything.
fn put(finished: &Path, target: &Path) -> Result<(), Error> {
    match renameat_with(CWD, finished, CWD, target, RenameFlags::NOREPLACE) {
        Ok(()) => files::sync_directory(parent(target)),
        Err(rustix::io::Errno::EXIST) => Err(exists(target)),
        Err(error) => Err(files::cannot("rename to", target, &error.into())),
    }
}

fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

fn exists(path: &Path) -> Error {
    Error::Backup(format!("{} exists already: choose another name", path.display()))
}
