//! RSA-PSS: `CKM_RSA_PKCS_PSS` and `CKM_SHA…_RSA_PKCS_PSS`, with any hash for the masks and any salt length.

use std::sync::Arc;

use hsm_types::{KeyType, MechanismType, Params};

use super::rsa_pkcs::SIZES;
use super::scheme::{Hashed, Plain, SignScheme, VerifyScheme};
use super::{MechanismDef, Ops, Signer, Verifier, params};
use crate::crypto::Refused;
use crate::crypto::digest::Hash;
use crate::crypto::rsa_padding::Pss;
use crate::error::Error;
use crate::key::Key;

/// `CKM_RSA_PKCS_PSS`.
pub(super) static RSA_PKCS_PSS: MechanismDef = MechanismDef {
    id: MechanismType::RSA_PKCS_PSS,
    spec: "PKCS#11 v3.1, PKCS #1 RSA PSS; RFC 8017 section 8.1",
    key_types: &[KeyType::RSA],
    key_sizes: SIZES,
    ops: Ops {
        sign: Some(|params, key| Ok(Box::new(Plain(Sign::new(params, None, key)?)))),
        verify: Some(|params, key| Ok(Box::new(Plain(Verify::new(params, None, key)?)))),
        ..Ops::NONE
    },
};

macro_rules! hashed {
    ($($id:ident: $hash:ident;)*) => { $(
        #[doc = concat!("`CKM_", stringify!($id), "`.")]
        pub(super) static $id: MechanismDef = MechanismDef {
            id: MechanismType::$id,
            spec: "PKCS#11 v3.1, PKCS #1 RSA PSS signature with SHA-1 or SHA-2; RFC 8017 section 8.1",
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
    SHA1_RSA_PKCS_PSS: Sha1;
    SHA224_RSA_PKCS_PSS: Sha224;
    SHA256_RSA_PKCS_PSS: Sha256;
    SHA384_RSA_PKCS_PSS: Sha384;
    SHA512_RSA_PKCS_PSS: Sha512;
}

fn sign_hash(hash: Hash, params: &Params, key: &Arc<Key>) -> Result<Box<dyn Signer>, Error> {
    Ok(Box::new(Hashed::new(hash, Sign::new(params, Some(hash), key)?)))
}

fn verify_hash(hash: Hash, params: &Params, key: &Arc<Key>) -> Result<Box<dyn Verifier>, Error> {
    Ok(Box::new(Hashed::new(hash, Verify::new(params, Some(hash), key)?)))
}

/// The parameter's choices; with the hash of the mechanism, if it has one, and room in the key.
fn pss(params: &Params, mechanism_hash: Option<Hash>, modulus_bits: u32) -> Result<Pss, Error> {
    let Params::Pss { hash, mgf, salt_len } = params else {
        return Err(Error::MechanismParamInvalid("the parameter is a CK_RSA_PKCS_PSS_PARAMS"));
    };
    let salt_len = usize::try_from(*salt_len).unwrap_or(usize::MAX);
    let pss = Pss { hash: params::hash(*hash)?, mgf: params::mgf(*mgf)?, salt_len };
    if mechanism_hash.is_some_and(|hash| hash != pss.hash) {
        return Err(Error::MechanismParamInvalid("the parameter's hash is that of the mechanism"));
    }
    if pss.fits(modulus_bits) {
        Ok(pss)
    } else {
        Err(Error::MechanismParamInvalid("the salt is at most as long as the modulus less the digest and 2 bytes"))
    }
}

struct Sign {
    key: Arc<Key>,
    pss: Pss,
}

struct Verify {
    key: Arc<Key>,
    pss: Pss,
}

impl Sign {
    fn new(params: &Params, hash: Option<Hash>, key: &Arc<Key>) -> Result<Self, Error> {
        Ok(Self { pss: pss(params, hash, key.rsa_private()?.bits())?, key: Arc::clone(key) })
    }
}

impl Verify {
    fn new(params: &Params, hash: Option<Hash>, key: &Arc<Key>) -> Result<Self, Error> {
        Ok(Self { pss: pss(params, hash, key.rsa_public()?.bits())?, key: Arc::clone(key) })
    }
}

impl SignScheme for Sign {
    fn signature_len(&self) -> usize {
        self.key.rsa_private().map_or(0, |key| key.len())
    }

    fn sign(&self, message: &[u8], signature: &mut [u8]) -> Result<(), Error> {
        check_digest(&self.pss, message)?;
        let key = self.key.rsa_private()?;
        self.pss.sign(key, message, signature).map_err(|Refused| Error::Crypto("an RSA-PSS signature failed"))
    }
}

impl VerifyScheme for Verify {
    fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), Error> {
        check_digest(&self.pss, message)?;
        let key = self.key.rsa_public()?;
        if signature.len() != key.len() {
            return Err(Error::SignatureLenRange);
        }
        self.pss.verify(key, message, signature).map_err(|Refused| Error::SignatureInvalid)
    }
}

const fn check_digest(pss: &Pss, digest: &[u8]) -> Result<(), Error> {
    if digest.len() == pss.hash.len() {
        Ok(())
    } else {
        Err(Error::DataLenRange("the data is a digest of the parameter's hash"))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{RSA_PAIR, message, sign};
    use super::*;

    const fn pss(hash: MechanismType, mgf: u64, salt_len: u64) -> Params {
        Params::Pss { hash, mgf, salt_len }
    }

    #[test]
    fn any_mask_hash_and_any_salt_length_that_fits_verifies_and_others_do_not() {
        // 256 bytes less a digest of 32 and 2 leave 222.
        for (mgf, salt_len) in [(1, 0), (2, 20), (3, 32), (4, 222), (5, 1)] {
            let params = pss(MechanismType::SHA256, mgf, salt_len);
            let mut signer = RSA_PKCS_PSS.ops.sign.unwrap()(&params, &RSA_PAIR.private).unwrap();
            let signature = sign(&mut *signer, &message(32)).unwrap();
            let verify = |params: &Params| {
                let mut verifier = RSA_PKCS_PSS.ops.verify.unwrap()(params, &RSA_PAIR.public).unwrap();
                verifier.verify(&message(32), &signature)
            };
            verify(&params).unwrap();
            let other_mask = pss(MechanismType::SHA256, mgf % 5 + 1, salt_len);
            assert!(matches!(verify(&other_mask), Err(Error::SignatureInvalid)));
            let other_salt = pss(MechanismType::SHA256, mgf, salt_len ^ 1);
            if salt_len < 222 {
                assert!(matches!(verify(&other_salt), Err(Error::SignatureInvalid)));
            }
        }
    }

    #[test]
    fn a_parameter_that_does_not_fit_mechanism_or_key_is_refused() {
        for params in [
            pss(MechanismType::SHA512, 1, 20),
            pss(MechanismType::SHA256, 6, 20),
            pss(MechanismType::SHA256, 1, 223),
            pss(MechanismType::SHA256, 1, u64::MAX),
        ] {
            let refused = SHA256_RSA_PKCS_PSS.ops.sign.unwrap()(&params, &RSA_PAIR.private).err();
            assert!(matches!(refused, Some(Error::MechanismParamInvalid(_))), "{params:?}");
            let refused = SHA256_RSA_PKCS_PSS.ops.verify.unwrap()(&params, &RSA_PAIR.public).err();
            assert!(matches!(refused, Some(Error::MechanismParamInvalid(_))), "{params:?}");
        }
    }

    #[test]
    fn data_that_is_no_digest_of_the_hash_is_refused() {
        let params = pss(MechanismType::SHA256, 2, 32);
        let mut signer = RSA_PKCS_PSS.ops.sign.unwrap()(&params, &RSA_PAIR.private).unwrap();
        for len in [0, 20, 31, 33] {
            assert!(matches!(sign(&mut *signer, &message(len)), Err(Error::DataLenRange(_))));
        }
    }
}
