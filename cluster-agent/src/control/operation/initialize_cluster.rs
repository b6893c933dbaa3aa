//! InitializeCluster.

use rusqlite::params;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::Context;
use crate::control::certificate;
use crate::control::cluster::Cluster;
use crate::control::error::{Refusal, invalid};
use crate::control::hsm::Hsm;
use crate::control::state::{ClusterState, HsmState};
use crate::control::validate::{CERT, CLUSTER_ID, request};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Request {
    cluster_id: Option<String>,
    signed_cert: Option<String>,
    trust_anchor: Option<String>,
}

pub(super) fn run(context: &Context<'_>, body: &Map<String, Value>) -> Result<Value, Refusal> {
    let request: Request = request(body)?;
    let cluster_id = CLUSTER_ID.required("ClusterId", request.cluster_id)?;
    let signed = CERT.required("SignedCert", request.signed_cert)?;
    let anchor = CERT.required("TrustAnchor", request.trust_anchor)?;
    context.plane.catalog.transact(|db| {
        let cluster = Cluster::find(db, context.account, context.region, &cluster_id)?;
        if cluster.state != ClusterState::Uninitialized {
            return invalid(format!("{cluster_id} is {}, not UNINITIALIZED.", cluster.state.word()));
        }
        let active = Hsm::of_cluster(db, &cluster_id)?.iter().any(|hsm| hsm.state == HsmState::Active);
        let (true, Some(csr)) = (active, &cluster.csr) else {
            return invalid(format!("{cluster_id} has no active HSM yet: create its first HSM and wait for it."));
        };
        certificate::check_claim(csr, &signed, &anchor, context.now)?;
        let sql = "UPDATE cluster SET certificate = ?2, trust_anchor = ?3 WHERE id = ?1";
        db.execute(sql, params![cluster_id, signed, anchor])?;
        let (state, message) = (ClusterState::InitializeInProgress, "Cluster is initializing.");
        Cluster::enter(db, &cluster_id, state, Some(message))?;
        Ok(json!({"State": state.word(), "StateMessage": message}))
    })
}
