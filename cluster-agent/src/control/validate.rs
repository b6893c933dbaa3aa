//! The model's patterns and limits. Every message names the member.

use std::sync::LazyLock;

use regex::Regex;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::error::{Refusal, invalid};

/// A string shape of the model: how long it may be, and what it must match as a whole.
pub struct Shape {
    min: usize,
    max: usize,
    pattern: LazyLock<Result<Regex, regex::Error>>,
}

macro_rules! shape {
    ($(#[$doc:meta])* $name:ident, $min:literal..=$max:literal, $pattern:literal) => {
        $(#[$doc])*
        pub static $name: Shape = Shape {
            min: $min,
            max: $max,
            pattern: LazyLock::new(|| Regex::new(concat!("^(?:", $pattern, ")$"))),
        };
    };
}

shape!(/// `ClusterId`.
    CLUSTER_ID, 0..=64, "cluster-[2-7a-zA-Z]{11,16}");
shape!(/// `HsmId`.
    HSM_ID, 0..=64, "hsm-[2-7a-zA-Z]{11,16}");
shape!(/// `BackupId`.
    BACKUP_ID, 0..=64, "backup-[2-7a-zA-Z]{11,16}");
shape!(/// `BackupArn`: an ARN or an id.
    BACKUP_ARN, 0..=256, r"(arn:aws(-(us-gov))?:cloudhsm:([a-z]{2}(-(gov|isob|iso))?-(east|west|north|south|central){1,2}-[0-9]{1}):[0-9]{12}:backup/)?backup-[2-7a-zA-Z]{11,16}");
shape!(/// `CloudHsmArn`.
    CLOUDHSM_ARN, 0..=256, r"arn:aws(-(us-gov))?:cloudhsm:([a-z]{2}(-(gov|isob|iso))?-(east|west|north|south|central){1,2}-[0-9]{1}):[0-9]{12}:(backup/backup|cluster/cluster|hsm/hsm)-[2-7a-zA-Z]{11,16}");
shape!(/// `ResourceId`.
    RESOURCE_ID, 0..=64, "(?:cluster|backup)-[2-7a-zA-Z]{11,16}");
shape!(/// `SubnetId`.
    SUBNET_ID, 0..=64, "subnet-[0-9a-fA-F]{8,17}");
shape!(/// `EniId`.
    ENI_ID, 0..=64, "eni-[0-9a-fA-F]{8,17}");
shape!(/// `IpAddress`.
    IP_ADDRESS, 0..=15, r"\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}");
shape!(/// `ExternalAz`.
    AVAILABILITY_ZONE, 0..=64, r"[a-z]{2}(-(gov))?-(east|west|north|south|central){1,2}-\d[a-z]");
shape!(/// `Region`.
    REGION, 0..=64, r"[a-z]{2}(-(gov))?-(east|west|north|south|central){1,2}-\d");
shape!(/// `HsmType`.
    HSM_TYPE, 0..=32, r"((p|)hsm[0-9][a-z.]*\.[a-zA-Z]+)");
shape!(/// `Cert`.
    CERT, 0..=20000, r"[a-zA-Z0-9+-/=\s]*");
shape!(/// `BackupRetentionValue`.
    RETENTION, 1..=3, "[0-9]+");
shape!(/// `TagKey`.
    TAG_KEY, 1..=128, r"[\p{L}\p{Z}\p{N}_.:/=+\-@]*");
shape!(/// `TagValue`.
    TAG_VALUE, 0..=256, r"[\p{L}\p{Z}\p{N}_.:/=+\-@]*");
shape!(/// `NextToken`.
    NEXT_TOKEN, 0..=256, ".*");
shape!(/// `ResourcePolicy`.
    POLICY, 1..=20000, r"[\s\S]*");
shape!(/// A name of a filter.
    FIELD, 1..=64, "[a-zA-Z0-9_-]+");

impl Shape {
    /// Checks `value`, the value of `member`.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] naming the member and the rule.
    pub fn check(&self, member: &str, value: &str) -> Result<(), Refusal> {
        let length = value.chars().count();
        if length < self.min || length > self.max {
            let (min, max) = (self.min, self.max);
            return invalid(format!("{member} must have {min} to {max} characters, not {length}."));
        }
        match &*self.pattern {
            Ok(pattern) if pattern.is_match(value) => Ok(()),
            Ok(pattern) => invalid(format!("{member} must match {}.", pattern.as_str())),
            Err(error) => Err(Refusal::Internal(format!("pattern of {member}: {error}"))),
        }
    }

    /// Takes a required member and checks it.
    ///
    /// # Errors
    /// As [`Shape::check`], and when the member is missing.
    pub fn required(&self, member: &str, value: Option<String>) -> Result<String, Refusal> {
        let value = required(member, value)?;
        self.check(member, &value)?;
        Ok(value)
    }

    /// Checks a member that may be missing.
    ///
    /// # Errors
    /// As [`Shape::check`].
    pub fn optional(&self, member: &str, value: Option<String>) -> Result<Option<String>, Refusal> {
        if let Some(value) = &value {
            self.check(member, value)?;
        }
        Ok(value)
    }
}

/// A member that must be there.
///
/// # Errors
/// [`Refusal::Invalid`] naming it.
pub fn required<T>(member: &str, value: Option<T>) -> Result<T, Refusal> {
    value.ok_or_else(|| Refusal::Invalid(format!("{member} is required.")))
}

/// A list within its limits.
///
/// # Errors
/// [`Refusal::Invalid`] naming the member.
pub fn list_length(member: &str, length: usize, max: usize) -> Result<(), Refusal> {
    if length == 0 || length > max {
        return invalid(format!("{member} must have 1 to {max} members, not {length}."));
    }
    Ok(())
}

/// `MaxResults` within its limits; the limit when it is missing.
///
/// # Errors
/// [`Refusal::Invalid`].
pub fn max_results(value: Option<i64>, max: usize) -> Result<usize, Refusal> {
    let Some(value) = value else { return Ok(max) };
    match usize::try_from(value) {
        Ok(count) if (1..=max).contains(&count) => Ok(count),
        _ => invalid(format!("MaxResults must be 1 to {max}, not {value}.")),
    }
}

/// Reads a request into its type. Members that the model does not know are ignored, as AWS does: clients may be newer.
///
/// # Errors
/// [`Refusal::Malformed`] when a member has the wrong type.
pub fn request<T: DeserializeOwned>(body: &Map<String, Value>) -> Result<T, Refusal> {
    serde_json::from_value(Value::Object(body.clone())).map_err(|error| Refusal::Malformed(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_compiles() {
        for shape in [&CLUSTER_ID, &HSM_ID, &BACKUP_ID, &BACKUP_ARN, &CLOUDHSM_ARN, &RESOURCE_ID, &SUBNET_ID, &ENI_ID] {
            assert!(shape.pattern.is_ok());
        }
        for shape in [&IP_ADDRESS, &AVAILABILITY_ZONE, &REGION, &HSM_TYPE, &CERT, &RETENTION, &TAG_KEY, &TAG_VALUE] {
            assert!(shape.pattern.is_ok());
        }
        assert!(NEXT_TOKEN.pattern.is_ok() && POLICY.pattern.is_ok() && FIELD.pattern.is_ok());
    }

    #[test]
    fn messages_name_the_member() {
        let error = CLUSTER_ID.check("ClusterId", "cluster-0").unwrap_err().to_string();
        assert!(error.contains("ClusterId"), "{error}");
        let error = CLUSTER_ID.required("ClusterId", None).unwrap_err().to_string();
        assert_eq!(error, "ClusterId is required.");
    }

    #[test]
    fn identifiers_match_as_a_whole_and_limits_include_their_ends() {
        assert!(CLUSTER_ID.check("ClusterId", "xcluster-abcdefghijk").is_err());
        assert!(CLUSTER_ID.check("ClusterId", "cluster-abcdefghijk\n").is_err());
        assert!(TAG_KEY.check("Key", &"é".repeat(128)).is_ok());
        assert!(TAG_KEY.check("Key", &"é".repeat(129)).is_err());
        assert_eq!(max_results(Some(25), 25).unwrap(), 25);
        assert!(max_results(Some(26), 25).is_err() && max_results(Some(0), 25).is_err());
    }
}
