//! `kinko`: the command line, with the grammar and the answers of CloudHSM CLI. Called as `cloudhsm-cli`, it is the same.
//!
//! Every command is a file in `command/`, listed in the table [`command::COMMANDS`]. What a command does with an HSM
//! goes through the one trait [`door::Door`].
#![allow(rustdoc::invalid_html_tags, reason = "the comments on arguments are the help texts, for terminals")]
#![forbid(unsafe_code)]

mod attribute;
mod backup_shown;
mod command;
mod config;
mod context;
mod credentials;
mod curve;
mod door;
mod failure;
mod key_filter;
mod key_object;
mod output;
mod role;
mod signature;
mod tree;

use std::process::ExitCode;

use context::{Context, Mode};

fn main() -> ExitCode {
    let called = std::env::args_os().next();
    let name = match called.as_ref().and_then(|path| std::path::Path::new(path).file_name()) {
        Some(name) if name == "cloudhsm-cli" => "cloudhsm-cli",
        _ => "kinko",
    };
    let matches = match tree::root(name).try_get_matches() {
        Ok(matches) => matches,
        Err(error) => return output::usage(&error),
    };
    let context = Context::new(name, &matches, Mode::Single);
    output::finish(tree::run(&context, &matches))
}
