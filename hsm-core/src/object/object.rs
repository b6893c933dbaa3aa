//! An object in memory.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use hsm_types::{AttributeType, ObjectClass, ObjectId, Template, UserId};

use super::kind::Kind;
use super::rule::{Reveal, rule};
use crate::error::{Error, HandleRole};
use crate::key::Key;
use crate::store::Scope;

/// Who sees an object with these attributes, made by `user`.
///
/// Keys with `CKA_PRIVATE` false hold a secret all the same: everybody who is logged in sees them, and
/// they are kept under the master key.
#[must_use]
pub fn scope_of(attributes: &Template, user: Option<UserId>) -> Scope {
    let holds_secret = matches!(attributes.class(), Some(ObjectClass::PRIVATE_KEY | ObjectClass::SECRET_KEY));
    match (attributes.bool(AttributeType::PRIVATE), user) {
        (Some(true), Some(user)) => Scope::Private(user),
        _ if holds_secret => Scope::Shared,
        _ => Scope::Public,
    }
}

/// An object: its attributes as they were at one revision, and its prepared key.
///
/// An object is never changed in place: a changed attribute makes a new `Object` that shares the
/// old one's [`Existence`].
pub struct Object {
    id: ObjectId,
    scope: Scope,
    attributes: Template,
    /// Whether secret components are hidden (`CKA_SENSITIVE`, or `CKA_EXTRACTABLE` false).
    protected: bool,
    kind: Option<Kind>,
    existence: Arc<Existence>,
    key: OnceLock<Arc<Key>>,
}

/// Whether an object still exists; all versions of an object share one.
#[derive(Debug, Default)]
pub struct Existence(AtomicBool);

impl Existence {
    /// Notes that the object was destroyed, or that nobody may use it any more.
    pub fn end(&self) {
        self.0.store(true, Ordering::Release);
    }
}

impl Object {
    /// An object with complete attributes.
    #[must_use]
    pub fn new(id: ObjectId, scope: Scope, attributes: Template, existence: Arc<Existence>) -> Self {
        let protected = attributes.bool(AttributeType::SENSITIVE) == Some(true)
            || attributes.bool(AttributeType::EXTRACTABLE) == Some(false);
        let kind = Kind::of(&attributes).ok();
        Self { id, scope, attributes, protected, kind, existence, key: OnceLock::new() }
    }

    /// Its id and handle.
    #[must_use]
    pub const fn id(&self) -> ObjectId {
        self.id
    }

    /// Who sees it.
    #[must_use]
    pub const fn scope(&self) -> Scope {
        self.scope
    }

    /// All attributes, secret ones too.
    #[must_use]
    pub const fn attributes(&self) -> &Template {
        &self.attributes
    }

    /// What tells whether the object still exists.
    #[must_use]
    pub const fn existence(&self) -> &Arc<Existence> {
        &self.existence
    }

    /// Whether the object was destroyed.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        self.existence.0.load(Ordering::Acquire)
    }

    /// A `CK_BBOOL` attribute, false when the object does not have it.
    #[must_use]
    pub fn is(&self, attribute: AttributeType) -> bool {
        self.attributes.bool(attribute) == Some(true)
    }

    /// Whether using the object needs a login, so that a logout ends what uses it.
    #[must_use]
    pub const fn needs_login(&self) -> bool {
        match self.scope {
            Scope::Public => false,
            Scope::Shared => !self.id.is_session_object(),
            Scope::Private(_) => true,
        }
    }

    /// Whether each operation wants the password anew (`CKA_ALWAYS_AUTHENTICATE`).
    #[must_use]
    pub fn always_authenticate(&self) -> bool {
        self.is(AttributeType::ALWAYS_AUTHENTICATE)
    }

    /// The value of an attribute as a caller may see it.
    ///
    /// # Errors
    /// [`Error::AttributeSensitive`] for a secret component of a protected key;
    /// [`Error::AttributeTypeInvalid`] for an attribute that the object does not have.
    pub fn reveal(&self, attribute: AttributeType) -> Result<&[u8], Error> {
        if self.protected {
            let kind = self.kind.ok_or(Error::AttributeSensitive(attribute))?;
            if rule(kind, attribute).is_some_and(|rule| rule.reveal == Reveal::UnlessProtected) {
                return Err(Error::AttributeSensitive(attribute));
            }
        }
        self.attributes.get(attribute).ok_or(Error::AttributeTypeInvalid(attribute))
    }

    /// The prepared key, parsed on first use and kept.
    ///
    /// # Errors
    /// [`Error::HandleInvalid`] in the given role for an object that is no key.
    pub fn key(&self, role: HandleRole) -> Result<&Arc<Key>, Error> {
        if let Some(key) = self.key.get() {
            return Ok(key);
        }
        if !self.attributes.contains(AttributeType::KEY_TYPE) {
            return Err(Error::HandleInvalid(role));
        }
        let key = Arc::new(Key::from_attributes(&self.attributes)?);
        Ok(self.key.get_or_init(|| key))
    }
}
