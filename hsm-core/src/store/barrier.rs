//! The barrier: nothing passes to the journal unsealed, and nothing comes back that was changed, moved or cut.
//!
//! A sealed record is `version || kind || nonce || ciphertext || tag`. Version, kind, key and search tokens are its
//! associated data, so a record opens only under the key, as the kind, and with the tokens it was sealed for.

use zeroize::Zeroizing;

use super::journal::{Entry, RecordKey, Sealed, SearchToken};
use super::keyring::Keyring;
use crate::crypto::rng::Rng;
use crate::crypto::seal::OVERHEAD;
use crate::error::Error;

/// Seals and opens records with the keys of a [`Keyring`].
#[derive(Clone)]
pub struct Barrier {
    keyring: Keyring,
}

/// What a record is. It says which key seals it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum RecordKind {
    /// [`RecordKey::Meta`], under the open key.
    Meta = 1,
    /// An account, under the open key; the master key inside is wrapped under the password's key.
    User = 2,
    /// Which account a name belongs to, under the open key.
    Name = 3,
    /// A counter of attempts, under the open key.
    Strike = 4,
    /// An object that needs no login, under the open key.
    PublicObject = 5,
    /// Every other object, under a key that needs a login.
    PrivateObject = 6,
    /// What is left of a deleted record: no content, under the open key.
    Tombstone = 7,
    /// A presence, under the open key.
    Node = 8,
}

/// A record that was opened.
pub struct Opened {
    /// What it is. Never a kind that does not belong to the record's key.
    pub kind: RecordKind,
    /// Its content.
    pub plain: Zeroizing<Vec<u8>>,
}

/// The version of the layout; the first byte of every sealed record.
pub const FORMAT_VERSION: u8 = 1;

impl Barrier {
    /// A barrier with these keys.
    #[must_use]
    pub const fn new(keyring: Keyring) -> Self {
        Self { keyring }
    }

    /// The keys.
    #[must_use]
    pub const fn keyring(&self) -> &Keyring {
        &self.keyring
    }

    /// Seals a record for its key.
    ///
    /// # Errors
    /// [`Error::UserNotLoggedIn`] for a private object without the private keys; as [`Rng::fill`].
    pub fn seal(
        &self,
        rng: &dyn Rng,
        key: &RecordKey,
        kind: RecordKind,
        plain: &[u8],
        search: Vec<SearchToken>,
    ) -> Result<Sealed, Error> {
        let mut bytes = Vec::with_capacity(2 + OVERHEAD + plain.len());
        bytes.extend_from_slice(&[FORMAT_VERSION, kind.code()]);
        self.keys(kind)?.seal(rng, &associated_data(key, kind, &search), plain, &mut bytes)?;
        Ok(Sealed { bytes, search })
    }

    /// Seals what is left of a deleted record.
    ///
    /// # Errors
    /// As [`seal`](Self::seal).
    pub fn seal_tombstone(&self, rng: &dyn Rng, key: &RecordKey) -> Result<Sealed, Error> {
        self.seal(rng, key, RecordKind::Tombstone, &[], Vec::new())
    }

    /// Opens a record.
    ///
    /// # Errors
    /// [`Error::Damaged`] naming the record when it was changed, moved or cut; [`Error::UserNotLoggedIn`] for a
    /// private object without the private keys.
    pub fn open(&self, entry: &Entry) -> Result<Opened, Error> {
        let damaged = || Error::Damaged { record: entry.key.to_string() };
        let [FORMAT_VERSION, kind, sealed @ ..] = entry.value.bytes.as_slice() else {
            return Err(damaged());
        };
        let kind = RecordKind::from_code(*kind).filter(|kind| kind.belongs_to(&entry.key)).ok_or_else(damaged)?;
        let associated = associated_data(&entry.key, kind, &entry.value.search);
        let plain = self.keys(kind)?.open(&associated, sealed).map_err(|_| damaged())?;
        Ok(Opened { kind, plain })
    }

    fn keys(&self, kind: RecordKind) -> Result<&crate::crypto::seal::SealingKey, Error> {
        match kind {
            RecordKind::PrivateObject => Ok(&self.keyring.private()?.sealing),
            _ => Ok(&self.keyring.open_set().sealing),
        }
    }
}

impl RecordKind {
    /// The byte that stands for it in a record's header.
    #[must_use]
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// The kind that a header's byte stands for.
    #[must_use]
    pub const fn from_code(code: u8) -> Option<Self> {
        Some(match code {
            1 => Self::Meta,
            2 => Self::User,
            3 => Self::Name,
            4 => Self::Strike,
            5 => Self::PublicObject,
            6 => Self::PrivateObject,
            7 => Self::Tombstone,
            8 => Self::Node,
            _ => return None,
        })
    }

    /// The kind that a sealed record claims to be, without opening it. Trust it only after [`Barrier::open`].
    #[must_use]
    pub fn claimed(value: &Sealed) -> Option<Self> {
        match value.bytes.as_slice() {
            [FORMAT_VERSION, kind, ..] => Self::from_code(*kind),
            _ => None,
        }
    }

    const fn belongs_to(self, key: &RecordKey) -> bool {
        match key {
            RecordKey::Meta => matches!(self, Self::Meta),
            RecordKey::User(_) => matches!(self, Self::User | Self::Tombstone),
            RecordKey::Name(_) => matches!(self, Self::Name | Self::Tombstone),
            RecordKey::Strike(_) => matches!(self, Self::Strike | Self::Tombstone),
            RecordKey::Object(_) => matches!(self, Self::PublicObject | Self::PrivateObject | Self::Tombstone),
            RecordKey::Node(_) => matches!(self, Self::Node),
            RecordKey::Operation { .. } => false,
        }
    }
}

/// `version || kind || key's length (2 bytes) || key's text || tokens`. The lengths make it unambiguous.
fn associated_data(key: &RecordKey, kind: RecordKind, search: &[SearchToken]) -> Vec<u8> {
    let text = key.to_string();
    let mut out = Vec::with_capacity(4 + text.len() + 16 * search.len());
    out.extend_from_slice(&[FORMAT_VERSION, kind.code()]);
    // A key's text is at most 37 bytes long.
    out.extend_from_slice(&u16::try_from(text.len()).unwrap_or(u16::MAX).to_be_bytes());
    out.extend_from_slice(text.as_bytes());
    search.iter().for_each(|token| out.extend_from_slice(&token.0));
    out
}

#[cfg(test)]
mod tests {
    use hsm_types::{ObjectId, UserId};

    use super::*;
    use crate::crypto::rng::SystemRng;
    use crate::crypto::secret::LockedKey;
    use crate::store::journal::Revision;

    fn barrier() -> Barrier {
        let keyring = Keyring::new(&[1; 16]).unwrap();
        let master = LockedKey::random(&SystemRng).unwrap();
        Barrier::new(keyring.unlock(&[1; 16], &master).unwrap())
    }

    fn entry(key: RecordKey, value: Sealed) -> Entry {
        Entry { key, revision: Revision(1), value }
    }

    #[test]
    fn a_record_opens_under_its_own_key_kind_and_tokens_only() {
        let barrier = barrier();
        let key = RecordKey::Object(ObjectId(1));
        let kind = RecordKind::PrivateObject;
        let sealed = barrier.seal(&SystemRng, &key, kind, b"content", vec![SearchToken([9; 16])]).unwrap();
        let opened = barrier.open(&entry(key, sealed.clone())).unwrap();
        assert_eq!((opened.kind, opened.plain.as_slice()), (kind, b"content".as_slice()));

        let elsewhere = entry(RecordKey::Object(ObjectId(2)), sealed.clone());
        let untokened = entry(key, Sealed { search: Vec::new(), ..sealed.clone() });
        let mut other_kind = entry(key, sealed.clone());
        other_kind.value.bytes[1] = RecordKind::PublicObject.code();
        for changed in [elsewhere, untokened, other_kind] {
            assert!(matches!(barrier.open(&changed), Err(Error::Damaged { .. })));
        }
    }

    #[test]
    fn every_changed_byte_is_damage_that_names_the_record() {
        let barrier = barrier();
        let key = RecordKey::User(UserId(7));
        let sealed = barrier.seal(&SystemRng, &key, RecordKind::User, b"content", Vec::new()).unwrap();
        for at in 0..sealed.bytes.len() {
            let mut changed = entry(key, sealed.clone());
            changed.value.bytes[at] ^= 0x10;
            let error = barrier.open(&changed).err().expect("opened");
            assert!(matches!(&error, Error::Damaged { record } if *record == key.to_string()), "byte {at}: {error}");
        }
    }

    #[test]
    fn a_private_object_needs_a_login_and_a_public_one_does_not() {
        let unlocked = barrier();
        let locked = Barrier::new(Keyring::new(&[1; 16]).unwrap());
        let key = RecordKey::Object(ObjectId(1));
        let private = unlocked.seal(&SystemRng, &key, RecordKind::PrivateObject, b"", Vec::new()).unwrap();
        let public = unlocked.seal(&SystemRng, &key, RecordKind::PublicObject, b"", Vec::new()).unwrap();
        assert!(matches!(locked.open(&entry(key, private)), Err(Error::UserNotLoggedIn)));
        assert!(locked.open(&entry(key, public)).is_ok());
    }
}
