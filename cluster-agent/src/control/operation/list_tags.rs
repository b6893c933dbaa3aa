//! ListTags.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::tag_resource::owned;
use super::{Context, page};
use crate::control::cluster::put;
use crate::control::error::Refusal;
use crate::control::tag;
use crate::control::validate::{NEXT_TOKEN, RESOURCE_ID, max_results, request};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Request {
    resource_id: Option<String>,
    next_token: Option<String>,
    max_results: Option<i64>,
}

pub(super) fn run(context: &Context<'_>, body: &Map<String, Value>) -> Result<Value, Refusal> {
    let request: Request = request(body)?;
    let resource = RESOURCE_ID.required("ResourceId", request.resource_id)?;
    let max = max_results(request.max_results, 100)?;
    let token = NEXT_TOKEN.optional("NextToken", request.next_token)?;
    context.plane.catalog.transact(|db| {
        owned(context, db, &resource)?;
        let key = |tag: &Value| tag.get("Key").and_then(Value::as_str).unwrap_or_default().to_owned();
        let (tags, next) = page(tag::list(db, &resource)?, max, token.as_deref(), key)?;
        let mut answer = json!({"TagList": tags});
        put(&mut answer, "NextToken", next);
        Ok(answer)
    })
}
