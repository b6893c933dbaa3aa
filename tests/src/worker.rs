//! A second process on the same tokens, that a test talks to by lines and may kill.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};

use crate::Module;
use crate::module::built_beside_the_tests;

/// A running `kinko-test-worker`. Dropping it kills it.
pub struct Worker {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Worker {
    pub(crate) fn command(module: &Module, dir: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(built_beside_the_tests("kinko-test-worker"));
        command.args(arguments).envs(module.environment(dir));
        command
    }

    /// Starts the command with its input and output in the test's hands.
    #[must_use]
    pub fn start(command: &mut Command) -> Self {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the worker starts");
        let input = child.stdin.take();
        let output = BufReader::new(child.stdout.take().expect("stdout is piped"));
        Self { child, input, output }
    }

    /// Waits for the worker's next line; `None` when it has ended.
    pub fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        // A worker that was killed may leave half a line, which it therefore did not say.
        let read = self.output.read_line(&mut line).ok()?;
        (read > 0 && line.ends_with('\n')).then(|| line.trim_end().to_owned())
    }

    /// Waits for a line that must be `wanted`.
    #[track_caller]
    pub fn expect(&mut self, wanted: &str) {
        assert_eq!(self.line().as_deref(), Some(wanted));
    }

    /// Says one line to the worker.
    pub fn say(&mut self, line: &str) {
        let input = self.input.as_mut().expect("the input is open");
        writeln!(input, "{line}").expect("the worker listens");
    }

    /// `kill -9`. What the worker said before can still be read.
    pub fn kill(&mut self) {
        // An error means that it has ended by itself.
        let _ = self.child.kill();
    }

    /// Closes the worker's input, reads the rest of what it says, and waits for its end.
    #[must_use]
    pub fn finish(mut self) -> (Vec<String>, ExitStatus) {
        self.input = None;
        let mut said = Vec::new();
        while let Some(line) = self.line() {
            said.push(line);
        }
        (said, self.child.wait().expect("the worker's status"))
    }

    /// The worker's process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.kill();
        let _ = self.child.wait();
    }
}
