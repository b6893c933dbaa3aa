//! `user delete`.

use serde_json::json;

use super::{Answer, Run};
use crate::context::Context;
use crate::failure::Failure;
use crate::role::{self, RoleName};

/// The arguments.
#[derive(clap::Args)]
pub struct UserDelete {
    /// The user's name
    #[arg(long)]
    username: String,
    /// The user's role
    #[arg(long)]
    role: RoleName,
}

impl Run for UserDelete {
    const PATH: &'static [&'static str] = &["user", "delete"];
    const ABOUT: &'static str = "Delete a user who owns no keys and is not logged in";

    fn run(self, context: &Context) -> Result<Answer, Failure> {
        let role = self.role.role();
        context.door()?.delete_user(role, &self.username)?;
        Ok(Answer::Data(json!({ "username": self.username, "role": role::name(role) })))
    }
}
