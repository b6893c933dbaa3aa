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

#[cfg(test)]
mod tests {
    use super::super::testing::{cases, curve, ec_pair, ec_public, mechanism, message, sign};
    use super::*;
    use crate::crypto::curve::Curve;

    #[test]
    fn signatures_verify_exactly_when_the_standard_says_so() {
        for (at, case) in cases(include_str!("../../../tests/vectors/ecdsa.txt")).iter().enumerate() {
            let key = match ec_public(curve(case.text("curve").unwrap()), &case.bytes("point")) {
                Ok(key) => key,
                // Some of the changed keys are no points any more.
                Err(error) => {
                    assert!(!case.is_valid(), "case {at}: {error}");
                    continue;
                }
            };
            let mut verifier = mechanism(case).ops.verify.unwrap()(&Params::None, &key).unwrap();
            match verifier.verify(&case.bytes("message"), &case.bytes("signature")) {
                Ok(()) => assert!(case.is_valid(), "case {at}"),
                Err(Error::SignatureInvalid) => assert!(!case.is_valid(), "case {at}"),
                Err(error) => panic!("case {at}: {error}"),
            }
        }
    }

    #[test]
    fn every_curve_signs_digests_of_any_length() {
        for curve in Curve::ALL {
            let pair = ec_pair(curve);
            for len in [1, 20, 32, 64, 66, 67, 200] {
                let mut signer = ECDSA.ops.sign.unwrap()(&Params::None, &pair.private).unwrap();
                let signature = sign(&mut *signer, &message(len)).unwrap();
                assert_eq!(signature.len(), 2 * curve.len());
                let mut verifier = ECDSA.ops.verify.unwrap()(&Params::None, &pair.public).unwrap();
                verifier.verify(&message(len), &signature).unwrap();
            }
        }
    }

    #[test]
    fn a_digest_longer_than_the_order_counts_with_its_first_bits() {
        let pair = ec_pair(Curve::P256);
        let mut signer = ECDSA.ops.sign.unwrap()(&Params::None, &pair.private).unwrap();
        let signature = sign(&mut *signer, &message(64)).unwrap();
        let mut verifier = ECDSA.ops.verify.unwrap()(&Params::None, &pair.public).unwrap();
        verifier.verify(&message(64)[..32], &signature).unwrap();
    }

    #[test]
    fn a_shorter_signature_of_two_equal_halves_verifies() {
        let pair = ec_pair(Curve::P521);
        let mut signer = ECDSA.ops.sign.unwrap()(&Params::None, &pair.private).unwrap();
        let mut verifier = ECDSA.ops.verify.unwrap()(&Params::None, &pair.public).unwrap();
        // The first byte of a half is 0 or 1; both are 0 in a quarter of all signatures.
        let short = core::iter::repeat_with(|| sign(&mut *signer, &message(64)).unwrap())
            .find(|signature| signature[0] == 0 && signature[66] == 0)
            .map(|signature| [&signature[1..66], &signature[67..]].concat())
            .unwrap();
        verifier.verify(&message(64), &short).unwrap();
        assert!(matches!(verifier.verify(&message(64), &short[1..]), Err(Error::SignatureLenRange)));
        let long = [&short[..], &[0; 4]].concat();
        assert!(matches!(verifier.verify(&message(64), &long), Err(Error::SignatureLenRange)));
    }

    #[test]
    fn zero_is_no_half_of_a_signature() {
        let pair = ec_pair(Curve::P256);
        let mut verifier = ECDSA.ops.verify.unwrap()(&Params::None, &pair.public).unwrap();
        for signature in [vec![0; 64], vec![0xff; 64], vec![0, 0], vec![0, 1]] {
            assert!(matches!(verifier.verify(&message(32), &signature), Err(Error::SignatureInvalid)));
        }
    }
}
