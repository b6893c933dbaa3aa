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

#[cfg(test)]
mod tests {
    use super::super::find;
    use super::super::testing::{RSA_2048, RSA_PAIR, at_once, cases, cases_of, mechanism, message, rsa_public, sign};
    use super::*;

    const VERIFY: &str = include_str!("../../../tests/vectors/rsa_verify.txt");

    #[test]
    fn signatures_verify_exactly_when_the_standards_say_so() {
        for (at, case) in cases(VERIFY).iter().enumerate() {
            let def = mechanism(case);
            let key = rsa_public(&case.bytes("modulus"), &case.bytes("exponent")).unwrap();
            let params = match case.text("salt_len") {
                None => Params::None,
                Some(salt_len) => {
                    let (hash, mgf) = match case.text("mechanism").unwrap().split('_').next() {
                        Some("SHA1") => (MechanismType::SHA_1, 1),
                        Some("SHA224") => (MechanismType::SHA224, 5),
                        Some("SHA256") => (MechanismType::SHA256, 2),
                        Some("SHA384") => (MechanismType::SHA384, 3),
                        _ => (MechanismType::SHA512, 4),
                    };
                    Params::Pss { hash, mgf, salt_len: salt_len.parse().unwrap() }
                }
            };
            let mut verifier = def.ops.verify.unwrap()(&params, &key).unwrap();
            let verified = verifier.verify(&case.bytes("message"), &case.bytes("signature"));
            match verified {
                Ok(()) => assert!(case.is_valid(), "case {at}, {}", def.id),
                Err(Error::SignatureInvalid) => assert!(!case.is_valid(), "case {at}, {}", def.id),
                Err(error) => panic!("case {at}, {}: {error}", def.id),
            }
        }
    }

    #[test]
    fn signatures_are_those_of_another_library() {
        for case in cases(RSA_2048).iter().filter(|case| case.text("signature").is_some()) {
            let signer = mechanism(case).ops.sign.unwrap()(&Params::None, &RSA_PAIR.private);
            assert_eq!(sign(&mut *signer.unwrap(), &case.bytes("message")).unwrap(), case.bytes("signature"));
        }
    }

    #[test]
    fn a_digest_info_signed_as_data_is_the_hashed_signature() {
        let info = [digest_info(Hash::Sha256), Hash::Sha256.digest(b"data").as_ref()].concat();
        let plain = sign(&mut *RSA_PKCS.ops.sign.unwrap()(&Params::None, &RSA_PAIR.private).unwrap(), &info).unwrap();
        let mut verifier = SHA256_RSA_PKCS.ops.verify.unwrap()(&Params::None, &RSA_PAIR.public).unwrap();
        verifier.verify(b"data", &plain).unwrap();
    }

    /// The messages are those that OpenSSL gives for the same ciphertexts.
    #[test]
    fn a_bad_padding_gives_the_synthetic_message_of_the_draft_and_no_error() {
        for (at, case) in cases_of(RSA_2048, MechanismType::RSA_PKCS).iter().enumerate() {
            let mut cipher = decrypt(&Params::None, &RSA_PAIR.private).unwrap();
            let first = at_once(&mut *cipher, &case.bytes("ciphertext")).unwrap();
            assert_eq!(hex::encode(&first), hex::encode(case.bytes("message")), "case {at}");
            assert_eq!(at_once(&mut *cipher, &case.bytes("ciphertext")).unwrap(), first);
        }
    }

    #[test]
    fn unwrapping_a_bad_padding_is_no_error_either() {
        let unwrap = RSA_PKCS.ops.unwrap.unwrap();
        let case = &cases_of(RSA_2048, MechanismType::RSA_PKCS)[0];
        assert_eq!(
            *unwrap(&Params::None, &RSA_PAIR.private, &case.bytes("ciphertext")).unwrap(),
            case.bytes("message")
        );
    }

    #[test]
    fn every_message_length_up_to_the_longest_decrypts_to_itself() {
        for len in [0, 1, 100, 244, 245] {
            let mut cipher = encrypt(&Params::None, &RSA_PAIR.public).unwrap();
            let ciphertext = at_once(&mut *cipher, &message(len)).unwrap();
            let mut cipher = decrypt(&Params::None, &RSA_PAIR.private).unwrap();
            assert_eq!(at_once(&mut *cipher, &ciphertext).unwrap(), message(len));
        }
        let mut cipher = encrypt(&Params::None, &RSA_PAIR.public).unwrap();
        assert!(matches!(at_once(&mut *cipher, &message(246)), Err(Error::DataLenRange(_))));
    }

    #[test]
    fn a_ciphertext_of_another_length_or_not_below_the_modulus_is_refused() {
        let mut cipher = decrypt(&Params::None, &RSA_PAIR.private).unwrap();
        for len in [0, 255, 257] {
            assert!(matches!(at_once(&mut *cipher, &message(len)), Err(Error::EncryptedDataLenRange)));
        }
        assert!(matches!(at_once(&mut *cipher, &[0xff; 256]), Err(Error::EncryptedDataInvalid)));
    }

    #[test]
    fn data_that_leaves_no_room_for_padding_is_refused_in_signing_and_verifying() {
        let mut signer = RSA_PKCS.ops.sign.unwrap()(&Params::None, &RSA_PAIR.private).unwrap();
        assert!(matches!(sign(&mut *signer, &message(246)), Err(Error::DataLenRange(_))));
        let mut verifier = RSA_PKCS.ops.verify.unwrap()(&Params::None, &RSA_PAIR.public).unwrap();
        assert!(matches!(verifier.verify(&message(246), &[0; 256]), Err(Error::DataLenRange(_))));
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "the test is about threads")]
    fn threads_share_one_private_key() {
        let expected = cases(RSA_2048);
        let case = expected.iter().find(|case| case.text("mechanism") == Some("SHA256_RSA_PKCS")).unwrap();
        let (data, signature) = (case.bytes("message"), case.bytes("signature"));
        let threads: Vec<_> = (0..8)
            .map(|_| {
                let (data, signature) = (data.clone(), signature.clone());
                std::thread::spawn(move || {
                    for _ in 0..20 {
                        let new = find(MechanismType::SHA256_RSA_PKCS).unwrap().ops.sign.unwrap();
                        let mut signer = new(&Params::None, &RSA_PAIR.private).unwrap();
                        assert_eq!(sign(&mut *signer, &data).unwrap(), signature);
                    }
                })
            })
            .collect();
        for thread in threads {
            thread.join().unwrap();
        }
    }
}
