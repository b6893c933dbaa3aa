//! ModifyBackupAttributes.

use rusqlite::params;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::Context;
use crate::control::backup::Backup;
use crate::control::error::Refusal;
use crate::control::validate::{BACKUP_ID, request, required};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Request {
    backup_id: Option<String>,
    never_expires: Option<bool>,
}

pub(super) fn run(context: &Context<'_>, body: &Map<String, Value>) -> Result<Value, Refusal> {
    let request: Request = request(body)?;
    let backup_id = BACKUP_ID.required("BackupId", request.backup_id)?;
    let never_expires = required("NeverExpires", request.never_expires)?;
    context.plane.catalog.transact(|db| {
        Backup::find(db, context.account, context.region, &backup_id)?;
        db.execute("UPDATE backup SET never_expires = ?2 WHERE id = ?1", params![backup_id, never_expires])?;
        let backup = Backup::find(db, context.account, context.region, &backup_id)?;
        Ok(json!({"Backup": backup.shape(db)?}))
    })
}
