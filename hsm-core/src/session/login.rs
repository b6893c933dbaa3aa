//! Logging in and out, and passwords (PKCS#11 v3.2 sections 5.5.7–5.5.8 and 5.6.7–5.6.9).

use super::{Access, Operations, Session};
use crate::error::Error;
use crate::login::already;
use crate::operation::Standing;
use crate::user::Role;

/// `CKU_…`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserType {
    /// `CKU_SO`: the administrator.
    So,
    /// `CKU_USER`: a crypto user.
    User,
    /// `CKU_CONTEXT_SPECIFIC`: whoever is logged in, once more for one operation.
    ContextSpecific,
}

impl Session {
    /// `C_Login`, `C_LoginUser`. `name` is `None` for the default account of the user type.
    ///
    /// # Errors
    /// [`Error::PinIncorrect`] (the attempt was counted), [`Error::PinLocked`],
    /// [`Error::UserPinNotInitialized`], [`Error::UserAlreadyLoggedIn`],
    /// [`Error::UserAnotherAlreadyLoggedIn`], [`Error::SessionReadOnlyExists`].
    pub fn login(&self, user: UserType, name: Option<&[u8]>, pin: &[u8]) -> Result<(), Error> {
        let current = self.enter()?;
        let role = match user {
            UserType::So => Role::Admin,
            UserType::User => Role::CryptoUser,
            UserType::ContextSpecific => return self.authenticate_operation(pin),
        };
        if let Some(login) = current {
            return Err(already(&login, role));
        }
        self.token.log_in(self.number, role, name, pin)
    }

    /// `C_Logout`: private objects leave the memory, operations on them end.
    ///
    /// # Errors
    /// [`Error::UserNotLoggedIn`].
    pub fn logout(&self) -> Result<(), Error> {
        self.enter()?.ok_or(Error::UserNotLoggedIn)?;
        self.token.log_out()
    }

    /// `C_InitPIN`: the SO gives a crypto user a password, and makes the user if there is none. A
    /// password `name:password` is for the user of that name.
    ///
    /// # Errors
    /// [`Error::UserNotLoggedIn`] unless the SO is; [`Error::PinLenRange`], [`Error::PinInvalid`];
    /// [`Error::UserInUse`] while the user is logged in through another program.
    pub fn init_pin(&self, pin: &[u8]) -> Result<(), Error> {
        let login = self.enter()?.filter(|login| login.role() == Role::Admin).ok_or(Error::UserNotLoggedIn)?;
        self.token.init_pin(&login, pin)
    }

    /// `C_SetPIN`: whoever is logged in changes the own password; without a login the default user does.
    ///
    /// # Errors
    /// [`Error::PinIncorrect`] (the attempt was counted), [`Error::PinLocked`],
    /// [`Error::SessionReadOnly`]; as [`init_pin`](Self::init_pin).
    pub fn set_pin(&self, old: &[u8], new: &[u8]) -> Result<(), Error> {
        let login = self.enter()?;
        if self.access == Access::ReadOnly {
            return Err(Error::SessionReadOnly);
        }
        self.token.set_pin(login.as_ref(), old, new)
    }

    /// Gives the password that a key with `CKA_ALWAYS_AUTHENTICATE` wants for the operation just begun.
    fn authenticate_operation(&self, pin: &[u8]) -> Result<(), Error> {
        let login = self.enter()?.ok_or(Error::UserNotLoggedIn)?;
        let awaiting = self.operations()?.await_password(&*self.token).ok_or(Error::OperationNotInitialized)?;
        // The key derivation takes a while: no lock is held over it.
        self.token.verify_password(&login, pin)?;
        self.operations()?.authenticated(awaiting);
        Ok(())
    }
}

impl Operations {
    /// The operation that a password is for: the last one begun that wants one.
    fn await_password(&self, standing: &dyn Standing) -> Option<u64> {
        let sign = self.sign.as_ref().and_then(|running| running.awaits_password(standing));
        let decrypt = self.decrypt.as_ref().and_then(|running| running.awaits_password(standing));
        sign.max(decrypt)
    }

    /// A password is good for one operation, and only for the one that it was asked for.
    fn authenticated(&mut self, number: u64) {
        if let Some(running) = self.sign.as_mut() {
            running.authenticated(number);
        }
        if let Some(running) = self.decrypt.as_mut() {
            running.authenticated(number);
        }
    }
}
