//! The sessions that are open on a token in this process.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use super::Token;
use crate::error::Error;
use crate::session::{Access, Session};
use crate::user::Role;

/// Sessions of one process on one token, at most. A leak shows before the memory is gone.
pub const MAX_SESSIONS: usize = 65_536;

/// The open sessions.
#[derive(Default)]
pub(crate) struct Registry {
    last: u64,
    open: HashMap<u64, (Access, Weak<Session>)>,
}

impl Registry {
    fn count(&self, access: Access) -> usize {
        self.open.values().filter(|(of, _)| *of == access).count()
    }
}

impl Token {
    /// Opens a session.
    ///
    /// # Errors
    /// [`Error::SessionReadWriteSoExists`] for a read-only session while the SO is logged in;
    /// [`Error::SessionCount`].
    pub fn open_session(self: &Arc<Self>, access: Access) -> Result<Arc<Session>, Error> {
        self.refresh()?;
        let mut registry = self.sessions.lock()?;
        let so = self.login.current()?.is_some_and(|login| login.role() == Role::Admin);
        if so && access == Access::ReadOnly {
            return Err(Error::SessionReadWriteSoExists);
        }
        if registry.open.len() >= MAX_SESSIONS {
            return Err(Error::SessionCount);
        }
        registry.last += 1;
        let number = registry.last;
        let session = Arc::new(Session::new(Arc::clone(self), number, access));
        registry.open.insert(number, (access, Arc::downgrade(&session)));
        Ok(session)
    }

    /// Notes that a session closed: its objects go, and with the last session the login.
    pub(crate) fn session_closed(&self, number: u64) -> Result<(), Error> {
        let last = {
            let mut registry = self.sessions.lock()?;
            registry.open.remove(&number);
            registry.open.is_empty()
        };
        self.session_objects.destroy_of(number)?;
        if last {
            self.end_login()?;
        }
        Ok(())
    }

    /// How many sessions this process has open: all, and read/write ones.
    pub(super) fn session_counts(&self) -> Result<(u64, u64), Error> {
        let registry = self.sessions.lock()?;
        let all = u64::try_from(registry.open.len()).unwrap_or(u64::MAX);
        let read_write = u64::try_from(registry.count(Access::ReadWrite)).unwrap_or(u64::MAX);
        Ok((all, read_write))
    }

    /// Runs `begin` while no session can be opened or closed, for the session of this number: a login
    /// of the SO and a read-only session exclude each other, and no login outlives the last session.
    ///
    /// # Errors
    /// [`Error::SessionHandleInvalid`] when the session has been closed; what `begin` returns.
    pub(super) fn with_sessions<T>(
        &self,
        number: u64,
        begin: impl FnOnce(ReadOnlySessions) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let registry = self.sessions.lock()?;
        if !registry.open.contains_key(&number) {
            return Err(Error::SessionHandleInvalid);
        }
        let read_only =
            if registry.count(Access::ReadOnly) == 0 { ReadOnlySessions::None } else { ReadOnlySessions::Some };
        begin(read_only)
    }

    /// Whether the session of this number is open.
    pub(super) fn is_open(&self, number: u64) -> Result<bool, Error> {
        Ok(self.sessions.lock()?.open.contains_key(&number))
    }

    pub(super) fn end_private_operations(&self) -> Result<(), Error> {
        let sessions: Vec<_> = self.sessions.lock()?.open.values().filter_map(|(_, weak)| weak.upgrade()).collect();
        for session in sessions {
            session.end_private_operations();
        }
        Ok(())
    }
}

/// Whether read-only sessions are open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ReadOnlySessions {
    /// At least one.
    Some,
    /// None.
    None,
}
