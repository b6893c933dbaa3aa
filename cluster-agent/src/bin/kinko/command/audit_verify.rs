//! `audit verify`.

use hsm_core::audit::{self, AuditLog};
use serde_json::json;

use super::{Answer, Login, Run};
use crate::context::Context;
use crate::failure::Failure;

/// No arguments.
#[derive(clap::Args)]
pub struct AuditVerify {}

impl Run for AuditVerify {
    const PATH: &'static [&'static str] = &["audit", "verify"];
    const ABOUT: &'static str = "Check that no line of a token's audit log was changed, taken out or added";
    const LOGIN: Login = Login::NotNeeded;

    fn run(self, context: &Context) -> Result<Answer, Failure> {
        let chosen = context.token()?;
        let path = chosen.directory.path(chosen.slot).join(AuditLog::FILE);
        let lines = audit::verify(&path).map_err(|fault| Failure::Input(format!("{}: {fault}", path.display())))?;
        Ok(Answer::Data(json!({
            "path": path,
            "lines": lines,
            "message": "The chain holds; lines missing at the end are not noticed",
        })))
    }
}
