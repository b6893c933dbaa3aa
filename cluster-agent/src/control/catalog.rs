//! The control plane's database, `control.db`: every row is on the disk before a request is answered.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::error::Refusal;

/// Version 1 of the tables. Times are seconds since 1970; a cluster's row outlives the cluster, for its backups.
const SCHEMA: &str = "
CREATE TABLE cluster (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, account TEXT NOT NULL, region TEXT NOT NULL,
    history_id TEXT NOT NULL, hsm_type TEXT NOT NULL, target_type TEXT, rollback_until INTEGER, mode TEXT NOT NULL,
    network_type TEXT NOT NULL, state TEXT NOT NULL, message TEXT, created INTEGER NOT NULL, deleted INTEGER,
    vpc TEXT NOT NULL, security_group TEXT NOT NULL, source_backup TEXT, retention_days INTEGER NOT NULL,
    csr TEXT, hsm_certificate TEXT, aws_hardware_certificate TEXT, manufacturer_hardware_certificate TEXT,
    certificate TEXT, trust_anchor TEXT);
CREATE TABLE cluster_subnet (
    cluster TEXT NOT NULL, availability_zone TEXT NOT NULL, subnet TEXT NOT NULL,
    PRIMARY KEY (cluster, availability_zone)) WITHOUT ROWID;
CREATE TABLE hsm (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, cluster TEXT NOT NULL,
    availability_zone TEXT NOT NULL, subnet TEXT NOT NULL, eni TEXT NOT NULL UNIQUE, ip TEXT NOT NULL UNIQUE,
    hsm_type TEXT NOT NULL, state TEXT NOT NULL, message TEXT, created INTEGER NOT NULL);
CREATE TABLE backup (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, account TEXT NOT NULL, region TEXT NOT NULL,
    cluster TEXT NOT NULL, history_id TEXT NOT NULL, hsm_type TEXT NOT NULL, mode TEXT NOT NULL, state TEXT NOT NULL,
    created INTEGER NOT NULL, copied INTEGER, never_expires INTEGER NOT NULL DEFAULT 0, delete_at INTEGER,
    source_region TEXT, source_backup TEXT, source_cluster TEXT, certificate TEXT NOT NULL, trust_anchor TEXT NOT NULL);
CREATE TABLE tag (
    resource TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (resource, key)) WITHOUT ROWID;
CREATE TABLE policy (resource TEXT PRIMARY KEY, document TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE subnet (
    id TEXT PRIMARY KEY, region TEXT NOT NULL, vpc TEXT NOT NULL, availability_zone TEXT NOT NULL,
    cidr TEXT NOT NULL, removed INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;
CREATE TABLE reserved_address (ip TEXT PRIMARY KEY) WITHOUT ROWID;
PRAGMA user_version = 1;
";

/// The open database.
pub struct Catalog {
    connection: Mutex<Connection>,
}

impl Catalog {
    /// Opens `file`, making it when it is not there.
    ///
    /// # Errors
    /// [`Refusal::Internal`] naming the file: unreadable, or written by a newer agent.
    pub fn open(file: &Path) -> Result<Self, Refusal> {
        let failed = |error: rusqlite::Error| Refusal::Internal(format!("{}: {error}", file.display()));
        let connection = Connection::open(file).map_err(failed)?;
        connection.pragma_update(None, "journal_mode", "WAL").map_err(failed)?;
        connection.pragma_update(None, "synchronous", "FULL").map_err(failed)?;
        let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(failed)?;
        match version {
            0 => connection.execute_batch(&format!("BEGIN IMMEDIATE; {SCHEMA} COMMIT;")).map_err(failed)?,
            1 => {}
            newer => {
                let file = file.display();
                return Err(Refusal::Internal(format!(
                    "{file} has version {newer}; this agent knows 1: use a newer one"
                )));
            }
        }
        Ok(Self { connection: Mutex::new(connection) })
    }

    /// Runs `work` in one transaction: all of it is durable when it succeeds, none of it when it does not.
    ///
    /// # Errors
    /// Those of `work`, and [`Refusal::Internal`] of the database.
    pub fn transact<T>(&self, work: impl FnOnce(&Transaction<'_>) -> Result<T, Refusal>) -> Result<T, Refusal> {
        // A panic under the lock rolled its transaction back: what the connection shows is whole.
        let mut connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let result = work(&transaction)?;
        transaction.commit()?;
        Ok(result)
    }
}

/// Reads all rows of a query into values.
pub(crate) fn rows<T>(
    db: &Connection,
    sql: &str,
    parameters: impl rusqlite::Params,
    read: impl FnMut(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
) -> Result<Vec<T>, Refusal> {
    let mut statement = db.prepare_cached(sql)?;
    let found = statement.query_map(parameters, read)?.collect::<Result<Vec<_>, _>>()?;
    Ok(found)
}
