//! DeleteHsm.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::Context;
use crate::control::cluster::Cluster;
use crate::control::error::{Refusal, invalid};
use crate::control::hsm::Hsm;
use crate::control::state::{ClusterState, HsmState};
use crate::control::validate::{CLUSTER_ID, ENI_ID, HSM_ID, IP_ADDRESS, request};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Request {
    cluster_id: Option<String>,
    hsm_id: Option<String>,
    eni_id: Option<String>,
    eni_ip: Option<String>,
}

pub(super) fn run(context: &Context<'_>, body: &Map<String, Value>) -> Result<Value, Refusal> {
    let request: Request = request(body)?;
    let cluster_id = CLUSTER_ID.required("ClusterId", request.cluster_id)?;
    let hsm_id = HSM_ID.optional("HsmId", request.hsm_id)?;
    let eni_id = ENI_ID.optional("EniId", request.eni_id)?;
    let eni_ip = IP_ADDRESS.optional("EniIp", request.eni_ip)?;
    let given = [&hsm_id, &eni_id, &eni_ip].into_iter().flatten().count();
    if given != 1 {
        return invalid(format!("Exactly one of HsmId, EniId and EniIp is required, not {given}."));
    }
    context.plane.catalog.transact(|db| {
        let cluster = Cluster::find(db, context.account, context.region, &cluster_id)?;
        let is_meant = |hsm: &Hsm| [(&hsm_id, &hsm.id), (&eni_id, &hsm.eni), (&eni_ip, &hsm.ip)]
            .into_iter()
            .any(|(wanted, has)| wanted.as_ref() == Some(has));
        let found = Hsm::of_cluster(db, &cluster_id)?.into_iter().find(is_meant);
        let hsm = found.ok_or_else(|| Refusal::NotFound(format!("{cluster_id} has no such HSM.")))?;
        if cluster.state == ClusterState::InitializeInProgress {
            return invalid(format!("{cluster_id} is being initialized: wait until it is INITIALIZED."));
        }
        Hsm::pass(db, &hsm.id, hsm.state, HsmState::DeleteInProgress, "HSM is being deleted.")?;
        Ok(json!({"HsmId": hsm.id}))
    })
}
