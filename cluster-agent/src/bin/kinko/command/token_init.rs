//! `token init`.

use hsm_core::Slot;
use zeroize::Zeroizing;

use super::{Answer, Login, Run, token_list};
use crate::context::Context;
use crate::credentials;
use crate::failure::Failure;

/// The arguments.
#[derive(clap::Args)]
pub struct TokenInit {
    /// What the token is called, at most 32 bytes
    #[arg(long)]
    label: String,
    /// The administrator's name
    #[arg(long, default_value = "admin")]
    username: String,
    /// The administrator's password; asked for if left out
    #[arg(long)]
    password: Option<String>,
}

impl Run for TokenInit {
    const PATH: &'static [&'static str] = &["token", "init"];
    const ABOUT: &'static str = "Make a new token, with an administrator";
    const LOGIN: Login = Login::NotNeeded;

    fn run(self, context: &Context) -> Result<Answer, Failure> {
        let mut label = [b' '; 32];
        let bytes = self.label.as_bytes();
        label
            .get_mut(..bytes.len())
            .ok_or_else(|| Failure::Input("a label has at most 32 bytes".to_owned()))?
            .copy_from_slice(bytes);
        let (directory, _) = context.directory()?;
        let password = credentials::new(self.password.as_deref())?;
        let pin = Zeroizing::new(format!("{}:{}", self.username, &*password));
        for slot in directory.slots()? {
            if !matches!(directory.slot(slot)?, Slot::Free) {
                continue;
            }
            directory.initialize(slot, pin.as_bytes(), &label)?;
            if let Slot::Token(token) = directory.slot(slot)? {
                return Ok(Answer::Data(token_list::show(slot, &token)?));
            }
        }
        Err(Failure::Input("there is no free slot".to_owned()))
    }
}
