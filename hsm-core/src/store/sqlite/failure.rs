//! SQLite's errors as ours.

use rusqlite::ErrorCode;
use rusqlite::ffi;

use crate::error::Error;
use crate::store::journal::JournalError;

/// What the store's database file is called.
pub(super) const DATABASE: &str = "store.db";

/// Which error of ours an error of SQLite's is.
pub(super) fn from_sqlite(error: &rusqlite::Error) -> Error {
    let text = || format!("{DATABASE}: {error}");
    if let rusqlite::Error::SqliteFailure(failure, _) = error
        && failure.extended_code == ffi::SQLITE_IOERR_SHMSIZE
    {
        return Error::StoreFull(text());
    }
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => Error::StoreFull(text()),
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase | ErrorCode::SchemaChanged) => damaged(error),
        Some(ErrorCode::DatabaseBusy) => Error::Store(format!("{}: another process keeps it locked", text())),
        // A statement that is right fails to prepare, or finds another type, only in a file that is not what it was.
        Some(ErrorCode::Unknown | ErrorCode::TypeMismatch) => damaged(error),
        Some(_) => Error::Store(text()),
        None => damaged(error),
    }
}

/// What a failed commit means.
///
/// Everybody who has the database open sees that nothing was committed. But when only the last sync failed, the whole
/// transaction is in the log, and whoever opens the database after a crash would take it for committed.
pub(super) fn of_commit(error: &rusqlite::Error) -> JournalError {
    match error.sqlite_error().map(|failure| failure.extended_code) {
        Some(ffi::SQLITE_IOERR_FSYNC | ffi::SQLITE_IOERR_DIR_FSYNC) => JournalError::Unknown(error.to_string()),
        _ => from_sqlite(error).into(),
    }
}

/// The database holds what no version of ours wrote.
pub(super) fn damaged(what: impl core::fmt::Display) -> Error {
    Error::Damaged { record: format!("{DATABASE} ({what})") }
}

/// `?` on SQLite's results.
pub(super) trait OrFail<T> {
    fn or_fail(self) -> Result<T, Error>;
}

impl<T> OrFail<T> for rusqlite::Result<T> {
    fn or_fail(self) -> Result<T, Error> {
        self.map_err(|error| from_sqlite(&error))
    }
}
