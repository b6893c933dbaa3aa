//! Mechanisms: one table says everything about each.
//!
//! A mechanism is a [`MechanismDef`] in its family's file and a row in [`MECHANISMS`]. Slots'
//! mechanism lists, `CKF_` flags, argument checks and dispatch follow from the table. What a
//! mechanism can do is which constructors of [`Ops`] it has, so a flag cannot lie.

use std::sync::Arc;

use hsm_types::{KeyType, MechanismInfo, MechanismType, Params, Template};
use zeroize::Zeroizing;

use crate::crypto::rng::Rng;
use crate::error::Error;
use crate::key::Key;

mod aes_cbc;
mod aes_cmac;
mod aes_ctr;
mod aes_ecb;
mod aes_gcm;
mod aes_key_gen;
mod aes_kw;
mod blocks;
mod buffered;
mod ec_key_gen;
mod ecdh;
mod ecdsa;
mod eddsa;
mod generic_secret;
mod hmac;
mod mac;
mod params;
mod rsa_key_gen;
mod rsa_oaep;
mod rsa_pkcs;
mod rsa_pss;
mod rsa_x509;
mod scheme;
mod sha;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod wrapping;

/// Every mechanism, sorted by number.
pub static MECHANISMS: &[&MechanismDef] = &[
    &rsa_key_gen::RSA_PKCS_KEY_PAIR_GEN,
    &rsa_pkcs::RSA_PKCS,
    &rsa_x509::RSA_X_509,
    &rsa_pkcs::SHA1_RSA_PKCS,
    &rsa_oaep::RSA_PKCS_OAEP,
    &rsa_key_gen::RSA_X9_31_KEY_PAIR_GEN,
    &rsa_pss::RSA_PKCS_PSS,
    &rsa_pss::SHA1_RSA_PKCS_PSS,
    &rsa_pkcs::SHA256_RSA_PKCS,
    &rsa_pkcs::SHA384_RSA_PKCS,
    &rsa_pkcs::SHA512_RSA_PKCS,
    &rsa_pss::SHA256_RSA_PKCS_PSS,
    &rsa_pss::SHA384_RSA_PKCS_PSS,
    &rsa_pss::SHA512_RSA_PKCS_PSS,
    &rsa_pkcs::SHA224_RSA_PKCS,
    &rsa_pss::SHA224_RSA_PKCS_PSS,
    &sha::SHA_1,
    &hmac::SHA_1_HMAC,
    &hmac::SHA_1_HMAC_GENERAL,
    &sha::SHA256,
    &hmac::SHA256_HMAC,
    &hmac::SHA256_HMAC_GENERAL,
    &sha::SHA224,
    &hmac::SHA224_HMAC,
    &hmac::SHA224_HMAC_GENERAL,
    &sha::SHA384,
    &hmac::SHA384_HMAC,
    &hmac::SHA384_HMAC_GENERAL,
    &sha::SHA512,
    &hmac::SHA512_HMAC,
    &hmac::SHA512_HMAC_GENERAL,
    &sha::SHA3_256,
    &sha::SHA3_384,
    &sha::SHA3_512,
    &generic_secret::GENERIC_SECRET_KEY_GEN,
    &ec_key_gen::EC_KEY_PAIR_GEN,
    &ecdsa::ECDSA,
    &ecdsa::ECDSA_SHA1,
    &ecdsa::ECDSA_SHA224,
    &ecdsa::ECDSA_SHA256,
    &ecdsa::ECDSA_SHA384,
    &ecdsa::ECDSA_SHA512,
    &ecdh::ECDH1_DERIVE,
    &ecdh::ECDH1_COFACTOR_DERIVE,
    &eddsa::EC_EDWARDS_KEY_PAIR_GEN,
    &eddsa::EDDSA,
    &aes_key_gen::AES_KEY_GEN,
    &aes_ecb::AES_ECB,
    &aes_cbc::AES_CBC,
    &aes_cbc::AES_CBC_PAD,
    &aes_ctr::AES_CTR,
    &aes_gcm::AES_GCM,
    &aes_cmac::AES_CMAC,
    &aes_cmac::AES_CMAC_GENERAL,
    &aes_kw::AES_KEY_WRAP,
    &aes_kw::AES_KEY_WRAP_PAD,
    &aes_kw::AES_KEY_WRAP_KWP,
];

const _: () = assert!(is_sorted(MECHANISMS), "MECHANISMS is out of order or has a number twice");

/// The mechanism with this number, if the token has it.
#[must_use]
pub fn find(id: MechanismType) -> Option<&'static MechanismDef> {
    let at = MECHANISMS.binary_search_by_key(&id, |def| def.id).ok()?;
    MECHANISMS.get(at).copied()
}

#[allow(clippy::indexing_slicing, reason = "constant evaluation stops the build where it would panic")]
const fn is_sorted(mechanisms: &[&MechanismDef]) -> bool {
    let mut at = 1;
    while at < mechanisms.len() {
        if mechanisms[at - 1].id.0 >= mechanisms[at].id.0 {
            return false;
        }
        at += 1;
    }
    true
}

/// Everything about one mechanism.
pub struct MechanismDef {
    /// Its number.
    pub id: MechanismType,
    /// Where it is specified.
    pub spec: &'static str,
    /// Key types it takes (for generation: makes). Empty for digests.
    pub key_types: &'static [KeyType],
    /// Key sizes it takes, with their unit.
    pub key_sizes: KeySizes,
    /// What it does.
    pub ops: Ops,
}

impl MechanismDef {
    /// The `CKF_` flags of `CK_MECHANISM_INFO`: what [`Ops`] holds, and for elliptic curves what
    /// forms of keys are taken.
    #[must_use]
    pub fn flags(&self) -> u64 {
        let ops = &self.ops;
        let mut flags = 0;
        for (is_offered, flag) in [
            (ops.encrypt.is_some(), 0x100),
            (ops.decrypt.is_some(), 0x200),
            (ops.digest.is_some(), 0x400),
            (ops.sign.is_some(), 0x800),
            (ops.verify.is_some(), 0x2000),
            (ops.generate_key.is_some(), 0x8000),
            (ops.generate_key_pair.is_some(), 0x1_0000),
            (ops.wrap.is_some(), 0x2_0000),
            (ops.unwrap.is_some(), 0x4_0000),
            (ops.derive.is_some(), 0x8_0000),
            (self.key_types.contains(&KeyType::EC), EC_FLAGS),
            (self.key_types.contains(&KeyType::EC_EDWARDS), EDWARDS_FLAGS),
        ] {
            if is_offered {
                flags |= flag;
            }
        }
        flags
    }

    /// What `C_GetMechanismInfo` tells.
    #[must_use]
    pub fn info(&self) -> MechanismInfo {
        let (min, max) = match self.key_sizes {
            KeySizes::None => (0, 0),
            KeySizes::Bits { min, max } | KeySizes::Bytes { min, max } => (min, max),
        };
        MechanismInfo { min_key_size: min.into(), max_key_size: max.into(), flags: self.flags() }
    }
}

/// Prime fields, named curves, points uncompressed and compressed: `CKF_EC_F_P`,
/// `CKF_EC_NAMEDCURVE`, `CKF_EC_UNCOMPRESS`, `CKF_EC_COMPRESS` (PKCS#11 v3.1 section 6.3.1).
const EC_FLAGS: u64 = 0x10_0000 | 0x80_0000 | 0x100_0000 | 0x200_0000;

/// Prime fields, curves by identifier and by name, points compressed (the only form that Edwards
/// curves have): `CKF_EC_F_P`, `CKF_EC_OID`, `CKF_EC_CURVENAME`, `CKF_EC_COMPRESS`.
const EDWARDS_FLAGS: u64 = 0x10_0000 | 0x80_0000 | 0x400_0000 | 0x200_0000;

/// Sizes of keys, with the unit that `CK_MECHANISM_INFO` leaves to the mechanism.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeySizes {
    /// The mechanism has no key.
    None,
    /// In bits.
    Bits {
        /// Smallest.
        min: u32,
        /// Largest.
        max: u32,
    },
    /// In bytes.
    Bytes {
        /// Smallest.
        min: u32,
        /// Largest.
        max: u32,
    },
}

impl KeySizes {
    /// Whether a key of this size, in the mechanism's unit, is taken.
    #[must_use]
    pub const fn contains(self, size: u32) -> bool {
        match self {
            Self::None => true,
            Self::Bits { min, max } | Self::Bytes { min, max } => min <= size && size <= max,
        }
    }
}

/// Starts an encryption or decryption with a key.
pub type NewCipher = fn(&Params, &Arc<Key>) -> Result<Box<dyn Cipher>, Error>;
/// Starts a signature or MAC.
pub type NewSigner = fn(&Params, &Arc<Key>) -> Result<Box<dyn Signer>, Error>;
/// Starts a verification.
pub type NewVerifier = fn(&Params, &Arc<Key>) -> Result<Box<dyn Verifier>, Error>;
/// Starts a digest.
pub type NewDigester = fn(&Params) -> Result<Box<dyn Digester>, Error>;
/// Makes a secret key: reads sizes from the caller's template, returns the attributes it made
/// (`CKA_VALUE`, `CKA_VALUE_LEN`).
pub type GenerateKey = fn(&Params, &Template, &dyn Rng) -> Result<Template, Error>;
/// Makes a key pair: reads the two templates (public, private), returns the attributes it made
/// for the public and for the private key.
pub type GenerateKeyPair = fn(&Params, &Template, &Template) -> Result<(Template, Template), Error>;
/// Wraps the bytes of a key (a secret key's value, or a private key's PKCS#8) with a key.
pub type Wrap = fn(&Params, &Arc<Key>, &[u8]) -> Result<Vec<u8>, Error>;
/// Unwraps bytes of a key.
pub type Unwrap = fn(&Params, &Arc<Key>, &[u8]) -> Result<Zeroizing<Vec<u8>>, Error>;
/// Derives `length` bytes (all that the mechanism gives, if `None`) from a base key.
pub type Derive = fn(&Params, &Arc<Key>, Option<usize>) -> Result<Zeroizing<Vec<u8>>, Error>;

/// The functions of a mechanism: each is there or not.
#[derive(Clone, Copy)]
#[allow(missing_docs, reason = "each field is the PKCS#11 function of its name")]
pub struct Ops {
    pub encrypt: Option<NewCipher>,
    pub decrypt: Option<NewCipher>,
    pub sign: Option<NewSigner>,
    pub verify: Option<NewVerifier>,
    pub digest: Option<NewDigester>,
    pub generate_key: Option<GenerateKey>,
    pub generate_key_pair: Option<GenerateKeyPair>,
    pub wrap: Option<Wrap>,
    pub unwrap: Option<Unwrap>,
    pub derive: Option<Derive>,
}

impl Ops {
    /// No function at all: the base of every row.
    pub const NONE: Self = Self {
        encrypt: None,
        decrypt: None,
        sign: None,
        verify: None,
        digest: None,
        generate_key: None,
        generate_key_pair: None,
        wrap: None,
        unwrap: None,
        derive: None,
    };
}

/// A running encryption or decryption.
///
/// The driver (`operation.rs`) keeps PKCS#11's length rules: it hands `process`, `update` and
/// `finish` an output of at least the length that the matching `…_len` gave.
pub trait Cipher: Send {
    /// The most bytes that [`process`](Self::process) writes for `input_len` bytes.
    fn process_len(&self, input_len: usize) -> usize;

    /// The whole message in one call. Leaves `self` able to do the same again, because the
    /// caller's buffer may turn out too small. Returns the bytes written.
    ///
    /// # Errors
    /// What the mechanism finds wrong with the input.
    fn process(&mut self, input: &[u8], output: &mut [u8]) -> Result<usize, Error>;

    /// Exactly how many bytes [`update`](Self::update) writes for `input_len` more bytes;
    /// `None` for a mechanism without multi-part operation.
    fn update_len(&self, input_len: usize) -> Option<usize>;

    /// The next part. Returns the bytes written.
    ///
    /// # Errors
    /// What the mechanism finds wrong with the input.
    fn update(&mut self, input: &[u8], output: &mut [u8]) -> Result<usize, Error>;

    /// Exactly how many bytes [`finish`](Self::finish) writes. May do the work and keep its result.
    ///
    /// # Errors
    /// What the mechanism finds wrong with the whole input.
    fn finish_len(&mut self) -> Result<usize, Error>;

    /// The last part. Returns the bytes written.
    ///
    /// # Errors
    /// What the mechanism finds wrong with the whole input.
    fn finish(&mut self, output: &mut [u8]) -> Result<usize, Error>;
}

/// A running signature or MAC.
pub trait Signer: Send {
    /// The signature's length in bytes.
    fn signature_len(&self) -> usize;

    /// Whether [`update`](Self::update) may be called.
    fn is_multi_part(&self) -> bool;

    /// Signs the whole message in one call into the first bytes of `signature`, which is at least
    /// [`signature_len`](Self::signature_len) long. Returns the bytes written.
    ///
    /// # Errors
    /// What the mechanism finds wrong with the data.
    fn sign(&mut self, data: &[u8], signature: &mut [u8]) -> Result<usize, Error>;

    /// The next part of the message.
    ///
    /// # Errors
    /// What the mechanism finds wrong with the data.
    fn update(&mut self, data: &[u8]) -> Result<(), Error>;

    /// Signs what was given to [`update`](Self::update).
    ///
    /// # Errors
    /// What the mechanism finds wrong with the data.
    fn finish(&mut self, signature: &mut [u8]) -> Result<usize, Error>;
}

/// A running verification.
pub trait Verifier: Send {
    /// Whether [`update`](Self::update) may be called.
    fn is_multi_part(&self) -> bool;

    /// Verifies the whole message in one call.
    ///
    /// # Errors
    /// [`Error::SignatureLenRange`] for a length that no signature of this key has,
    /// [`Error::SignatureInvalid`] for every other mismatch.
    fn verify(&mut self, data: &[u8], signature: &[u8]) -> Result<(), Error>;

    /// The next part of the message.
    ///
    /// # Errors
    /// What the mechanism finds wrong with the data.
    fn update(&mut self, data: &[u8]) -> Result<(), Error>;

    /// Verifies what was given to [`update`](Self::update).
    ///
    /// # Errors
    /// As [`verify`](Self::verify).
    fn finish(&mut self, signature: &[u8]) -> Result<(), Error>;
}

/// A running digest.
pub trait Digester: Send {
    /// The digest's length in bytes.
    fn digest_len(&self) -> usize;

    /// The next part of the message.
    fn update(&mut self, data: &[u8]);

    /// Writes the digest into the first [`digest_len`](Self::digest_len) bytes of `output`.
    fn finish(&mut self, output: &mut [u8]);
}
