//! Ed25519: `CKM_EC_EDWARDS_KEY_PAIR_GEN` and `CKM_EDDSA`.
//!
//! `CKM_EDDSA` without a parameter is pure Ed25519. A `CK_EDDSA_PARAMS` asks for Ed25519ctx or
//! Ed25519ph, which are not offered, and is refused.

use std::sync::Arc;

use hsm_types::{AttributeType, KeyType, MechanismType, Params, Template};

use super::scheme::{Collected, SignScheme, VerifyScheme};
use super::{KeySizes, MechanismDef, Ops, params};
use crate::crypto::Refused;
use crate::crypto::ed25519::{self, Ed25519PrivateKey, SIGNATURE_LEN};
use crate::crypto::rng::SystemRng;
use crate::error::Error;
use crate::key::{Key, ec_point};

const SIZES: KeySizes = KeySizes::Bits { min: ed25519::BITS, max: ed25519::BITS };

/// `CKM_EC_EDWARDS_KEY_PAIR_GEN`.
pub(super) static EC_EDWARDS_KEY_PAIR_GEN: MechanismDef = MechanismDef {
    id: MechanismType::EC_EDWARDS_KEY_PAIR_GEN,
    spec: "PKCS#11 v3.1, Edwards elliptic curve key pair generation; RFC 8032 section 5.1.5",
    key_types: &[KeyType::EC_EDWARDS],
    key_sizes: SIZES,
    ops: Ops { generate_key_pair: Some(generate), ..Ops::NONE },
};

/// `CKM_EDDSA`.
pub(super) static EDDSA: MechanismDef = MechanismDef {
    id: MechanismType::EDDSA,
    spec: "PKCS#11 v3.1, EdDSA (pure Ed25519); RFC 8032 section 5.1",
    key_types: &[KeyType::EC_EDWARDS],
    key_sizes: SIZES,
    ops: Ops {
        sign: Some(|params, key| Ok(Box::new(Collected::new(Sign::new(params, key)?)))),
        verify: Some(|params, key| Ok(Box::new(Collected::new(Verify::new(params, key)?)))),
        ..Ops::NONE
    },
};

fn generate(params: &Params, public: &Template, _private: &Template) -> Result<(Template, Template), Error> {
    params::none(params)?;
    let named = public.get(AttributeType::EC_PARAMS).ok_or(Error::TemplateIncomplete(AttributeType::EC_PARAMS))?;
    ed25519::check_ec_params(named).map_err(|Refused| Error::CurveNotSupported)?;
    let key =
        Ed25519PrivateKey::generate(&SystemRng).map_err(|Refused| Error::Crypto("Ed25519 key generation failed"))?;
    let mut public = Template::new();
    public.set(AttributeType::EC_PARAMS, ed25519::ec_params());
    public.set(AttributeType::EC_POINT, ec_point(key.point()));
    let mut private = Template::new();
    private.set(AttributeType::EC_PARAMS, ed25519::ec_params());
    private.set(AttributeType::VALUE, key.seed().as_slice());
    Ok((public, private))
}

struct Sign(Arc<Key>);
struct Verify(Arc<Key>);

impl Sign {
    fn new(params: &Params, key: &Arc<Key>) -> Result<Self, Error> {
        params::none(params)?;
        key.edwards_private()?;
        Ok(Self(Arc::clone(key)))
    }
}

impl Verify {
    fn new(params: &Params, key: &Arc<Key>) -> Result<Self, Error> {
        params::none(params)?;
        key.edwards_public()?;
        Ok(Self(Arc::clone(key)))
    }
}

impl SignScheme for Sign {
    fn signature_len(&self) -> usize {
        SIGNATURE_LEN
    }

    fn sign(&self, message: &[u8], signature: &mut [u8]) -> Result<(), Error> {
        let key = self.0.edwards_private()?;
        key.sign(message, signature).map_err(|Refused| Error::Crypto("an Ed25519 signature failed"))
    }
}

impl VerifyScheme for Verify {
    fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), Error> {
        if signature.len() != SIGNATURE_LEN {
            return Err(Error::SignatureLenRange);
        }
        self.0.edwards_public()?.verify(message, signature).map_err(|Refused| Error::SignatureInvalid)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{
        SPLITS, cases_of, edwards_pair, edwards_private, edwards_public, message, sign, sign_in_parts, verify_in_parts,
    };
    use super::*;

    const VECTORS: &str = include_str!("../../../tests/vectors/eddsa.txt");

    #[test]
    fn signatures_are_those_of_the_standard() {
        for (at, case) in cases_of(VECTORS, MechanismType::EDDSA).iter().enumerate() {
            let (message, signature) = (case.bytes("message"), case.bytes("signature"));
            let private = edwards_private(&case.bytes("seed"));
            assert_eq!(private.edwards_private().unwrap().point(), case.bytes("point"), "case {at}");
            let mut signer = EDDSA.ops.sign.unwrap()(&Params::None, &private).unwrap();
            assert_eq!(sign(&mut *signer, &message).unwrap(), signature, "case {at}");
            let public = edwards_public(&case.bytes("point"));
            EDDSA.ops.verify.unwrap()(&Params::None, &public).unwrap().verify(&message, &signature).unwrap();
            for split in SPLITS {
                let mut signer = EDDSA.ops.sign.unwrap()(&Params::None, &private).unwrap();
                assert_eq!(sign_in_parts(&mut *signer, &message, split).unwrap(), signature, "case {at}");
                let mut verifier = EDDSA.ops.verify.unwrap()(&Params::None, &public).unwrap();
                verify_in_parts(&mut *verifier, &message, split, &signature).unwrap();
            }
        }
    }

    #[test]
    fn a_signature_of_another_length_is_told_from_a_wrong_one() {
        let pair = edwards_pair();
        let mut signer = EDDSA.ops.sign.unwrap()(&Params::None, &pair.private).unwrap();
        let signature = sign(&mut *signer, &message(50)).unwrap();
        let mut verifier = EDDSA.ops.verify.unwrap()(&Params::None, &pair.public).unwrap();
        for len in 0..SIGNATURE_LEN {
            assert!(matches!(verifier.verify(&message(50), &signature[..len]), Err(Error::SignatureLenRange)));
        }
        for at in 0..SIGNATURE_LEN {
            let mut changed = signature.clone();
            changed[at] ^= 0x10;
            assert!(matches!(verifier.verify(&message(50), &changed), Err(Error::SignatureInvalid)), "byte {at}");
        }
        verifier.verify(&message(50), &signature).unwrap();
    }

    #[test]
    fn a_signature_whose_number_is_not_below_the_order_is_refused() {
        // S + L is the same number to whoever does not check (RFC 8032 section 8.4, malleability).
        const ORDER: &str = "edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010";
        for case in cases_of(VECTORS, MechanismType::EDDSA) {
            let mut signature = case.bytes("signature");
            let mut carry = 0;
            for (digit, added) in signature[32..].iter_mut().zip(hex::decode(ORDER).unwrap()) {
                let sum = u16::from(*digit) + u16::from(added) + carry;
                *digit = u8::try_from(sum & 0xff).unwrap();
                carry = sum >> 8;
            }
            let public = edwards_public(&case.bytes("point"));
            let mut verifier = EDDSA.ops.verify.unwrap()(&Params::None, &public).unwrap();
            assert!(matches!(verifier.verify(&case.bytes("message"), &signature), Err(Error::SignatureInvalid)));
        }
    }

    #[test]
    fn key_pairs_are_made_on_the_one_curve_however_it_is_named() {
        let generate = EC_EDWARDS_KEY_PAIR_GEN.ops.generate_key_pair.unwrap();
        for name in [&ed25519::ec_params()[..], b"\x13\x0cedwards25519"] {
            let mut wanted = Template::new();
            wanted.set(AttributeType::EC_PARAMS, name);
            let (public, private) = generate(&Params::None, &wanted, &Template::new()).unwrap();
            assert_eq!(public.get(AttributeType::EC_PARAMS), Some(&*ed25519::ec_params()));
            assert_eq!(private.get(AttributeType::EC_PARAMS), Some(&*ed25519::ec_params()));
        }
        let mut p256 = Template::new();
        p256.set(AttributeType::EC_PARAMS, crate::crypto::curve::Curve::P256.ec_params());
        assert!(matches!(generate(&Params::None, &p256, &Template::new()), Err(Error::CurveNotSupported)));
    }
}
