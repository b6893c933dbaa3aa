//! Sessions: what an application does on a token. One file per section of the specification.

mod cipher;
mod digest;
mod find;
mod generate;
mod login;
mod object;
mod random;
mod sign;
mod transport;
mod user;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use hsm_types::{AttributeType, KeyType, Mechanism, MechanismType, ObjectId, Params, Template};

use crate::error::{Error, HandleRole};
use crate::key::Key;
use crate::login::Login;
use crate::mechanism::{self, Cipher, Digester, MechanismDef, Ops, Signer, Verifier};
use crate::object::Object;
use crate::operation::Running;
use crate::token::Token;
use crate::user::Role;

pub use login::UserType;
pub use object::ObjectView;

/// Whether a session may write token objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// `CKF_RW_SESSION` not set.
    ReadOnly,
    /// `CKF_RW_SESSION`.
    ReadWrite,
}

/// What `C_GetSessionInfo` tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionInfo {
    /// `CKS_…`.
    pub state: u64,
    /// Read-only or read/write.
    pub access: Access,
}

/// One session. All calls may come from several threads; those on one session wait for each other.
///
/// Dropping the last reference closes the session.
pub struct Session {
    token: Arc<Token>,
    number: u64,
    access: Access,
    closed: AtomicBool,
    running: Mutex<Operations>,
}

/// The operations that a session runs, at most one of each kind.
#[derive(Default)]
pub(crate) struct Operations {
    encrypt: Option<Running<dyn Cipher>>,
    decrypt: Option<Running<dyn Cipher>>,
    digest: Option<Running<dyn Digester>>,
    sign: Option<Running<dyn Signer>>,
    verify: Option<Running<dyn Verifier>>,
    find: Option<find::Found>,
    /// The number of the last operation with a key.
    last: u64,
}

impl Session {
    pub(crate) fn new(token: Arc<Token>, number: u64, access: Access) -> Self {
        Self { token, number, access, closed: AtomicBool::new(false), running: Mutex::default() }
    }

    /// The session's state and access.
    ///
    /// # Errors
    /// [`Error::SessionHandleInvalid`] for a closed session.
    pub fn info(&self) -> Result<SessionInfo, Error> {
        let login = self.enter()?;
        let state = match (login.as_deref().map(Login::role), self.access) {
            (None, Access::ReadOnly) => 0,
            (Some(Role::CryptoUser), Access::ReadOnly) => 1,
            (None, Access::ReadWrite) => 2,
            (Some(Role::CryptoUser), Access::ReadWrite) => 3,
            // No read-only session lives beside an administrator's login.
            (Some(Role::Admin), _) => 4,
        };
        Ok(SessionInfo { state, access: self.access })
    }

    /// The token that the session is on.
    #[must_use]
    pub const fn token(&self) -> &Arc<Token> {
        &self.token
    }

    /// Closes the session: its objects are destroyed, its operations end. The user is logged out
    /// with the last session of the token.
    ///
    /// # Errors
    /// [`Error::SessionHandleInvalid`] when it is closed already.
    pub fn close(&self) -> Result<(), Error> {
        if self.closed.swap(true, Ordering::AcqRel) {
            return Err(Error::SessionHandleInvalid);
        }
        self.token.session_closed(self.number)?;
        *self.running.lock()? = Operations::default();
        Ok(())
    }

    /// `C_SessionCancel`: ends the operations named by `CKF_…` flags.
    ///
    /// # Errors
    /// [`Error::SessionHandleInvalid`].
    pub fn cancel(&self, flags: u64) -> Result<(), Error> {
        // `CKF_…` numbers, PKCS#11 v3.2 section 3.
        const FIND_OBJECTS: u64 = 1 << 6;
        const ENCRYPT: u64 = 1 << 8;
        const DECRYPT: u64 = 1 << 9;
        const DIGEST: u64 = 1 << 10;
        const SIGN: u64 = 1 << 11;
        const VERIFY: u64 = 1 << 13;
        let mut running = self.operations()?;
        let named = |flag| flags & flag != 0;
        if named(ENCRYPT) {
            running.encrypt = None;
        }
        if named(DECRYPT) {
            running.decrypt = None;
        }
        if named(DIGEST) {
            running.digest = None;
        }
        if named(SIGN) {
            running.sign = None;
        }
        if named(VERIFY) {
            running.verify = None;
        }
        if named(FIND_OBJECTS) {
            running.find = None;
        }
        Ok(())
    }

    /// Ends operations on private keys. Skips a session in the middle of a call: that call finds
    /// out by itself, at its next step.
    pub(crate) fn end_private_operations(&self) {
        let Ok(mut running) = self.running.try_lock() else { return };
        clear_private(&mut running.encrypt);
        clear_private(&mut running.decrypt);
        clear_private(&mut running.digest);
        clear_private(&mut running.sign);
        clear_private(&mut running.verify);
        running.find = None;
    }

    /// Begins a call: the session must be open, and what other processes changed is taken in.
    fn enter(&self) -> Result<Option<Arc<Login>>, Error> {
        if self.closed.load(Ordering::Acquire) {
            return Err(Error::SessionHandleInvalid);
        }
        self.token.refresh()?;
        self.token.login().current()
    }

    fn operations(&self) -> Result<MutexGuard<'_, Operations>, Error> {
        if self.closed.load(Ordering::Acquire) {
            return Err(Error::SessionHandleInvalid);
        }
        self.token.refresh()?;
        let running = self.running.lock()?;
        // Once more: a session that was closed meanwhile has lost its operations.
        if self.closed.load(Ordering::Acquire) {
            return Err(Error::SessionHandleInvalid);
        }
        Ok(running)
    }

    /// Starts an operation with a key, in the slot for its kind.
    fn init<T: ?Sized>(
        &self,
        slot: fn(&mut Operations) -> &mut Option<Running<T>>,
        mechanism: &Mechanism,
        key: ObjectId,
        usage: AttributeType,
        start: impl FnOnce(&Ops) -> Option<fn(&Params, &Arc<Key>) -> Result<Box<T>, Error>>,
    ) -> Result<(), Error> {
        let login = self.enter()?;
        let (definition, start) = offered(mechanism.mechanism, start)?;
        let mut running = self.operations()?;
        running.last += 1;
        let number = running.last;
        let slot = slot(&mut running);
        if slot.as_ref().is_some_and(|running| running.stands(&*self.token)) {
            return Err(Error::OperationActive);
        }
        let object = self.usable_key(login.as_ref(), definition, key, usage, HandleRole::Key)?;
        let work = start(&mechanism.params, object.key(HandleRole::Key)?)?;
        let epoch = login_behind(&object, login.as_ref());
        *slot = Some(Running::with_key(work, object, epoch, number));
        drop(running);
        self.token.record_use(login.as_ref(), usage, key, mechanism.mechanism);
        Ok(())
    }

    /// A key that the session sees, may use this way, and that fits the mechanism.
    fn usable_key(
        &self,
        login: Option<&Arc<Login>>,
        definition: &MechanismDef,
        key: ObjectId,
        usage: AttributeType,
        role: HandleRole,
    ) -> Result<Arc<Object>, Error> {
        let object = self.token.object(key, login)?.ok_or(Error::HandleInvalid(role))?;
        // The SO sees shared keys, to mark them as trusted, and uses none.
        let withheld = object.needs_login() && Login::user(login).is_none();
        if withheld || !object.attributes().contains(AttributeType::KEY_TYPE) {
            return Err(Error::HandleInvalid(role));
        }
        if !object.is(usage) {
            return Err(Error::KeyFunctionNotPermitted(usage));
        }
        let prepared = object.key(role)?;
        if !definition.key_types.contains(&prepared.key_type()) {
            return Err(Error::KeyTypeInconsistent(role));
        }
        if !definition.key_sizes.contains(prepared.size()) {
            return Err(Error::KeySizeRange(role));
        }
        allows(object.attributes(), definition.id)?;
        Ok(object)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // Already closed is fine; a poisoned token is past caring.
        let _ = self.close();
    }
}

/// The mechanism's row and one of its functions.
fn offered<F>(
    mechanism: MechanismType,
    function: impl FnOnce(&Ops) -> Option<F>,
) -> Result<(&'static MechanismDef, F), Error> {
    let definition = mechanism::find(mechanism).ok_or(Error::MechanismInvalid(mechanism))?;
    let function = function(&definition.ops).ok_or(Error::MechanismInvalid(mechanism))?;
    Ok((definition, function))
}

/// Checks `CKA_ALLOWED_MECHANISMS`.
fn allows(key: &Template, mechanism: MechanismType) -> Result<(), Error> {
    match key.get(AttributeType::ALLOWED_MECHANISMS) {
        Some(allowed) if !allowed.chunks_exact(8).any(|one| one == mechanism.0.to_le_bytes()) => {
            Err(Error::MechanismInvalid(mechanism))
        }
        _ => Ok(()),
    }
}

/// The login that an operation with this object stands on.
fn login_behind(object: &Object, login: Option<&Arc<Login>>) -> Option<u64> {
    login.filter(|_| object.needs_login()).map(|login| login.epoch())
}

fn clear_private<T: ?Sized>(slot: &mut Option<Running<T>>) {
    if slot.as_ref().is_some_and(Running::is_private) {
        *slot = None;
    }
}

/// The one key type that a mechanism makes, or the template's choice among several.
fn made_key_type(definition: &MechanismDef, template: &Template) -> Option<KeyType> {
    match template.key_type() {
        Some(wanted) if definition.key_types.contains(&wanted) => Some(wanted),
        _ => definition.key_types.first().copied(),
    }
}
