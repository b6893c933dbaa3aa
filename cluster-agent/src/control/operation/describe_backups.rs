//! DescribeBackups.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Context, check_filters, page, passes};
use crate::control::backup::Backup;
use crate::control::cluster::put;
use crate::control::error::Refusal;
use crate::control::policy;
use crate::control::validate::{NEXT_TOKEN, max_results, request};

const FILTERS: &[&str] = &["backupIds", "sourceBackupIds", "clusterIds", "states", "neverExpires"];

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Request {
    #[serde(default)]
    filters: BTreeMap<String, Vec<String>>,
    next_token: Option<String>,
    max_results: Option<i64>,
    #[serde(default)]
    shared: bool,
    #[serde(default)]
    sort_ascending: bool,
}

pub(super) fn run(context: &Context<'_>, body: &Map<String, Value>) -> Result<Value, Refusal> {
    let request: Request = request(body)?;
    let max = max_results(request.max_results, 50)?;
    let token = NEXT_TOKEN.optional("NextToken", request.next_token)?;
    check_filters(&request.filters, FILTERS)?;
    context.plane.catalog.transact(|db| {
        let mut backups = Vec::new();
        for backup in Backup::of_region(db, context.region)? {
            let own = backup.account == context.account;
            let seen = if request.shared {
                !own && policy::permits(db, &backup, context.account, "cloudhsm:DescribeBackups")?
            } else {
                own
            };
            if seen && passes_all(&request.filters, &backup) {
                backups.push(backup);
            }
        }
        if !request.sort_ascending {
            backups.reverse();
        }
        let (backups, next) = page(backups, max, token.as_deref(), |backup| backup.seq.to_string())?;
        let shapes = backups.iter().map(|backup| backup.shape(db)).collect::<Result<Vec<_>, _>>()?;
        let mut answer = json!({"Backups": shapes});
        put(&mut answer, "NextToken", next);
        Ok(answer)
    })
}

fn passes_all(filters: &BTreeMap<String, Vec<String>>, backup: &Backup) -> bool {
    passes(filters, "backupIds", &backup.id)
        && passes(filters, "sourceBackupIds", backup.source_backup.as_deref().unwrap_or_default())
        && passes(filters, "clusterIds", &backup.cluster)
        && passes(filters, "states", backup.state.word())
        && passes(filters, "neverExpires", if backup.never_expires { "true" } else { "false" })
}
