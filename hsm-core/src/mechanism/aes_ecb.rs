//! Electronic code book: `CKM_AES_ECB`. It does not wrap: equal blocks of keys would show.

use hsm_types::{KeyType, MechanismType};

use super::blocks::{Blocks, Direction, Padding};
use super::{KeySizes, MechanismDef, Ops, params};
use crate::crypto::aes::{AesCipher, BLOCK};

/// `CKM_AES_ECB`.
pub(super) static AES_ECB: MechanismDef = MechanismDef {
    id: MechanismType::AES_ECB,
    spec: "PKCS#11 v3.1, AES-ECB; NIST SP 800-38A section 6.1",
    key_types: &[KeyType::AES],
    key_sizes: KeySizes::Bytes { min: 16, max: 32 },
    ops: Ops {
        encrypt: Some(|params, key| {
            params::none(params)?;
            let mode = |cipher: &AesCipher, _: &[u8; BLOCK]| cipher.ecb_encrypt();
            Ok(Box::new(Blocks::new(key, [0; BLOCK], mode, Padding::None, Direction::Encrypt)?))
        }),
        decrypt: Some(|params, key| {
            params::none(params)?;
            let mode = |cipher: &AesCipher, _: &[u8; BLOCK]| cipher.ecb_decrypt();
            Ok(Box::new(Blocks::new(key, [0; BLOCK], mode, Padding::None, Direction::Decrypt)?))
        }),
        ..Ops::NONE
    },
};
