//! A backup as it is shown, and where its key is.

use std::path::PathBuf;

use hsm_core::backup::BackupSummary;
use serde_json::{Value, json};

use crate::config::Config;

/// Where the key of backups is.
#[derive(clap::Args)]
pub struct KeyOptions {
    /// The file with the key of backups, 32 bytes of mode 0600 [default: backup.key beside the tokens]
    #[arg(long)]
    key_file: Option<PathBuf>,
}

impl KeyOptions {
    /// The key's file.
    pub fn path(&self, config: &Config) -> PathBuf {
        self.key_file.clone().unwrap_or_else(|| config.settings.directory.join("backup.key"))
    }
}

/// What is told about a backup.
pub fn show(summary: &BackupSummary) -> Value {
    json!({
        "backup-id": summary.identity.backup_id,
        "cluster-id": summary.identity.cluster_id,
        "created": summary.identity.created,
        "users": summary.users,
        "objects": summary.objects,
        "size-bytes": summary.bytes,
        "revision": summary.revision,
    })
}
