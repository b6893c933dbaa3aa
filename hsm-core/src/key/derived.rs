//! Attributes that follow from a key's components.

use hsm_types::{AttributeType, KeyType, ObjectClass, Template};

use super::{Key, Material, components};
use crate::crypto::Refused;
use crate::crypto::aes::{AesCipher, BLOCK};
use crate::crypto::curve::Curve;
use crate::crypto::der::{self, tag};
use crate::crypto::ed25519;
use crate::crypto::rsa::DEFAULT_EXPONENT;
use crate::error::Error;

/// Checks a new key as [`Key::from_attributes`] does and adds the attributes that follow from its
/// components: `CKA_MODULUS_BITS`, `CKA_VALUE_LEN`, `CKA_PUBLIC_KEY_INFO`. Puts `CKA_EC_PARAMS`
/// and `CKA_EC_POINT` into their usual form (named curve, point in an OCTET STRING, uncompressed
/// except on Edwards curves).
///
/// # Errors
/// As [`Key::from_attributes`].
pub fn complete(attributes: &mut Template) -> Result<(), Error> {
    let key = Key::from_attributes(attributes)?;
    match &key.material {
        Material::Secret(_) | Material::Aes(_) => {
            attributes.set_ulong(AttributeType::VALUE_LEN, u64::from(key.size()));
        }
        Material::RsaPublic(public) => {
            attributes.set_ulong(AttributeType::MODULUS_BITS, u64::from(public.bits()));
            set_rsa_info(attributes)?;
        }
        Material::RsaPrivate(_) => {
            // When it was left out, the check has just proved that it is the default.
            attributes.set_default(AttributeType::PUBLIC_EXPONENT, DEFAULT_EXPONENT);
            set_rsa_info(attributes)?;
        }
        Material::EcPublic(public) => {
            let (curve, point) = (public.curve(), public.point().map_err(failed)?);
            attributes.set(AttributeType::EC_PARAMS, curve.ec_params());
            attributes.set(AttributeType::EC_POINT, ec_point(&point));
            attributes.set(AttributeType::PUBLIC_KEY_INFO, ec_info(curve, &point));
        }
        Material::EcPrivate(private) => {
            let (curve, point) = (private.curve(), private.point().map_err(failed)?);
            attributes.set(AttributeType::EC_PARAMS, curve.ec_params());
            attributes.set(AttributeType::PUBLIC_KEY_INFO, ec_info(curve, &point));
        }
        Material::EdwardsPublic(public) => {
            attributes.set(AttributeType::EC_PARAMS, ed25519::ec_params());
            attributes.set(AttributeType::EC_POINT, ec_point(public.point()));
            attributes.set(AttributeType::PUBLIC_KEY_INFO, public_key_info(&edwards_algorithm(), public.point()));
        }
        Material::EdwardsPrivate(private) => {
            attributes.set(AttributeType::EC_PARAMS, ed25519::ec_params());
            attributes.set(AttributeType::PUBLIC_KEY_INFO, public_key_info(&edwards_algorithm(), private.point()));
        }
    }
    Ok(())
}

/// The check value of a secret key (PKCS#11, `CKA_CHECK_VALUE`): the first three bytes of a zero
/// block encrypted with an AES key, or of the SHA-1 of another secret. `None` for other objects.
#[must_use]
pub fn check_value(attributes: &Template) -> Option<[u8; 3]> {
    let value = attributes.get(AttributeType::VALUE)?;
    match (attributes.class()?, attributes.key_type()?) {
        (ObjectClass::SECRET_KEY, KeyType::AES) => {
            let mut block = [0; BLOCK];
            AesCipher::new(value).ok()?.encrypt_block(&mut block);
            block.first_chunk().copied()
        }
        // A generic secret has none: three bytes of its hash would tell a short one.
        _ => None,
    }
}

/// `CKA_EC_POINT` in its usual form.
pub(crate) fn ec_point(bare: &[u8]) -> Vec<u8> {
    der::element(tag::OCTET_STRING, &[bare]).to_vec()
}

/// 1.2.840.113549.1.1.1, rsaEncryption (RFC 8017 appendix C).
pub(crate) const RSA_OID: [u8; 9] = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
/// 1.2.840.10045.2.1, id-ecPublicKey (RFC 5480 section 2.1.1).
pub(crate) const EC_OID: [u8; 7] = [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];

/// The `AlgorithmIdentifier` of RSA keys (RFC 3279 section 2.3.1).
pub(crate) fn rsa_algorithm() -> Vec<u8> {
    let oid = der::element(tag::OID, &[&RSA_OID]);
    der::element(tag::SEQUENCE, &[&oid, &der::element(tag::NULL, &[])]).to_vec()
}

/// The `AlgorithmIdentifier` of keys on a curve (RFC 5480 section 2.1.1).
pub(crate) fn ec_algorithm(curve: Curve) -> Vec<u8> {
    let oid = der::element(tag::OID, &[&EC_OID]);
    der::element(tag::SEQUENCE, &[&oid, &curve.ec_params()]).to_vec()
}

/// The `AlgorithmIdentifier` of Ed25519 keys, which has no parameters (RFC 8410 section 3).
pub(crate) fn edwards_algorithm() -> Vec<u8> {
    der::element(tag::SEQUENCE, &[&ed25519::ec_params()]).to_vec()
}

fn set_rsa_info(attributes: &mut Template) -> Result<(), Error> {
    let modulus = der::unsigned(components::required(attributes, AttributeType::MODULUS)?);
    let exponent = der::unsigned(components::required(attributes, AttributeType::PUBLIC_EXPONENT)?);
    let key = der::element(tag::SEQUENCE, &[&modulus, &exponent]);
    attributes.set(AttributeType::PUBLIC_KEY_INFO, public_key_info(&rsa_algorithm(), &key));
    Ok(())
}

fn ec_info(curve: Curve, point: &[u8]) -> Vec<u8> {
    public_key_info(&ec_algorithm(curve), point)
}

/// A `SubjectPublicKeyInfo` (RFC 5280 section 4.1).
fn public_key_info(algorithm: &[u8], key: &[u8]) -> Vec<u8> {
    let key = der::element(tag::BIT_STRING, &[&[0], key]);
    der::element(tag::SEQUENCE, &[algorithm, &key]).to_vec()
}

const fn failed(_: Refused) -> Error {
    Error::Crypto("a public point could not be computed")
}
