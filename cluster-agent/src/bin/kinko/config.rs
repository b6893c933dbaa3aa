//! The library's configuration, read again here: the same file, the same variables, the same keys.
//!
//! `KINKO_CONF` names a file; without it `kinko/kinko.toml` in the user's configuration folder is read if it is there.
//! `KINKO_DIR` wins over the file's `directory`; without both, tokens are in `kinko` in the user's data folder.

use std::path::{Path, PathBuf};

use hsm_client::ClusterConfig;
use hsm_core::crypto::kdf::KdfCost;
use hsm_core::object::policy::ExtractionPolicy;
use hsm_core::user::PasswordPolicy;
use hsm_core::{AuditScope, Settings};
use serde::Deserialize;

use crate::failure::Failure;

/// Where tokens live when there is no home folder to put them in.
const SYSTEM_DIRECTORY: &str = "/var/lib/kinko";

/// What the configuration comes to.
pub struct Config {
    /// The core's settings, the tokens' directory among them.
    pub settings: Settings,
    /// The clusters, with absolute paths.
    pub clusters: Vec<ClusterConfig>,
    /// The file it was read from, if there is one.
    pub file: Option<PathBuf>,
}

/// A configuration file as it is written. The library's module of this name documents every key.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    directory: Option<PathBuf>,
    /// The library's own: checked for its form, and not used here.
    #[serde(default, rename = "log")]
    _log: Log,
    #[serde(default)]
    token: Token,
    #[serde(default)]
    audit: Audit,
    #[serde(default)]
    cluster: Vec<ClusterConfig>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Log {
    #[serde(rename = "level")]
    _level: Option<String>,
    #[serde(rename = "file")]
    _file: Option<PathBuf>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Token {
    extraction_policy: Extraction,
    password_policy: Password,
    kdf_memory_kib: Option<u32>,
    kdf_passes: Option<u32>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Audit {
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

impl Config {
    /// Reads the environment and the file.
    ///
    /// # Errors
    /// [`Failure::Configuration`] naming the file, the line and the key.
    pub fn load() -> Result<Self, Failure> {
        let set = |name| std::env::var_os(name).filter(|value| !value.is_empty());
        let home = std::env::home_dir();
        // The XDG specification: a relative path in these variables is to be ignored.
        let folder = |name, below_home: &str| {
            let from_variable = set(name).map(PathBuf::from).filter(|path| path.is_absolute());
            from_variable.or_else(|| home.as_ref().map(|home| home.join(below_home)))
        };
        let named = set("KINKO_CONF").map(absolute);
        let users = folder("XDG_CONFIG_HOME", ".config").map(|folder| folder.join("kinko/kinko.toml"));
        let path = named.clone().or(users);
        let text = path
            .as_deref()
            .map_or(Ok(None), |path| read(path, if named.is_some() { Named::Yes } else { Named::No }))?;
        let file = match (&path, &text) {
            (Some(path), Some(text)) => parse(path, text)?,
            _ => File::default(),
        };
        let beside = path.as_deref().and_then(Path::parent).unwrap_or(Path::new("/"));
        let default_directory = || {
            folder("XDG_DATA_HOME", ".local/share").map_or_else(|| SYSTEM_DIRECTORY.into(), |data| data.join("kinko"))
        };
        let directory = set("KINKO_DIR").map(absolute);
        let directory = directory.or_else(|| file.directory.as_ref().map(|directory| beside.join(directory)));
        let settings = file.settings(directory.unwrap_or_else(default_directory)).ok_or_else(|| {
            let path = path.as_deref().unwrap_or(beside).display();
            Failure::Configuration(format!("{path}: token.kdf_…: below 19456 KiB or 2 passes, or far too much"))
        })?;
        let broken = |rule| {
            let path = path.as_deref().unwrap_or(beside).display();
            Failure::Configuration(format!("{path}: [[cluster]]: {rule}"))
        };
        let resolved = file.cluster.iter().map(|cluster| cluster.resolved(beside).map_err(broken));
        let clusters = resolved.collect::<Result<_, _>>()?;
        Ok(Self { settings, clusters, file: path.filter(|_| text.is_some()) })
    }
}

impl File {
    /// `None` for a cost of passwords that the core does not take.
    fn settings(&self, directory: PathBuf) -> Option<Settings> {
        let kdf_cost = match (self.token.kdf_memory_kib, self.token.kdf_passes) {
            (None, None) => KdfCost::default(),
            (memory_kib, passes) => KdfCost::new(memory_kib.unwrap_or(65_536), passes.unwrap_or(3), 1)?,
        };
        Some(Settings {
            kdf_cost,
            extraction_policy: match self.token.extraction_policy {
                Extraction::Strict => ExtractionPolicy::Strict,
                Extraction::Compatible => ExtractionPolicy::Compatible,
            },
            password_policy: match self.token.password_policy {
                Password::Pkcs11 => PasswordPolicy::Pkcs11,
                Password::CloudHsm => PasswordPolicy::CloudHsm,
            },
            audit: match self.audit.scope {
                Scope::Management => AuditScope::Management,
                Scope::Everything => AuditScope::Everything,
            },
            ..Settings::default_for(directory)
        })
    }
}

/// The file's text; `None` when a file that nobody named is not there.
fn read(path: &Path, named: Named) -> Result<Option<String>, Failure> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && named == Named::No => Ok(None),
        Err(error) => {
            Err(Failure::Configuration(format!("{}: the configuration cannot be read: {error}", path.display())))
        }
    }
}

fn parse(path: &Path, text: &str) -> Result<File, Failure> {
    toml::from_str(text).map_err(|error: toml::de::Error| {
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        let line = before.matches('\n').count().saturating_add(1);
        Failure::Configuration(format!("{}:{line}: {}", path.display(), error.message()))
    })
}

/// Makes a path independent of the working folder.
fn absolute(path: std::ffi::OsString) -> PathBuf {
    std::path::absolute(&path).unwrap_or_else(|_| path.into())
}

/// Whether somebody named the file: then it must exist.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Named {
    Yes,
    No,
}
