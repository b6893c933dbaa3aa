//! RestoreBackup.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::Context;
use crate::control::backup::Backup;
use crate::control::error::{Refusal, invalid};
use crate::control::state::BackupState;
use crate::control::validate::{BACKUP_ID, request};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Request {
    backup_id: Option<String>,
}

pub(super) fn run(context: &Context<'_>, body: &Map<String, Value>) -> Result<Value, Refusal> {
    let request: Request = request(body)?;
    let backup_id = BACKUP_ID.required("BackupId", request.backup_id)?;
    context.plane.catalog.transact(|db| {
        let backup = Backup::find(db, context.account, context.region, &backup_id)?;
        if backup.state != BackupState::PendingDeletion {
            return invalid(format!("{backup_id} is {}, not PENDING_DELETION.", backup.state.word()));
        }
        Backup::enter(db, &backup_id, BackupState::Ready, None)?;
        let backup = Backup::find(db, context.account, context.region, &backup_id)?;
        Ok(json!({"Backup": backup.shape(db)?}))
    })
}
