//! Running a client program and judging it by its exit status and its words.

use std::io::Write;
use std::process::{Command, Output, Stdio};

/// What a client that ended well printed: standard output, then standard error.
#[derive(Debug)]
pub struct Said(pub String);

impl Said {
    /// Fails the test unless the client printed `text`.
    #[track_caller]
    pub fn expect(&self, text: &str) -> &Self {
        assert!(self.0.contains(text), "expected {text:?} in:\n{}", self.0);
        self
    }

    /// Fails the test if the client printed `text`.
    #[track_caller]
    pub fn refuse(&self, text: &str) -> &Self {
        assert!(!self.0.contains(text), "did not expect {text:?} in:\n{}", self.0);
        self
    }
}

/// Runs the command to its end; the test fails, showing everything, unless it succeeds.
#[track_caller]
pub fn succeed(command: &mut Command) -> Said {
    let output = output(command, &[]);
    assert!(output.status.success(), "{command:?} failed: {}\n{}", output.status, words(&output));
    Said(words(&output))
}

/// The same, with `input` on standard input.
#[track_caller]
pub fn succeed_with(command: &mut Command, input: &[u8]) -> Said {
    let output = output(command, input);
    assert!(output.status.success(), "{command:?} failed: {}\n{}", output.status, words(&output));
    Said(words(&output))
}

/// Runs the command to its end; the test fails unless it ends with an error (and not by a signal).
#[track_caller]
pub fn fail(command: &mut Command) -> Said {
    let output = output(command, &[]);
    let failed = output.status.code().is_some_and(|code| code != 0);
    assert!(failed, "{command:?} should have failed: {}\n{}", output.status, words(&output));
    Said(words(&output))
}

fn output(command: &mut Command, input: &[u8]) -> Output {
    let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = piped.spawn().unwrap_or_else(|why| panic!("{command:?} does not start: {why}"));
    let mut stdin = child.stdin.take().expect("stdin is piped");
    // A client that ends before it has read its input is judged by its exit status.
    let _ = stdin.write_all(input);
    drop(stdin);
    child.wait_with_output().expect("the client's output")
}

fn words(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}
