//! `login`.

use serde_json::json;

use super::{Answer, Login, Run};
use crate::context::{Context, Mode};
use crate::credentials;
use crate::failure::Failure;
use crate::role::{self, RoleName};

/// The arguments.
#[derive(clap::Args)]
pub struct LogIn {
    /// Who logs in
    #[arg(long)]
    username: String,
    /// The user's role
    #[arg(long)]
    role: RoleName,
    /// The password; asked for if left out
    #[arg(long)]
    password: Option<String>,
}

impl Run for LogIn {
    const PATH: &'static [&'static str] = &["login"];
    const ABOUT: &'static str = "Log in (in the interactive mode)";
    const LOGIN: Login = Login::NotNeeded;

    fn run(self, context: &Context) -> Result<Answer, Failure> {
        if context.mode == Mode::Single {
            return Err(Failure::Input(
                "a login lasts as long as the program: use it in the interactive mode, or set CLOUDHSM_ROLE and \
                 CLOUDHSM_PIN"
                    .to_owned(),
            ));
        }
        let door = context.door()?;
        let password = match &self.password {
            Some(password) => zeroize::Zeroizing::new(password.clone()),
            None => credentials::ask("Enter password:")?,
        };
        door.login(self.role.role(), &self.username, password.as_bytes())?;
        Ok(Answer::Data(json!({ "username": self.username, "role": role::name(self.role.role()) })))
    }
}
