//! What a command works with: the configuration, the chosen token, and the door to it.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use clap::ArgMatches;
use hsm_client::{Cluster, ClusterConfig};
use hsm_core::{Slot, Token, TokenDirectory};
use hsm_types::SlotId;

use crate::config::Config;
use crate::door::{Door, Embedded, Remote};
use crate::failure::Failure;
use crate::role::RoleName;

/// One command after another, or one only.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// The program runs one command: it logs in before and out after.
    Single,
    /// Commands are typed: `login` and `logout` are among them.
    Interactive,
}

/// Options that every command takes.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct GlobalOptions {
    /// The cluster, when several are configured
    #[arg(long, global = true, value_name = "ID")]
    pub cluster_id: Option<String>,
    /// The token, by label, serial number or slot; needed when there are several
    #[arg(long, global = true, value_name = "TOKEN", env = "KINKO_TOKEN")]
    pub use_token: Option<String>,
    #[command(flatten)]
    pub login: LoginOptions,
}

/// Who logs in for a single command, without the environment.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct LoginOptions {
    /// Log in as this user; the password is asked for
    #[arg(long = "login-username", global = true, value_name = "USERNAME")]
    pub name: Option<String>,
    /// The role of the user that logs in [default: crypto-user]
    #[arg(long = "login-role", global = true, value_name = "ROLE")]
    pub role: Option<RoleName>,
}

/// What commands share.
pub struct Context {
    /// What the program is called.
    pub program: &'static str,
    pub mode: Mode,
    pub options: GlobalOptions,
    door: RefCell<Option<Rc<dyn Door>>>,
}

/// The token that was chosen.
pub struct Chosen {
    pub slot: SlotId,
    pub token: Arc<Token>,
    pub directory: TokenDirectory,
}

impl Context {
    pub fn new(program: &'static str, matches: &ArgMatches, mode: Mode) -> Self {
        // Options that every command takes arrive at the innermost command, wherever they were given.
        let mut innermost = matches;
        while let Some((_, below)) = innermost.subcommand() {
            innermost = below;
        }
        let options = <GlobalOptions as clap::FromArgMatches>::from_arg_matches(innermost).unwrap_or_default();
        Self { program, mode, options, door: RefCell::default() }
    }

    /// The interactive mode of a program that was called so.
    pub fn interactive(single: &Self) -> Self {
        let Self { program, options, .. } = single;
        Self { program, mode: Mode::Interactive, options: options.clone(), door: RefCell::default() }
    }

    /// The door to the chosen token, opened at the first call.
    ///
    /// # Errors
    /// As [`token`](Self::token).
    pub fn door(&self) -> Result<Rc<dyn Door>, Failure> {
        if let Some(door) = self.door.borrow().as_ref() {
            return Ok(Rc::clone(door));
        }
        let door: Rc<dyn Door> = match self.cluster(&Config::load()?)? {
            Some(cluster) => Rc::new(Remote::new(cluster)),
            None => Rc::new(Embedded::open(&self.token()?.token)?),
        };
        *self.door.borrow_mut() = Some(Rc::clone(&door));
        Ok(door)
    }

    /// The cluster that was chosen: the one that `--cluster-id` names, or the only one, unless a token was named.
    fn cluster(&self, config: &Config) -> Result<Option<Arc<Cluster>>, Failure> {
        let wanted = self.options.cluster_id.as_deref();
        let chosen = match (wanted, config.clusters.as_slice()) {
            (None, _) if self.options.use_token.is_some() => None,
            (None, []) => None,
            (None, [only]) => Some(only),
            (None, several) => {
                return Err(Failure::Input(format!(
                    "{} clusters are configured: choose one with --cluster-id",
                    several.len()
                )));
            }
            (Some(id), clusters) => {
                let named = clusters.iter().find(|cluster| cluster.id.as_deref() == Some(id));
                Some(named.ok_or_else(|| {
                    let file = config.file.as_ref().map_or("kinko.toml".to_owned(), |file| file.display().to_string());
                    Failure::Configuration(format!("{file}: no [[cluster]] has id = \"{id}\""))
                })?)
            }
        };
        Ok(chosen.map(ClusterConfig::cluster).transpose()?)
    }

    /// All tokens of this machine's user.
    ///
    /// # Errors
    /// [`Failure::Configuration`].
    pub fn directory(&self) -> Result<(TokenDirectory, Config), Failure> {
        if let Some(cluster) = &self.options.cluster_id {
            return Err(Failure::Configuration(format!(
                "cluster {cluster} is not configured: leave --cluster-id out for the tokens on this machine"
            )));
        }
        let config = Config::load()?;
        Ok((TokenDirectory::open(config.settings.clone())?, config))
    }

    /// The token that was chosen: the only one, or the one that `--use-token` names.
    ///
    /// # Errors
    /// [`Failure::Input`] without one, or with several; [`Failure::Hsm`] for one that cannot be opened.
    pub fn token(&self) -> Result<Chosen, Failure> {
        let (directory, config) = self.directory()?;
        let mut tokens = Vec::new();
        for slot in directory.slots()? {
            if let Slot::Token(token) = directory.slot(slot)? {
                tokens.push((slot, token));
            }
        }
        if let Some(wanted) = &self.options.use_token {
            tokens.retain(|(slot, token)| is_called(*slot, token, wanted));
        }
        match (tokens.len(), tokens.pop()) {
            (1, Some((slot, token))) => Ok(Chosen { slot, token, directory }),
            (0, _) => Err(Failure::Input(match &self.options.use_token {
                Some(wanted) => format!("there is no token {wanted}: `token list` shows the ones there are"),
                None => {
                    format!("there is no token in {}: make one with `token init`", config.settings.directory.display())
                }
            })),
            (count, _) => Err(Failure::Input(format!(
                "{count} tokens fit: choose one with --use-token <label, serial number or slot>"
            ))),
        }
    }
}

fn is_called(slot: SlotId, token: &Token, wanted: &str) -> bool {
    let called = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end() == wanted;
    slot.0.to_string() == wanted || token.info().is_ok_and(|info| called(&info.label) || called(&info.serial))
}
