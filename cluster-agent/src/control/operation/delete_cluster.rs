//! DeleteCluster.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::Context;
use crate::control::cluster::Cluster;
use crate::control::error::{Refusal, invalid};
use crate::control::hsm::Hsm;
use crate::control::state::ClusterState;
use crate::control::validate::{CLUSTER_ID, request};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Request {
    cluster_id: Option<String>,
}

pub(super) fn run(context: &Context<'_>, body: &Map<String, Value>) -> Result<Value, Refusal> {
    let request: Request = request(body)?;
    let cluster_id = CLUSTER_ID.required("ClusterId", request.cluster_id)?;
    context.plane.catalog.transact(|db| {
        let mut cluster = Cluster::find(db, context.account, context.region, &cluster_id)?;
        let hsms = Hsm::of_cluster(db, &cluster_id)?.len();
        if hsms > 0 {
            return invalid(format!("{cluster_id} has {hsms} HSMs: delete them first."));
        }
        let stable = [ClusterState::Uninitialized, ClusterState::Initialized, ClusterState::Active, ClusterState::Degraded];
        if !stable.contains(&cluster.state) {
            return invalid(format!("{cluster_id} is {}: it cannot be deleted now.", cluster.state.word()));
        }
        let (state, message) = (ClusterState::DeleteInProgress, "The cluster is being deleted.");
        Cluster::enter(db, &cluster_id, state, Some(message))?;
        (cluster.state, cluster.message) = (state, Some(message.to_owned()));
        Ok(json!({"Cluster": cluster.shape(db)?}))
    })
}
