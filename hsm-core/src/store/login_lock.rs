//! Locks between processes around logins.
//!
//! Two files per user in the directory `locks` of a token, both empty: only the POSIX record locks on them matter, and
//! the kernel drops those when a process ends, however it ends. Neither is needed for the five strikes to be exact
//! (the journal's preconditions see to that): the login lock keeps many *right* logins at once from meeting each
//! other's strikes, and the presence lock answers whether somebody else is logged in. Record locks belong to a process
//! as a whole, so the holders within the process are counted here, by the token that each belongs to.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, LazyLock, Mutex, MutexGuard, PoisonError};

use hsm_types::UserId;
use rustix::fs::{FlockOperation, fcntl_lock};
use rustix::process::{Flock, FlockType, fcntl_getlk};

use super::files::{self, Presence};
use super::fork;
use crate::error::Error;

/// The login locks of one token.
#[derive(Clone, Debug)]
pub struct LoginLocks {
    directory: PathBuf,
    owner: Owner,
}

/// Which opened token of this process holds a lock: several may be open on one directory, each for another client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Owner(u64);

impl Owner {
    fn new() -> Self {
        static LAST: AtomicU64 = AtomicU64::new(0);
        Self(LAST.fetch_add(1, Ordering::Relaxed))
    }
}

/// Says to other processes that a user is logged in here, for as long as it lives.
pub struct PresenceGuard {
    file: Shared,
    owner: Owner,
}

/// Keeps other logins of one user waiting, in every process.
pub(crate) struct Turn {
    file: Shared,
}

impl LoginLocks {
    /// The locks of the token in this directory, for one opening of it: what this value and its clones announce is
    /// their own, what another value announces is somebody else's.
    #[must_use]
    pub fn new(token: &Path) -> Self {
        Self { directory: token.join("locks"), owner: Owner::new() }
    }

    /// Announces that a user is logged in.
    ///
    /// # Errors
    /// [`Error::Store`] when the lock file cannot be opened or locked.
    pub fn announce(&self, user: UserId) -> Result<PresenceGuard, Error> {
        let file = self.file(user, "presence")?;
        let mut holders = file.holders();
        if holders.is_empty() {
            // Nobody takes this lock exclusively, so it never waits.
            file.lock(FlockOperation::NonBlockingLockShared)?;
        }
        holders.push(self.owner);
        drop(holders);
        Ok(PresenceGuard { file, owner: self.owner })
    }

    /// Whether another process, or another opening of the token in this process, has announced that this user is
    /// logged in.
    ///
    /// # Errors
    /// [`Error::Store`] when the lock file cannot be opened or asked.
    pub fn is_present_elsewhere(&self, user: UserId) -> Result<bool, Error> {
        let file = self.file(user, "presence")?;
        if file.holders().iter().any(|holder| *holder != self.owner) {
            return Ok(true);
        }
        let found = fcntl_getlk(&*file.file()?, &Flock::from(FlockType::WriteLock));
        found.map(|lock| lock.is_some()).map_err(|error| file.failed(error))
    }

    /// Waits for this user's other logins to end. Carries on without the lock where the system refuses it.
    pub(crate) fn take_turn(&self, user: UserId) -> Option<Turn> {
        let taken = self.file(user, "login").and_then(|file| {
            let mut holders = file.holders();
            while !holders.is_empty() {
                holders = file.released.wait(holders).unwrap_or_else(PoisonError::into_inner);
            }
            holders.push(self.owner);
            drop(holders);
            let turn = Turn { file };
            turn.file.lock(FlockOperation::LockExclusive)?;
            Ok(turn)
        });
        taken.inspect_err(|error| log::warn!("logins of user {user} are not queued: {error}")).ok()
    }

    /// Removes the lock files of a user that is gone.
    pub(crate) fn forget(&self, user: UserId) {
        for purpose in ["login", "presence"] {
            // Somebody who still holds it holds a file without a name: harmless, since the user is gone.
            let _ = std::fs::remove_file(self.path(user, purpose));
        }
    }

    fn path(&self, user: UserId, purpose: &str) -> PathBuf {
        self.directory.join(format!("{user}.{purpose}"))
    }

    fn file(&self, user: UserId, purpose: &str) -> Result<Shared, Error> {
        files::create_directory(&self.directory)?;
        Shared::open(&self.path(user, purpose))
    }
}

impl Drop for PresenceGuard {
    fn drop(&mut self) {
        let mut holders = self.file.holders();
        if let Some(ours) = holders.iter().position(|holder| *holder == self.owner) {
            holders.swap_remove(ours);
        }
        if holders.is_empty() {
            self.file.unlock();
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.file.unlock();
        self.file.holders().clear();
        self.file.released.notify_one();
    }
}

/// A lock file in use. The last one in the process closes it.
struct Shared(Arc<LockFile>);

/// A lock file, open once in the process: closing a second descriptor of it would drop the locks taken through the
/// first.
struct LockFile {
    /// `None` once closed.
    file: Mutex<Option<Arc<File>>>,
    path: PathBuf,
    inode: (u64, u64),
    /// The process that opened it. A forked child has neither its locks nor the right to close it: that would drop
    /// the locks that the child has taken through a descriptor of its own.
    process: u32,
    /// Who in this process holds the lock, once per guard: the lock itself belongs to the process as a whole.
    holders: Mutex<Vec<Owner>>,
    released: Condvar,
}

/// Lock files by device and number.
type Files = HashMap<(u64, u64), Arc<LockFile>>;

/// The open lock files of the process.
static FILES: LazyLock<Mutex<Files>> = LazyLock::new(Mutex::default);

/// Makes a forked child open its own lock files.
pub(super) fn forget_inherited() {
    FILES.lock().unwrap_or_else(PoisonError::into_inner).clear();
}

impl Shared {
    fn open(path: &Path) -> Result<Self, Error> {
        let _fork = fork::enter();
        let mut files = FILES.lock()?;
        if let Presence::Present { inode, .. } = files::check_file(path)?
            && let Some(file) = files.get(&inode)
        {
            return Ok(Self(Arc::clone(file)));
        }
        let file = files::open_file(path, OpenOptions::new().append(true))?;
        let metadata = file.metadata().map_err(|error| files::cannot("open", path, &error))?;
        let file = Arc::new(LockFile {
            file: Mutex::new(Some(Arc::new(file))),
            path: path.to_owned(),
            inode: (metadata.dev(), metadata.ino()),
            process: std::process::id(),
            holders: Mutex::default(),
            released: Condvar::new(),
        });
        files.insert(file.inode, Arc::clone(&file));
        Ok(Self(file))
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        let _fork = fork::enter();
        let mut files = FILES.lock().unwrap_or_else(PoisonError::into_inner);
        // Clones are made under this lock only: the table's and ours are the last two. Closed under the lock, too, so
        // that nobody has opened the file anew by then.
        if self.0.is_ours() && Arc::strong_count(&self.0) == 2 {
            files.remove(&self.0.inode);
            self.0.close();
        }
    }
}

impl std::ops::Deref for Shared {
    type Target = LockFile;

    fn deref(&self) -> &LockFile {
        &self.0
    }
}

impl LockFile {
    fn is_ours(&self) -> bool {
        self.process == std::process::id()
    }

    fn file(&self) -> Result<Arc<File>, Error> {
        let file = self.file.lock()?.clone();
        file.ok_or_else(|| Error::Store(format!("{} is closed", self.path.display())))
    }

    fn close(&self) {
        drop(self.file.lock().unwrap_or_else(PoisonError::into_inner).take());
    }

    fn holders(&self) -> MutexGuard<'_, Vec<Owner>> {
        // A list that every holder changes in one step is right also after a panic.
        self.holders.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self, operation: FlockOperation) -> Result<(), Error> {
        let file = self.file()?;
        loop {
            match fcntl_lock(&*file, operation) {
                Err(rustix::io::Errno::INTR) => {}
                other => return other.map_err(|error| self.failed(error)),
            }
        }
    }

    fn unlock(&self) {
        if self.is_ours()
            && let Err(error) = self.lock(FlockOperation::Unlock)
        {
            log::warn!("{error}");
        }
    }

    fn failed(&self, error: rustix::io::Errno) -> Error {
        files::cannot("lock", &self.path, &error.into())
    }
}

impl Drop for LockFile {
    fn drop(&mut self) {
        if !self.is_ours() {
            std::mem::forget(self.file.lock().unwrap_or_else(PoisonError::into_inner).take());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_presence_is_nobody_elses() {
        let directory = tempfile::tempdir().unwrap();
        let locks = LoginLocks::new(directory.path());
        let guards = [0; 2].map(|_| locks.announce(UserId(1)).unwrap());
        assert!(!locks.is_present_elsewhere(UserId(1)).unwrap());
        drop(guards);
    }

    #[test]
    fn another_opening_in_this_process_is_somebody_else() {
        let directory = tempfile::tempdir().unwrap();
        let [ours, other] = [0; 2].map(|_| LoginLocks::new(directory.path()));
        let guard = other.announce(UserId(1)).unwrap();
        assert!(ours.is_present_elsewhere(UserId(1)).unwrap());
        assert!(!other.is_present_elsewhere(UserId(1)).unwrap());
        let own = ours.announce(UserId(1)).unwrap();
        drop(guard);
        assert!(!ours.is_present_elsewhere(UserId(1)).unwrap());
        assert!(other.is_present_elsewhere(UserId(1)).unwrap());
        drop(own);
        assert!(!other.is_present_elsewhere(UserId(1)).unwrap());
    }

    #[test]
    fn turns_of_one_user_exclude_each_other_in_a_process() {
        let directory = tempfile::tempdir().unwrap();
        let locks = LoginLocks::new(directory.path());
        let inside = std::sync::atomic::AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let _turn = locks.take_turn(UserId(1)).unwrap();
                    assert_eq!(inside.fetch_add(1, std::sync::atomic::Ordering::SeqCst), 0);
                    std::thread::yield_now();
                    inside.fetch_sub(1, std::sync::atomic::Ordering::SeqCst);
                });
            }
        });
    }

    #[test]
    fn the_last_holder_closes_the_file() {
        let directory = tempfile::tempdir().unwrap();
        let locks = LoginLocks::new(directory.path());
        let guard = locks.announce(UserId(1)).unwrap();
        let inode = guard.file.inode;
        assert!(FILES.lock().unwrap().contains_key(&inode));
        drop(guard);
        assert!(!FILES.lock().unwrap().contains_key(&inode));
    }
}
