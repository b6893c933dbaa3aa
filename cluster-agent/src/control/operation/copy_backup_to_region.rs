//! CopyBackupToRegion.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::Context;
use crate::control::backup::Backup;
use crate::control::error::{Refusal, invalid};
use crate::control::state::BackupState;
use crate::control::tag::{self, TagInput};
use crate::control::validate::{BACKUP_ID, REGION, request};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Request {
    destination_region: Option<String>,
    backup_id: Option<String>,
    tag_list: Option<Vec<TagInput>>,
}

pub(super) fn run(context: &Context<'_>, body: &Map<String, Value>) -> Result<Value, Refusal> {
    let request: Request = request(body)?;
    let region = REGION.required("DestinationRegion", request.destination_region)?;
    let backup_id = BACKUP_ID.required("BackupId", request.backup_id)?;
    let given = request.tag_list.is_some();
    let tags = tag::checked(request.tag_list)?;
    let restricted = |region: &str| region.starts_with("us-gov-");
    if region == context.region {
        return invalid(format!("DestinationRegion {region} is where the backup is."));
    }
    if restricted(&region) != restricted(context.region) {
        return invalid(format!("A backup cannot be copied from {} to {region}: other partition.", context.region));
    }
    context.plane.catalog.transact(|db| {
        let source = Backup::find(db, context.account, context.region, &backup_id)?;
        if source.state != BackupState::Ready {
            return invalid(format!("{backup_id} is {}, not READY.", source.state.word()));
        }
        let copy = Backup {
            id: context.plane.new_id("backup")?,
            region: region.clone(),
            state: BackupState::CreateInProgress,
            copied: Some(context.now),
            source_region: Some(source.region.clone()),
            source_backup: Some(source.id.clone()),
            source_cluster: Some(source.cluster.clone()),
            ..source.clone()
        };
        copy.insert(db)?;
        if given {
            tag::add(db, &copy.id, &tags)?;
        } else {
            let sql = "INSERT INTO tag SELECT ?1, key, value FROM tag WHERE resource = ?2";
            db.execute(sql, [&copy.id, &source.id])?;
        }
        Ok(json!({"DestinationBackup": {
            "CreateTimestamp": copy.created,
            "SourceRegion": source.region,
            "SourceBackup": source.id,
            "SourceCluster": source.cluster,
        }}))
    })
}
