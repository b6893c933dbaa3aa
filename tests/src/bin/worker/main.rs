//! The second process of the end-to-end tests: one role per file, named by the first argument.
//!
//! It speaks in lines on standard output, one per event, so that a test can kill it anywhere and
//! still know what it had been told.

mod churn;
mod destroy;
mod guess;
mod leave;
mod update;

use std::env;
use std::io::{self, Write};

use kinko_tests::{Library, Module};

fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["guess", label, threads, each] => guess::many(label, number(threads), number(each)),
        ["guess-on", label] => guess::until_locked(label),
        ["churn", label, seed, operations, pins @ ..] => churn::run(label, number(seed), number(operations), pins),
        ["update", label, threads, each] => update::count_up(label, number(threads), number(each)),
        ["leave", label, how] => leave::with_everything_open(label, how),
        ["destroy-all", label] => destroy::all(label),
        ["new-token", label] => {
            let _ = library().new_token(label);
        }
        other => panic!("no such role: {other:?}"),
    }
}

fn number(text: &str) -> u64 {
    text.parse().expect("a number")
}

/// Loads and initialises the module under test.
fn library() -> Library {
    let library = Library::load(Module::under_test().path());
    library.initialize().expect("C_Initialize");
    library
}

/// Says one line, at once: what was said is known even if the process dies next.
fn say(line: &str) {
    let mut out = io::stdout().lock();
    // The test that reads may be gone already; then nobody needs the line.
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

/// Waits until the test says something (or nothing more).
fn wait_for_go() {
    let mut line = String::new();
    io::stdin().read_line(&mut line).expect("standard input");
}
