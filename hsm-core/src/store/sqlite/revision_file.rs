//! The side file `revision`: how other processes learn that something may be new, without asking SQLite.
//!
//! Sixteen bytes: the revision that a writer is about to commit, and the last revision that a caller was told of; both
//! u64, least significant byte first. The first is written before the commit, so whoever sees it unchanged has missed
//! nothing. The second is written after the commit and before the caller learns of it, so a database that is behind it
//! has lost what it had promised. The file is never synced: after a power cut it may be behind, never ahead of the truth.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crate::crypto::mapped::MappedNumber;
use crate::error::Error;
use crate::store::files;

/// The open side file.
pub(super) struct RevisionFile {
    file: File,
    path: PathBuf,
    /// `None` where the system cannot map the file: then it is read.
    mapped: Option<MappedNumber>,
}

/// What the side file says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Noted {
    pub(super) beginning: u64,
    pub(super) acknowledged: u64,
}

const BEGINNING: u64 = 0;
const ACKNOWLEDGED: u64 = 8;
const SIZE: u64 = 16;

impl RevisionFile {
    pub(super) const NAME: &'static str = "revision";

    pub(super) fn open(directory: &Path) -> Result<Self, Error> {
        let path = directory.join(Self::NAME);
        let file = files::open_file(&path, OpenOptions::new().write(true))?;
        let size = file.metadata().map_err(|error| files::cannot("read", &path, &error))?.len();
        if size < SIZE {
            // Lengthens with zeros, which say nothing; another process may do the same at once.
            file.set_len(SIZE).map_err(|error| files::cannot("write", &path, &error))?;
        }
        let mapped = MappedNumber::open(&file)
            .inspect_err(|error| log::debug!("{} is read, not mapped: {error}", path.display()))
            .ok();
        Ok(Self { file, path, mapped })
    }

    /// The revision that the last writer was about to commit: one load from memory.
    pub(super) fn beginning(&self) -> Result<u64, Error> {
        match &self.mapped {
            Some(number) => Ok(number.load()),
            None => self.read(BEGINNING),
        }
    }

    pub(super) fn noted(&self) -> Result<Noted, Error> {
        Ok(Noted { beginning: self.read(BEGINNING)?, acknowledged: self.read(ACKNOWLEDGED)? })
    }

    /// Call with SQLite's write lock held, before the commit.
    pub(super) fn begin(&self, revision: u64) -> Result<(), Error> {
        self.write(BEGINNING, revision)
    }

    /// Call after the commit.
    pub(super) fn acknowledge(&self, revision: u64) -> Result<(), Error> {
        self.write(ACKNOWLEDGED, revision)
    }

    fn read(&self, offset: u64) -> Result<u64, Error> {
        let mut bytes = [0; 8];
        match self.file.read_at(&mut bytes, offset) {
            Ok(8) => Ok(u64::from_le_bytes(bytes)),
            // A new or cut file says nothing.
            Ok(_) => Ok(0),
            Err(error) => Err(files::cannot("read", &self.path, &error)),
        }
    }

    fn write(&self, offset: u64, revision: u64) -> Result<(), Error> {
        let written = self.file.write_all_at(&revision.to_le_bytes(), offset);
        written.map_err(|error| files::cannot("write", &self.path, &error))
    }
}
