//! AES key generation: `CKM_AES_KEY_GEN`.

use hsm_types::{AttributeType, KeyType, MechanismType, Params, Template};

use super::{KeySizes, MechanismDef, Ops, generic_secret, params};
use crate::crypto::rng::Rng;
use crate::error::Error;

/// `CKM_AES_KEY_GEN`.
pub(super) static AES_KEY_GEN: MechanismDef = MechanismDef {
    id: MechanismType::AES_KEY_GEN,
    spec: "PKCS#11 v3.1, AES key generation",
    key_types: &[KeyType::AES],
    key_sizes: KeySizes::Bytes { min: 16, max: 32 },
    ops: Ops { generate_key: Some(generate), ..Ops::NONE },
};

fn generate(params: &Params, template: &Template, rng: &dyn Rng) -> Result<Template, Error> {
    params::none(params)?;
    let len = generic_secret::requested_len(template)?;
    if !matches!(len, 16 | 24 | 32) {
        return Err(Error::AttributeValueInvalid {
            attribute: AttributeType::VALUE_LEN,
            rule: "an AES key has 16, 24 or 32 bytes",
        });
    }
    generic_secret::random(len, rng)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::rng::SystemRng;

    struct Broken;

    impl Rng for Broken {
        fn fill(&self, _bytes: &mut [u8]) -> Result<(), Error> {
            Err(Error::Crypto("stuck"))
        }
    }

    fn wanted(len: u64) -> Template {
        let mut template = Template::new();
        template.set_ulong(AttributeType::VALUE_LEN, len);
        template
    }

    #[test]
    fn a_new_key_has_the_length_asked_for_and_is_random() {
        for len in [16, 24, 32] {
            let one = generate(&Params::None, &wanted(len), &SystemRng).unwrap();
            let other = generate(&Params::None, &wanted(len), &SystemRng).unwrap();
            assert_eq!(one.get(AttributeType::VALUE).unwrap().len() as u64, len);
            assert_ne!(one.get(AttributeType::VALUE), other.get(AttributeType::VALUE));
        }
    }

    #[test]
    fn another_length_is_refused_by_name() {
        let refused = generate(&Params::None, &Template::new(), &SystemRng).err();
        assert!(matches!(refused, Some(Error::TemplateIncomplete(AttributeType::VALUE_LEN))));
        for len in [0, 8, 17, 33, u64::MAX] {
            let refused = generate(&Params::None, &wanted(len), &SystemRng).err();
            assert!(matches!(refused, Some(Error::AttributeValueInvalid { attribute: AttributeType::VALUE_LEN, .. })));
        }
    }

    #[test]
    fn a_generator_that_fails_makes_no_key() {
        assert!(matches!(generate(&Params::None, &wanted(16), &Broken), Err(Error::Crypto(_))));
        assert!(matches!(generic_secret::random(16, &Broken), Err(Error::Crypto(_))));
    }
}
