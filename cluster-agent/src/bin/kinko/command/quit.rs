//! `quit`.

use super::{Answer, Login, Run};
use crate::context::Context;
use crate::failure::Failure;

/// No arguments.
#[derive(clap::Args)]
pub struct Quit {}

impl Run for Quit {
    const PATH: &'static [&'static str] = &["quit"];
    const ABOUT: &'static str = "Leave the interactive mode";
    const LOGIN: Login = Login::NotNeeded;

    fn run(self, _: &Context) -> Result<Answer, Failure> {
        Ok(Answer::Quit)
    }
}
