//! RSA with PKCS#1 v1.5 paddings: `CKM_RSA_PKCS` and `CKM_SHA…_RSA_PKCS`.

use std::sync::Arc;

use hsm_types::{KeyType, MechanismType, Params};

use super::buffered::{Transform, Whole};
use super::scheme::{Hashed, Plain, SignScheme, VerifyScheme};
use super::{Cipher, KeySizes, MechanismDef, Ops, Signer, Verifier, params, wrapping};
use crate::crypto::Refused;
use crate::crypto::digest::Hash;
use crate::crypto::pkcs1;
use crate::crypto::rng::SystemRng;
use crate::error::Error;
use crate::key::Key;

/// What every RSA mechanism but key generation takes.
pub(super) const SIZES: KeySizes =
    KeySizes::Bits { min: *crate::key::RSA_BITS.start(), max: *crate::key::RSA_BITS.end() };

/// `CKM_RSA_PKCS`.
pub(super) static RSA_PKCS: MechanismDef = MechanismDef {
    id: MechanismType::RSA_PKCS,
    spec: "PKCS#11 v3.1, PKCS #1 v1.5 RSA; RFC 8017 sections 7.2 and 8.2",
    key_types: &[KeyType::RSA],
    key_sizes: SIZES,
    ops: Ops {
        encrypt: Some(encrypt),
        decrypt: Some(decrypt),
        sign: Some(|params, key| {
            params::none(params)?;
            key.rsa_private()?;
            Ok(Box::new(Plain(Sign { key: Arc::clone(key), prefix: &[] })))
        }),
        verify: Some(|params, key| {
            params::none(params)?;
            key.rsa_public()?;
            Ok(Box::new(Plain(Verify { key: Arc::clone(key), prefix: &[] })))
        }),
        wrap: Some(|params, key, data| wrapping::wrap(encrypt(params, key), data)),
        unwrap: Some(|params, key, data| wrapping::unwrap(decrypt(params, key), data)),
        ..Ops::NONE
    },
};

macro_rules! hashed {
    ($($id:ident: $hash:ident;)*) => { $(
        #[doc = concat!("`CKM_", stringify!($id), "`.")]
        pub(super) static $id: MechanismDef = MechanismDef {
            id: MechanismType::$id,
            spec: "PKCS#11 v3.1, PKCS #1 v1.5 RSA signature with SHA-1 or SHA-2; RFC 8017 section 8.2",
            key_types: &[KeyType::RSA],
            key_sizes: SIZES,
            ops: Ops {
                sign: Some(|params, key| sign_hash(Hash::$hash, params, key)),
                verify: Some(|params, key| verify_hash(Hash::$hash, params, key)),
                ..Ops::NONE
            },
        };
    )* };
}

hashed! {
    SHA1_RSA_PKCS: Sha1;
    SHA224_RSA_PKCS: Sha224;
    SHA256_RSA_PKCS: Sha256;
    SHA384_RSA_PKCS: Sha384;
    SHA512_RSA_PKCS: Sha512;
}

fn sign_hash(hash: Hash, params: &Params, key: &Arc<Key>) -> Result<Box<dyn Signer>, Error> {
    params::none(params)?;
    key.rsa_private()?;
    Ok(Box::new(Hashed::new(hash, Sign { key: Arc::clone(key), prefix: digest_info(hash) })))
}

fn verify_hash(hash: Hash, params: &Params, key: &Arc<Key>) -> Result<Box<dyn Verifier>, Error> {
    params::none(params)?;
    key.rsa_public()?;
    Ok(Box::new(Hashed::new(hash, Verify { key: Arc::clone(key), prefix: digest_info(hash) })))
}

fn encrypt(params: &Params, key: &Arc<Key>) -> Result<Box<dyn Cipher>, Error> {
    params::none(params)?;
    key.rsa_public()?;
    Ok(Box::new(Whole(Encrypt(Arc::clone(key)))))
}

fn decrypt(params: &Params, key: &Arc<Key>) -> Result<Box<dyn Cipher>, Error> {
    params::none(params)?;
    key.rsa_private()?;
    Ok(Box::new(Whole(Decrypt(Arc::clone(key)))))
}

struct Sign {
    key: Arc<Key>,
    prefix: &'static [u8],
}

struct Verify {
    key: Arc<Key>,
    prefix: &'static [u8],
}

struct Encrypt(Arc<Key>);
struct Decrypt(Arc<Key>);

impl SignScheme for Sign {
    fn signature_len(&self) -> usize {
        self.key.rsa_private().map_or(0, |key| key.len())
    }

    fn sign(&self, message: &[u8], signature: &mut [u8]) -> Result<(), Error> {
        let key = self.key.rsa_private()?;
        let data = [self.prefix, message].concat();
        if data.len() > pkcs1::max_message_len(key.len()) {
            return Err(TOO_LONG);
        }
        pkcs1::sign(key, &data, signature).map_err(|Refused| Error::Crypto("an RSA signature failed"))
    }
}

impl VerifyScheme for Verify {
    fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), Error> {
        let key = self.key.rsa_public()?;
        let data = [self.prefix, message].concat();
        if data.len() > pkcs1::max_message_len(key.len()) {
            return Err(TOO_LONG);
        }
        if signature.len() != key.len() {
            return Err(Error::SignatureLenRange);
        }
        pkcs1::verify(key, &data, signature).map_err(|Refused| Error::SignatureInvalid)
    }
}

impl Transform for Encrypt {
    fn max_len(&self, _input_len: usize) -> usize {
        self.0.rsa_public().map_or(0, |key| key.len())
    }

    fn run(&self, input: &[u8], output: &mut [u8]) -> Result<usize, Error> {
        let key = self.0.rsa_public()?;
        if input.len() > pkcs1::max_message_len(key.len()) {
            return Err(TOO_LONG);
        }
        let output = output.get_mut(..key.len()).ok_or(Error::BufferTooSmall { needed: key.len() })?;
        pkcs1::encrypt(key, &SystemRng, input, output).map_err(|Refused| Error::Crypto("an RSA encryption failed"))?;
        Ok(key.len())
    }
}

impl Transform for Decrypt {
    fn max_len(&self, _input_len: usize) -> usize {
        self.0.rsa_private().map_or(0, |key| pkcs1::max_message_len(key.len()))
    }

    fn run(&self, input: &[u8], output: &mut [u8]) -> Result<usize, Error> {
        let key = self.0.rsa_private()?;
        if input.len() != key.len() {
            return Err(Error::EncryptedDataLenRange);
        }
        let message = pkcs1::decrypt(key, input).map_err(|Refused| Error::EncryptedDataInvalid)?;
        let needed = message.len();
        output.get_mut(..needed).ok_or(Error::BufferTooSmall { needed })?.copy_from_slice(&message);
        Ok(needed)
    }
}

const TOO_LONG: Error = Error::DataLenRange("at most the modulus's length less 11 bytes");

/// The DER of a `DigestInfo` up to the digest (RFC 8017 section 9.2, note 1).
const fn digest_info(hash: Hash) -> &'static [u8] {
    match hash {
        Hash::Sha1 => b"\x30\x21\x30\x09\x06\x05\x2b\x0e\x03\x02\x1a\x05\x00\x04\x14",
        Hash::Sha224 => b"\x30\x2d\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x04\x05\x00\x04\x1c",
        Hash::Sha256 => b"\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20",
        Hash::Sha384 => b"\x30\x41\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x02\x05\x00\x04\x30",
        Hash::Sha512 => b"\x30\x51\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x03\x05\x00\x04\x40",
    }
}
