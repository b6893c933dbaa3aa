//! Backups as the catalog keeps them and as the API shows them, and the engine that makes them.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension as _, Row, params};
use serde_json::{Value, json};

use super::catalog::rows;
use super::cluster::{Cluster, put};
use super::error::Refusal;
use super::state::{BackupState, HsmType, Mode};
use super::tag;

/// Between deletion and disappearance: 7 days, in seconds.
pub const RESTORABLE: u64 = 7 * 86_400;

/// What a backup says it is a backup of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupIdentity {
    /// `cluster-…`.
    pub cluster_id: String,
    /// Shared by clusters made from each other's backups: 32 hexadecimal digits.
    pub history_id: String,
    /// `backup-…`.
    pub backup_id: String,
    /// Seconds since 1970.
    pub created: u64,
}

/// Why a backup was not made, restored or verified: names the file, and what to do.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct EngineError(pub String);

/// Makes backups of stores. All calls are blocking; a file that exists is whole.
pub trait BackupEngine: Send + Sync {
    /// Writes a backup of `store`, which may be in use, to `file`, which does not exist.
    ///
    /// # Errors
    /// [`EngineError`].
    fn create(&self, store: &Path, file: &Path, identity: &BackupIdentity) -> Result<(), EngineError>;

    /// Makes the directory `store` from a backup. It must not exist yet, and does not when this fails.
    ///
    /// # Errors
    /// [`EngineError`].
    fn restore(&self, file: &Path, store: &Path) -> Result<(), EngineError>;

    /// Reads a backup to its end.
    ///
    /// # Errors
    /// [`EngineError`] when it is not whole or not ours.
    fn verify(&self, file: &Path) -> Result<(), EngineError>;
}

/// A row of the table `backup`.
#[derive(Clone, Debug)]
pub struct Backup {
    /// Grows with every backup: breaks ties of `created`.
    pub seq: i64,
    /// `backup-…`.
    pub id: String,
    /// Twelve digits.
    pub account: String,
    /// Where it lives.
    pub region: String,
    /// The cluster it was made of.
    pub cluster: String,
    /// The cluster's.
    pub history_id: String,
    /// The cluster's at that time.
    pub hsm_type: HsmType,
    /// The cluster's.
    pub mode: Mode,
    /// Where it stands.
    pub state: BackupState,
    /// When it, or the backup it is a copy of, was made.
    pub created: u64,
    /// When it was copied.
    pub copied: Option<u64>,
    /// Whether retention passes it over.
    pub never_expires: bool,
    /// When it disappears.
    pub delete_at: Option<u64>,
    /// Of a copy: where its source lives.
    pub source_region: Option<String>,
    /// Of a copy: its source.
    pub source_backup: Option<String>,
    /// Of a copy: the cluster.
    pub source_cluster: Option<String>,
    /// The cluster's certificate and its owner's root, PEM: clusters made from the backup have them too.
    pub certificate: String,
    /// See `certificate`.
    pub trust_anchor: String,
}

impl Backup {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            seq: row.get("seq")?,
            id: row.get("id")?,
            account: row.get("account")?,
            region: row.get("region")?,
            cluster: row.get("cluster")?,
            history_id: row.get("history_id")?,
            hsm_type: row.get("hsm_type")?,
            mode: row.get("mode")?,
            state: row.get("state")?,
            created: row.get("created")?,
            copied: row.get("copied")?,
            never_expires: row.get("never_expires")?,
            delete_at: row.get("delete_at")?,
            source_region: row.get("source_region")?,
            source_backup: row.get("source_backup")?,
            source_cluster: row.get("source_cluster")?,
            certificate: row.get("certificate")?,
            trust_anchor: row.get("trust_anchor")?,
        })
    }

    /// A backup to be made of an active cluster.
    #[must_use]
    pub fn of(cluster: &Cluster, id: String, now: u64) -> Self {
        Self {
            seq: 0,
            id,
            account: cluster.account.clone(),
            region: cluster.region.clone(),
            cluster: cluster.id.clone(),
            history_id: cluster.history_id.clone(),
            hsm_type: cluster.hsm_type,
            mode: cluster.mode,
            state: BackupState::CreateInProgress,
            created: now,
            copied: None,
            never_expires: false,
            delete_at: None,
            source_region: None,
            source_backup: None,
            source_cluster: None,
            certificate: cluster.certificate.clone().unwrap_or_default(),
            trust_anchor: cluster.trust_anchor.clone().unwrap_or_default(),
        }
    }

    /// The backup of this account and region.
    ///
    /// # Errors
    /// [`Refusal::NotFound`] naming it.
    pub fn find(db: &Connection, account: &str, region: &str, id: &str) -> Result<Self, Refusal> {
        let sql = "SELECT * FROM backup WHERE id = ?1 AND account = ?2 AND region = ?3";
        let found = db.query_row(sql, params![id, account, region], Self::read).optional()?;
        found.ok_or_else(|| Refusal::NotFound(format!("There is no backup {id} in {region}.")))
    }

    /// The backup of this id, whoever has it.
    ///
    /// # Errors
    /// [`Refusal::NotFound`].
    pub fn by_id(db: &Connection, id: &str) -> Result<Self, Refusal> {
        let found = db.query_row("SELECT * FROM backup WHERE id = ?1", [id], Self::read).optional()?;
        found.ok_or_else(|| Refusal::NotFound(format!("There is no backup {id}.")))
    }

    /// The backups of a region, of all accounts.
    ///
    /// # Errors
    /// [`Refusal::Internal`].
    pub fn of_region(db: &Connection, region: &str) -> Result<Vec<Self>, Refusal> {
        rows(db, "SELECT * FROM backup WHERE region = ?1 ORDER BY created, seq", [region], Self::read)
    }

    /// The backups in a state, of all accounts, oldest first.
    ///
    /// # Errors
    /// [`Refusal::Internal`].
    pub fn in_state(db: &Connection, state: BackupState) -> Result<Vec<Self>, Refusal> {
        rows(db, "SELECT * FROM backup WHERE state = ?1 ORDER BY created, seq", [state], Self::read)
    }

    /// Writes a new row; `seq` is given by the catalog.
    ///
    /// # Errors
    /// [`Refusal::Internal`].
    pub fn insert(&self, db: &Connection) -> Result<(), Refusal> {
        let sql = "INSERT INTO backup (id, account, region, cluster, history_id, hsm_type, mode, state, created,
                   copied, source_region, source_backup, source_cluster, certificate, trust_anchor)
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)";
        let values = params![
            self.id,
            self.account,
            self.region,
            self.cluster,
            self.history_id,
            self.hsm_type,
            self.mode,
            self.state,
            self.created,
            self.copied,
            self.source_region,
            self.source_backup,
            self.source_cluster,
            self.certificate,
            self.trust_anchor,
        ];
        db.execute(sql, values)?;
        Ok(())
    }

    /// Moves the backup to a state; `delete_at` is when it disappears.
    ///
    /// # Errors
    /// [`Refusal::Internal`].
    pub fn enter(db: &Connection, id: &str, state: BackupState, delete_at: Option<u64>) -> Result<(), Refusal> {
        db.execute("UPDATE backup SET state = ?2, delete_at = ?3 WHERE id = ?1", params![id, state, delete_at])?;
        Ok(())
    }

    /// `BackupArn` of the API.
    #[must_use]
    pub fn arn(&self) -> String {
        let partition = if self.region.starts_with("us-gov-") { "aws-us-gov" } else { "aws" };
        format!("arn:{partition}:cloudhsm:{}:{}:backup/{}", self.region, self.account, self.id)
    }

    /// `Backup` of the API.
    ///
    /// # Errors
    /// [`Refusal::Internal`].
    pub fn shape(&self, db: &Connection) -> Result<Value, Refusal> {
        let mut shape = json!({
            "BackupId": self.id,
            "BackupArn": self.arn(),
            "BackupState": self.state.word(),
            "ClusterId": self.cluster,
            "CreateTimestamp": self.created,
            "NeverExpires": self.never_expires,
            "HsmType": self.hsm_type.word(),
            "Mode": self.mode.word(),
            "TagList": tag::list(db, &self.id)?,
        });
        put(&mut shape, "CopyTimestamp", self.copied);
        put(&mut shape, "SourceRegion", self.source_region.clone());
        put(&mut shape, "SourceBackup", self.source_backup.clone());
        put(&mut shape, "SourceCluster", self.source_cluster.clone());
        put(&mut shape, "DeleteTimestamp", self.delete_at);
        Ok(shape)
    }
}
