//! The tree of commands, built from the table, and how a command is found in it and run.

use clap::{ArgMatches, Args, Command};

use crate::command::{Answer, COMMANDS, Definition, GROUPS, Login};
use crate::context::{Context, GlobalOptions, Mode};
use crate::credentials::Credentials;
use crate::failure::Failure;

/// The whole tree.
pub fn root(name: &'static str) -> Command {
    let root = GlobalOptions::augment_args(Command::new(name))
        .about("Kinko's command line: users, keys, tokens and backups of HSMs")
        .version(env!("CARGO_PKG_VERSION"))
        .subcommand_required(true)
        .arg_required_else_help(true);
    children(root, &[])
}

/// Adds what is below `path`: groups and commands.
fn children(parent: Command, path: &[&'static str]) -> Command {
    let mut names: Vec<&'static str> = Vec::new();
    let mut built = parent;
    for definition in COMMANDS {
        let Some((name, rest)) = definition.path.strip_prefix(path).and_then(<[_]>::split_first) else { continue };
        if names.contains(name) {
            continue;
        }
        names.push(name);
        let child = if rest.is_empty() {
            (definition.augment)(Command::new(*name).about(definition.about))
        } else {
            let below = [path, &[name]].concat();
            let about = GROUPS.iter().find(|(path, _)| *path == below).map_or("", |(_, about)| about);
            let group = Command::new(*name).about(about).subcommand_required(true).arg_required_else_help(true);
            children(group, &below)
        };
        built = built.subcommand(child);
    }
    built
}

/// Runs the command that the arguments name; in single mode with the login that it needs.
///
/// # Errors
/// The command's own; those of the login.
pub fn run(context: &Context, matches: &ArgMatches) -> Result<Answer, Failure> {
    let (definition, matches) = find(matches)?;
    if context.mode == Mode::Interactive || definition.login == Login::NotNeeded {
        return (definition.run)(context, matches);
    }
    let door = context.door()?;
    let Credentials { role, name, password } = Credentials::gather(&context.options.login)?;
    door.login(role, &name, password.as_bytes())?;
    let answer = (definition.run)(context, matches);
    // The command has been done: whether the logout is heard changes nothing about its answer.
    let _ = door.logout();
    answer
}

fn find(matches: &ArgMatches) -> Result<(&'static Definition, &ArgMatches), Failure> {
    let (mut path, mut matches) = (Vec::new(), matches);
    while let Some((name, below)) = matches.subcommand() {
        path.push(name);
        matches = below;
    }
    let found = COMMANDS.iter().find(|definition| definition.path == path.as_slice());
    let found = found.ok_or_else(|| Failure::Input(format!("there is no command `{}`", path.join(" "))))?;
    Ok((found, matches))
}
