//! Who may use a token: making it, logging in and out, passwords.

use std::sync::Arc;

use hsm_types::Rv;

use super::sessions::ReadOnlySessions;
use super::{Action, Settings, Token, TokenMeta};
use crate::authenticate::{Accounts, Authenticated, ChangedBy};
use crate::crypto::rng::Rng;
use crate::crypto::secret::LockedKey;
use crate::error::Error;
use crate::login::Login;
use crate::store::{Barrier, Batch, Keyring, RecordKey, RecordKind, StoreIdentity};
use crate::user::{Role, UserWriter};

/// What `C_InitToken` is given.
pub(super) struct NewToken<'a> {
    /// The password of the new SO, or `name:password`.
    pub so_pin: &'a [u8],
    /// Blank-padded.
    pub label: &'a [u8; 32],
    /// The policies of the new token.
    pub settings: &'a Settings,
}

impl NewToken<'_> {
    /// The first records of a token: what it is, and its SO. The new master key is wrapped for the
    /// SO and forgotten.
    pub fn first_batch(&self, identity: &StoreIdentity) -> Result<Batch, Error> {
        let settings = self.settings;
        let (name, password) = named(Role::Admin, self.so_pin)?;
        let barrier = Barrier::new(Keyring::new(&identity.store)?);
        let master = LockedKey::random(&*settings.rng)?;
        let writer = UserWriter {
            barrier: &barrier,
            rng: &*settings.rng,
            clock: &*settings.clock,
            policy: settings.password_policy,
            cost: settings.kdf_cost,
        };
        let meta = TokenMeta {
            label: *self.label,
            serial: random_serial(&*settings.rng)?,
            initialized: settings.clock.now(),
            extraction_policy: settings.extraction_policy,
            password_policy: settings.password_policy,
        };
        let sealed = barrier.seal(&*settings.rng, &RecordKey::Meta, RecordKind::Meta, &meta.encode(), Vec::new())?;
        let mut batch = Batch::new();
        batch.create(RecordKey::Meta, sealed);
        writer.add(&mut batch, (Role::Admin, name), password, &master)?;
        Ok(batch)
    }
}

impl Token {
    /// Makes the token anew: the SO's password is checked, then everything goes.
    pub(super) fn initialize_anew(&self, wanted: &NewToken<'_>) -> Result<(), Error> {
        self.refresh()?;
        if self.session_counts()?.0 > 0 {
            return Err(Error::SessionExists);
        }
        let (name, password) = named(Role::Admin, wanted.so_pin)?;
        self.authenticate(Role::Admin, name, password)?;
        let mut history = [0; 16];
        self.rng().fill(&mut history)?;
        let identity = StoreIdentity { store: *self.store.id(), history };
        self.store.reset(&history, &wanted.first_batch(&identity)?)?;
        self.refresh()?;
        self.note(name, Action::InitializeToken, None);
        Ok(())
    }

    /// Logs a user in. No lock is held while the password is checked.
    pub(crate) fn log_in(&self, session: u64, role: Role, name: Option<&[u8]>, pin: &[u8]) -> Result<(), Error> {
        self.with_sessions(session, |read_only| admit(role, read_only))?;
        let serial = self.meta.read()?.serial;
        let name = match name {
            Some(name) => text(name)?,
            None => role.default_name(),
        };
        let authenticated = self.authenticate(role, name, pin)?;
        let keyring = self.barrier.keyring().unlock(self.store.id(), &authenticated.master_key)?;
        self.with_sessions(session, |read_only| {
            admit(role, read_only)?;
            self.login.begin(authenticated, Barrier::new(keyring))
        })?;
        // What other processes did while the password was checked may have been taken in before
        // there was a login to end.
        if self.meta.read()?.serial != serial {
            self.end_login()?;
        }
        self.check_login()?;
        self.login.current()?.map(drop).ok_or(Error::UserNotLoggedIn)
    }

    /// Logs out whoever is logged in.
    pub(crate) fn log_out(&self) -> Result<(), Error> {
        let login = self.login.current()?;
        if !self.end_login()? {
            return Err(Error::UserNotLoggedIn);
        }
        self.record(login.as_ref(), Action::Logout, None, None);
        Ok(())
    }

    /// Checks the password of whoever is logged in once more; counts the attempt like a login.
    pub(crate) fn verify_password(&self, login: &Login, pin: &[u8]) -> Result<(), Error> {
        let account = login.account();
        let pin = own_password(&account.name, pin);
        self.authenticate(account.role, &account.name, pin).map(drop)
    }

    /// Gives a crypto user a password; makes the user if there is none of the name.
    pub(crate) fn init_pin(&self, admin: &Login, pin: &[u8]) -> Result<(), Error> {
        let (name, password) = named(Role::CryptoUser, pin)?;
        let accounts = self.accounts(&self.barrier)?;
        let action = match accounts.find_user(Role::CryptoUser, name)? {
            Some(user) => {
                accounts.set_password(&user, password, admin.master_key(), ChangedBy::Admin)?;
                Action::SetPassword
            }
            None => {
                accounts.create_user(Role::CryptoUser, name, password, admin.master_key())?;
                Action::CreateUser
            }
        };
        self.refresh()?;
        self.note(name, action, None);
        Ok(())
    }

    /// Changes a password after checking the old one: that of whoever is logged in, or the default user's.
    pub(crate) fn set_pin(&self, login: Option<&Arc<Login>>, old: &[u8], new: &[u8]) -> Result<(), Error> {
        let (role, name) = match login {
            Some(login) => (login.role(), login.account().name.clone()),
            None => (Role::CryptoUser, Role::CryptoUser.default_name().to_owned()),
        };
        let (old, new) = (own_password(&name, old), own_password(&name, new));
        if new.contains(&b':') {
            return Err(Error::PinInvalid("a colon would end the user's name at the next login"));
        }
        let Authenticated { user, master_key, .. } = self.authenticate(role, &name, old)?;
        let accounts = self.accounts(&self.barrier)?;
        self.keep_login(login, &user, || accounts.set_password(&user, new, &master_key, ChangedBy::Owner))?;
        self.end_private_operations()?;
        self.refresh()?;
        self.note(&name, Action::SetPassword, None);
        Ok(())
    }

    /// Counts, checks and records one attempt.
    fn authenticate(&self, role: Role, name: &str, password: &[u8]) -> Result<Authenticated, Error> {
        let checked = self.accounts(&self.barrier)?.authenticate(role, name, password);
        self.refresh()?;
        self.note(name, Action::Login, checked.as_ref().err());
        checked
    }

    /// The accounts of this token.
    pub(super) fn accounts<'a>(&'a self, barrier: &'a Barrier) -> Result<Accounts<'a>, Error> {
        let writer = UserWriter {
            barrier,
            rng: &*self.settings.rng,
            clock: &*self.settings.clock,
            policy: self.meta.read()?.password_policy,
            cost: self.settings.kdf_cost,
        };
        Ok(Accounts { journal: &self.store, locks: &self.locks, writer })
    }

    pub(super) fn note(&self, who: &str, action: Action, error: Option<&Error>) {
        self.append(who, action, None, None, error.map_or(Rv::OK, Error::rv));
    }
}

impl Role {
    /// The account that a password without a name is for.
    #[must_use]
    pub const fn default_name(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::CryptoUser => "user",
        }
    }
}

/// The SO and read-only sessions exclude each other.
const fn admit(role: Role, read_only: ReadOnlySessions) -> Result<(), Error> {
    match (role, read_only) {
        (Role::Admin, ReadOnlySessions::Some) => Err(Error::SessionReadOnlyExists),
        _ => Ok(()),
    }
}

/// Splits `name:password`; a password without a colon is for the default account of the role.
fn named(role: Role, pin: &[u8]) -> Result<(&str, &[u8]), Error> {
    let mut parts = pin.splitn(2, |byte| *byte == b':');
    match (parts.next(), parts.next()) {
        (Some(name), Some(password)) => Ok((text(name)?, password)),
        _ => Ok((role.default_name(), pin)),
    }
}

/// A password that may be prefixed by its own user's name.
fn own_password<'p>(name: &str, pin: &'p [u8]) -> &'p [u8] {
    pin.strip_prefix(name.as_bytes()).and_then(|rest| rest.strip_prefix(b":")).unwrap_or(pin)
}

/// A name of bytes that are no text is nobody's.
fn text(name: &[u8]) -> Result<&str, Error> {
    std::str::from_utf8(name).map_err(|_| Error::UserPinNotInitialized)
}

/// 16 random hexadecimal digits.
fn random_serial(rng: &dyn Rng) -> Result<[u8; 16], Error> {
    let digits = format!("{:016x}", crate::crypto::rng::random_u64(rng)?);
    digits.into_bytes().try_into().map_err(|_| Error::Crypto("a serial number has another length"))
}
