//! The operations of the API: one row of the table, one file each.

use serde_json::{Map, Value};

use super::ControlPlane;
use super::error::{Refusal, invalid};

/// What an operation is called with.
pub struct Context<'a> {
    /// The control plane.
    pub plane: &'a ControlPlane,
    /// The caller's account: nobody sees another's resources.
    pub account: &'a str,
    /// The region that the request is signed for.
    pub region: &'a str,
    /// When the request came.
    pub now: u64,
}

/// Whether an operation leaves work to do.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// It only looks.
    Reads,
    /// It may leave a row in progress.
    Changes,
}

type Run = fn(&Context<'_>, &Map<String, Value>) -> Result<Value, Refusal>;

/// An operation.
pub struct Operation {
    /// As in `X-Amz-Target`.
    pub name: &'static str,
    /// Whether the worker is woken afterwards.
    pub effect: Effect,
    /// What it does.
    pub run: Run,
}

macro_rules! operations {
    ($($name:literal $effect:ident $module:ident,)+) => {
        $(mod $module;)+

        /// The names, in the order of the sheet.
        pub const NAMES: &[&str] = &[$($name,)+];

        /// The table.
        const OPERATIONS: &[Operation] =
            &[$(Operation { name: $name, effect: Effect::$effect, run: $module::run },)+];
    };
}

operations! {
    "CreateCluster" Changes create_cluster,
    "DescribeClusters" Reads describe_clusters,
    "InitializeCluster" Changes initialize_cluster,
    "ModifyCluster" Changes modify_cluster,
    "DeleteCluster" Changes delete_cluster,
    "CreateHsm" Changes create_hsm,
    "DeleteHsm" Changes delete_hsm,
    "DescribeBackups" Reads describe_backups,
    "CopyBackupToRegion" Changes copy_backup_to_region,
    "DeleteBackup" Changes delete_backup,
    "RestoreBackup" Changes restore_backup,
    "ModifyBackupAttributes" Changes modify_backup_attributes,
    "PutResourcePolicy" Changes put_resource_policy,
    "GetResourcePolicy" Reads get_resource_policy,
    "DeleteResourcePolicy" Changes delete_resource_policy,
    "TagResource" Changes tag_resource,
    "UntagResource" Changes untag_resource,
    "ListTags" Reads list_tags,
}

/// The operation of a name.
pub fn find(name: &str) -> Option<&'static Operation> {
    OPERATIONS.iter().find(|operation| operation.name == name)
}

/// `BackupRetentionPolicy` of a request.
#[derive(Debug, serde::Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct RetentionInput {
    r#type: Option<String>,
    value: Option<String>,
}

impl RetentionInput {
    /// The number of days, 7 to 379.
    fn days(self) -> Result<u32, Refusal> {
        if self.r#type.as_deref() != Some("DAYS") {
            return invalid("BackupRetentionPolicy.Type must be DAYS.");
        }
        let value = super::validate::RETENTION.required("BackupRetentionPolicy.Value", self.value)?;
        match value.parse() {
            Ok(days) if (7..=379).contains(&days) => Ok(days),
            _ => invalid(format!("BackupRetentionPolicy.Value must be 7 to 379, not {value}.")),
        }
    }
}

/// One page of `all`, which is in order: the members after the one whose key is `token`, at most `max`, and the token
/// of the next page.
fn page<T>(
    all: Vec<T>,
    max: usize,
    token: Option<&str>,
    key: impl Fn(&T) -> String,
) -> Result<(Vec<T>, Option<String>), Refusal> {
    let start = match token {
        None | Some("") => 0,
        Some(token) => {
            let last = all.iter().position(|one| key(one) == token);
            last.map(|index| index + 1).ok_or_else(|| Refusal::Invalid("NextToken is not one of this list.".into()))?
        }
    };
    let more = all.len() > start + max;
    let page: Vec<T> = all.into_iter().skip(start).take(max).collect();
    let next = if more { page.last().map(&key) } else { None };
    Ok((page, next))
}

/// `Filters` of a request: every name is known, every list has a value.
fn check_filters(filters: &std::collections::BTreeMap<String, Vec<String>>, known: &[&str]) -> Result<(), Refusal> {
    if filters.len() > 30 {
        return invalid("Filters must have at most 30 members.");
    }
    for name in filters.keys() {
        super::validate::FIELD.check("Filters", name)?;
        if !known.contains(&name.as_str()) {
            return invalid(format!("Filters has the unknown name {name}; known are {}.", known.join(", ")));
        }
    }
    Ok(())
}

/// Whether a value passes the filter of a name.
fn passes(filters: &std::collections::BTreeMap<String, Vec<String>>, name: &str, value: &str) -> bool {
    filters.get(name).is_none_or(|wanted| wanted.iter().any(|one| one == value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_follow_each_other_without_gap_or_repetition() {
        let all: Vec<u32> = (0..7).collect();
        let mut token = None;
        let mut seen = Vec::new();
        loop {
            let (page, next) = page(all.clone(), 3, token.as_deref(), u32::to_string).unwrap();
            seen.extend(page);
            token = next;
            if token.is_none() {
                break;
            }
        }
        assert_eq!(seen, all);
        assert!(page(all, 3, Some("nonsense"), u32::to_string).is_err());
    }
}
