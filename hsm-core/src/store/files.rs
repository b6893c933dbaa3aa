//! The files of a store: who may have touched them, and how they are opened.
//!
//! A store directory or file that is a symbolic link, belongs to somebody else or that others can write is refused:
//! whoever can plant it could feed us records or take the ones we write.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::error::Error;

/// Owner may read and write, nobody else anything.
const FILE_MODE: u32 = 0o600;
/// Group and others may write.
const WRITABLE_BY_OTHERS: u32 = 0o022;

/// Checks a store's directory and returns its path with every symbolic link above it resolved.
pub(crate) fn checked_directory(directory: &Path) -> Result<PathBuf, Error> {
    let failed = |error| cannot("open", directory, &error);
    let metadata = directory.symlink_metadata().map_err(failed)?;
    if !metadata.is_dir() {
        return Err(refused(directory, "is not a directory"));
    }
    check_owner(directory, &metadata)?;
    directory.canonicalize().map_err(failed)
}

/// Checks a file of a store, if it exists, without opening it: closing it again would drop the POSIX locks that this
/// process holds on it.
pub(crate) fn check_file(file: &Path) -> Result<Presence, Error> {
    match file.symlink_metadata() {
        Ok(metadata) if metadata.is_file() => {
            check_owner(file, &metadata)?;
            Ok(Presence::Present { inode: (metadata.dev(), metadata.ino()), size: metadata.len() })
        }
        Ok(_) => Err(refused(file, "is not a regular file")),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Presence::Absent),
        Err(error) => Err(cannot("open", file, &error)),
    }
}

/// Whether a file exists, and what tells it from others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Presence {
    /// There is no such file.
    Absent,
    /// It exists.
    Present {
        /// Device and number: the same for two names of one file.
        inode: (u64, u64),
        /// Its size in bytes.
        size: u64,
    },
}

/// Opens a file of a store for reading and writing, created when absent, never through a symbolic link.
pub(crate) fn open_file(file: &Path, options: &mut OpenOptions) -> Result<File, Error> {
    check_file(file)?;
    // Bit patterns of flags: not numbers.
    let no_follow = rustix::fs::OFlags::NOFOLLOW.bits().cast_signed();
    let opened = options.read(true).create(true).mode(FILE_MODE).custom_flags(no_follow).open(file);
    opened.map_err(|error| cannot("open", file, &error))
}

/// Creates a directory of a store that only the owner can enter, if it is absent, and checks it.
pub(crate) fn create_directory(directory: &Path) -> Result<(), Error> {
    use std::os::unix::fs::DirBuilderExt;
    match std::fs::DirBuilder::new().mode(0o700).create(directory) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(cannot("create", directory, &error)),
        _ => checked_directory(directory).map(drop),
    }
}

/// Makes the names in a directory durable.
pub(crate) fn sync_directory(directory: &Path) -> Result<(), Error> {
    let synced = File::open(directory).and_then(|directory| directory.sync_all());
    synced.map_err(|error| cannot("sync", directory, &error))
}

/// The error of a file operation.
pub(crate) fn cannot(what: &str, file: &Path, error: &std::io::Error) -> Error {
    use std::io::ErrorKind;
    let text = format!("cannot {what} {}: {error}", file.display());
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => Error::StoreFull(text),
        _ => Error::Store(text),
    }
}

fn check_owner(file: &Path, metadata: &std::fs::Metadata) -> Result<(), Error> {
    let us = rustix::process::geteuid().as_raw();
    if metadata.uid() != us && metadata.uid() != 0 {
        return Err(refused(file, "belongs to another user"));
    }
    if metadata.mode() & WRITABLE_BY_OTHERS != 0 {
        return Err(refused(file, "can be written by its group or by everybody: chmod go-w"));
    }
    Ok(())
}

fn refused(file: &Path, why: &str) -> Error {
    Error::Store(format!("{} {why}", file.display()))
}
