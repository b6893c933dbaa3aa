//! Hashes.

use aws_lc_rs::digest as lc;

/// The hashes that the token knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are the standard's")]
pub enum Hash {
    Sha1,
    Sha224,
    Sha256,
    Sha384,
    Sha512,
}

impl Hash {
    /// Every hash.
    pub const ALL: [Self; 5] = [Self::Sha1, Self::Sha224, Self::Sha256, Self::Sha384, Self::Sha512];
    /// The longest digest in bytes.
    pub const MAX_LEN: usize = 64;

    /// The digest's length in bytes.
    #[must_use]
    #[allow(clippy::len_without_is_empty, reason = "a digest is never empty")]
    pub const fn len(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha224 => 28,
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }

    /// The digest of `data`.
    #[must_use]
    pub fn digest(self, data: &[u8]) -> Digest {
        Digest(lc::digest(self.algorithm(), data))
    }

    /// A context for data that comes in parts.
    #[must_use]
    pub fn context(self) -> Context {
        Context(lc::Context::new(self.algorithm()))
    }

    fn algorithm(self) -> &'static lc::Algorithm {
        match self {
            Self::Sha1 => &lc::SHA1_FOR_LEGACY_USE_ONLY,
            Self::Sha224 => &lc::SHA224,
            Self::Sha256 => &lc::SHA256,
            Self::Sha384 => &lc::SHA384,
            Self::Sha512 => &lc::SHA512,
        }
    }
}

/// The SHA-3 hashes, which the token offers as digests alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are the standard's")]
#[allow(clippy::enum_variant_names, reason = "the names are the standard's")]
pub enum Sha3 {
    Sha3_256,
    Sha3_384,
    Sha3_512,
}

impl Sha3 {
    /// The digest's length in bytes.
    #[must_use]
    #[allow(clippy::len_without_is_empty, reason = "a digest is never empty")]
    pub const fn len(self) -> usize {
        match self {
            Self::Sha3_256 => 32,
            Self::Sha3_384 => 48,
            Self::Sha3_512 => 64,
        }
    }

    /// A context for data that comes in parts.
    #[must_use]
    pub fn context(self) -> Context {
        Context(lc::Context::new(match self {
            Self::Sha3_256 => &lc::SHA3_256,
            Self::Sha3_384 => &lc::SHA3_384,
            Self::Sha3_512 => &lc::SHA3_512,
        }))
    }
}

/// A finished digest.
#[derive(Clone, Copy)]
pub struct Digest(lc::Digest);

impl AsRef<[u8]> for Digest {
    fn as_ref(&self) -> &[u8] {
        self.0.as_ref()
    }
}

/// A running digest.
#[derive(Clone)]
pub struct Context(lc::Context);

impl Context {
    /// Adds data.
    pub fn update(&mut self, data: &[u8]) {
        self.0.update(data);
    }

    /// The digest of all data.
    #[must_use]
    pub fn finish(self) -> Digest {
        Digest(self.0.finish())
    }
}
