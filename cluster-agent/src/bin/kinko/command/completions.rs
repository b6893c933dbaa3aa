//! `completions`.

use clap_complete::Shell;

use super::{Answer, Login, Run};
use crate::context::Context;
use crate::failure::Failure;
use crate::tree;

/// The arguments.
#[derive(clap::Args)]
pub struct Completions {
    /// The shell
    shell: Shell,
}

impl Run for Completions {
    const PATH: &'static [&'static str] = &["completions"];
    const ABOUT: &'static str = "Print a script that completes commands in a shell";
    const LOGIN: Login = Login::NotNeeded;

    fn run(self, context: &Context) -> Result<Answer, Failure> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut tree::root(context.program), context.program, &mut script);
        Ok(Answer::Text(String::from_utf8_lossy(&script).into_owned()))
    }
}
