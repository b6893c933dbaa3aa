//! One client of an HSM: a process with its login and its sessions, on any number of connections.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use hsm_core::{Access, Error, Session, Settings, Token};

use super::hosts::{Activation, token_directory};

/// What a client has on an HSM. Goes with the client's last connection.
pub(super) struct Client {
    cluster: ClusterStore,
    sessions_at_most: usize,
    state: Mutex<State>,
}

/// The cluster's store, and what to do when it is made.
#[derive(Clone)]
pub(super) struct ClusterStore {
    pub cluster_id: String,
    pub directory: PathBuf,
    pub settings: Settings,
    pub activation: Arc<dyn Activation>,
}

#[derive(Default)]
struct State {
    token: Option<Arc<Token>>,
    sessions: HashMap<u64, Arc<Session>>,
    last: u64,
}

impl Client {
    pub(super) fn new(cluster: ClusterStore, sessions_at_most: usize) -> Self {
        Self { cluster, sessions_at_most, state: Mutex::default() }
    }

    /// The cluster's token, as this client has it open.
    ///
    /// # Errors
    /// [`Error::TokenNotPresent`] before the cluster is activated; what opening finds.
    pub(super) fn token(&self) -> Result<Arc<Token>, Error> {
        let mut state = self.state.lock()?;
        if let Some(token) = &state.token {
            return Ok(Arc::clone(token));
        }
        let directory = token_directory(&self.cluster.directory);
        if directory.symlink_metadata().is_err() {
            return Err(Error::TokenNotPresent);
        }
        let token = Arc::new(Token::open(&directory, &self.cluster.settings)?);
        state.token = Some(Arc::clone(&token));
        Ok(token)
    }

    /// Opens a session and gives it its number.
    ///
    /// # Errors
    /// [`Error::SessionCount`] at the limit.
    pub(super) fn open_session(&self, access: Access) -> Result<u64, Error> {
        let token = self.token()?;
        if self.state.lock()?.sessions.len() >= self.sessions_at_most {
            return Err(Error::SessionCount);
        }
        let session = token.open_session(access)?;
        let mut state = self.state.lock()?;
        state.last = state.last.saturating_add(1);
        let number = state.last;
        state.sessions.insert(number, session);
        Ok(number)
    }

    /// Closes a session. Returns how many are left.
    ///
    /// # Errors
    /// [`Error::SessionHandleInvalid`].
    pub(super) fn close_session(&self, number: u64) -> Result<usize, Error> {
        let (session, left) = {
            let mut state = self.state.lock()?;
            let session = state.sessions.remove(&number).ok_or(Error::SessionHandleInvalid)?;
            (session, state.sessions.len())
        };
        session.close()?;
        Ok(left)
    }

    /// The session with this number.
    ///
    /// # Errors
    /// [`Error::SessionHandleInvalid`].
    pub(super) fn session(&self, number: u64) -> Result<Arc<Session>, Error> {
        self.state.lock()?.sessions.get(&number).cloned().ok_or(Error::SessionHandleInvalid)
    }

    /// How many sessions the client may open.
    pub(super) const fn sessions_at_most(&self) -> usize {
        self.sessions_at_most
    }

    /// Whether the client has a session open.
    pub(super) fn has_sessions(&self) -> bool {
        self.state.lock().is_ok_and(|state| !state.sessions.is_empty())
    }

    /// Activates the cluster: its first admin gets a password.
    ///
    /// # Errors
    /// [`Error::FunctionRejected`] when it is active already, or not initialised; the password policy's.
    pub(super) fn activate(&self, password: &[u8]) -> Result<(), Error> {
        self.cluster
            .activation
            .activate(&self.cluster.cluster_id, &mut || super::hosts::create_token(&self.cluster, password))
    }
}
