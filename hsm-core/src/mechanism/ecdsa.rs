//! ECDSA: `CKM_ECDSA` over the caller's digest, `CKM_ECDSA_SHA…` over the data.

use std::sync::Arc;

use hsm_types::{KeyType, MechanismType, Params};

use super::ec_key_gen::SIZES;
use super::scheme::{Hashed, Plain, SignScheme, VerifyScheme};
use super::{MechanismDef, Ops, Signer, Verifier, params};
use crate::crypto::Refused;
use crate::crypto::digest::Hash;
use crate::error::Error;
use crate::key::Key;

/// `CKM_ECDSA`.
pub(super) static ECDSA: MechanismDef = MechanismDef {
    id: MechanismType::ECDSA,
    spec: "PKCS#11 v3.1, ECDSA without hashing; FIPS 186-5 section 6.4",
    key_types: &[KeyType::EC],
    key_sizes: SIZES,
    ops: Ops {
        sign: Some(|params, key| Ok(Box::new(Plain(Sign::new(params, key)?)))),
        verify: Some(|params, key| Ok(Box::new(Plain(Verify::new(params, key)?)))),
        ..Ops::NONE
    },
};

macro_rules! hashed {
    ($($id:ident: $hash:ident;)*) => { $(
        #[doc = concat!("`CKM_", stringify!($id), "`.")]
        pub(super) static $id: MechanismDef = MechanismDef {
            id: MechanismType::$id,
            spec: "PKCS#11 v3.1, ECDSA with SHA-1 or SHA-2; FIPS 186-5 section 6.4",
            key_types: &[KeyType::EC],
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
    ECDSA_SHA1: Sha1;
    ECDSA_SHA224: Sha224;
    ECDSA_SHA256: Sha256;
    ECDSA_SHA384: Sha384;
    ECDSA_SHA512: Sha512;
}

fn sign_hash(hash: Hash, params: &Params, key: &Arc<Key>) -> Result<Box<dyn Signer>, Error> {
    Ok(Box::new(Hashed::new(hash, Sign::new(params, key)?)))
}

fn verify_hash(hash: Hash, params: &Params, key: &Arc<Key>) -> Result<Box<dyn Verifier>, Error> {
    Ok(Box::new(Hashed::new(hash, Verify::new(params, key)?)))
}

struct Sign(Arc<Key>);
struct Verify(Arc<Key>);

impl Sign {
    fn new(params: &Params, key: &Arc<Key>) -> Result<Self, Error> {
        params::none(params)?;
        key.ec_private()?;
        Ok(Self(Arc::clone(key)))
    }
}

impl Verify {
    fn new(params: &Params, key: &Arc<Key>) -> Result<Self, Error> {
        params::none(params)?;
        key.ec_public()?;
        Ok(Self(Arc::clone(key)))
    }
}

impl SignScheme for Sign {
    fn signature_len(&self) -> usize {
        self.0.ec_private().map_or(0, |key| 2 * key.curve().len())
    }

    fn sign(&self, message: &[u8], signature: &mut [u8]) -> Result<(), Error> {
        check_digest(message)?;
        self.0.ec_private()?.sign(message, signature).map_err(|Refused| Error::Crypto("an ECDSA signature failed"))
    }
}

impl VerifyScheme for Verify {
    /// Takes r and s of equal length, which may be shorter than the order: PKCS#11 allows it, and
    /// Java's P-521 makes such signatures (PKCS#11 v3.1 section 6.3.1, EC signatures).
    fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), Error> {
        check_digest(message)?;
        let key = self.0.ec_public()?;
        let is_possible =
            !signature.is_empty() && signature.len().is_multiple_of(2) && signature.len() <= 2 * key.curve().len();
        if !is_possible {
            return Err(Error::SignatureLenRange);
        }
        key.verify(message, signature).map_err(|Refused| Error::SignatureInvalid)
    }
}

/// The digest of no hash is empty, and a signature of it would be one of the number 0.
const fn check_digest(digest: &[u8]) -> Result<(), Error> {
    if digest.is_empty() { Err(Error::DataLenRange("at least one byte")) } else { Ok(()) }
}
