//! `token list`.

use hsm_core::{Slot, Token};
use hsm_types::SlotId;
use serde_json::{Value, json};

use super::{Answer, Login, Run};
use crate::context::Context;
use crate::failure::Failure;

/// No arguments.
#[derive(clap::Args)]
pub struct TokenList {}

impl Run for TokenList {
    const PATH: &'static [&'static str] = &["token", "list"];
    const ABOUT: &'static str = "List the tokens on this machine";
    const LOGIN: Login = Login::NotNeeded;

    fn run(self, context: &Context) -> Result<Answer, Failure> {
        let (directory, config) = context.directory()?;
        let mut tokens = Vec::new();
        for slot in directory.slots()? {
            if let Slot::Token(token) = directory.slot(slot)? {
                tokens.push(show(slot, &token)?);
            }
        }
        Ok(Answer::Data(json!({ "directory": config.settings.directory, "tokens": tokens })))
    }
}

/// A token as it is shown.
pub fn show(slot: SlotId, token: &Token) -> Result<Value, Failure> {
    let info = token.info()?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end().to_owned();
    Ok(json!({ "slot": slot.0, "label": text(&info.label), "serial-number": text(&info.serial) }))
}
