//! Child processes for tests: the test binary again, running one test that knows it is the child.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

const ROLE: &str = "KINKO_TEST_CHILD";

/// Starts the test named `test` as a child that works on `directory`. Its standard input and output are pipes.
pub(crate) fn spawn(test: &str, directory: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args([test, "--exact", "--nocapture", "--test-threads=1"])
        .env(ROLE, directory)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// The directory to work on in a child, `None` in a normal run of the test.
pub(crate) fn directory() -> Option<PathBuf> {
    std::env::var_os(ROLE).map(PathBuf::from)
}

/// Tells the parent something. The line starts with `> `, since the test harness writes there, too.
pub(crate) fn say(line: &str) {
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(format!("\n> {line}\n").as_bytes()).unwrap();
    stdout.flush().unwrap();
}

/// What a child said with [`say`], of a line of its output.
pub(crate) fn said(line: &str) -> Option<&str> {
    line.strip_prefix("> ")
}

/// Waits for the end of a child and returns what it said.
pub(crate) fn finish(child: Child) -> Vec<String> {
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "the child failed: {text}");
    text.lines().filter_map(said).map(str::to_owned).collect()
}
