//! The commands, one a file, and the table that lists them.

mod audit_verify;
mod backup_create;
mod backup_restore;
mod backup_verify;
mod cluster_activate;
mod completions;
mod crypto_sign;
mod crypto_verify;
mod doctor;
mod interactive;
mod key_delete;
mod key_generate_aes;
mod key_generate_ec;
mod key_generate_rsa;
mod key_list;
mod login;
mod logout;
mod quit;
mod token_init;
mod token_list;
mod user_change_password;
mod user_create;
mod user_delete;
mod user_list;

use clap::{ArgMatches, Args, Command};
use serde_json::Value;

use crate::context::Context;
use crate::failure::Failure;

/// What a command answers.
pub enum Answer {
    /// The envelope's data.
    Data(Value),
    /// Text without an envelope.
    Text(String),
    /// Nothing.
    Quiet,
    /// The end of the interactive mode.
    Quit,
}

/// Whether a command needs somebody to be logged in.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Login {
    /// It does.
    Needed,
    /// It does not.
    NotNeeded,
}

/// A command's arguments, and what it does.
pub trait Run: Args {
    /// The words that call it.
    const PATH: &'static [&'static str];
    /// What it does, for the help.
    const ABOUT: &'static str;
    /// Whether somebody has to be logged in.
    const LOGIN: Login = Login::Needed;

    /// Does it.
    ///
    /// # Errors
    /// What the envelope is to say.
    fn run(self, context: &Context) -> Result<Answer, Failure>;
}

/// A row of the table.
pub struct Definition {
    pub path: &'static [&'static str],
    pub about: &'static str,
    pub login: Login,
    pub augment: fn(Command) -> Command,
    pub run: fn(&Context, &ArgMatches) -> Result<Answer, Failure>,
}

const fn row<C: Run>() -> Definition {
    Definition {
        path: C::PATH,
        about: C::ABOUT,
        login: C::LOGIN,
        augment: C::augment_args,
        run: |context, matches| C::from_arg_matches(matches)?.run(context),
    }
}

/// The table.
pub static COMMANDS: &[Definition] = &[
    row::<cluster_activate::ClusterActivate>(),
    row::<login::LogIn>(),
    row::<logout::LogOut>(),
    row::<user_list::UserList>(),
    row::<user_create::UserCreate>(),
    row::<user_delete::UserDelete>(),
    row::<user_change_password::UserChangePassword>(),
    row::<key_list::KeyList>(),
    row::<key_delete::KeyDelete>(),
    row::<key_generate_aes::KeyGenerateAes>(),
    row::<key_generate_rsa::KeyGenerateRsa>(),
    row::<key_generate_ec::KeyGenerateEc>(),
    row::<crypto_sign::SignEcdsa>(),
    row::<crypto_sign::SignRsaPkcs>(),
    row::<crypto_sign::SignRsaPkcsPss>(),
    row::<crypto_verify::VerifyEcdsa>(),
    row::<crypto_verify::VerifyRsaPkcs>(),
    row::<crypto_verify::VerifyRsaPkcsPss>(),
    row::<token_list::TokenList>(),
    row::<token_init::TokenInit>(),
    row::<backup_create::BackupCreate>(),
    row::<backup_verify::BackupVerify>(),
    row::<backup_restore::BackupRestore>(),
    row::<audit_verify::AuditVerify>(),
    row::<doctor::Doctor>(),
    row::<interactive::Interactive>(),
    row::<completions::Completions>(),
    row::<quit::Quit>(),
];

/// What groups of commands are about.
pub const GROUPS: &[(&[&str], &str)] = &[
    (&["cluster"], "Manage the cluster"),
    (&["user"], "Manage users"),
    (&["key"], "Manage keys"),
    (&["key", "generate-symmetric"], "Generate a secret key"),
    (&["key", "generate-asymmetric-pair"], "Generate a key pair"),
    (&["crypto"], "Use keys"),
    (&["crypto", "sign"], "Sign data"),
    (&["crypto", "verify"], "Verify a signature"),
    (&["token"], "Manage the tokens on this machine"),
    (&["backup"], "Back up and restore a token"),
    (&["audit"], "Check the audit log"),
];
