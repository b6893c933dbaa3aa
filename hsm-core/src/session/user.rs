//! Users: who there is, and an administrator's work on them (CloudHSM's `user list`, `create`, `delete` and
//! `change-password`).

use super::{Access, Session};
use crate::error::Error;
use crate::user::{Role, UserSummary};

impl Session {
    /// All users, by role and name. Needs no login.
    ///
    /// # Errors
    /// [`Error::SessionHandleInvalid`]; [`Error::Damaged`]; failures of the store.
    pub fn users(&self) -> Result<Vec<UserSummary>, Error> {
        self.enter()?;
        self.token.users()
    }

    /// Creates a user.
    ///
    /// # Errors
    /// [`Error::UserNotLoggedIn`] without a login; [`Error::FunctionRejected`] for a caller that is no administrator,
    /// or when the role has a user of that name; [`Error::ArgumentsBad`] for the name, [`Error::PinLenRange`] and
    /// [`Error::PinInvalid`] for the password.
    pub fn create_user(&self, role: Role, name: &str, password: &[u8]) -> Result<(), Error> {
        let login = self.enter()?.ok_or(Error::UserNotLoggedIn)?;
        self.token.create_user(&login, role, name, password)
    }

    /// Deletes a user.
    ///
    /// # Errors
    /// As [`create_user`](Self::create_user) for the caller; [`Error::UserPinNotInitialized`] without such a user;
    /// [`Error::UserInUse`] while the user is logged in through another client; [`Error::FunctionRejected`] while the
    /// user owns objects in the token, and for an administrator's own account: so the last one stays.
    pub fn delete_user(&self, role: Role, name: &str) -> Result<(), Error> {
        let login = self.enter()?.ok_or(Error::UserNotLoggedIn)?;
        self.token.delete_user(&login, role, name)
    }

    /// Sets a password without asking for the old one: an administrator's for anybody, which also unlocks the account,
    /// or a user's own.
    ///
    /// # Errors
    /// [`Error::UserNotLoggedIn`]; [`Error::SessionReadOnly`]; [`Error::FunctionRejected`] for another user's password
    /// without being an administrator; [`Error::UserPinNotInitialized`] without such a user; [`Error::UserInUse`] while
    /// the user is logged in through another client; [`Error::PinLenRange`], [`Error::PinInvalid`].
    pub fn change_password(&self, role: Role, name: &str, password: &[u8]) -> Result<(), Error> {
        let login = self.enter()?.ok_or(Error::UserNotLoggedIn)?;
        if self.access == Access::ReadOnly {
            return Err(Error::SessionReadOnly);
        }
        self.token.change_password(&login, role, name, password)
    }
}
