//! The access keys whose signatures are accepted, and the file they come from.

use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};
use serde::Deserialize;
use zeroize::Zeroizing;

use crate::Caller;

const MAX_FILE_BYTES: u64 = 1 << 20;

/// Why credentials were not accepted.
#[derive(Debug, thiserror::Error)]
pub enum CredentialsError {
    /// The file could not be opened or read.
    #[error("cannot read the credentials file {path}: {source}; check that it exists and that this user may read it")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The path is a symbolic link, a directory, a device…
    #[error("the credentials file {path} is not a regular file; name the file itself, not a symbolic link to it")]
    NotRegular {
        /// The file.
        path: PathBuf,
    },
    /// Another user owns the file.
    #[error("the credentials file {path} belongs to user {owner}, not to {us}; run `chown {us} {path}`")]
    Owner {
        /// The file.
        path: PathBuf,
        /// The owner's user ID.
        owner: u32,
        /// The user ID this process runs with.
        us: u32,
    },
    /// Group or others have some access to the file.
    #[error("the credentials file {path} has mode {mode:04o}, which lets others at it; run `chmod 600 {path}`")]
    Permissions {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The file is larger than 1 MiB.
    #[error("the credentials file {path} is larger than 1 MiB; is it the right file?")]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// Not TOML, or not of the expected form. Quotes no line of the file.
    #[error(
        "the credentials file {path} cannot be understood near byte {at}; it takes [[access_key]] tables with id, secret, account, principal and optionally session_token, and optionally regions = [..] at the top"
    )]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Offset in bytes.
        at: usize,
    },
    /// A key's member has a value it cannot have.
    #[error("access key {id}: {problem}")]
    Key {
        /// The access key's ID.
        id: String,
        /// What is wrong and what is expected.
        problem: &'static str,
    },
}

/// An access key.
#[derive(Clone)]
pub struct AccessKey {
    /// The key's ID (`AKIA…`).
    pub id: String,
    /// The secret access key.
    pub secret: Zeroizing<String>,
    /// For temporary keys, the token each request must carry.
    pub session_token: Option<Zeroizing<String>>,
    /// The account, 12 digits.
    pub account: String,
    /// ARN of the user or role.
    pub principal: String,
}

impl std::fmt::Debug for AccessKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AccessKey").field("id", &self.id).field("account", &self.account).finish_non_exhaustive()
    }
}

impl AccessKey {
    pub(crate) fn caller(&self) -> Caller {
        Caller { access_key_id: self.id.clone(), account: self.account.clone(), principal_arn: self.principal.clone() }
    }

    fn check(&self) -> Result<(), CredentialsError> {
        let account_ok = self.account.len() == 12 && self.account.bytes().all(|b| b.is_ascii_digit());
        let id_ok = !self.id.is_empty() && self.id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        let checks = [
            (id_ok, "an ID is made of letters, digits and underscores"),
            (self.secret.len() >= 16, "the secret must have at least 16 characters"),
            (account_ok, "the account must be 12 digits"),
            (self.principal.starts_with("arn:"), "the principal must be an ARN (arn:aws:iam::<account>:user/<name>)"),
        ];
        match checks.into_iter().find(|(ok, _)| !ok) {
            Some((_, problem)) => Err(CredentialsError::Key { id: self.id.clone(), problem }),
            None => Ok(()),
        }
    }
}

/// All access keys of a server, and the Regions it answers for.
#[derive(Debug, Clone)]
pub struct Credentials {
    keys: HashMap<String, AccessKey>,
    regions: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFile {
    #[serde(default)]
    regions: Vec<String>,
    access_key: Vec<RawKey>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawKey {
    id: String,
    secret: String,
    session_token: Option<String>,
    account: String,
    principal: String,
}

impl Credentials {
    /// Credentials made of keys at hand, valid in every Region.
    ///
    /// # Errors
    /// [`CredentialsError::Key`] when a key is malformed or an ID comes twice.
    pub fn new(keys: Vec<AccessKey>) -> Result<Self, CredentialsError> {
        let mut by_id = HashMap::new();
        for key in keys {
            key.check()?;
            if let Some(twice) = by_id.insert(key.id.clone(), key) {
                return Err(CredentialsError::Key { id: twice.id, problem: "the ID is there twice; remove one" });
            }
        }
        Ok(Self { keys: by_id, regions: Vec::new() })
    }

    /// The same credentials, accepted only for these Regions; none means every Region.
    #[must_use]
    pub fn with_regions(mut self, regions: Vec<String>) -> Self {
        self.regions = regions;
        self
    }

    /// Reads a TOML file of `[[access_key]]` tables. It must be a regular file of ours that nobody else may touch.
    ///
    /// # Errors
    /// One of [`CredentialsError`], naming the file and the remedy.
    pub fn load(path: &Path) -> Result<Self, CredentialsError> {
        let text = read_private(path)?;
        let raw: RawFile = toml::from_str(&text).map_err(|error| CredentialsError::Syntax {
            path: path.to_owned(),
            at: error.span().map_or(0, |span| span.start),
        })?;
        let keys = raw.access_key.into_iter().map(|key| AccessKey {
            id: key.id,
            secret: Zeroizing::new(key.secret),
            session_token: key.session_token.map(Zeroizing::new),
            account: key.account,
            principal: key.principal,
        });
        Ok(Self::new(keys.collect())?.with_regions(raw.regions))
    }

    pub(crate) fn find(&self, id: &str) -> Option<&AccessKey> {
        self.keys.get(id)
    }

    pub(crate) fn serves_region(&self, region: &str) -> bool {
        self.regions.is_empty() || self.regions.iter().any(|known| known == region)
    }

    pub(crate) fn regions(&self) -> &[String] {
        &self.regions
    }
}

/// Checks the open file, not the path: what is read is what was checked.
fn read_private(path: &Path) -> Result<Zeroizing<String>, CredentialsError> {
    let read_error = |source| CredentialsError::Read { path: path.to_owned(), source };
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let file = match rustix::fs::open(path, flags, Mode::empty()) {
        Ok(fd) => File::from(fd),
        Err(rustix::io::Errno::LOOP) => return Err(CredentialsError::NotRegular { path: path.to_owned() }),
        Err(errno) => return Err(read_error(errno.into())),
    };
    let meta = file.metadata().map_err(read_error)?;
    if !meta.is_file() {
        return Err(CredentialsError::NotRegular { path: path.to_owned() });
    }
    let us = rustix::process::geteuid().as_raw();
    if meta.uid() != us {
        return Err(CredentialsError::Owner { path: path.to_owned(), owner: meta.uid(), us });
    }
    if meta.mode() & 0o077 != 0 {
        return Err(CredentialsError::Permissions { path: path.to_owned(), mode: meta.mode() & 0o7777 });
    }
    if meta.len() > MAX_FILE_BYTES {
        return Err(CredentialsError::TooLarge { path: path.to_owned() });
    }
    // Room for all of it at once, so that no half-read copy is left behind by a growing buffer.
    let mut text = Zeroizing::new(String::with_capacity(usize::try_from(meta.len()).unwrap_or(0).saturating_add(1)));
    file.take(MAX_FILE_BYTES).read_to_string(&mut text).map_err(read_error)?;
    Ok(text)
}
