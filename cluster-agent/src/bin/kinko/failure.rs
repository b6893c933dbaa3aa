//! Why a command failed, in the words that the envelope's `data` shows.

use serde_json::Value;

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The HSM refused or failed.
    #[error("{0}")]
    Hsm(#[from] hsm_core::Error),
    /// A login was refused.
    #[error("Login failed: {0}")]
    Login(hsm_core::Error),
    /// A cluster refused or could not be reached.
    #[error("{0}")]
    Cluster(#[from] hsm_client::Error),
    /// A login to a cluster was refused.
    #[error("Login failed: {0}")]
    ClusterLogin(hsm_client::Error),
    /// A filter that has to select one key selects another number.
    #[error("Key selection criteria matched {0} keys. Refine selection criteria to select a single key.")]
    Selection(usize),
    /// A signature does not verify.
    #[error("Signature verification failed")]
    Signature,
    /// What was given makes no sense: what, and what would.
    #[error("{0}")]
    Input(String),
    /// The configuration cannot be used: which file or variable, and why.
    #[error("{0}")]
    Configuration(String),
    /// A file or the terminal cannot be read or written.
    #[error("{what}: {error}")]
    File {
        /// Which one.
        what: String,
        /// Why.
        error: std::io::Error,
    },
    /// A check found something.
    #[error("{0}")]
    Found(Value),
    /// The arguments are wrong, or help was asked for.
    #[error("{0}")]
    Usage(#[from] clap::Error),
}

impl Failure {
    /// What the envelope shows.
    pub fn data(&self) -> Value {
        match self {
            Self::Found(found) => found.clone(),
            other => Value::String(other.to_string()),
        }
    }

    /// The failure of a file operation.
    pub fn file(what: impl core::fmt::Display, error: std::io::Error) -> Self {
        Self::File { what: what.to_string(), error }
    }
}
