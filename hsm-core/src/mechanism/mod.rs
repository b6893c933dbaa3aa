//! Mechanisms: one table says everything about each.
//!
//! A mechanism is a [`MechanismDef`] in its family's file and a row in [`MECHANISMS`]. Slots'
//! mechanism lists, `CKF_` flags, argument checks and dispatch follow from the table. What a
//! mechanism can do is which constructors of [`Ops`] it has, so a flag cannot lie.

use std::sync::Arc;

use hsm_types::{KeyType, MechanismType, Params, Template};
use zeroize::Zeroizing;

use crate::crypto::rng::Rng;
use crate::error::Error;
use crate::key::Key;

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
