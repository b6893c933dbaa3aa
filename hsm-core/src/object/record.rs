//! How an object is kept: the content of its record, and the attributes by which it is found.
//!
//! Content: the scope (1 byte: 0 public, 1 shared, 2 private), the owner (8 bytes, most significant
//! first, 0 without one), then [`Template::encode`]. `docs/storage-format.md` has an example.

use hsm_types::{AttributeType, ObjectId, Template, UserId, Value};
use zeroize::Zeroizing;

use super::object::scope_of;
use crate::crypto::rng::Rng;
use crate::error::Error;
use crate::store::{Barrier, Entry, Keyring, RecordKey, RecordKind, Scope, Sealed, SearchToken};

/// Attributes with a blind index, the most selective first: searches begin with the first that
/// the template has.
pub const INDEXED: [AttributeType; 7] = [
    AttributeType::ID,
    AttributeType::LABEL,
    AttributeType::SERIAL_NUMBER,
    AttributeType::SUBJECT,
    AttributeType::ISSUER,
    AttributeType::KEY_TYPE,
    AttributeType::CLASS,
];

/// An object as it was read from its record.
pub struct Stored {
    /// Who sees it.
    pub scope: Scope,
    /// Its attributes.
    pub attributes: Template,
}

/// Seals an object for the store.
///
/// # Errors
/// [`Error::UserNotLoggedIn`] for an object that holds a secret, without a login.
pub fn seal(
    barrier: &Barrier,
    rng: &dyn Rng,
    id: ObjectId,
    user: Option<UserId>,
    attributes: &Template,
) -> Result<Sealed, Error> {
    let scope = scope_of(attributes, user);
    let encoded = attributes.encode();
    let mut content: Value = Zeroizing::new(Vec::with_capacity(9 + encoded.len()));
    let (code, owner) = match scope {
        Scope::Public => (0, 0),
        Scope::Shared => (1, 0),
        Scope::Private(owner) => (2, owner.0),
    };
    content.push(code);
    content.extend_from_slice(&owner.to_be_bytes());
    content.extend_from_slice(&encoded);
    let search = search_tokens(barrier.keyring(), scope, attributes)?;
    barrier.seal(rng, &RecordKey::Object(id), kind_of(scope), &content, search)
}

/// Opens an object's record; `None` for a tombstone.
///
/// # Errors
/// [`Error::Damaged`] naming the record; [`Error::UserNotLoggedIn`] without the keys.
pub fn open(barrier: &Barrier, entry: &Entry) -> Result<Option<Stored>, Error> {
    let opened = barrier.open(entry)?;
    if opened.kind == RecordKind::Tombstone {
        return Ok(None);
    }
    let damaged = || Error::Damaged { record: entry.key.to_string() };
    let (code, rest) = opened.plain.split_first().ok_or_else(damaged)?;
    let (owner, encoded) = rest.split_first_chunk::<8>().ok_or_else(damaged)?;
    let scope = match code {
        0 => Scope::Public,
        1 => Scope::Shared,
        2 => Scope::Private(UserId(u64::from_be_bytes(*owner))),
        _ => return Err(damaged()),
    };
    if kind_of(scope) != opened.kind {
        return Err(damaged());
    }
    let attributes = Template::decode(encoded).map_err(|_| damaged())?;
    Ok(Some(Stored { scope, attributes }))
}

const fn kind_of(scope: Scope) -> RecordKind {
    match scope {
        Scope::Public => RecordKind::PublicObject,
        Scope::Shared | Scope::Private(_) => RecordKind::PrivateObject,
    }
}

fn search_tokens(keyring: &Keyring, scope: Scope, attributes: &Template) -> Result<Vec<SearchToken>, Error> {
    let mut tokens = vec![keyring.token_of_all(scope)?];
    for attribute in INDEXED {
        if let Some(value) = attributes.get(attribute) {
            tokens.push(keyring.token(scope, attribute, value)?);
        }
    }
    Ok(tokens)
}
