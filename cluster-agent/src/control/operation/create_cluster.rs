//! CreateCluster.

use std::collections::BTreeMap;

use rusqlite::{Connection, params};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Context, RetentionInput};
use crate::control::backup::Backup;
use crate::control::cluster::Cluster;
use crate::control::error::{Refusal, invalid};
use crate::control::state::{BackupState, ClusterState, HsmType, Mode, NetworkType};
use crate::control::subnet::Subnet;
use crate::control::tag::{self, TagInput};
use crate::control::validate::{BACKUP_ARN, HSM_TYPE, SUBNET_ID, list_length, request, required};
use crate::control::{id, policy};

/// How long backups are kept when the request does not say.
const DEFAULT_RETENTION_DAYS: u32 = 90;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Request {
    backup_retention_policy: Option<RetentionInput>,
    hsm_type: Option<String>,
    source_backup_id: Option<String>,
    subnet_ids: Option<Vec<String>>,
    network_type: Option<String>,
    tag_list: Option<Vec<TagInput>>,
    mode: Option<String>,
}

pub(super) fn run(context: &Context<'_>, body: &Map<String, Value>) -> Result<Value, Refusal> {
    let request: Request = request(body)?;
    let hsm_type = known_type(&HSM_TYPE.required("HsmType", request.hsm_type)?)?;
    let subnet_ids = required("SubnetIds", request.subnet_ids)?;
    list_length("SubnetIds", subnet_ids.len(), 10)?;
    subnet_ids.iter().try_for_each(|subnet| SUBNET_ID.check("SubnetIds", subnet))?;
    let network_type = word("NetworkType", request.network_type, NetworkType::from_word)?.unwrap_or(NetworkType::Ipv4);
    let mode = word("Mode", request.mode, Mode::from_word)?;
    let retention = request.backup_retention_policy.map(RetentionInput::days).transpose()?;
    let source = BACKUP_ARN.optional("SourceBackupId", request.source_backup_id)?;
    let tags = tag::checked(request.tag_list)?;

    context.plane.catalog.transact(|db| {
        let zones = zones(db, context.region, &subnet_ids)?;
        let source = source.map(|source| source_backup(context, db, &source)).transpose()?;
        let mode = mode.or(source.as_ref().map(|source| source.mode)).unwrap_or(Mode::Fips);
        check_combination(hsm_type, mode, network_type, source.as_ref())?;
        check_quota(context, db)?;
        let rng = context.plane.rng.as_ref();
        let cluster = Cluster {
            seq: 0,
            id: context.plane.new_id("cluster")?,
            account: context.account.to_owned(),
            region: context.region.to_owned(),
            history_id: match &source {
                Some(source) => source.history_id.clone(),
                None => id::history(rng)?,
            },
            hsm_type,
            target_type: None,
            rollback_until: None,
            mode,
            network_type,
            state: ClusterState::CreateInProgress,
            message: None,
            created: context.now,
            vpc: zones.vpc,
            security_group: id::network(rng, "sg")?,
            source_backup: source.as_ref().map(|source| source.id.clone()),
            retention_days: retention.unwrap_or(DEFAULT_RETENTION_DAYS),
            csr: None,
            hardware: [None, None, None],
            certificate: source.as_ref().map(|source| source.certificate.clone()),
            trust_anchor: source.map(|source| source.trust_anchor),
        };
        cluster.insert(db)?;
        for (zone, subnet) in zones.subnets {
            db.execute("INSERT INTO cluster_subnet VALUES (?1, ?2, ?3)", params![cluster.id, zone, subnet])?;
        }
        tag::add(db, &cluster.id, &tags)?;
        Ok(json!({"Cluster": cluster.shape(db)?}))
    })
}

/// A type that exists.
pub(super) fn known_type(word: &str) -> Result<HsmType, Refusal> {
    HsmType::from_word(word)
        .ok_or_else(|| Refusal::Invalid(format!("HsmType {word} does not exist; hsm2m.medium and hsm1.medium do.")))
}

fn word<T>(member: &str, value: Option<String>, from_word: fn(&str) -> Option<T>) -> Result<Option<T>, Refusal> {
    let Some(value) = value else { return Ok(None) };
    match from_word(&value) {
        Some(known) => Ok(Some(known)),
        None => invalid(format!("{member} {value} is not one of the API's.")),
    }
}

struct Zones {
    vpc: String,
    subnets: BTreeMap<String, String>,
}

/// One subnet for each Availability Zone, all of one VPC.
fn zones(db: &Connection, region: &str, subnet_ids: &[String]) -> Result<Zones, Refusal> {
    let mut vpc: Option<String> = None;
    let mut subnets = BTreeMap::new();
    for subnet_id in subnet_ids {
        let subnet = Subnet::find(db, region, subnet_id)?;
        if vpc.as_ref().is_some_and(|vpc| *vpc != subnet.vpc) {
            return invalid("SubnetIds must all be in one VPC.");
        }
        vpc = Some(subnet.vpc);
        if let Some(other) = subnets.insert(subnet.availability_zone, subnet.id) {
            return invalid(format!("SubnetIds has two subnets in the Availability Zone of {other}; one is allowed."));
        }
    }
    Ok(Zones { vpc: required("SubnetIds", vpc)?, subnets })
}

/// The backup to start from: the caller's own, or one shared with the caller.
fn source_backup(context: &Context<'_>, db: &Connection, source: &str) -> Result<Backup, Refusal> {
    let missing = || Refusal::NotFound(format!("There is no backup {source} in {}.", context.region));
    let id = source.rsplit('/').next().unwrap_or(source);
    let backup = Backup::by_id(db, id).map_err(|_| missing())?;
    let shared = id != source && policy::permits(db, &backup, context.account, "cloudhsm:CreateCluster")?;
    let named = id == source || backup.arn() == source;
    if backup.region != context.region || !named || (backup.account != context.account && !shared) {
        return Err(missing());
    }
    if backup.state != BackupState::Ready {
        return invalid(format!("The backup {id} is {}, not READY.", backup.state.word()));
    }
    Ok(backup)
}

fn check_combination(
    hsm_type: HsmType,
    mode: Mode,
    network_type: NetworkType,
    source: Option<&Backup>,
) -> Result<(), Refusal> {
    if hsm_type == HsmType::Hsm1Medium && (mode == Mode::NonFips || network_type == NetworkType::DualStack) {
        return invalid("HsmType hsm1.medium has only Mode FIPS and NetworkType IPV4.");
    }
    let Some(source) = source else { return Ok(()) };
    if source.mode != mode {
        return invalid(format!("Mode must be {}, that of the backup {}.", source.mode.word(), source.id));
    }
    if source.hsm_type == HsmType::Hsm2mMedium && hsm_type == HsmType::Hsm1Medium {
        return invalid("A backup of hsm2m.medium cannot be restored to hsm1.medium.");
    }
    Ok(())
}

fn check_quota(context: &Context<'_>, db: &Connection) -> Result<(), Refusal> {
    let sql = "SELECT count(*) FROM cluster WHERE account = ?1 AND region = ?2 AND state <> 'DELETED'";
    let count: usize = db.query_row(sql, [context.account, context.region], |row| row.get(0))?;
    let max = context.plane.settings.max_clusters;
    if count >= max {
        return invalid(format!("{} has {count} clusters; the limit is {max}.", context.region));
    }
    Ok(())
}
