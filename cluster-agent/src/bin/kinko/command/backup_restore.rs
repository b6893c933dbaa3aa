//! `backup restore`.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;

use hsm_core::Slot;
use hsm_core::backup::{self, BackupKey};
use serde_json::json;

use super::{Answer, Login, Run, token_list};
use crate::backup_shown::{KeyOptions, show};
use crate::context::Context;
use crate::failure::Failure;

/// The arguments.
#[derive(clap::Args)]
pub struct BackupRestore {
    /// The backup's file
    #[arg(long)]
    path: PathBuf,
    #[command(flatten)]
    key: KeyOptions,
}

impl Run for BackupRestore {
    const PATH: &'static [&'static str] = &["backup", "restore"];
    const ABOUT: &'static str = "Restore a backup as a token of its own, in a free slot";
    const LOGIN: Login = Login::NotNeeded;

    fn run(self, context: &Context) -> Result<Answer, Failure> {
        let (directory, config) = context.directory()?;
        let key = BackupKey::load(&self.key.path(&config))?;
        // The free slot is always the last one.
        let slot = directory.slots()?.pop().ok_or_else(|| Failure::Input("there is no free slot".to_owned()))?;
        let store = directory.path(slot);
        if let Some(tokens) = store.parent() {
            let made = DirBuilder::new().mode(0o700).recursive(true).create(tokens);
            made.map_err(|error| Failure::file(tokens.display(), error))?;
        }
        let summary = backup::restore(&self.path, &store, &key, &*config.settings.rng)?;
        let token = match directory.slot(slot)? {
            Slot::Token(token) => token_list::show(slot, &token)?,
            Slot::Free => return Err(Failure::Input(format!("slot {} was emptied meanwhile", slot.0))),
        };
        Ok(Answer::Data(json!({ "backup": show(&summary), "token": token })))
    }
}
