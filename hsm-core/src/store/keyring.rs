//! Which key seals which record.
//!
//! Two sets of keys: the *open* set is derived from the store's id, which stands in the clear, so that users, strikes
//! and public objects can be read before anybody logs in; it finds accidents and swapped records, and proves nothing
//! against somebody who computes it. The *private* set is derived from the master key and exists after a login only.

use std::sync::Arc;

use hsm_types::{AttributeType, UserId};

use super::journal::SearchToken;
use crate::crypto::kdf::derive;
use crate::crypto::seal::{SealingKey, TokenKey};
use crate::crypto::secret::LockedKey;
use crate::error::Error;
use crate::user::Role;

/// The keys of one store, as far as they are open. Cloning shares them.
#[derive(Clone)]
pub struct Keyring {
    open: Arc<KeySet>,
    private: Option<Arc<KeySet>>,
}

/// Among whose objects a search looks. Tokens of one scope say nothing about another's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Public objects, which need no login.
    Public,
    /// Keys with `CKA_PRIVATE` false: sealed like private objects, seen by everybody who is logged in.
    Shared,
    /// The private objects of a user.
    Private(UserId),
}

/// The keys for one kind of protection.
pub(super) struct KeySet {
    pub(super) sealing: SealingKey,
    tokens: TokenKey,
}

impl Keyring {
    /// The open keys of the store with this id.
    ///
    /// # Errors
    /// [`Error::Crypto`] when the library fails.
    pub fn new(store: &[u8; 16]) -> Result<Self, Error> {
        Ok(Self {
            open: Arc::new(KeySet::derive(store, store, ["kinko open seal 1", "kinko open index 1"])?),
            private: None,
        })
    }

    /// The same with the private keys, which need the master key.
    ///
    /// # Errors
    /// [`Error::Crypto`] when the library fails, or in a forked child.
    pub fn unlock(&self, store: &[u8; 16], master: &LockedKey) -> Result<Self, Error> {
        let private = KeySet::derive(master.expose()?, store, ["kinko private seal 1", "kinko private index 1"])?;
        Ok(Self { open: Arc::clone(&self.open), private: Some(Arc::new(private)) })
    }

    /// Whether the private keys are there.
    #[must_use]
    pub const fn is_unlocked(&self) -> bool {
        self.private.is_some()
    }

    /// The token under which an object with this attribute is found.
    ///
    /// # Errors
    /// [`Error::UserNotLoggedIn`] for a private scope without the private keys.
    pub fn token(&self, scope: Scope, attribute: AttributeType, value: &[u8]) -> Result<SearchToken, Error> {
        let (keys, scope) = match scope {
            Scope::Public => (&*self.open, PUBLIC_SCOPE),
            Scope::Shared => (self.private()?, SHARED_SCOPE),
            Scope::Private(owner) => (self.private()?, owner.0),
        };
        Ok(SearchToken(keys.tokens.token(&[&scope.to_be_bytes(), &attribute.0.to_be_bytes(), value])))
    }

    /// The token that every object of a scope carries.
    ///
    /// # Errors
    /// As [`token`](Self::token).
    pub fn token_of_all(&self, scope: Scope) -> Result<SearchToken, Error> {
        self.token(scope, EVERY_OBJECT, &[])
    }

    /// The blind form of a user's name, which its `name/` record is called by.
    #[must_use]
    pub fn blind_name(&self, role: Role, name: &str) -> [u8; 16] {
        let role = u64::from(role.code());
        self.open.tokens.token(&[&NAME_SCOPE.to_be_bytes(), &role.to_be_bytes(), name.as_bytes()])
    }

    pub(super) fn open_set(&self) -> &KeySet {
        &self.open
    }

    pub(super) fn private(&self) -> Result<&KeySet, Error> {
        self.private.as_deref().ok_or(Error::UserNotLoggedIn)
    }
}

/// No user has this id.
const PUBLIC_SCOPE: u64 = 0;
/// No user has this id; its keys tell it from the public scope.
const SHARED_SCOPE: u64 = 0;
/// No user has this id.
const NAME_SCOPE: u64 = u64::MAX;
/// No attribute has this type.
const EVERY_OBJECT: AttributeType = AttributeType(u64::MAX);

impl KeySet {
    fn derive(key: &[u8], store: &[u8; 16], [seal, index]: [&str; 2]) -> Result<Self, Error> {
        Ok(Self {
            sealing: SealingKey::new(&derive(key, store, seal.as_bytes())?)?,
            tokens: TokenKey::new(&derive(key, store, index.as_bytes())?)?,
        })
    }
}
