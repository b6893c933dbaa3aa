//! TagResource.

use rusqlite::Connection;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::Context;
use crate::control::backup::Backup;
use crate::control::cluster::Cluster;
use crate::control::error::Refusal;
use crate::control::tag::{self, TagInput};
use crate::control::validate::{RESOURCE_ID, request, required};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Request {
    resource_id: Option<String>,
    tag_list: Option<Vec<TagInput>>,
}

pub(super) fn run(context: &Context<'_>, body: &Map<String, Value>) -> Result<Value, Refusal> {
    let request: Request = request(body)?;
    let resource = RESOURCE_ID.required("ResourceId", request.resource_id)?;
    let tags = tag::checked(Some(required("TagList", request.tag_list)?))?;
    context.plane.catalog.transact(|db| {
        owned(context, db, &resource)?;
        tag::add(db, &resource, &tags)?;
        Ok(json!({}))
    })
}

/// Checks that the caller has a cluster or backup of this id.
pub(super) fn owned(context: &Context<'_>, db: &Connection, resource: &str) -> Result<(), Refusal> {
    if resource.starts_with("cluster-") {
        Cluster::find(db, context.account, context.region, resource).map(|_| ())
    } else {
        Backup::find(db, context.account, context.region, resource).map(|_| ())
    }
}
