//! `user change-password`.

use serde_json::json;

use super::{Answer, Run};
use crate::context::Context;
use crate::credentials;
use crate::failure::Failure;
use crate::role::{self, RoleName};

/// The arguments.
#[derive(clap::Args)]
pub struct UserChangePassword {
    /// The user's name
    #[arg(long)]
    username: String,
    /// The user's role
    #[arg(long)]
    role: RoleName,
    /// The new password; asked for if left out
    #[arg(long)]
    password: Option<String>,
}

impl Run for UserChangePassword {
    const PATH: &'static [&'static str] = &["user", "change-password"];
    const ABOUT: &'static str =
        "Change a password: one's own, or as an administrator anybody's, which unlocks the account";

    fn run(self, context: &Context) -> Result<Answer, Failure> {
        let role = self.role.role();
        let password = credentials::new(self.password.as_deref())?;
        context.door()?.change_password(role, &self.username, password.as_bytes())?;
        Ok(Answer::Data(json!({ "username": self.username, "role": role::name(role) })))
    }
}
