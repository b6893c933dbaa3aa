//! CreateHsm.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::Context;
use crate::control::cluster::Cluster;
use crate::control::error::{Refusal, invalid};
use crate::control::hsm::Hsm;
use crate::control::id;
use crate::control::state::{ClusterState, HsmState};
use crate::control::subnet::Subnet;
use crate::control::validate::{AVAILABILITY_ZONE, CLUSTER_ID, IP_ADDRESS, request};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Request {
    cluster_id: Option<String>,
    availability_zone: Option<String>,
    ip_address: Option<String>,
}

pub(super) fn run(context: &Context<'_>, body: &Map<String, Value>) -> Result<Value, Refusal> {
    let request: Request = request(body)?;
    let cluster_id = CLUSTER_ID.required("ClusterId", request.cluster_id)?;
    let zone = AVAILABILITY_ZONE.required("AvailabilityZone", request.availability_zone)?;
    let wanted = IP_ADDRESS.optional("IpAddress", request.ip_address)?;
    let plane = context.plane;
    plane.catalog.transact(|db| {
        let cluster = Cluster::find(db, context.account, context.region, &cluster_id)?;
        let hsms = Hsm::of_cluster(db, &cluster_id)?.len();
        check_state(&cluster, hsms)?;
        check_quota(context, hsms, Hsm::count(db, context.account, context.region)?)?;
        let subnets = cluster.subnets(db)?;
        let subnet = subnets.into_iter().find(|(known, _)| *known == zone).map(|(_, subnet)| subnet);
        let Some(subnet) = subnet else {
            return invalid(format!("AvailabilityZone {zone} is not one of {cluster_id}."));
        };
        let subnet = Subnet::find(db, context.region, &subnet)?;
        let hsm = Hsm {
            id: plane.new_id("hsm")?,
            cluster: cluster_id.clone(),
            availability_zone: zone,
            ip: subnet.free_address(db, wanted.as_deref())?.to_string(),
            subnet: subnet.id,
            eni: id::network(plane.rng.as_ref(), "eni")?,
            hsm_type: cluster.hsm_type,
            state: HsmState::CreateInProgress,
            message: None,
            created: context.now,
        };
        hsm.insert(db)?;
        Ok(json!({"Hsm": hsm.shape()}))
    })
}

fn check_state(cluster: &Cluster, hsms: usize) -> Result<(), Refusal> {
    match cluster.state {
        ClusterState::Initialized | ClusterState::Active => Ok(()),
        ClusterState::Uninitialized if hsms == 0 => Ok(()),
        ClusterState::Uninitialized => {
            invalid(format!("{} is UNINITIALIZED and has its first HSM: initialize it before adding others.", cluster.id))
        }
        other => invalid(format!("{} is {}: no HSM can be added now.", cluster.id, other.word())),
    }
}

fn check_quota(context: &Context<'_>, in_cluster: usize, in_region: usize) -> Result<(), Refusal> {
    let settings = &context.plane.settings;
    if in_cluster >= settings.max_hsms_per_cluster {
        return invalid(format!("The cluster has {in_cluster} HSMs; the limit is {}.", settings.max_hsms_per_cluster));
    }
    if in_region >= settings.max_hsms {
        return invalid(format!("{} has {in_region} HSMs; the limit is {}.", context.region, settings.max_hsms));
    }
    Ok(())
}
