//! ModifyCluster.

use rusqlite::params;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::create_cluster::known_type;
use super::{Context, RetentionInput};
use crate::control::cluster::Cluster;
use crate::control::error::{Refusal, invalid};
use crate::control::state::{ClusterState, HsmType, NetworkType};
use crate::control::validate::{CLUSTER_ID, HSM_TYPE, request};

/// How long a move to another HSM type can be taken back: 24 hours.
const ROLLBACK: u64 = 86_400;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Request {
    cluster_id: Option<String>,
    hsm_type: Option<String>,
    backup_retention_policy: Option<RetentionInput>,
}

pub(super) fn run(context: &Context<'_>, body: &Map<String, Value>) -> Result<Value, Refusal> {
    let request: Request = request(body)?;
    let cluster_id = CLUSTER_ID.required("ClusterId", request.cluster_id)?;
    let hsm_type = HSM_TYPE.optional("HsmType", request.hsm_type)?.map(|word| known_type(&word)).transpose()?;
    let days = request.backup_retention_policy.map(RetentionInput::days).transpose()?;
    if hsm_type.is_none() && days.is_none() {
        return invalid("HsmType or BackupRetentionPolicy is required.");
    }
    context.plane.catalog.transact(|db| {
        let cluster = Cluster::find(db, context.account, context.region, &cluster_id)?;
        if cluster.state == ClusterState::DeleteInProgress {
            return invalid(format!("{cluster_id} is being deleted."));
        }
        if let Some(days) = days {
            db.execute("UPDATE cluster SET retention_days = ?2 WHERE id = ?1", params![cluster_id, days])?;
        }
        if let Some(target) = hsm_type.filter(|target| *target != cluster.hsm_type) {
            let (state, until) = migration(&cluster, target, context.now)?;
            let sql = "UPDATE cluster SET target_type = ?2, rollback_until = ?3 WHERE id = ?1";
            db.execute(sql, params![cluster_id, target, until])?;
            Cluster::enter(db, &cluster_id, state, None)?;
        }
        let cluster = Cluster::find(db, context.account, context.region, &cluster_id)?;
        Ok(json!({"Cluster": cluster.shape(db)?}))
    })
}

/// The state that a move to `target` begins with, and until when it can be taken back.
fn migration(cluster: &Cluster, target: HsmType, now: u64) -> Result<(ClusterState, Option<u64>), Refusal> {
    if cluster.state != ClusterState::Active {
        return invalid(format!("HsmType: {} is {}, not ACTIVE.", cluster.id, cluster.state.word()));
    }
    match target {
        HsmType::Hsm2mMedium => Ok((ClusterState::ModifyInProgress, Some(now + ROLLBACK))),
        HsmType::Hsm1Medium if cluster.network_type == NetworkType::DualStack => {
            invalid("HsmType hsm1.medium has only NetworkType IPV4.")
        }
        HsmType::Hsm1Medium if cluster.rollback_until.is_some_and(|until| now < until) => {
            Ok((ClusterState::RollbackInProgress, None))
        }
        HsmType::Hsm1Medium => invalid(format!(
            "HsmType: {} can go back to hsm1.medium only within 24 hours of leaving it.",
            cluster.id
        )),
    }
}
