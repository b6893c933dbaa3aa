//! `backup create`.

use std::path::PathBuf;

use hsm_core::backup::{self, BackupIdentity, BackupKey};
use hsm_core::crypto::rng::random_u64;
use hsm_core::store::SqliteStore;
use serde_json::json;

use super::{Answer, Login, Run};
use crate::backup_shown::{KeyOptions, show};
use crate::context::Context;
use crate::failure::Failure;

/// The arguments.
#[derive(clap::Args)]
pub struct BackupCreate {
    /// The backup's file, which must not exist
    #[arg(long)]
    path: PathBuf,
    #[command(flatten)]
    key: KeyOptions,
}

impl Run for BackupCreate {
    const PATH: &'static [&'static str] = &["backup", "create"];
    const ABOUT: &'static str =
        "Back up a token while it is in use, into one encrypted file; makes the key if there is none";
    const LOGIN: Login = Login::NotNeeded;

    fn run(self, context: &Context) -> Result<Answer, Failure> {
        let (_, config) = context.directory()?;
        let chosen = context.token()?;
        let store = chosen.directory.path(chosen.slot);
        let identity = BackupIdentity {
            backup_id: format!("backup-{:016x}", random_u64(&*config.settings.rng)?),
            cluster_id: String::new(),
            history_id: SqliteStore::open(&store)?.current_history()?.id,
            created: config.settings.clock.now(),
        };
        let key_file = self.key.path(&config);
        let key = BackupKey::load_or_create(&key_file)?;
        let summary = backup::create(&store, &self.path, &identity, &key, &*config.settings.rng)?;
        Ok(Answer::Data(json!({
            "backup": show(&summary),
            "key-file": key_file,
            "message": "Keep a copy of the key file apart from the backup: without it the backup cannot be restored",
        })))
    }
}
