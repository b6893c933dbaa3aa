//! Private keys as PKCS#8 `PrivateKeyInfo` (RFC 5208), the form in which they are wrapped.

use hsm_types::{AttributeType, KeyType, ObjectClass, Template};
use zeroize::Zeroizing;

use crate::crypto::Refused;
use crate::crypto::curve::Curve;
use crate::crypto::der::{self, Reader, tag};
use crate::crypto::ec::EcPrivateKey;
use crate::crypto::ed25519::{self, Ed25519PrivateKey};
use crate::error::Error;
use crate::key::{EC_OID, Key, RSA_OID, ec_algorithm, edwards_algorithm, rsa_algorithm};

/// The numbers of an `RSAPrivateKey` in their order (RFC 8017 appendix A.1.2).
const RSA_NUMBERS: [AttributeType; 8] = [
    AttributeType::MODULUS,
    AttributeType::PUBLIC_EXPONENT,
    AttributeType::PRIVATE_EXPONENT,
    AttributeType::PRIME_1,
    AttributeType::PRIME_2,
    AttributeType::EXPONENT_1,
    AttributeType::EXPONENT_2,
    AttributeType::COEFFICIENT,
];

/// The private key object's `PrivateKeyInfo`, unencrypted.
///
/// # Errors
/// [`Error::KeyNotWrappable`] for an object that is no RSA, EC or Edwards private key, or lacks a number.
pub fn encode_private_key(attributes: &Template) -> Result<Zeroizing<Vec<u8>>, Error> {
    if attributes.class() != Some(ObjectClass::PRIVATE_KEY) {
        return Err(Error::KeyNotWrappable("only private keys have a PKCS#8 form"));
    }
    let (algorithm, key) = match attributes.key_type() {
        Some(KeyType::RSA) => (rsa_algorithm(), rsa_private_key(attributes)?),
        Some(KeyType::EC) => ec_private_key(attributes)?,
        Some(KeyType::EC_EDWARDS) => (edwards_algorithm(), edwards_private_key(attributes)?),
        _ => return Err(Error::KeyNotWrappable("this type of private key has no PKCS#8 form here")),
    };
    let version = der::unsigned(&[0]);
    let key = der::element(tag::OCTET_STRING, &[&key]);
    Ok(der::element(tag::SEQUENCE, &[&version, &algorithm, &key]))
}

/// The components of a `PrivateKeyInfo` of this type, checked as an imported key's are, with
/// `CKA_CLASS` and `CKA_KEY_TYPE`.
///
/// # Errors
/// [`Error::WrappedKeyInvalid`] for everything else.
pub fn decode_private_key(key_type: KeyType, bytes: &[u8]) -> Result<Template, Error> {
    let decoded = decode(key_type, bytes).map_err(|Refused| Error::WrappedKeyInvalid)?;
    Key::from_attributes(&decoded).map_err(|_| Error::WrappedKeyInvalid)?;
    Ok(decoded)
}

fn rsa_private_key(attributes: &Template) -> Result<Zeroizing<Vec<u8>>, Error> {
    let missing = Error::KeyNotWrappable("PKCS#8 needs the primes and what follows from them");
    let mut numbers = vec![der::unsigned(&[0])];
    for attribute in RSA_NUMBERS {
        match attributes.get(attribute) {
            Some(number) if !number.is_empty() => numbers.push(der::unsigned(number)),
            _ => return Err(missing),
        }
    }
    let parts: Vec<&[u8]> = numbers.iter().map(|number| number.as_slice()).collect();
    Ok(der::element(tag::SEQUENCE, &parts))
}

/// An `ECPrivateKey` (RFC 5915 section 3) with its public point, which readers like to have, and
/// without the curve, which the algorithm names.
fn ec_private_key(attributes: &Template) -> Result<(Vec<u8>, Zeroizing<Vec<u8>>), Error> {
    let key = Key::from_attributes(attributes)?;
    let key = key.ec_private()?;
    let failed = |Refused| Error::Crypto("an EC key could not be encoded");
    let version = der::unsigned(&[1]);
    let scalar = der::element(tag::OCTET_STRING, &[&key.scalar().map_err(failed)?]);
    let point = der::element(tag::BIT_STRING, &[&[0], &key.point().map_err(failed)?]);
    let point = der::element(tag::CONTEXT_1, &[&point]);
    Ok((ec_algorithm(key.curve()), der::element(tag::SEQUENCE, &[&version, &scalar, &point])))
}

/// A `CurvePrivateKey` (RFC 8410 section 7). The public point stays out: it belongs to version 1,
/// which older readers refuse.
fn edwards_private_key(attributes: &Template) -> Result<Zeroizing<Vec<u8>>, Error> {
    let key = Key::from_attributes(attributes)?;
    Ok(der::element(tag::OCTET_STRING, &[key.edwards_private()?.seed()]))
}

fn decode(key_type: KeyType, bytes: &[u8]) -> Result<Template, Refused> {
    let mut info = Reader::new(der::only(tag::SEQUENCE, bytes)?);
    let version = info.read_unsigned()?;
    let mut algorithm = Reader::new(info.read(tag::SEQUENCE)?);
    let key = info.read(tag::OCTET_STRING)?;
    // Attributes may follow and, exactly in version 1, a public key after them (RFC 5958 section 2).
    info.read_optional(tag::CONTEXT_0)?;
    let public = match version {
        [] => None,
        [1] => Some(info.read(tag::CONTEXT_1_PRIMITIVE)?),
        _ => return Err(Refused),
    };
    info.end()?;
    let oid = algorithm.read(tag::OID)?;
    let mut decoded = Template::new();
    decoded.set_ulong(AttributeType::CLASS, ObjectClass::PRIVATE_KEY.0);
    decoded.set_ulong(AttributeType::KEY_TYPE, key_type.0);
    match key_type {
        KeyType::RSA if oid == RSA_OID => {
            if algorithm.read(tag::NULL)?.is_empty() {
                algorithm.end()?;
                decode_rsa(key, &mut decoded)?;
                return Ok(decoded);
            }
            Err(Refused)
        }
        KeyType::EC if oid == EC_OID => {
            let curve = algorithm.read(tag::OID)?;
            algorithm.end()?;
            let curve = Curve::from_ec_params(&der::element(tag::OID, &[curve]))?;
            decode_ec(curve, key, &mut decoded)?;
            Ok(decoded)
        }
        KeyType::EC_EDWARDS if oid == ed25519::OID => {
            algorithm.end()?;
            decode_edwards(key, public, &mut decoded)?;
            Ok(decoded)
        }
        _ => Err(Refused),
    }
}

fn decode_rsa(key: &[u8], decoded: &mut Template) -> Result<(), Refused> {
    let mut numbers = Reader::new(der::only(tag::SEQUENCE, key)?);
    // Version 1 is for keys with more than two primes.
    if !numbers.read_unsigned()?.is_empty() {
        return Err(Refused);
    }
    for attribute in RSA_NUMBERS {
        decoded.set(attribute, numbers.read_unsigned()?);
    }
    numbers.end()
}

fn decode_ec(curve: Curve, key: &[u8], decoded: &mut Template) -> Result<(), Refused> {
    let mut parts = Reader::new(der::only(tag::SEQUENCE, key)?);
    if parts.read_unsigned()? != [1] {
        return Err(Refused);
    }
    let scalar = parts.read(tag::OCTET_STRING)?;
    if let Some(params) = parts.read_optional(tag::CONTEXT_0)?
        && Curve::from_ec_params(params)? != curve
    {
        return Err(Refused);
    }
    let public = parts.read_optional(tag::CONTEXT_1)?;
    parts.end()?;
    if let Some(public) = public {
        // A point of another key would be a sign of tampering; forms may differ.
        let given = crate::crypto::ec::EcPublicKey::new(curve, curve.bare_point(public)?)?;
        if given.point()? != EcPrivateKey::new(curve, scalar)?.point()? {
            return Err(Refused);
        }
    }
    decoded.set(AttributeType::EC_PARAMS, curve.ec_params());
    decoded.set(AttributeType::VALUE, scalar);
    Ok(())
}

fn decode_edwards(key: &[u8], public: Option<&[u8]>, decoded: &mut Template) -> Result<(), Refused> {
    let seed = der::only(tag::OCTET_STRING, key)?;
    let key = Ed25519PrivateKey::new(seed)?;
    // A BIT STRING without unused bits; a point of another key would be a sign of tampering.
    if public.is_some_and(|bits| bits.strip_prefix(&[0]) != Some(key.point())) {
        return Err(Refused);
    }
    decoded.set(AttributeType::EC_PARAMS, ed25519::ec_params());
    decoded.set(AttributeType::VALUE, seed);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::rsa::RsaPrivateKey;

    fn rsa() -> Template {
        let made = RsaPrivateKey::generate(2048, &[1, 0, 1]).unwrap();
        let mut attributes = Template::new();
        attributes.set_ulong(AttributeType::CLASS, ObjectClass::PRIVATE_KEY.0);
        attributes.set_ulong(AttributeType::KEY_TYPE, KeyType::RSA.0);
        for (attribute, number) in RSA_NUMBERS.into_iter().zip([
            &made.modulus,
            &made.public_exponent,
            &made.private_exponent,
            &made.prime_1,
            &made.prime_2,
            &made.exponent_1,
            &made.exponent_2,
            &made.coefficient,
        ]) {
            attributes.set(attribute, number.as_slice());
        }
        attributes
    }

    fn ec(curve: Curve) -> Template {
        let key = EcPrivateKey::generate(curve).unwrap();
        let mut attributes = Template::new();
        attributes.set_ulong(AttributeType::CLASS, ObjectClass::PRIVATE_KEY.0);
        attributes.set_ulong(AttributeType::KEY_TYPE, KeyType::EC.0);
        attributes.set(AttributeType::EC_PARAMS, curve.ec_params());
        attributes.set(AttributeType::VALUE, key.scalar().unwrap().as_slice());
        attributes
    }

    fn edwards() -> Template {
        let mut attributes = Template::new();
        attributes.set_ulong(AttributeType::CLASS, ObjectClass::PRIVATE_KEY.0);
        attributes.set_ulong(AttributeType::KEY_TYPE, KeyType::EC_EDWARDS.0);
        attributes.set(AttributeType::EC_PARAMS, ed25519::ec_params());
        attributes.set(AttributeType::VALUE, [9; 32]);
        attributes
    }

    #[test]
    fn ed25519_keys_are_those_of_rfc_8410_with_and_without_the_public_key() {
        // The two examples of section 10.3: one key.
        let plain = "302e020100300506032b657004220420d4ee72dbf913584ad5b6d8f1f769f8ad3afe7c28cbf1d4fbe097a88f44755842";
        let plain = hex::decode(plain).unwrap();
        let decoded = decode_private_key(KeyType::EC_EDWARDS, &plain).unwrap();
        assert_eq!(*encode_private_key(&decoded).unwrap(), plain);
        let point = hex::decode("19bf44096984cdfe8541bac167dc3b96c85086aa30b6b6cb0c5c38ad703166e1").unwrap();
        let mut full = [&[0x30, 0x51, 2, 1, 1], &plain[5..], &[0x81, 0x21, 0], &point].concat();
        assert_eq!(decode_private_key(KeyType::EC_EDWARDS, &full).unwrap(), decoded);
        let last = full.len() - 1;
        full[last] ^= 1;
        assert!(matches!(decode_private_key(KeyType::EC_EDWARDS, &full), Err(Error::WrappedKeyInvalid)));
    }

    #[test]
    fn a_private_key_decodes_to_the_attributes_it_was_encoded_from() {
        let rsa = rsa();
        assert_eq!(decode_private_key(KeyType::RSA, &encode_private_key(&rsa).unwrap()).unwrap(), rsa);
        let edwards = edwards();
        assert_eq!(decode_private_key(KeyType::EC_EDWARDS, &encode_private_key(&edwards).unwrap()).unwrap(), edwards);
        for curve in Curve::ALL {
            let ec = ec(curve);
            assert_eq!(decode_private_key(KeyType::EC, &encode_private_key(&ec).unwrap()).unwrap(), ec);
        }
    }

    #[test]
    fn a_key_of_another_library_encodes_to_its_own_bytes() {
        let file = include_str!("../../../tests/vectors/rsa_2048.txt");
        let line = file.lines().find_map(|line| line.strip_prefix("pkcs8 = ")).unwrap();
        let bytes = hex::decode(line).unwrap();
        let decoded = decode_private_key(KeyType::RSA, &bytes).unwrap();
        assert_eq!(*encode_private_key(&decoded).unwrap(), bytes);
    }

    #[test]
    fn cut_extended_and_foreign_bytes_are_refused() {
        for (key_type, other, attributes) in [
            (KeyType::RSA, KeyType::EC, rsa()),
            (KeyType::EC, KeyType::EC_EDWARDS, ec(Curve::P256)),
            (KeyType::EC_EDWARDS, KeyType::RSA, edwards()),
        ] {
            let bytes = encode_private_key(&attributes).unwrap();
            for cut in 0..bytes.len() {
                assert!(matches!(decode_private_key(key_type, &bytes[..cut]), Err(Error::WrappedKeyInvalid)));
            }
            let longer = [&bytes[..], &[0]].concat();
            assert!(matches!(decode_private_key(key_type, &longer), Err(Error::WrappedKeyInvalid)));
            assert!(matches!(decode_private_key(other, &bytes), Err(Error::WrappedKeyInvalid)));
            assert!(matches!(decode_private_key(KeyType::AES, &bytes), Err(Error::WrappedKeyInvalid)));
        }
    }

    #[test]
    fn a_changed_byte_gives_no_key_that_passes_for_the_old_one() {
        for attributes in [ec(Curve::P256), ec(Curve::P521)] {
            let mut bytes = encode_private_key(&attributes).unwrap();
            for at in 0..bytes.len() {
                bytes[at] ^= 1;
                assert!(
                    matches!(decode_private_key(KeyType::EC, &bytes), Err(Error::WrappedKeyInvalid)),
                    "byte {at} is not checked"
                );
                bytes[at] ^= 1;
            }
        }
    }

    #[test]
    fn what_has_no_pkcs8_form_is_not_wrappable() {
        let mut no_primes = rsa();
        no_primes.remove(AttributeType::PRIME_1);
        let mut public = ec(Curve::P256);
        public.set_ulong(AttributeType::CLASS, ObjectClass::PUBLIC_KEY.0);
        for attributes in [no_primes, public, Template::new()] {
            assert!(matches!(encode_private_key(&attributes), Err(Error::KeyNotWrappable(_))));
        }
    }
}
