//! Who logs in, and passwords that are asked for.

use std::io::{BufRead, IsTerminal};

use hsm_core::Role;
use zeroize::Zeroizing;

use crate::context::LoginOptions;
use crate::failure::Failure;

/// A password in memory; zeroed at the end.
pub type Password = Zeroizing<String>;

/// A user and its password.
pub struct Credentials {
    pub role: Role,
    pub name: String,
    pub password: Password,
}

impl Credentials {
    /// From the options, with the password asked for, or else from `CLOUDHSM_ROLE` and `CLOUDHSM_PIN`.
    ///
    /// # Errors
    /// [`Failure::Input`] naming what is missing.
    pub fn gather(options: &LoginOptions) -> Result<Self, Failure> {
        if let Some(name) = &options.name {
            let role = options.role.map_or(Role::CryptoUser, crate::role::RoleName::role);
            return Ok(Self { role, name: name.clone(), password: ask("Enter password:")? });
        }
        let role = std::env::var("CLOUDHSM_ROLE").map_err(|_| {
            Failure::Input(
                "this command needs a login: set CLOUDHSM_ROLE (admin or crypto-user) and CLOUDHSM_PIN \
                 (username:password), or give --login-username and --login-role"
                    .to_owned(),
            )
        })?;
        let role = match role.as_str() {
            "admin" => Role::Admin,
            "crypto-user" => Role::CryptoUser,
            _ => return Err(Failure::Input("CLOUDHSM_ROLE is neither admin nor crypto-user".to_owned())),
        };
        let pin = Zeroizing::new(std::env::var("CLOUDHSM_PIN").unwrap_or_default());
        let (name, password) =
            pin.split_once(':').ok_or_else(|| Failure::Input("CLOUDHSM_PIN is not username:password".to_owned()))?;
        Ok(Self { role, name: name.to_owned(), password: Zeroizing::new(password.to_owned()) })
    }
}

/// Asks for a password: on the terminal without showing it, else the next line of standard input.
pub fn ask(prompt: &str) -> Result<Password, Failure> {
    let failed = |error| Failure::file("the password cannot be read", error);
    if std::io::stdin().is_terminal() {
        return rpassword::prompt_password(prompt).map(Zeroizing::new).map_err(failed);
    }
    let mut line = Zeroizing::new(String::new());
    std::io::stdin().lock().read_line(&mut line).map_err(failed)?;
    Ok(Zeroizing::new(line.trim_end_matches(['\r', '\n']).to_owned()))
}

/// A new password: the one given, or one that is asked for twice.
pub fn new(given: Option<&str>) -> Result<Password, Failure> {
    if let Some(given) = given {
        return Ok(Zeroizing::new(given.to_owned()));
    }
    let password = ask("Enter password:")?;
    if *ask("Confirm password:")? != *password {
        return Err(Failure::Input("the passwords differ".to_owned()));
    }
    Ok(password)
}
