//! Generic secrets: `CKM_GENERIC_SECRET_KEY_GEN`.

use hsm_types::{AttributeType, KeyType, MechanismType, Params, Template};
use zeroize::Zeroizing;

use super::{KeySizes, MechanismDef, Ops, params};
use crate::crypto::rng::Rng;
use crate::error::Error;
use crate::key::{MAX_SECRET_LEN, MAX_SECRET_SIZE};

/// `CKM_GENERIC_SECRET_KEY_GEN`.
pub(super) static GENERIC_SECRET_KEY_GEN: MechanismDef = MechanismDef {
    id: MechanismType::GENERIC_SECRET_KEY_GEN,
    spec: "PKCS#11 v3.1, generic secret key generation",
    key_types: &[
        KeyType::GENERIC_SECRET,
        KeyType::SHA_1_HMAC,
        KeyType::SHA224_HMAC,
        KeyType::SHA256_HMAC,
        KeyType::SHA384_HMAC,
        KeyType::SHA512_HMAC,
    ],
    key_sizes: KeySizes::Bytes { min: 1, max: MAX_SECRET_SIZE },
    ops: Ops { generate_key: Some(generate), ..Ops::NONE },
};

fn generate(params: &Params, template: &Template, rng: &dyn Rng) -> Result<Template, Error> {
    params::none(params)?;
    let len = requested_len(template)?;
    if !(1..=MAX_SECRET_LEN).contains(&len) {
        return Err(Error::AttributeValueInvalid {
            attribute: AttributeType::VALUE_LEN,
            rule: "a generic secret has 1 to 65536 bytes",
        });
    }
    random(len, rng)
}

/// `CKA_VALUE_LEN` of a template that must have it.
pub(super) fn requested_len(template: &Template) -> Result<usize, Error> {
    const ATTRIBUTE: AttributeType = AttributeType::VALUE_LEN;
    if !template.contains(ATTRIBUTE) {
        return Err(Error::TemplateIncomplete(ATTRIBUTE));
    }
    template
        .ulong(ATTRIBUTE)
        .and_then(|len| usize::try_from(len).ok())
        .ok_or(Error::AttributeValueInvalid { attribute: ATTRIBUTE, rule: "it is a number of bytes" })
}

/// A secret of random bytes.
pub(super) fn random(len: usize, rng: &dyn Rng) -> Result<Template, Error> {
    let mut value = Zeroizing::new(vec![0; len]);
    rng.fill(&mut value)?;
    let mut made = Template::new();
    made.set(AttributeType::VALUE, core::mem::take(&mut *value));
    made.set_ulong(AttributeType::VALUE_LEN, u64::try_from(len).unwrap_or(u64::MAX));
    Ok(made)
}
