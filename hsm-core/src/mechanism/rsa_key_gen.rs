//! RSA key pairs: `CKM_RSA_PKCS_KEY_PAIR_GEN` and `CKM_RSA_X9_31_KEY_PAIR_GEN`.

use hsm_types::{AttributeType, KeyType, MechanismType, Params, Template};

use super::{KeySizes, MechanismDef, Ops, params};
use crate::crypto::Refused;
use crate::crypto::rsa::{DEFAULT_EXPONENT, GeneratedRsa, RsaPrivateKey, strip_zeros};
use crate::error::Error;

const MIN_BITS: u32 = 2048;
const MAX_BITS: u32 = 8192;

/// `CKM_RSA_PKCS_KEY_PAIR_GEN`.
pub(super) static RSA_PKCS_KEY_PAIR_GEN: MechanismDef = row(MechanismType::RSA_PKCS_KEY_PAIR_GEN);

/// `CKM_RSA_X9_31_KEY_PAIR_GEN`: the primes are those of FIPS 186, which took ANSI X9.31's place.
pub(super) static RSA_X9_31_KEY_PAIR_GEN: MechanismDef = row(MechanismType::RSA_X9_31_KEY_PAIR_GEN);

const fn row(id: MechanismType) -> MechanismDef {
    MechanismDef {
        id,
        spec: "PKCS#11 v3.1, RSA key pair generation; FIPS 186-4 appendix B.3.3",
        key_types: &[KeyType::RSA],
        key_sizes: KeySizes::Bits { min: MIN_BITS, max: MAX_BITS },
        ops: Ops { generate_key_pair: Some(generate), ..Ops::NONE },
    }
}

fn generate(params: &Params, public: &Template, _private: &Template) -> Result<(Template, Template), Error> {
    params::none(params)?;
    let bits = modulus_bits(public)?;
    let made = RsaPrivateKey::generate(bits, public_exponent(public)?)
        .map_err(|Refused| Error::Crypto("RSA key generation failed"))?;
    Ok((public_part(&made, bits), private_part(&made)))
}

fn modulus_bits(public: &Template) -> Result<u32, Error> {
    const ATTRIBUTE: AttributeType = AttributeType::MODULUS_BITS;
    if !public.contains(ATTRIBUTE) {
        return Err(Error::TemplateIncomplete(ATTRIBUTE));
    }
    public
        .ulong(ATTRIBUTE)
        .and_then(|bits| u32::try_from(bits).ok())
        .filter(|bits| (MIN_BITS..=MAX_BITS).contains(bits) && bits.is_multiple_of(128))
        .ok_or(Error::AttributeValueInvalid {
            attribute: ATTRIBUTE,
            rule: "a new modulus has 2048 to 8192 bits, a multiple of 128",
        })
}

/// FIPS 186-5 section 5.1 asks for at least 2^16 + 1; the library makes exponents of up to 32 bits.
fn public_exponent(public: &Template) -> Result<&[u8], Error> {
    let exponent = match public.get(AttributeType::PUBLIC_EXPONENT) {
        None | Some([]) => &DEFAULT_EXPONENT,
        Some(exponent) => strip_zeros(exponent),
    };
    let is_odd = exponent.last().is_some_and(|last| last & 1 == 1);
    let is_large_enough = exponent.len() == 4 || exponent.len() == 3 && *exponent >= DEFAULT_EXPONENT[..];
    if is_odd && is_large_enough {
        Ok(exponent)
    } else {
        Err(Error::AttributeValueInvalid {
            attribute: AttributeType::PUBLIC_EXPONENT,
            rule: "a new key's exponent is odd, at least 65537, and under 2^32",
        })
    }
}

fn public_part(made: &GeneratedRsa, bits: u32) -> Template {
    let mut public = Template::new();
    public.set(AttributeType::MODULUS, made.modulus.as_slice());
    public.set_ulong(AttributeType::MODULUS_BITS, bits.into());
    public.set(AttributeType::PUBLIC_EXPONENT, made.public_exponent.as_slice());
    public
}

fn private_part(made: &GeneratedRsa) -> Template {
    let mut private = Template::new();
    for (attribute, number) in [
        (AttributeType::MODULUS, &made.modulus),
        (AttributeType::PUBLIC_EXPONENT, &made.public_exponent),
        (AttributeType::PRIVATE_EXPONENT, &made.private_exponent),
        (AttributeType::PRIME_1, &made.prime_1),
        (AttributeType::PRIME_2, &made.prime_2),
        (AttributeType::EXPONENT_1, &made.exponent_1),
        (AttributeType::EXPONENT_2, &made.exponent_2),
        (AttributeType::COEFFICIENT, &made.coefficient),
    ] {
        private.set(attribute, number.as_slice());
    }
    private
}

#[cfg(test)]
mod tests {
    use hsm_types::ObjectClass;

    use super::super::testing::attributes;
    use super::*;
    use crate::key::{Key, complete};

    fn wanted(bits: u64, exponent: Option<&[u8]>) -> Template {
        let mut public = Template::new();
        public.set_ulong(AttributeType::MODULUS_BITS, bits);
        if let Some(exponent) = exponent {
            public.set(AttributeType::PUBLIC_EXPONENT, exponent);
        }
        public
    }

    /// The template as an object of this class.
    fn object(class: ObjectClass, made: &Template) -> Template {
        let values: Vec<_> = made.iter().collect();
        attributes(class, KeyType::RSA, &values)
    }

    #[test]
    fn a_new_pair_is_a_pair_with_the_size_and_exponent_asked_for() {
        let exponent = [0, 1, 0, 0, 0x0f];
        let (public, private) = generate(&Params::None, &wanted(2048, Some(&exponent)), &Template::new()).unwrap();
        assert_eq!(public.get(AttributeType::MODULUS), private.get(AttributeType::MODULUS));
        assert_eq!(public.get(AttributeType::PUBLIC_EXPONENT), Some(&exponent[1..]));
        let (mut public, mut private) =
            (object(ObjectClass::PUBLIC_KEY, &public), object(ObjectClass::PRIVATE_KEY, &private));
        assert_eq!(Key::from_attributes(&public).unwrap().size(), 2048);
        assert_eq!(Key::from_attributes(&private).unwrap().size(), 2048);
        complete(&mut public).unwrap();
        complete(&mut private).unwrap();
        let info = public.get(AttributeType::PUBLIC_KEY_INFO);
        assert!(info.is_some());
        assert_eq!(info, private.get(AttributeType::PUBLIC_KEY_INFO));
    }

    #[test]
    fn sizes_and_exponents_outside_the_table_are_refused_by_name() {
        let none = Template::new();
        let refused = generate(&Params::None, &none, &none).err();
        assert!(matches!(refused, Some(Error::TemplateIncomplete(AttributeType::MODULUS_BITS))));
        for bits in [0, 1024, 2047, 2049, 2056, 8320, u64::MAX] {
            let refused = generate(&Params::None, &wanted(bits, None), &none).err();
            assert!(
                matches!(refused, Some(Error::AttributeValueInvalid { attribute: AttributeType::MODULUS_BITS, .. })),
                "{bits} bits"
            );
        }
        for exponent in [&[1][..], &[3], &[1, 0, 0], &[0xff, 0xff], &[1, 0, 0, 0, 1], &[0]] {
            let refused = generate(&Params::None, &wanted(2048, Some(exponent)), &none).err();
            assert!(
                matches!(refused, Some(Error::AttributeValueInvalid { attribute: AttributeType::PUBLIC_EXPONENT, .. })),
                "{exponent:?}"
            );
        }
    }
}
