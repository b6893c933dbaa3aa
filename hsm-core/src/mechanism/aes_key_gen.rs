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
