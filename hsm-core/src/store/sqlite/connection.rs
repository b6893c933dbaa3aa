//! Connections to the database: one that writes, a few that read, and none after a fork.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, TryLockError};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::failure::{DATABASE, OrFail};
use crate::error::Error;
use crate::store::files;
use crate::store::fork::{self, Inherited};

/// The connections of one store.
pub(super) struct Connections {
    database: PathBuf,
    writer: Mutex<Slot>,
    readers: [Mutex<Slot>; READERS],
    next: AtomicUsize,
    closed: AtomicBool,
}

/// How many threads read at once; the others wait for a turn.
const READERS: usize = 4;
/// How long a statement waits for another process's write.
pub(super) const BUSY: Duration = Duration::from_secs(10);
/// Page cache in KiB: with the readers' 4 MiB together, so that the whole store stays under 8 MiB.
const WRITER_CACHE: i64 = 2048;
const READER_CACHE: i64 = 1024;
const STATEMENTS: usize = 32;

/// A place for a connection.
enum Slot {
    /// Opened at first use.
    Unopened,
    Open(Connection),
}

impl Connections {
    pub(super) fn new(directory: &Path) -> Arc<Self> {
        let connections = Arc::new(Self {
            database: directory.join(DATABASE),
            writer: Mutex::new(Slot::Unopened),
            readers: [const { Mutex::new(Slot::Unopened) }; READERS],
            next: AtomicUsize::new(0),
            closed: AtomicBool::new(false),
        });
        let inherited: Arc<dyn Inherited> = connections.clone();
        fork::register(Arc::downgrade(&inherited));
        connections
    }

    /// Runs `work` on the connection that writes. Never call it from within `work` of either kind.
    pub(super) fn write<T>(&self, work: impl FnOnce(&Connection) -> Result<T, Error>) -> Result<T, Error> {
        let _fork = fork::enter();
        work(self.connection(&mut *self.writer.lock()?, WRITER_CACHE)?)
    }

    /// Runs `work` on a connection that reads. Never call it from within `work` of either kind.
    pub(super) fn read<T>(&self, work: impl FnOnce(&Connection) -> Result<T, Error>) -> Result<T, Error> {
        let _fork = fork::enter();
        work(self.connection(&mut *self.free_reader()?, READER_CACHE)?)
    }

    /// An error in a forked child, which may not use what it inherited.
    pub(super) fn check_usable(&self) -> Result<(), Error> {
        match self.closed.load(Ordering::Acquire) {
            false => Ok(()),
            true => Err(Error::Store("the store was opened before a fork: open it again in the child".into())),
        }
    }

    fn free_reader(&self) -> Result<MutexGuard<'_, Slot>, Error> {
        // The first connection stays warm while there is no contention.
        for reader in &self.readers {
            match reader.try_lock() {
                Ok(slot) => return Ok(slot),
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Poisoned(_)) => return Err(Error::Poisoned),
            }
        }
        let turn = self.next.fetch_add(1, Ordering::Relaxed) % READERS;
        self.readers.get(turn).ok_or(Error::Poisoned)?.lock().map_err(Error::from)
    }

    fn connection<'s>(&self, slot: &'s mut Slot, cache_kib: i64) -> Result<&'s Connection, Error> {
        self.check_usable()?;
        if matches!(slot, Slot::Unopened) {
            *slot = Slot::Open(open(&self.database, cache_kib)?);
        }
        match slot {
            Slot::Open(connection) => Ok(connection),
            Slot::Unopened => Err(Error::Store("the database is not open".into())),
        }
    }
}

impl Inherited for Connections {
    fn close_inherited(&self) {
        self.closed.store(true, Ordering::Release);
        for slot in self.readers.iter().chain([&self.writer]) {
            match slot.try_lock() {
                Ok(mut slot) => close(std::mem::replace(&mut *slot, Slot::Unopened)),
                Err(_) => log::warn!("a connection was in use during a fork and stays open in the child"),
            }
        }
    }
}

impl Drop for Connections {
    fn drop(&mut self) {
        // SQLite's own tables are in use while it closes, too.
        let _fork = fork::enter();
        for slot in self.readers.iter_mut().chain([&mut self.writer]) {
            if let Ok(slot) = slot.get_mut() {
                *slot = Slot::Unopened;
            }
        }
    }
}

/// Closes a connection in a child without writing: the files are the parent's.
fn close(slot: Slot) {
    if let Slot::Open(connection) = slot {
        if let Err(error) = connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true) {
            log::warn!("an inherited connection cannot be closed quietly: {error}");
        }
        drop(connection);
    }
}

fn open(database: &Path, cache_kib: i64) -> Result<Connection, Error> {
    files::check_file(database)?;
    // No flag to create: an empty database must not appear where a store has gone.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    let connection = Connection::open_with_flags(database, flags).or_fail()?;
    connection.busy_timeout(BUSY).or_fail()?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true).or_fail()?;
    connection.pragma_update(None, "trusted_schema", false).or_fail()?;
    connection.pragma_update(None, "cell_size_check", true).or_fail()?;
    connection.pragma_update(None, "foreign_keys", false).or_fail()?;
    connection.pragma_update(None, "secure_delete", true).or_fail()?;
    connection.pragma_update(None, "temp_store", "memory").or_fail()?;
    connection.pragma_update(None, "mmap_size", 0).or_fail()?;
    connection.pragma_update(None, "cache_size", -cache_kib).or_fail()?;
    let mode: String = connection.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0)).or_fail()?;
    if mode != "wal" {
        return Err(Error::Store(format!("{DATABASE}: journal mode {mode}, and WAL is refused here")));
    }
    connection.pragma_update(None, "synchronous", "full").or_fail()?;
    Ok(connection)
}
