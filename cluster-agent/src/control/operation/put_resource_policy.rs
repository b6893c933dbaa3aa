//! PutResourcePolicy.

use rusqlite::{Connection, params};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::Context;
use crate::control::backup::Backup;
use crate::control::error::{Refusal, invalid};
use crate::control::policy;
use crate::control::state::BackupState;
use crate::control::validate::{CLOUDHSM_ARN, POLICY, request};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Request {
    resource_arn: Option<String>,
    policy: Option<String>,
}

pub(super) fn run(context: &Context<'_>, body: &Map<String, Value>) -> Result<Value, Refusal> {
    let request: Request = request(body)?;
    let arn = CLOUDHSM_ARN.required("ResourceArn", request.resource_arn)?;
    let document = POLICY.required("Policy", request.policy)?;
    policy::check(&document)?;
    context.plane.catalog.transact(|db| {
        let backup = owned_backup(context, db, &arn)?;
        if backup.state != BackupState::Ready {
            return invalid(format!("{} is {}, not READY.", backup.id, backup.state.word()));
        }
        let sql = "INSERT INTO policy VALUES (?1, ?2) ON CONFLICT (resource) DO UPDATE SET document = excluded.document";
        db.execute(sql, params![backup.id, document])?;
        Ok(json!({"ResourceArn": arn, "Policy": document}))
    })
}

/// The backup of an ARN: only backups have policies, and only their owners see and change them.
pub(super) fn owned_backup(context: &Context<'_>, db: &Connection, arn: &str) -> Result<Backup, Refusal> {
    let Some((_, id)) = arn.split_once(":backup/") else {
        return invalid("ResourceArn must be that of a backup: only backups have policies.");
    };
    let backup = Backup::find(db, context.account, context.region, id)?;
    if backup.arn() != arn {
        return Err(Refusal::NotFound(format!("There is no backup {arn}.")));
    }
    Ok(backup)
}
