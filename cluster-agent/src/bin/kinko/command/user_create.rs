//! `user create`.

use serde_json::json;

use super::{Answer, Run};
use crate::context::Context;
use crate::credentials;
use crate::failure::Failure;
use crate::role::{self, RoleName};

/// The arguments.
#[derive(clap::Args)]
pub struct UserCreate {
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

impl Run for UserCreate {
    const PATH: &'static [&'static str] = &["user", "create"];
    const ABOUT: &'static str = "Create a user";

    fn run(self, context: &Context) -> Result<Answer, Failure> {
        let role = self.role.role();
        let password = credentials::new(self.password.as_deref())?;
        context.door()?.create_user(role, &self.username, password.as_bytes())?;
        Ok(Answer::Data(json!({ "username": self.username, "role": role::name(role) })))
    }
}
