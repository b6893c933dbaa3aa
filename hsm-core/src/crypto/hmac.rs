//! HMAC with prepared keys.

use aws_lc_rs::hmac as lc;

use super::digest::Hash;

/// An HMAC key whose inner and outer states are computed.
#[derive(Clone)]
pub struct HmacKey(lc::Key);

/// A finished HMAC.
pub struct Tag(lc::Tag);

/// A running HMAC.
pub struct Context(lc::Context);

impl HmacKey {
    /// Prepares a key of any length.
    #[must_use]
    pub fn new(hash: Hash, key: &[u8]) -> Self {
        Self(lc::Key::new(algorithm(hash), key))
    }

    /// The HMAC of `data`.
    #[must_use]
    pub fn tag(&self, data: &[u8]) -> Tag {
        Tag(lc::sign(&self.0, data))
    }

    /// A context for data that comes in parts.
    #[must_use]
    pub fn context(&self) -> Context {
        Context(lc::Context::with_key(&self.0))
    }
}

impl AsRef<[u8]> for Tag {
    fn as_ref(&self) -> &[u8] {
        self.0.as_ref()
    }
}

impl Context {
    /// Adds data.
    pub fn update(&mut self, data: &[u8]) {
        self.0.update(data);
    }

    /// The HMAC of all data.
    #[must_use]
    pub fn finish(self) -> Tag {
        Tag(self.0.sign())
    }
}

fn algorithm(hash: Hash) -> lc::Algorithm {
    match hash {
        Hash::Sha1 => lc::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
        Hash::Sha224 => lc::HMAC_SHA224,
        Hash::Sha256 => lc::HMAC_SHA256,
        Hash::Sha384 => lc::HMAC_SHA384,
        Hash::Sha512 => lc::HMAC_SHA512,
    }
}
