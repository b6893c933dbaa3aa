//! `backup verify`.

use std::path::PathBuf;

use hsm_core::backup::{self, BackupKey};
use serde_json::json;

use super::{Answer, Login, Run};
use crate::backup_shown::{KeyOptions, show};
use crate::context::Context;
use crate::failure::Failure;

/// The arguments.
#[derive(clap::Args)]
pub struct BackupVerify {
    /// The backup's file
    #[arg(long)]
    path: PathBuf,
    #[command(flatten)]
    key: KeyOptions,
}

impl Run for BackupVerify {
    const PATH: &'static [&'static str] = &["backup", "verify"];
    const ABOUT: &'static str = "Check a backup whole, without restoring it";
    const LOGIN: Login = Login::NotNeeded;

    fn run(self, context: &Context) -> Result<Answer, Failure> {
        let (_, config) = context.directory()?;
        let key = BackupKey::load(&self.key.path(&config))?;
        Ok(Answer::Data(json!({ "backup": show(&backup::verify(&self.path, &key)?) })))
    }
}
