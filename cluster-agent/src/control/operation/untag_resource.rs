//! UntagResource.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::Context;
use super::tag_resource::owned;
use crate::control::error::Refusal;
use crate::control::tag::MAX_TAGS;
use crate::control::validate::{RESOURCE_ID, TAG_KEY, list_length, request, required};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Request {
    resource_id: Option<String>,
    tag_key_list: Option<Vec<String>>,
}

pub(super) fn run(context: &Context<'_>, body: &Map<String, Value>) -> Result<Value, Refusal> {
    let request: Request = request(body)?;
    let resource = RESOURCE_ID.required("ResourceId", request.resource_id)?;
    let keys = required("TagKeyList", request.tag_key_list)?;
    list_length("TagKeyList", keys.len(), MAX_TAGS)?;
    keys.iter().try_for_each(|key| TAG_KEY.check("TagKeyList", key))?;
    context.plane.catalog.transact(|db| {
        owned(context, db, &resource)?;
        for key in &keys {
            db.execute("DELETE FROM tag WHERE resource = ?1 AND key = ?2", [&resource, key])?;
        }
        Ok(json!({}))
    })
}
