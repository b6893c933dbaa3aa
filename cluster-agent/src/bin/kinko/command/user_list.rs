//! `user list`.

use serde_json::{Value, json};

use super::{Answer, Login, Run};
use crate::context::Context;
use crate::failure::Failure;

/// No arguments.
#[derive(clap::Args)]
pub struct UserList {}

impl Run for UserList {
    const PATH: &'static [&'static str] = &["user", "list"];
    const ABOUT: &'static str = "List all users (needs no login)";
    const LOGIN: Login = Login::NotNeeded;

    fn run(self, context: &Context) -> Result<Answer, Failure> {
        let users = context.door()?.users()?;
        let shown: Vec<Value> = users
            .into_iter()
            .map(|user| {
                json!({
                    "username": user.name,
                    "role": user.role,
                    // A string, as CloudHSM has it.
                    "locked": user.locked.to_string(),
                    "mfa": [],
                    "quorum": [],
                    "cluster-coverage": "full",
                })
            })
            .collect();
        Ok(Answer::Data(json!({ "users": shown })))
    }
}
