//! HSMs as the catalog keeps them and as the API shows them.

use rusqlite::{Connection, Row, params};
use serde_json::{Value, json};

use super::catalog::rows;
use super::cluster::put;
use super::error::Refusal;
use super::state::{HsmState, HsmType};

/// A row of the table `hsm`. A deleted HSM has none: its address is free.
#[derive(Clone, Debug)]
pub struct Hsm {
    /// `hsm-…`.
    pub id: String,
    /// Its cluster.
    pub cluster: String,
    /// Where it stands.
    pub availability_zone: String,
    /// Whose address it has.
    pub subnet: String,
    /// `eni-…`.
    pub eni: String,
    /// Its address.
    pub ip: String,
    /// What it is.
    pub hsm_type: HsmType,
    /// How it is.
    pub state: HsmState,
    /// `StateMessage`.
    pub message: Option<String>,
    /// When it was made.
    pub created: u64,
}

impl Hsm {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: row.get("id")?,
            cluster: row.get("cluster")?,
            availability_zone: row.get("availability_zone")?,
            subnet: row.get("subnet")?,
            eni: row.get("eni")?,
            ip: row.get("ip")?,
            hsm_type: row.get("hsm_type")?,
            state: row.get("state")?,
            message: row.get("message")?,
            created: row.get("created")?,
        })
    }

    /// The HSMs of a cluster, oldest first.
    ///
    /// # Errors
    /// [`Refusal::Internal`].
    pub fn of_cluster(db: &Connection, cluster: &str) -> Result<Vec<Self>, Refusal> {
        rows(db, "SELECT * FROM hsm WHERE cluster = ?1 ORDER BY seq", [cluster], Self::read)
    }

    /// All HSMs in a state.
    ///
    /// # Errors
    /// [`Refusal::Internal`].
    pub fn in_state(db: &Connection, state: HsmState) -> Result<Vec<Self>, Refusal> {
        rows(db, "SELECT * FROM hsm WHERE state = ?1 ORDER BY seq", [state], Self::read)
    }

    /// How many HSMs an account has in a region.
    ///
    /// # Errors
    /// [`Refusal::Internal`].
    pub fn count(db: &Connection, account: &str, region: &str) -> Result<usize, Refusal> {
        let sql = "SELECT count(*) FROM hsm JOIN cluster ON cluster.id = hsm.cluster
                   WHERE account = ?1 AND region = ?2";
        Ok(db.query_row(sql, [account, region], |row| row.get(0))?)
    }

    /// Writes a new row.
    ///
    /// # Errors
    /// [`Refusal::Internal`].
    pub fn insert(&self, db: &Connection) -> Result<(), Refusal> {
        let sql = "INSERT INTO hsm (id, cluster, availability_zone, subnet, eni, ip, hsm_type, state, message, created)
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
        let values = params![
            self.id,
            self.cluster,
            self.availability_zone,
            self.subnet,
            self.eni,
            self.ip,
            self.hsm_type,
            self.state,
            self.message,
            self.created
        ];
        db.execute(sql, values)?;
        Ok(())
    }

    /// Moves the HSM from one state to another. An HSM that meanwhile left `from` (its deletion was asked for) stays.
    ///
    /// # Errors
    /// [`Refusal::Internal`].
    pub fn pass(db: &Connection, id: &str, from: HsmState, to: HsmState, message: &str) -> Result<bool, Refusal> {
        let sql = "UPDATE hsm SET state = ?3, message = ?4 WHERE id = ?1 AND state = ?2";
        Ok(db.execute(sql, params![id, from, to, message])? > 0)
    }

    /// `Hsm` of the API.
    #[must_use]
    pub fn shape(&self) -> Value {
        let mut shape = json!({
            "AvailabilityZone": self.availability_zone,
            "ClusterId": self.cluster,
            "SubnetId": self.subnet,
            "EniId": self.eni,
            "EniIp": self.ip,
            "HsmId": self.id,
            "HsmType": self.hsm_type.word(),
            "State": self.state.word(),
        });
        put(&mut shape, "StateMessage", self.message.clone());
        shape
    }
}
