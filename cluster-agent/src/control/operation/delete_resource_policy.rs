//! DeleteResourcePolicy.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::Context;
use super::put_resource_policy::owned_backup;
use crate::control::error::Refusal;
use crate::control::policy;
use crate::control::validate::{CLOUDHSM_ARN, request};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Request {
    resource_arn: Option<String>,
}

pub(super) fn run(context: &Context<'_>, body: &Map<String, Value>) -> Result<Value, Refusal> {
    let request: Request = request(body)?;
    let arn = CLOUDHSM_ARN.required("ResourceArn", request.resource_arn)?;
    context.plane.catalog.transact(|db| {
        let backup = owned_backup(context, db, &arn)?;
        let missing = || Refusal::NotFound(format!("{arn} has no policy."));
        let document = policy::of(db, &backup.id)?.ok_or_else(missing)?;
        db.execute("DELETE FROM policy WHERE resource = ?1", [&backup.id])?;
        Ok(json!({"ResourceArn": arn, "Policy": document}))
    })
}
