//! Settings from a file and from the environment, parsed once into a valid type.
//!
//! No configuration is needed. `KINKO_CONF` names a file; without it `kinko/kinko.toml` in the
//! user's configuration folder is read if it is there. `KINKO_DIR`, `KINKO_LOG` and
//! `KINKO_LOG_FILE` win over the file. A program that runs with more rights than its caller
//! (set-uid, file capabilities) gets none of this: the caller could point it anywhere.
//!
//! ```toml
//! directory = "/srv/tokens"          # relative paths start at this file
//! [log]
//! level = "debug"                    # off, error, warn, info, debug, trace
//! file = "kinko.log"                 # standard error if left out
//! [token]                            # what new tokens are like; read at C_Initialize
//! extraction_policy = "compatible"   # or "strict", the default
//! password_policy = "pkcs11"         # the default, or "cloudhsm"
//! kdf_memory_kib = 65536             # what one guess at a password costs (Argon2id)
//! kdf_passes = 3
//!
//! [audit]
//! scope = "management"               # the default, or "everything": each use of a key too
//!
//! [[cluster]]                        # a cluster of HSMs, one slot each
//! id = "cluster-q3m7txk2wdn"         # for `kinko --cluster-id`
//! slot = 100                         # 1000, 1001, … in this order if left out
//! sockets = ["/run/kinko/hsm.sock"]  # HSMs of this host
//! servers = ["127.0.1.10:2223"]      # HSMs over TLS
//! ca_file = "customerCA.crt"         # the cluster's trust anchor; needed for servers
//! client_cert_file = "client.crt"    # only where the cluster wants client certificates
//! client_key_file = "client.key"
//! ```
//!
//! A file that names clusters and no `directory` shows the clusters' slots only.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use hsm_client::ClusterConfig;
use hsm_core::crypto::kdf::KdfCost;
use hsm_core::object::policy::ExtractionPolicy;
use hsm_core::user::PasswordPolicy;
use hsm_core::{AuditScope, Settings};
use hsm_types::SlotId;
use log::LevelFilter;
use serde::Deserialize;

/// Where tokens live when there is no home folder to put them in.
const SYSTEM_DIRECTORY: &str = "/var/lib/kinko";

/// Valid settings.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Config {
    /// The folder of the tokens.
    pub(crate) directory: PathBuf,
    /// Which lines are logged.
    pub(crate) log_level: LevelFilter,
    /// The log file; `None` is standard error.
    pub(crate) log_file: Option<PathBuf>,
    extraction_policy: ExtractionPolicy,
    password_policy: PasswordPolicy,
    kdf_cost: KdfCost,
    audit: AuditScope,
    /// The clusters, in the order of the file.
    pub(crate) clusters: Vec<(SlotId, ClusterConfig)>,
    /// Whether the tokens of the folder have slots.
    pub(crate) embedded: Embedded,
}

/// Whether tokens in this process have slots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Embedded {
    Shown,
    /// The file names clusters and no folder.
    Hidden,
}

/// The slot of the first cluster that names none: far from the tokens of the folder, which are numbered from 0.
const FIRST_CLUSTER_SLOT: u64 = 1000;

impl Config {
    /// The core's settings.
    pub(crate) fn settings(&self) -> Settings {
        Settings {
            extraction_policy: self.extraction_policy,
            password_policy: self.password_policy,
            kdf_cost: self.kdf_cost,
            audit: self.audit,
            ..Settings::default_for(self.directory.clone())
        }
    }
}

/// Where settings come from: what the environment says, read once.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sources {
    /// `KINKO_CONF`: a file that must exist.
    named_file: Option<PathBuf>,
    /// The user's own file, which may be missing.
    user_file: Option<PathBuf>,
    /// The folder of the tokens if the file names none.
    default_directory: PathBuf,
    /// `KINKO_DIR`.
    directory: Option<PathBuf>,
    /// `KINKO_LOG`.
    log_level: Option<String>,
    /// `KINKO_LOG_FILE`.
    log_file: Option<PathBuf>,
}

/// A configuration file as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    directory: Option<PathBuf>,
    #[serde(default)]
    log: Log,
    #[serde(default)]
    token: Token,
    #[serde(default)]
    audit: Audit,
    #[serde(default)]
    cluster: Vec<ClusterConfig>,
}

/// The clusters of a file; no two in one slot.
fn clusters(file: &File, folder: &Path) -> Result<Vec<(SlotId, ClusterConfig)>, String> {
    let mut valid: Vec<(SlotId, ClusterConfig)> = Vec::new();
    for (index, cluster) in (0_u64..).zip(&file.cluster) {
        let number = index.saturating_add(1);
        let cluster = cluster.resolved(folder).map_err(|rule| format!("number {number}: {rule}"))?;
        let slot = SlotId(cluster.slot.unwrap_or(FIRST_CLUSTER_SLOT.saturating_add(index)));
        if valid.iter().any(|(other, _)| *other == slot) {
            return Err(format!("slot {} is taken twice", slot.0));
        }
        valid.push((slot, cluster));
    }
    Ok(valid)
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Log {
    level: Option<String>,
    file: Option<PathBuf>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Token {
    #[serde(default)]
    extraction_policy: Extraction,
    #[serde(default)]
    password_policy: Password,
    kdf_memory_kib: Option<u32>,
    kdf_passes: Option<u32>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Audit {
    #[serde(default)]
    scope: Scope,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Scope {
    #[default]
    Management,
    Everything,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Extraction {
    #[default]
    Strict,
    Compatible,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Password {
    #[default]
    Pkcs11,
    CloudHsm,
}

impl Token {
    /// The default's numbers for those left out. `None` below the core's floor or above its ceiling.
    fn kdf_cost(&self) -> Option<KdfCost> {
        match (self.kdf_memory_kib, self.kdf_passes) {
            (None, None) => Some(KdfCost::default()),
            (memory_kib, passes) => KdfCost::new(memory_kib.unwrap_or(65_536), passes.unwrap_or(3), 1),
        }
    }
}

impl Sources {
    /// Reads the environment through `variable`; `home` is the user's home folder.
    pub(crate) fn new(variable: impl Fn(&str) -> Option<OsString>, home: Option<PathBuf>) -> Self {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        // The XDG specification: a relative path in these variables is to be ignored.
        let folder = |name: &str, below_home: &str| {
            let from_variable = set(name).map(PathBuf::from).filter(|path| path.is_absolute());
            from_variable.or_else(|| home.as_ref().map(|home| home.join(below_home)))
        };
        Self {
            named_file: set("KINKO_CONF").map(absolute),
            user_file: folder("XDG_CONFIG_HOME", ".config").map(|folder| folder.join("kinko/kinko.toml")),
            default_directory: folder("XDG_DATA_HOME", ".local/share")
                .map_or_else(|| PathBuf::from(SYSTEM_DIRECTORY), |folder| folder.join("kinko")),
            directory: set("KINKO_DIR").map(absolute),
            log_level: set("KINKO_LOG").map(|level| level.to_string_lossy().into_owned()),
            log_file: set("KINKO_LOG_FILE").map(absolute),
        }
    }

    /// When the file last changed; `None` if there is none.
    pub(crate) fn modified(&self) -> Option<SystemTime> {
        std::fs::metadata(self.file()?).and_then(|metadata| metadata.modified()).ok()
    }

    /// Reads the file and puts the environment over it.
    ///
    /// # Errors
    /// A sentence that names the file or variable, and the key.
    pub(crate) fn load(&self) -> Result<Config, String> {
        let file = self.read()?;
        let folder = self.file().and_then(Path::parent).unwrap_or(Path::new("/"));
        let in_file = |key: &str, rule: &str| format!("{}: {key}: {rule}", self.file().unwrap_or(folder).display());
        let log_level = match (&self.log_level, &file.log.level) {
            (Some(level), _) => parse_level(level).map_err(|rule| format!("KINKO_LOG: {rule}"))?,
            (None, Some(level)) => parse_level(level).map_err(|rule| in_file("log.level", &rule))?,
            (None, None) => LevelFilter::Off,
        };
        let kdf_cost = file.token.kdf_cost();
        let clusters = clusters(&file, folder).map_err(|rule| in_file("[[cluster]]", &rule))?;
        let only_clusters = !clusters.is_empty() && self.directory.is_none() && file.directory.is_none();
        Ok(Config {
            directory: self
                .directory
                .clone()
                .or_else(|| file.directory.map(|path| folder.join(path)))
                .unwrap_or_else(|| self.default_directory.clone()),
            log_level,
            log_file: self.log_file.clone().or_else(|| file.log.file.map(|path| folder.join(path))),
            extraction_policy: match file.token.extraction_policy {
                Extraction::Strict => ExtractionPolicy::Strict,
                Extraction::Compatible => ExtractionPolicy::Compatible,
            },
            password_policy: match file.token.password_policy {
                Password::Pkcs11 => PasswordPolicy::Pkcs11,
                Password::CloudHsm => PasswordPolicy::CloudHsm,
            },
            audit: match file.audit.scope {
                Scope::Management => AuditScope::Management,
                Scope::Everything => AuditScope::Everything,
            },
            clusters,
            embedded: if only_clusters { Embedded::Hidden } else { Embedded::Shown },
            kdf_cost: kdf_cost.ok_or_else(|| in_file("token.kdf_…", "below 19456 KiB or 2 passes, or far too much"))?,
        })
    }

    fn read(&self) -> Result<File, String> {
        let Some(path) = self.file() else { return Ok(File::default()) };
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && self.named_file.is_none() => {
                return Ok(File::default());
            }
            Err(error) => return Err(format!("{}: the configuration cannot be read: {error}", path.display())),
        };
        toml::from_str(&text).map_err(|error| {
            let line = error
                .span()
                .and_then(|span| text.get(..span.start))
                .map_or(1, |before| before.matches('\n').count().saturating_add(1));
            format!("{}:{line}: {}", path.display(), error.message())
        })
    }

    fn file(&self) -> Option<&Path> {
        self.named_file.as_deref().or(self.user_file.as_deref())
    }
}

fn parse_level(level: &str) -> Result<LevelFilter, String> {
    let known = level.trim().parse();
    known.map_err(|_| format!("`{level}` is not a level (off, error, warn, info, debug, trace)"))
}

/// Makes a path independent of later changes of the working folder.
fn absolute(path: OsString) -> PathBuf {
    std::path::absolute(&path).unwrap_or_else(|_| path.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sources(variables: &[(&str, &str)]) -> Sources {
        let variables: Vec<_> = variables.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
        Sources::new(
            |name| variables.iter().find(|(known, _)| known == name).map(|(_, value)| OsString::from(value)),
            Some(PathBuf::from("/home/someone")),
        )
    }

    fn written(text: &str) -> (tempfile::TempDir, String) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("kinko.toml");
        std::fs::write(&path, text).unwrap();
        let path = path.to_str().unwrap().to_string();
        (folder, path)
    }

    #[test]
    fn without_configuration_tokens_live_under_the_users_data_folder() {
        let config = sources(&[]).load().unwrap();
        assert_eq!(config.directory, Path::new("/home/someone/.local/share/kinko"));
        assert_eq!(config.log_level, LevelFilter::Off);
        let config = sources(&[("XDG_DATA_HOME", "/data")]).load().unwrap();
        assert_eq!(config.directory, Path::new("/data/kinko"));
    }

    #[test]
    fn a_relative_xdg_folder_is_ignored() {
        let config = sources(&[("XDG_DATA_HOME", "data")]).load().unwrap();
        assert_eq!(config.directory, Path::new("/home/someone/.local/share/kinko"));
    }

    #[test]
    fn the_environment_wins_over_the_file() {
        let (_folder, path) = written("directory = \"/from/file\"\n[log]\nlevel = \"error\"\n");
        let config = sources(&[("KINKO_CONF", &path)]).load().unwrap();
        assert_eq!((config.directory.as_path(), config.log_level), (Path::new("/from/file"), LevelFilter::Error));
        let config = sources(&[("KINKO_CONF", &path), ("KINKO_DIR", "/env"), ("KINKO_LOG", "debug")]).load().unwrap();
        assert_eq!((config.directory.as_path(), config.log_level), (Path::new("/env"), LevelFilter::Debug));
    }

    #[test]
    fn a_relative_folder_in_the_file_starts_at_the_file() {
        let (folder, path) = written("directory = \"tokens\"\n");
        let config = sources(&[("KINKO_CONF", &path)]).load().unwrap();
        assert_eq!(config.directory, folder.path().join("tokens"));
    }

    #[test]
    fn an_unknown_key_is_refused_by_file_line_and_key() {
        let (_folder, path) = written("directory = \"/x\"\n[log]\nlevle = \"debug\"\n");
        let error = sources(&[("KINKO_CONF", &path)]).load().unwrap_err();
        assert!(error.starts_with(&format!("{path}:3:")), "{error}");
        assert!(error.contains("levle"), "{error}");
    }

    #[test]
    fn new_tokens_are_what_the_file_says() {
        let (_folder, path) = written(
            "[token]\nextraction_policy = \"compatible\"\npassword_policy = \"cloudhsm\"\nkdf_memory_kib = 19456\nkdf_passes = 2\n[audit]\nscope = \"everything\"\n",
        );
        let settings = sources(&[("KINKO_CONF", &path)]).load().unwrap().settings();
        assert_eq!(settings.extraction_policy, ExtractionPolicy::Compatible);
        assert_eq!(settings.password_policy, PasswordPolicy::CloudHsm);
        assert_eq!(settings.kdf_cost, KdfCost::FLOOR);
        assert_eq!(settings.audit, AuditScope::Everything);
    }

    #[test]
    fn a_password_cost_below_the_floor_is_refused() {
        let (_folder, path) = written("[token]\nkdf_passes = 1\n");
        assert!(sources(&[("KINKO_CONF", &path)]).load().unwrap_err().starts_with(&format!("{path}: token.kdf")));
    }

    #[test]
    fn a_named_file_that_is_missing_is_refused_by_name() {
        let error = sources(&[("KINKO_CONF", "/nowhere/kinko.toml")]).load().unwrap_err();
        assert!(error.starts_with("/nowhere/kinko.toml:"), "{error}");
    }

    #[test]
    fn an_unknown_level_is_refused_by_variable() {
        let error = sources(&[("KINKO_LOG", "loud")]).load().unwrap_err();
        assert!(error.starts_with("KINKO_LOG: `loud`"), "{error}");
    }

    #[test]
    fn without_a_home_folder_tokens_live_in_the_systems_folder() {
        let config = Sources::new(|_| None, None).load().unwrap();
        assert_eq!(config.directory, Path::new(SYSTEM_DIRECTORY));
    }
}
