//! A copy of a whole database at one revision, and what it takes to begin anew with one.

use std::path::Path;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags, params};

use super::failure::{DATABASE, OrFail};
use super::rows;
use super::{PATIENCE, SqliteStore};
use crate::error::Error;
use crate::store::files;
use crate::store::journal::{Entry, Revision};

impl SqliteStore {
    /// Copies the database into an existing, empty directory, as it is at one moment: writes of any process go on
    /// meanwhile and are not in it. The copy is durable when this returns.
    ///
    /// # Errors
    /// [`Error::Store`] and [`Error::StoreFull`] when it cannot be written; failures to read.
    pub fn snapshot(&self, into: &Path) -> Result<(), Error> {
        let into = files::checked_directory(into)?;
        let database = into.join(DATABASE);
        // SQLite would create it for everybody to read.
        drop(files::open_file(&database, std::fs::OpenOptions::new().append(true))?);
        self.connections.read(|connection| copy(connection, &database))?;
        files::sync_directory(&into)
    }

    /// Calls `each` with every record, tombstones among them, in the order of their keys.
    ///
    /// # Errors
    /// What `each` returns; failures to read; [`Error::Damaged`].
    pub fn each_entry(&self, each: &mut dyn FnMut(&Entry) -> Result<(), Error>) -> Result<(), Error> {
        self.connections.read(|connection| {
            let sql = "SELECT key, revision, search, value FROM entry ORDER BY key";
            let mut statement = connection.prepare(sql).or_fail()?;
            let mut found = statement.query([]).or_fail()?;
            while let Some(row) = found.next().or_fail()? {
                let key = rows::key(&row.get::<_, String>(0).or_fail()?)?;
                each(&rows::to_entry(key, rows::columns(row, 1).or_fail()?)?)?;
            }
            Ok(())
        })
    }

    /// Makes a new history that begins with the records of the old one: nobody takes what they know of the old one for
    /// knowledge of this one. Presences and the marks of proposers are of the old history only, and go.
    ///
    /// # Errors
    /// As [`commit`](Self::commit).
    pub fn begin_history(&self, history: &[u8; 16]) -> Result<Revision, Error> {
        Ok(self.write(PATIENCE, |transaction| {
            let sql = "DELETE FROM entry WHERE (key > 'node/' AND key < 'node0') OR (key > 'op/' AND key < 'op0')";
            transaction.execute(sql, []).or_fail()?;
            transaction.execute("DELETE FROM change", []).or_fail()?;
            // Nothing of before can be told as changes.
            let sql = "UPDATE history SET history = ?1, generation = generation + 1, revision = revision + 1, \
                       floor = revision + 1";
            transaction.execute(sql, params![history]).or_fail()?;
            Ok(rows::head(transaction)?.revision)
        })?)
    }
}

fn copy(source: &Connection, database: &Path) -> Result<(), Error> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    let mut target = Connection::open_with_flags(database, flags).or_fail()?;
    // The read transaction is there before the first page is copied, and waits for whoever recovers the log.
    let transaction = source.unchecked_transaction().or_fail()?;
    rows::head(&transaction)?;
    let step = Backup::new(&transaction, &mut target).and_then(|backup| backup.step(-1)).or_fail()?;
    if step != StepResult::Done {
        return Err(Error::Store(format!("{DATABASE} could not be copied: another process keeps it locked")));
    }
    target.close().map_err(|(_, error)| error).or_fail()
}
