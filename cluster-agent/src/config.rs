//! The agent's configuration file, TOML.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use hsm_core::Settings;
use hsm_core::crypto::kdf::KdfCost;
use hsm_core::object::policy::ExtractionPolicy;
use hsm_core::user::PasswordPolicy;
use serde::Deserialize;

use crate::control::{ControlSettings, Subnet};

/// Why a configuration cannot be used: names the file and the setting.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ConfigError(pub String);

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// For machines, one object a line.
    Json,
}

/// The configuration of an agent.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where everything is kept; one agent at a time uses it.
    pub state_directory: PathBuf,
    /// Where the API listens.
    #[serde(default = "default_listen")]
    pub listen: SocketAddr,
    /// The file of access keys that may call.
    pub credentials: PathBuf,
    /// The region of the default subnets.
    #[serde(default = "default_region")]
    pub region: String,
    /// How log lines look.
    #[serde(default)]
    pub log_format: LogFormat,
    /// Where HSMs listen, at their addresses; 0: the system chooses.
    #[serde(default = "default_hsm_port")]
    pub hsm_port: u16,
    /// How much there may be.
    #[serde(default)]
    pub limits: Limits,
    /// What the clusters' stores are like.
    #[serde(default)]
    pub token: TokenConfig,
    /// The subnets; without any, two of the region.
    #[serde(default, rename = "subnet")]
    pub subnets: Vec<Subnet>,
}

/// `[limits]`: the quotas of AWS unless said otherwise.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Clusters of an account in a region.
    pub clusters: usize,
    /// HSMs of an account in a region.
    pub hsms: usize,
    /// HSMs of a cluster.
    pub hsms_per_cluster: usize,
}

impl Default for Limits {
    fn default() -> Self {
        let quotas = ControlSettings::default();
        Self { clusters: quotas.max_clusters, hsms: quotas.max_hsms, hsms_per_cluster: quotas.max_hsms_per_cluster }
    }
}

/// `[token]`: the stores of clusters.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TokenConfig {
    /// How strictly keys are kept from being extracted.
    pub extraction_policy: Extraction,
    /// What one guess at a new password costs: memory in KiB (Argon2id).
    pub kdf_memory_kib: Option<u32>,
    /// Passes over that memory.
    pub kdf_passes: Option<u32>,
}

/// The extraction policy of new clusters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Extraction {
    /// No key both wraps and decrypts.
    #[default]
    Strict,
    /// Keys may.
    Compatible,
}

impl TokenConfig {
    fn kdf_cost(&self) -> Option<KdfCost> {
        let default = KdfCost::default();
        let memory_kib = self.kdf_memory_kib.unwrap_or(default.memory_kib());
        KdfCost::new(memory_kib, self.kdf_passes.unwrap_or(default.passes()), default.lanes())
    }
}

fn default_listen() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 8001))
}

fn default_region() -> String {
    "us-west-2".to_owned()
}

fn default_hsm_port() -> u16 {
    ControlSettings::default().hsm_port
}

impl Config {
    /// Reads and checks a configuration file.
    ///
    /// # Errors
    /// [`ConfigError`] naming the file, and the setting.
    pub fn read(file: &Path) -> Result<Self, ConfigError> {
        let failed = |why: String| ConfigError(format!("{}: {why}", file.display()));
        let text = std::fs::read_to_string(file).map_err(|error| failed(error.to_string()))?;
        let mut config: Self = toml::from_str(&text).map_err(|error| failed(error.to_string()))?;
        if !config.listen.ip().is_loopback() {
            let listen = config.listen;
            return Err(failed(format!("listen: {listen} is not loopback, and the agent has no TLS: use 127.0.0.1")));
        }
        if config.subnets.is_empty() {
            config.subnets = default_subnets(&config.region);
        }
        if config.token.kdf_cost().is_none() {
            return Err(failed("[token] kdf_…: below 19456 KiB or 2 passes, or far too much".to_owned()));
        }
        for subnet in &config.subnets {
            subnet.check().map_err(|refusal| failed(format!("[[subnet]] {}: {refusal}", subnet.id)))?;
        }
        Ok(config)
    }

    /// The settings of the clusters' tokens. Passwords follow CloudHSM's rules.
    #[must_use]
    pub fn token_settings(&self) -> Settings {
        Settings {
            // Checked when the file was read.
            kdf_cost: self.token.kdf_cost().unwrap_or_default(),
            extraction_policy: match self.token.extraction_policy {
                Extraction::Strict => ExtractionPolicy::Strict,
                Extraction::Compatible => ExtractionPolicy::Compatible,
            },
            password_policy: PasswordPolicy::CloudHsm,
            // Each cluster has its own.
            ..Settings::default_for(PathBuf::new())
        }
    }

    /// The part of the control plane.
    #[must_use]
    pub fn control(&self) -> ControlSettings {
        ControlSettings {
            hsm_port: self.hsm_port,
            max_clusters: self.limits.clusters,
            max_hsms: self.limits.hsms,
            max_hsms_per_cluster: self.limits.hsms_per_cluster,
        }
    }
}

/// Two subnets of one VPC, in the first two Availability Zones of a region.
fn default_subnets(region: &str) -> Vec<Subnet> {
    let subnet = |id: &str, zone: &str, cidr: &str| Subnet {
        id: id.to_owned(),
        vpc: "vpc-0c3d4e5f".to_owned(),
        availability_zone: format!("{region}{zone}"),
        cidr: cidr.to_owned(),
    };
    vec![subnet("subnet-0a1b2c3d", "a", "127.0.1.0/24"), subnet("subnet-0b2c3d4e", "b", "127.0.2.0/24")]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Config, ConfigError> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        Config::read(file.path())
    }

    #[test]
    fn a_short_configuration_has_two_subnets_and_the_quotas_of_aws() {
        let config = read("state_directory = '/var/lib/kinko'\ncredentials = '/etc/kinko/keys'").unwrap();
        assert_eq!(config.subnets.len(), 2);
        assert_eq!(config.subnets[0].region(), "us-west-2");
        assert_eq!((config.limits.clusters, config.hsm_port), (4, 2223));
    }

    #[test]
    fn what_cannot_work_is_refused_by_name() {
        let base = "state_directory = '/s'\ncredentials = '/c'\n";
        let refused = |more: &str| read(&format!("{base}{more}")).unwrap_err().to_string();
        assert!(refused("listen = '0.0.0.0:8001'").contains("not loopback"));
        assert!(refused("lisen = '127.0.0.1:1'").contains("lisen"));
        let subnet = "[[subnet]]\nid = 'subnet-0a1b2c3d'\nvpc = 'vpc-1'\navailability_zone = 'us-west-2a'\n";
        assert!(refused(&format!("{subnet}cidr = '10.0.0.0/24'")).contains("127.0.0.0/8"));
    }
}
