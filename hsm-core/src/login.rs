//! Who is logged in to a token in this process, and with which keys.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, RwLock};

use hsm_types::UserId;

use crate::authenticate::Authenticated;
use crate::crypto::secret::LockedKey;
use crate::error::Error;
use crate::object::policy::Caller;
use crate::store::{Barrier, PresenceGuard};
use crate::user::{Role, User};

/// One login: a user, and the keys that its password opened. Dropping the last reference zeroes them.
pub struct Login {
    epoch: u64,
    user: User,
    /// The newest epoch of the account that this login stands on: its own password changes move it.
    account_epoch: AtomicU64,
    master_key: Arc<LockedKey>,
    barrier: Barrier,
    /// Tells other processes that the account is in use.
    _presence: Option<PresenceGuard>,
}

impl Login {
    /// The number of this login; no other login of the token in this process has the same.
    #[must_use]
    pub const fn epoch(&self) -> u64 {
        self.epoch
    }

    /// The account.
    #[must_use]
    pub const fn account(&self) -> &User {
        &self.user
    }

    /// Administrator or crypto user.
    #[must_use]
    pub const fn role(&self) -> Role {
        self.user.role
    }

    /// Whether the login still stands when the account's epoch is this one.
    #[must_use]
    pub fn stands_at(&self, epoch: u64) -> bool {
        epoch <= self.account_epoch.load(Ordering::Acquire)
    }

    /// Lets the login stand at another epoch. Returns the one before.
    pub(crate) fn expect_epoch(&self, epoch: u64) -> u64 {
        self.account_epoch.swap(epoch, Ordering::AcqRel)
    }

    /// The store's master key, to wrap it for another user.
    #[must_use]
    pub fn master_key(&self) -> &LockedKey {
        &self.master_key
    }

    /// What seals and opens private records.
    #[must_use]
    pub const fn barrier(&self) -> &Barrier {
        &self.barrier
    }

    /// The crypto user who is logged in, if one is: whose private objects a session sees.
    #[must_use]
    pub fn user(login: Option<&Arc<Self>>) -> Option<UserId> {
        login.filter(|login| login.role() == Role::CryptoUser).map(|login| login.user.id)
    }

    /// How the attribute rules see the caller.
    #[must_use]
    pub fn caller(login: Option<&Arc<Self>>) -> Caller {
        match login.map(|login| login.role()) {
            Some(Role::Admin) => Caller::Admin,
            _ => Caller::User,
        }
    }
}

/// The login state of a token: one login at most, as PKCS#11 has it.
#[derive(Default)]
pub struct LoginState {
    epoch: AtomicU64,
    current: RwLock<Option<Arc<Login>>>,
}

impl LoginState {
    /// The current login.
    ///
    /// # Errors
    /// [`Error::Poisoned`].
    pub fn current(&self) -> Result<Option<Arc<Login>>, Error> {
        Ok(self.current.read()?.clone())
    }

    /// The number of the current login, or of the state of being logged out.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Acquire)
    }

    /// Logs a user in.
    ///
    /// # Errors
    /// [`Error::UserAlreadyLoggedIn`] or [`Error::UserAnotherAlreadyLoggedIn`] when somebody was faster.
    pub fn begin(
        &self,
        Authenticated { user, master_key, presence }: Authenticated,
        barrier: Barrier,
    ) -> Result<(), Error> {
        let mut current = self.current.write()?;
        if let Some(login) = current.as_deref() {
            return Err(already(login, user.role));
        }
        let epoch = self.epoch.fetch_add(1, Ordering::AcqRel) + 1;
        let account_epoch = AtomicU64::new(user.epoch);
        *current = Some(Arc::new(Login { epoch, user, account_epoch, master_key, barrier, _presence: presence }));
        Ok(())
    }

    /// Logs out: `None` when nobody is logged in. From here on, operations of the login fail.
    ///
    /// # Errors
    /// [`Error::Poisoned`].
    pub fn end(&self) -> Result<Option<Arc<Login>>, Error> {
        let mut current = self.current.write()?;
        self.epoch.fetch_add(1, Ordering::AcqRel);
        Ok(current.take())
    }
}

/// The error for a login on top of another.
#[must_use]
pub fn already(login: &Login, wanted: Role) -> Error {
    if login.role() == wanted { Error::UserAlreadyLoggedIn } else { Error::UserAnotherAlreadyLoggedIn }
}
