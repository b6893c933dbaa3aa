//! Clusters as the catalog keeps them and as the API shows them.

use rusqlite::{Connection, OptionalExtension as _, Row, params};
use serde_json::{Map, Value, json};

use super::catalog::rows;
use super::error::Refusal;
use super::hsm::Hsm;
use super::state::{ClusterState, HsmType, Mode, NetworkType};
use super::tag;

/// How long a deleted cluster is still shown, in seconds.
pub const DELETED_VISIBLE: u64 = 3600;

/// A row of the table `cluster`.
#[derive(Clone, Debug)]
pub struct Cluster {
    /// Grows with every cluster: the order of lists, and their page token.
    pub seq: i64,
    /// `cluster-…`.
    pub id: String,
    /// Twelve digits.
    pub account: String,
    /// Where it lives.
    pub region: String,
    /// Shared by clusters made from each other's backups.
    pub history_id: String,
    /// What its HSMs are.
    pub hsm_type: HsmType,
    /// What they are becoming, in MODIFY_IN_PROGRESS and ROLLBACK_IN_PROGRESS.
    pub target_type: Option<HsmType>,
    /// Until when the HSM type can be rolled back.
    pub rollback_until: Option<u64>,
    /// FIPS or not, for ever.
    pub mode: Mode,
    /// IPv4 or both.
    pub network_type: NetworkType,
    /// Where it stands.
    pub state: ClusterState,
    /// `StateMessage`.
    pub message: Option<String>,
    /// When it was made.
    pub created: u64,
    /// `vpc-…`.
    pub vpc: String,
    /// `sg-…`.
    pub security_group: String,
    /// The backup it was made from.
    pub source_backup: Option<String>,
    /// How long its backups are kept.
    pub retention_days: u32,
    /// The CSR of the first HSM, PEM.
    pub csr: Option<String>,
    /// `HsmCertificate`, `AwsHardwareCertificate`, `ManufacturerHardwareCertificate`, PEM.
    pub hardware: [Option<String>; 3],
    /// The certificate its owner signed, PEM.
    pub certificate: Option<String>,
    /// The owner's root, PEM. The API never shows it.
    pub trust_anchor: Option<String>,
}

impl Cluster {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            seq: row.get("seq")?,
            id: row.get("id")?,
            account: row.get("account")?,
            region: row.get("region")?,
            history_id: row.get("history_id")?,
            hsm_type: row.get("hsm_type")?,
            target_type: row.get("target_type")?,
            rollback_until: row.get("rollback_until")?,
            mode: row.get("mode")?,
            network_type: row.get("network_type")?,
            state: row.get("state")?,
            message: row.get("message")?,
            created: row.get("created")?,
            vpc: row.get("vpc")?,
            security_group: row.get("security_group")?,
            source_backup: row.get("source_backup")?,
            retention_days: row.get("retention_days")?,
            csr: row.get("csr")?,
            hardware: [
                row.get("hsm_certificate")?,
                row.get("aws_hardware_certificate")?,
                row.get("manufacturer_hardware_certificate")?,
            ],
            certificate: row.get("certificate")?,
            trust_anchor: row.get("trust_anchor")?,
        })
    }

    /// The cluster of this account and region.
    ///
    /// # Errors
    /// [`Refusal::NotFound`] naming it; also when it is deleted.
    pub fn find(db: &Connection, account: &str, region: &str, id: &str) -> Result<Self, Refusal> {
        let sql = "SELECT * FROM cluster WHERE id = ?1 AND account = ?2 AND region = ?3 AND state <> 'DELETED'";
        let found = db.query_row(sql, params![id, account, region], Self::read).optional()?;
        found.ok_or_else(|| Refusal::NotFound(format!("There is no cluster {id} in {region}.")))
    }

    /// The cluster of this id, wherever it is.
    ///
    /// # Errors
    /// [`Refusal::NotFound`].
    pub fn by_id(db: &Connection, id: &str) -> Result<Self, Refusal> {
        let found = db.query_row("SELECT * FROM cluster WHERE id = ?1", [id], Self::read).optional()?;
        found.ok_or_else(|| Refusal::NotFound(format!("There is no cluster {id}.")))
    }

    /// All clusters an account sees in a region, oldest first.
    ///
    /// # Errors
    /// [`Refusal::Internal`].
    pub fn visible(db: &Connection, account: &str, region: &str, now: u64) -> Result<Vec<Self>, Refusal> {
        let sql = "SELECT * FROM cluster WHERE account = ?1 AND region = ?2
                   AND (deleted IS NULL OR deleted > ?3) ORDER BY seq";
        rows(db, sql, params![account, region, now.saturating_sub(DELETED_VISIBLE)], Self::read)
    }

    /// All clusters in a state, of all accounts.
    ///
    /// # Errors
    /// [`Refusal::Internal`].
    pub fn in_state(db: &Connection, state: ClusterState) -> Result<Vec<Self>, Refusal> {
        rows(db, "SELECT * FROM cluster WHERE state = ?1 ORDER BY seq", [state], Self::read)
    }

    /// Writes a new row; `seq` is given by the catalog.
    ///
    /// # Errors
    /// [`Refusal::Internal`].
    pub fn insert(&self, db: &Connection) -> Result<(), Refusal> {
        let sql = "INSERT INTO cluster (id, account, region, history_id, hsm_type, mode, network_type, state, created,
                   vpc, security_group, source_backup, retention_days, certificate, trust_anchor)
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)";
        let values = params![
            self.id,
            self.account,
            self.region,
            self.history_id,
            self.hsm_type,
            self.mode,
            self.network_type,
            self.state,
            self.created,
            self.vpc,
            self.security_group,
            self.source_backup,
            self.retention_days,
            self.certificate,
            self.trust_anchor,
        ];
        db.execute(sql, values)?;
        Ok(())
    }

    /// Moves the cluster to a state.
    ///
    /// # Errors
    /// [`Refusal::Internal`].
    pub fn enter(db: &Connection, id: &str, state: ClusterState, message: Option<&str>) -> Result<(), Refusal> {
        db.execute("UPDATE cluster SET state = ?2, message = ?3 WHERE id = ?1", params![id, state, message])?;
        Ok(())
    }

    /// Its subnets by Availability Zone.
    ///
    /// # Errors
    /// [`Refusal::Internal`].
    pub fn subnets(&self, db: &Connection) -> Result<Vec<(String, String)>, Refusal> {
        let sql = "SELECT availability_zone, subnet FROM cluster_subnet WHERE cluster = ?1 ORDER BY availability_zone";
        rows(db, sql, [&self.id], |row| Ok((row.get(0)?, row.get(1)?)))
    }

    /// `Cluster` of the API.
    ///
    /// # Errors
    /// [`Refusal::Internal`].
    pub fn shape(&self, db: &Connection) -> Result<Value, Refusal> {
        let subnets: Map<String, Value> =
            self.subnets(db)?.into_iter().map(|(zone, subnet)| (zone, Value::from(subnet))).collect();
        let hsms: Vec<Value> = Hsm::of_cluster(db, &self.id)?.iter().map(Hsm::shape).collect();
        let mut shape = json!({
            "BackupPolicy": "DEFAULT",
            "BackupRetentionPolicy": {"Type": "DAYS", "Value": self.retention_days.to_string()},
            "ClusterId": self.id,
            "CreateTimestamp": self.created,
            "Hsms": hsms,
            "HsmType": self.hsm_type.word(),
            "Mode": self.mode.word(),
            "NetworkType": self.network_type.word(),
            "SecurityGroup": self.security_group,
            "State": self.state.word(),
            "SubnetMapping": subnets,
            "VpcId": self.vpc,
            "Certificates": self.certificates(),
            "TagList": tag::list(db, &self.id)?,
        });
        put(&mut shape, "StateMessage", self.message.clone());
        put(&mut shape, "SourceBackupId", self.source_backup.clone());
        put(&mut shape, "HsmTypeRollbackExpiration", self.rollback_until);
        Ok(shape)
    }

    /// `Certificates` of the API: the CSR and the hardware's certificates before initialisation, the owner's after.
    fn certificates(&self) -> Value {
        let mut shape = json!({});
        if self.certificate.is_none() {
            let [hsm, aws, manufacturer] = self.hardware.clone();
            put(&mut shape, "ClusterCsr", self.csr.clone());
            put(&mut shape, "HsmCertificate", hsm);
            put(&mut shape, "AwsHardwareCertificate", aws);
            put(&mut shape, "ManufacturerHardwareCertificate", manufacturer);
        }
        put(&mut shape, "ClusterCertificate", self.certificate.clone());
        shape
    }
}

/// Adds a member that may be missing to an object.
pub(crate) fn put(shape: &mut Value, member: &str, value: Option<impl Into<Value>>) {
    if let (Some(object), Some(value)) = (shape.as_object_mut(), value) {
        object.insert(member.to_owned(), value.into());
    }
}
