//! The key that backups are sealed under, in a file of its own.

use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use zeroize::Zeroizing;

use crate::crypto::rng::{Rng, SystemRng};
use crate::crypto::secret::LockedKey;
use crate::error::Error;
use crate::store::files::{self, Presence};

/// The key of backups, 32 bytes. Whoever has it and a backup has the store: keep them apart.
pub struct BackupKey(LockedKey);

/// The owner may read and write: nobody else anything.
const LOOSE: u32 = 0o077;

impl BackupKey {
    /// Reads the key from its file, 32 bytes of mode 0600; makes both when there is no such file.
    ///
    /// # Errors
    /// As [`load`](Self::load); failures to write.
    pub fn load_or_create(path: &Path) -> Result<Self, Error> {
        if files::check_file(path)? == Presence::Absent {
            create(path)?;
        }
        // Also after creating: when somebody else was faster, theirs is the key.
        Self::load(path)
    }

    /// Reads the key from its file, which must exist.
    ///
    /// # Errors
    /// [`Error::Backup`] naming the file when it is missing, has another length, or is open to others;
    /// [`Error::Store`] when it belongs to somebody else, is a symbolic link or cannot be read.
    pub fn load(path: &Path) -> Result<Self, Error> {
        let wrong = |why: &str| Error::Backup(format!("the key file {} {why}", path.display()));
        if files::check_file(path)? == Presence::Absent {
            return Err(wrong("does not exist"));
        }
        let no_follow = rustix::fs::OFlags::NOFOLLOW.bits().cast_signed();
        let cannot = |error: &std::io::Error| files::cannot("read", path, error);
        let mut file = File::options().read(true).custom_flags(no_follow).open(path).map_err(|error| cannot(&error))?;
        let metadata = file.metadata().map_err(|error| cannot(&error))?;
        if metadata.mode() & LOOSE != 0 {
            return Err(wrong("can be read by others: chmod 600"));
        }
        if metadata.len() != 32 {
            return Err(wrong("does not hold 32 bytes"));
        }
        Ok(Self(LockedKey::from_fn(|key| file.read_exact(key).map_err(|error| cannot(&error)))?))
    }

    /// A key that the caller keeps.
    ///
    /// # Errors
    /// [`Error::Crypto`] when there is no memory.
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, Error> {
        Ok(Self(LockedKey::from_fn(|key| {
            key.copy_from_slice(bytes);
            Ok(())
        })?))
    }

    pub(super) const fn key(&self) -> &LockedKey {
        &self.0
    }
}

/// Writes a random key under another name, and gives it its own when it is whole: never over another key.
fn create(path: &Path) -> Result<(), Error> {
    let parent = super::parent(path);
    let cannot = |error: &std::io::Error| files::cannot("write", path, error);
    let mut bytes = Zeroizing::new([0; 32]);
    SystemRng.fill(&mut *bytes)?;
    // Made with mode 0600.
    let mut file = tempfile::NamedTempFile::new_in(parent).map_err(|error| cannot(&error))?;
    file.write_all(&*bytes).and_then(|()| file.as_file().sync_all()).map_err(|error| cannot(&error))?;
    match file.persist_noclobber(path) {
        Err(error) if error.error.kind() != std::io::ErrorKind::AlreadyExists => Err(cannot(&error.error)),
        _ => files::sync_directory(parent),
    }
}
