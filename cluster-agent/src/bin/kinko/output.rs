//! The envelope around every answer, and the exit status.

use std::io::Write;
use std::process::ExitCode;

use serde_json::{Value, json};

use crate::command::Answer;
use crate::failure::Failure;

/// Prints what a command answered. The status is 0 for `error_code` 0, else 1.
pub fn finish(answered: Result<Answer, Failure>) -> ExitCode {
    match answered {
        Ok(Answer::Data(data)) => print(0, data),
        Ok(Answer::Text(text)) => write(&text),
        Ok(Answer::Quiet | Answer::Quit) => ExitCode::SUCCESS,
        Err(Failure::Usage(error)) => usage(&error),
        Err(failure) => print(1, failure.data()),
    }
}

/// Prints help, a version or what is wrong with the arguments.
pub fn usage(error: &clap::Error) -> ExitCode {
    // Nobody can be told when the terminal is gone.
    let _ = error.print();
    if error.use_stderr() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn print(error_code: u8, data: Value) -> ExitCode {
    let envelope = json!({ "error_code": error_code, "data": data });
    // A value of strings and numbers always prints.
    let written = write(&format!("{envelope:#}\n"));
    if error_code == 0 { written } else { ExitCode::FAILURE }
}

/// Writes to standard output; a reader that has gone is no success.
fn write(text: &str) -> ExitCode {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}
