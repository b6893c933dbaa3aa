//! Prepared keys: parsed and checked once, used by every operation.
//!
//! A [`Key`] holds the key's components in the form that its mechanisms use. What only some uses
//! need (schedules, HMAC states) is computed at the first such use and kept.

use std::sync::OnceLock;

use hsm_types::{AttributeType, KeyType, ObjectClass, Template};
use zeroize::Zeroizing;

use crate::crypto::Refused;
use crate::crypto::aes::AesCipher;
use crate::crypto::digest::Hash;
use crate::crypto::ec::{EcPrivateKey, EcPublicKey};
use crate::crypto::ed25519::{self, Ed25519PrivateKey, Ed25519PublicKey};
use crate::crypto::gcm::{GcmKey, TAG};
use crate::crypto::hmac::HmacKey;
use crate::crypto::rsa::{RsaPrivateKey, RsaPublicKey};
use crate::error::{Error, HandleRole};

mod components;
mod derived;

pub(crate) use derived::{EC_OID, RSA_OID, ec_algorithm, ec_point, edwards_algorithm, rsa_algorithm};
pub use derived::{check_value, complete};

/// The longest generic secret in bytes: far beyond use, and a bound for every buffer.
pub const MAX_SECRET_LEN: usize = MAX_SECRET_SIZE as usize;
/// [`MAX_SECRET_LEN`] as the mechanism table has it.
pub(crate) const MAX_SECRET_SIZE: u32 = 65_536;
/// RSA moduli in bits that are accepted: below is broken, above is what AWS-LC refuses.
pub const RSA_BITS: core::ops::RangeInclusive<u32> = 1024..=16_384;

/// A key ready for use.
pub struct Key {
    key_type: KeyType,
    material: Material,
}

/// What kind of key it is, with its components.
#[allow(clippy::large_enum_variant, reason = "a key lives behind an Arc, and the large variant is the common one")]
enum Material {
    Secret(SecretKey),
    Aes(AesKey),
    RsaPublic(RsaPublicKey),
    RsaPrivate(RsaPrivateKey),
    EcPublic(EcPublicKey),
    EcPrivate(EcPrivateKey),
    EdwardsPublic(Ed25519PublicKey),
    EdwardsPrivate(Ed25519PrivateKey),
}

impl Key {
    /// Prepares the key that the attributes describe, by `CKA_CLASS` and `CKA_KEY_TYPE`, and
    /// checks all of its components: this is also the check of an imported key.
    ///
    /// # Errors
    /// [`Error::TemplateIncomplete`] and [`Error::AttributeValueInvalid`] name the attribute,
    /// [`Error::CurveNotSupported`] an unknown curve.
    pub fn from_attributes(attributes: &Template) -> Result<Self, Error> {
        let class = attributes.class().ok_or(Error::TemplateIncomplete(AttributeType::CLASS))?;
        let key_type = attributes.key_type().ok_or(Error::TemplateIncomplete(AttributeType::KEY_TYPE))?;
        let material = match (class, key_type) {
            (ObjectClass::SECRET_KEY, KeyType::AES) => Material::Aes(components::aes(attributes)?),
            (ObjectClass::SECRET_KEY, key_type) if is_secret(key_type) => {
                Material::Secret(components::secret(attributes)?)
            }
            (ObjectClass::PUBLIC_KEY, KeyType::RSA) => Material::RsaPublic(components::rsa_public(attributes)?),
            (ObjectClass::PRIVATE_KEY, KeyType::RSA) => Material::RsaPrivate(components::rsa_private(attributes)?),
            (ObjectClass::PUBLIC_KEY, KeyType::EC) => Material::EcPublic(components::ec_public(attributes)?),
            (ObjectClass::PRIVATE_KEY, KeyType::EC) => Material::EcPrivate(components::ec_private(attributes)?),
            (ObjectClass::PUBLIC_KEY, KeyType::EC_EDWARDS) => {
                Material::EdwardsPublic(components::edwards_public(attributes)?)
            }
            (ObjectClass::PRIVATE_KEY, KeyType::EC_EDWARDS) => {
                Material::EdwardsPrivate(components::edwards_private(attributes)?)
            }
            _ => {
                return Err(Error::AttributeValueInvalid {
                    attribute: AttributeType::KEY_TYPE,
                    rule: "the token has no such type of key in this class",
                });
            }
        };
        Ok(Self { key_type, material })
    }

    /// `CKA_CLASS`.
    #[must_use]
    pub const fn class(&self) -> ObjectClass {
        match self.material {
            Material::Secret(_) | Material::Aes(_) => ObjectClass::SECRET_KEY,
            Material::RsaPublic(_) | Material::EcPublic(_) | Material::EdwardsPublic(_) => ObjectClass::PUBLIC_KEY,
            Material::RsaPrivate(_) | Material::EcPrivate(_) | Material::EdwardsPrivate(_) => ObjectClass::PRIVATE_KEY,
        }
    }

    /// `CKA_KEY_TYPE`.
    #[must_use]
    pub const fn key_type(&self) -> KeyType {
        self.key_type
    }

    /// The size in the unit of the key type's mechanisms: bits for RSA and EC, bytes for secrets.
    #[must_use]
    pub fn size(&self) -> u32 {
        match &self.material {
            Material::Secret(key) => u32::try_from(key.value.len()).unwrap_or(u32::MAX),
            Material::Aes(key) => u32::try_from(key.value.len()).unwrap_or(u32::MAX),
            Material::RsaPublic(key) => key.bits(),
            Material::RsaPrivate(key) => key.bits(),
            Material::EcPublic(key) => key.curve().bits(),
            Material::EcPrivate(key) => key.curve().bits(),
            Material::EdwardsPublic(_) | Material::EdwardsPrivate(_) => ed25519::BITS,
        }
    }

    /// The value of a secret key of any type.
    ///
    /// # Errors
    /// [`Error::KeyTypeInconsistent`] for another kind of key.
    pub fn value(&self) -> Result<&[u8], Error> {
        match &self.material {
            Material::Secret(key) => Ok(&key.value),
            Material::Aes(key) => Ok(&key.value),
            _ => Err(WRONG_KIND),
        }
    }

    pub(crate) const fn secret(&self) -> Result<&SecretKey, Error> {
        if let Material::Secret(key) = &self.material { Ok(key) } else { Err(WRONG_KIND) }
    }

    pub(crate) const fn aes(&self) -> Result<&AesKey, Error> {
        if let Material::Aes(key) = &self.material { Ok(key) } else { Err(WRONG_KIND) }
    }

    pub(crate) const fn rsa_public(&self) -> Result<&RsaPublicKey, Error> {
        if let Material::RsaPublic(key) = &self.material { Ok(key) } else { Err(WRONG_KIND) }
    }

    pub(crate) const fn rsa_private(&self) -> Result<&RsaPrivateKey, Error> {
        if let Material::RsaPrivate(key) = &self.material { Ok(key) } else { Err(WRONG_KIND) }
    }

    pub(crate) const fn ec_public(&self) -> Result<&EcPublicKey, Error> {
        if let Material::EcPublic(key) = &self.material { Ok(key) } else { Err(WRONG_KIND) }
    }

    pub(crate) const fn ec_private(&self) -> Result<&EcPrivateKey, Error> {
        if let Material::EcPrivate(key) = &self.material { Ok(key) } else { Err(WRONG_KIND) }
    }

    pub(crate) const fn edwards_public(&self) -> Result<&Ed25519PublicKey, Error> {
        if let Material::EdwardsPublic(key) = &self.material { Ok(key) } else { Err(WRONG_KIND) }
    }

    pub(crate) const fn edwards_private(&self) -> Result<&Ed25519PrivateKey, Error> {
        if let Material::EdwardsPrivate(key) = &self.material { Ok(key) } else { Err(WRONG_KIND) }
    }
}

impl core::fmt::Debug for Key {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Key({}, {}, {})", self.class(), self.key_type, self.size())
    }
}

/// Whether the type is a string of bytes without structure.
const fn is_secret(key_type: KeyType) -> bool {
    matches!(
        key_type,
        KeyType::GENERIC_SECRET
            | KeyType::SHA_1_HMAC
            | KeyType::SHA224_HMAC
            | KeyType::SHA256_HMAC
            | KeyType::SHA384_HMAC
            | KeyType::SHA512_HMAC
    )
}

const WRONG_KIND: Error = Error::KeyTypeInconsistent(HandleRole::Key);

/// A generic secret with its HMAC states, one per hash that was used.
pub(crate) struct SecretKey {
    value: Zeroizing<Vec<u8>>,
    hmac: [OnceLock<HmacKey>; Hash::ALL.len()],
}

impl SecretKey {
    fn new(value: &[u8]) -> Self {
        Self { value: Zeroizing::new(value.to_vec()), hmac: Default::default() }
    }

    pub(crate) fn hmac(&self, hash: Hash) -> &HmacKey {
        let [sha1, sha224, sha256, sha384, sha512] = &self.hmac;
        let slot = match hash {
            Hash::Sha1 => sha1,
            Hash::Sha224 => sha224,
            Hash::Sha256 => sha256,
            Hash::Sha384 => sha384,
            Hash::Sha512 => sha512,
        };
        slot.get_or_init(|| HmacKey::new(hash, &self.value))
    }
}

/// An AES key with its schedules.
pub(crate) struct AesKey {
    value: Zeroizing<Vec<u8>>,
    cipher: OnceLock<AesCipher>,
    gcm: OnceLock<GcmKey>,
}

impl AesKey {
    fn new(value: &[u8]) -> Self {
        Self { value: Zeroizing::new(value.to_vec()), cipher: OnceLock::new(), gcm: OnceLock::new() }
    }

    pub(crate) fn value(&self) -> &[u8] {
        &self.value
    }

    pub(crate) fn cipher(&self) -> Result<&AesCipher, Error> {
        prepared(&self.cipher, || AesCipher::new(&self.value))
    }

    /// The context for GCM with full tags.
    pub(crate) fn gcm(&self) -> Result<&GcmKey, Error> {
        prepared(&self.gcm, || GcmKey::new(&self.value, TAG))
    }
}

/// The slot's value, made at first use.
fn prepared<T>(slot: &OnceLock<T>, prepare: impl FnOnce() -> Result<T, Refused>) -> Result<&T, Error> {
    if let Some(value) = slot.get() {
        return Ok(value);
    }
    let value = prepare().map_err(|Refused| Error::Crypto("an AES key could not be prepared"))?;
    Ok(slot.get_or_init(|| value))
}

#[cfg(test)]
mod tests;
