//! `interactive`.

use rustyline::DefaultEditor;
use rustyline::error::ReadlineError;
use zeroize::Zeroizing;

use super::{Answer, Login, Run};
use crate::context::{Context, Mode};
use crate::failure::Failure;
use crate::{output, tree};

/// No arguments.
#[derive(clap::Args)]
pub struct Interactive {}

impl Run for Interactive {
    const PATH: &'static [&'static str] = &["interactive"];
    const ABOUT: &'static str = "Type one command after another";
    const LOGIN: Login = Login::NotNeeded;

    fn run(self, context: &Context) -> Result<Answer, Failure> {
        if context.mode == Mode::Interactive {
            return Err(Failure::Input("this is the interactive mode".to_owned()));
        }
        let context = Context::interactive(context);
        let mut editor = DefaultEditor::new().map_err(terminal)?;
        loop {
            let line = match editor.readline("aws-cloudhsm > ") {
                Ok(line) => Zeroizing::new(line),
                // Ctrl-C takes the line back, Ctrl-D leaves.
                Err(ReadlineError::Interrupted) => continue,
                Err(ReadlineError::Eof) => return Ok(Answer::Quiet),
                Err(error) => return Err(terminal(error)),
            };
            if may_be_remembered(&line) {
                // In memory only; a line that is not kept can be typed again.
                let _ = editor.add_history_entry(line.as_str());
            }
            let Some(words) = shlex::split(&line).filter(|words| !words.is_empty()) else { continue };
            match answer(&context, words) {
                Ok(Answer::Quit) => return Ok(Answer::Quiet),
                answered => {
                    output::finish(answered);
                }
            }
        }
    }
}

fn answer(context: &Context, words: Vec<String>) -> Result<Answer, Failure> {
    let line = std::iter::once(context.program.to_owned()).chain(words);
    tree::run(context, &tree::root(context.program).try_get_matches_from(line)?)
}

/// A line with a password stays out of the history.
fn may_be_remembered(line: &str) -> bool {
    !line.trim().is_empty() && !line.contains("--password")
}

fn terminal(error: ReadlineError) -> Failure {
    Failure::file("the terminal cannot be used", std::io::Error::other(error))
}
