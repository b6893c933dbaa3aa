//! What an object is, as far as the attribute rules care.

use hsm_types::{AttributeType, KeyType, ObjectClass, Template};

use crate::error::Error;

/// A kind of object with attribute rules of its own. The value is its bit in [`Kinds`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub enum Kind {
    /// `CKO_DATA`.
    Data = 1,
    /// `CKO_CERTIFICATE`.
    Certificate = 1 << 1,
    /// `CKO_PUBLIC_KEY` of type `CKK_RSA`.
    RsaPublic = 1 << 2,
    /// `CKO_PRIVATE_KEY` of type `CKK_RSA`.
    RsaPrivate = 1 << 3,
    /// `CKO_PUBLIC_KEY` of type `CKK_EC`.
    EcPublic = 1 << 4,
    /// `CKO_PRIVATE_KEY` of type `CKK_EC`.
    EcPrivate = 1 << 5,
    /// `CKO_SECRET_KEY` of type `CKK_AES`.
    Aes = 1 << 6,
    /// `CKO_SECRET_KEY` of type `CKK_GENERIC_SECRET` or `CKK_…_HMAC`.
    Generic = 1 << 7,
    /// `CKO_PUBLIC_KEY` of type `CKK_EC_EDWARDS`.
    EdwardsPublic = 1 << 8,
    /// `CKO_PRIVATE_KEY` of type `CKK_EC_EDWARDS`.
    EdwardsPrivate = 1 << 9,
}

/// A set of kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kinds(u16);

impl Kinds {
    /// Data objects.
    pub const DATA: Self = Self(Kind::Data as u16);
    /// Certificates.
    pub const CERTIFICATE: Self = Self(Kind::Certificate as u16);
    /// RSA public keys.
    pub const RSA_PUBLIC: Self = Self(Kind::RsaPublic as u16);
    /// RSA private keys.
    pub const RSA_PRIVATE: Self = Self(Kind::RsaPrivate as u16);
    /// Private keys that sign and derive: on Weierstrass curves.
    pub const EC_DERIVING: Self = Self(Kind::EcPrivate as u16);
    /// Private keys that only sign: on Edwards curves.
    pub const EDWARDS_PRIVATE: Self = Self(Kind::EdwardsPrivate as u16);
    /// Private keys on curves of every kind.
    pub const EC_PRIVATE: Self = Self::EC_DERIVING.or(Self::EDWARDS_PRIVATE);
    /// Public keys on curves of every kind.
    pub const EC_PUBLIC: Self = Self(Kind::EcPublic as u16 | Kind::EdwardsPublic as u16);
    /// AES keys.
    pub const AES: Self = Self(Kind::Aes as u16);
    /// Generic secrets and HMAC keys.
    pub const GENERIC: Self = Self(Kind::Generic as u16);
    /// Public keys.
    pub const PUBLIC: Self = Self::RSA_PUBLIC.or(Self::EC_PUBLIC);
    /// Private keys.
    pub const PRIVATE: Self = Self::RSA_PRIVATE.or(Self::EC_PRIVATE);
    /// Secret keys.
    pub const SECRET: Self = Self::AES.or(Self::GENERIC);
    /// RSA keys of both classes.
    pub const RSA: Self = Self::RSA_PUBLIC.or(Self::RSA_PRIVATE);
    /// EC keys of both classes.
    pub const EC: Self = Self::EC_PUBLIC.or(Self::EC_PRIVATE);
    /// Keys with a value to protect.
    pub const PROTECTED: Self = Self::PRIVATE.or(Self::SECRET);
    /// All keys.
    pub const KEYS: Self = Self::PUBLIC.or(Self::PROTECTED);
    /// Everything.
    pub const ALL: Self = Self::KEYS.or(Self::DATA).or(Self::CERTIFICATE);

    /// The union of two sets.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether a kind is in the set.
    #[must_use]
    pub const fn contains(self, kind: Kind) -> bool {
        self.0 & kind as u16 != 0
    }
}

impl Kind {
    /// The kind of an object with these attributes.
    ///
    /// # Errors
    /// [`Error::TemplateIncomplete`] without `CKA_CLASS` (or `CKA_KEY_TYPE` for a key);
    /// [`Error::AttributeValueInvalid`] for a class, key or certificate type that the token does not have.
    pub fn of(attributes: &Template) -> Result<Self, Error> {
        let class = attributes.class().ok_or_else(|| missing_or_malformed(attributes, AttributeType::CLASS))?;
        match class {
            ObjectClass::DATA => return Ok(Self::Data),
            ObjectClass::CERTIFICATE => return Ok(Self::Certificate),
            ObjectClass::PUBLIC_KEY | ObjectClass::PRIVATE_KEY | ObjectClass::SECRET_KEY => {}
            _ => return Err(invalid(AttributeType::CLASS, "the token has data, certificate and key objects")),
        }
        let key_type =
            attributes.key_type().ok_or_else(|| missing_or_malformed(attributes, AttributeType::KEY_TYPE))?;
        Self::of_key(class, key_type)
            .ok_or_else(|| invalid(AttributeType::KEY_TYPE, "the token has no keys of this type in this class"))
    }

    const fn of_key(class: ObjectClass, key_type: KeyType) -> Option<Self> {
        match (class, key_type) {
            (ObjectClass::PUBLIC_KEY, KeyType::RSA) => Some(Self::RsaPublic),
            (ObjectClass::PRIVATE_KEY, KeyType::RSA) => Some(Self::RsaPrivate),
            (ObjectClass::PUBLIC_KEY, KeyType::EC) => Some(Self::EcPublic),
            (ObjectClass::PRIVATE_KEY, KeyType::EC) => Some(Self::EcPrivate),
            (ObjectClass::PUBLIC_KEY, KeyType::EC_EDWARDS) => Some(Self::EdwardsPublic),
            (ObjectClass::PRIVATE_KEY, KeyType::EC_EDWARDS) => Some(Self::EdwardsPrivate),
            (ObjectClass::SECRET_KEY, KeyType::AES) => Some(Self::Aes),
            (
                ObjectClass::SECRET_KEY,
                KeyType::GENERIC_SECRET
                | KeyType::SHA_1_HMAC
                | KeyType::SHA224_HMAC
                | KeyType::SHA256_HMAC
                | KeyType::SHA384_HMAC
                | KeyType::SHA512_HMAC,
            ) => Some(Self::Generic),
            _ => None,
        }
    }
}

fn missing_or_malformed(attributes: &Template, attribute: AttributeType) -> Error {
    if attributes.contains(attribute) {
        invalid(attribute, "it is a CK_ULONG")
    } else {
        Error::TemplateIncomplete(attribute)
    }
}

const fn invalid(attribute: AttributeType, rule: &'static str) -> Error {
    Error::AttributeValueInvalid { attribute, rule }
}
