//! From attributes to checked components.

use hsm_types::{AttributeType, Template};

use super::{AesKey, MAX_SECRET_LEN, RSA_BITS, SecretKey};
use crate::crypto::Refused;
use crate::crypto::curve::Curve;
use crate::crypto::ec::{EcPrivateKey, EcPublicKey};
use crate::crypto::ed25519::{self, Ed25519PrivateKey, Ed25519PublicKey};
use crate::crypto::rsa::{CrtNumbers, DEFAULT_EXPONENT, PrivateNumbers, RsaPrivateKey, RsaPublicKey};
use crate::error::Error;

/// The attribute's value; one that is there but empty counts as missing.
pub(super) fn required(attributes: &Template, attribute: AttributeType) -> Result<&[u8], Error> {
    present(attributes, attribute).ok_or(Error::TemplateIncomplete(attribute))
}

fn present(attributes: &Template, attribute: AttributeType) -> Option<&[u8]> {
    attributes.get(attribute).filter(|value| !value.is_empty())
}

pub(super) const fn invalid(attribute: AttributeType, rule: &'static str) -> Error {
    Error::AttributeValueInvalid { attribute, rule }
}

pub(super) fn secret(attributes: &Template) -> Result<SecretKey, Error> {
    let value = required(attributes, AttributeType::VALUE)?;
    if value.len() > MAX_SECRET_LEN {
        return Err(invalid(AttributeType::VALUE, "a generic secret has 1 to 65536 bytes"));
    }
    check_value_len(attributes, value)?;
    Ok(SecretKey::new(value))
}

pub(super) fn aes(attributes: &Template) -> Result<AesKey, Error> {
    let value = required(attributes, AttributeType::VALUE)?;
    if !matches!(value.len(), 16 | 24 | 32) {
        return Err(invalid(AttributeType::VALUE, "an AES key has 16, 24 or 32 bytes"));
    }
    check_value_len(attributes, value)?;
    Ok(AesKey::new(value))
}

fn check_value_len(attributes: &Template, value: &[u8]) -> Result<(), Error> {
    if !attributes.contains(AttributeType::VALUE_LEN) {
        return Ok(());
    }
    let given = attributes.ulong(AttributeType::VALUE_LEN).and_then(|len| usize::try_from(len).ok());
    if given == Some(value.len()) {
        Ok(())
    } else {
        Err(invalid(AttributeType::VALUE_LEN, "it must be the length of CKA_VALUE"))
    }
}

pub(super) fn rsa_public(attributes: &Template) -> Result<RsaPublicKey, Error> {
    let modulus = required(attributes, AttributeType::MODULUS)?;
    let exponent = required(attributes, AttributeType::PUBLIC_EXPONENT)?;
    check_exponent(exponent)?;
    let key = RsaPublicKey::new(modulus, exponent)
        .map_err(|Refused| invalid(AttributeType::MODULUS, "it must be odd, and larger than the exponent"))?;
    check_bits(key.bits())?;
    if attributes.contains(AttributeType::MODULUS_BITS)
        && attributes.ulong(AttributeType::MODULUS_BITS) != Some(u64::from(key.bits()))
    {
        return Err(invalid(AttributeType::MODULUS_BITS, "it must be the length of CKA_MODULUS"));
    }
    Ok(key)
}

pub(super) fn rsa_private(attributes: &Template) -> Result<RsaPrivateKey, Error> {
    let modulus = required(attributes, AttributeType::MODULUS)?;
    let private_exponent = required(attributes, AttributeType::PRIVATE_EXPONENT)?;
    let given = present(attributes, AttributeType::PUBLIC_EXPONENT);
    // PKCS#11 lets it be missing, but blinding needs it: the usual one is tried, and checked.
    let public_exponent = given.unwrap_or(&DEFAULT_EXPONENT);
    check_exponent(public_exponent)?;
    let numbers = PrivateNumbers { modulus, public_exponent, private_exponent, crt: crt(attributes) };
    let key = RsaPrivateKey::new(&numbers).map_err(|Refused| match given {
        Some(_) => invalid(AttributeType::PRIVATE_EXPONENT, "the components do not belong to one RSA key"),
        None => Error::TemplateIncomplete(AttributeType::PUBLIC_EXPONENT),
    })?;
    check_bits(key.bits())?;
    Ok(key)
}

/// The five numbers of the remainder theorem, when all are there.
fn crt(attributes: &Template) -> Option<CrtNumbers<'_>> {
    Some(CrtNumbers {
        prime_1: present(attributes, AttributeType::PRIME_1)?,
        prime_2: present(attributes, AttributeType::PRIME_2)?,
        exponent_1: present(attributes, AttributeType::EXPONENT_1)?,
        exponent_2: present(attributes, AttributeType::EXPONENT_2)?,
        coefficient: present(attributes, AttributeType::COEFFICIENT)?,
    })
}

/// FIPS 186-5 ends at 256 bits; a longer one only costs time.
fn check_exponent(exponent: &[u8]) -> Result<(), Error> {
    let digits = crate::crypto::rsa::strip_zeros(exponent);
    match digits {
        [] | [1] => Err(invalid(AttributeType::PUBLIC_EXPONENT, "it must be over 1")),
        [.., last] if last & 1 == 0 => Err(invalid(AttributeType::PUBLIC_EXPONENT, "it must be odd")),
        digits if digits.len() > 32 => Err(invalid(AttributeType::PUBLIC_EXPONENT, "it must be under 2^256")),
        _ => Ok(()),
    }
}

fn check_bits(bits: u32) -> Result<(), Error> {
    if RSA_BITS.contains(&bits) {
        Ok(())
    } else {
        Err(invalid(AttributeType::MODULUS, "an RSA modulus has 1024 to 16384 bits"))
    }
}

pub(super) fn curve(attributes: &Template) -> Result<Curve, Error> {
    let params = required(attributes, AttributeType::EC_PARAMS)?;
    Curve::from_ec_params(params).map_err(|Refused| Error::CurveNotSupported)
}

pub(super) fn ec_public(attributes: &Template) -> Result<EcPublicKey, Error> {
    let curve = curve(attributes)?;
    let point = required(attributes, AttributeType::EC_POINT)?;
    curve
        .bare_point(point)
        .and_then(|point| EcPublicKey::new(curve, point))
        .map_err(|Refused| invalid(AttributeType::EC_POINT, "it must be a point on the curve, bare or in DER"))
}

pub(super) fn ec_private(attributes: &Template) -> Result<EcPrivateKey, Error> {
    let curve = curve(attributes)?;
    let scalar = required(attributes, AttributeType::VALUE)?;
    EcPrivateKey::new(curve, scalar)
        .map_err(|Refused| invalid(AttributeType::VALUE, "it must be between 0 and the curve's order"))
}

pub(super) fn edwards_public(attributes: &Template) -> Result<Ed25519PublicKey, Error> {
    check_edwards_curve(attributes)?;
    let point = required(attributes, AttributeType::EC_POINT)?;
    ed25519::bare_point(point)
        .and_then(Ed25519PublicKey::new)
        .map_err(|Refused| invalid(AttributeType::EC_POINT, "it must be a point of 32 bytes, bare or in DER"))
}

pub(super) fn edwards_private(attributes: &Template) -> Result<Ed25519PrivateKey, Error> {
    check_edwards_curve(attributes)?;
    let seed = required(attributes, AttributeType::VALUE)?;
    Ed25519PrivateKey::new(seed).map_err(|Refused| invalid(AttributeType::VALUE, "an Ed25519 key has 32 bytes"))
}

fn check_edwards_curve(attributes: &Template) -> Result<(), Error> {
    let params = required(attributes, AttributeType::EC_PARAMS)?;
    ed25519::check_ec_params(params).map_err(|Refused| Error::CurveNotSupported)
}
