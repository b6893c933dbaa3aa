//! `logout`.

use serde_json::json;

use super::{Answer, Login, Run};
use crate::context::Context;
use crate::failure::Failure;

/// No arguments.
#[derive(clap::Args)]
pub struct LogOut {}

impl Run for LogOut {
    const PATH: &'static [&'static str] = &["logout"];
    const ABOUT: &'static str = "Log out (in the interactive mode)";
    const LOGIN: Login = Login::NotNeeded;

    fn run(self, context: &Context) -> Result<Answer, Failure> {
        context.door()?.logout()?;
        Ok(Answer::Data(json!("Logout successful")))
    }
}
