//! Cipher block chaining: `CKM_AES_CBC` and `CKM_AES_CBC_PAD`.

use std::sync::Arc;

use hsm_types::{KeyType, MechanismType, Params};

use super::blocks::{Blocks, Direction, Padding};
use super::{Cipher, KeySizes, MechanismDef, Ops, params, wrapping};
use crate::crypto::aes::AesCipher;
use crate::error::Error;
use crate::key::Key;

/// `CKM_AES_CBC`.
pub(super) static AES_CBC: MechanismDef = MechanismDef {
    id: MechanismType::AES_CBC,
    spec: "PKCS#11 v3.1, AES-CBC; NIST SP 800-38A section 6.2",
    key_types: &[KeyType::AES],
    key_sizes: KeySizes::Bytes { min: 16, max: 32 },
    ops: Ops {
        encrypt: Some(|params, key| encrypt(params, key, Padding::None)),
        decrypt: Some(|params, key| decrypt(params, key, Padding::None)),
        wrap: Some(|params, key, data| wrapping::wrap(encrypt(params, key, Padding::None), data)),
        unwrap: Some(|params, key, data| wrapping::unwrap(decrypt(params, key, Padding::None), data)),
        ..Ops::NONE
    },
};

/// `CKM_AES_CBC_PAD`.
pub(super) static AES_CBC_PAD: MechanismDef = MechanismDef {
    id: MechanismType::AES_CBC_PAD,
    spec: "PKCS#11 v3.1, AES-CBC with PKCS padding; NIST SP 800-38A section 6.2; RFC 5652 section 6.3",
    key_types: &[KeyType::AES],
    key_sizes: KeySizes::Bytes { min: 16, max: 32 },
    ops: Ops {
        encrypt: Some(|params, key| encrypt(params, key, Padding::Pkcs7)),
        decrypt: Some(|params, key| decrypt(params, key, Padding::Pkcs7)),
        wrap: Some(|params, key, data| wrapping::wrap(encrypt(params, key, Padding::Pkcs7), data)),
        unwrap: Some(|params, key, data| wrapping::unwrap(decrypt(params, key, Padding::Pkcs7), data)),
        ..Ops::NONE
    },
};

fn encrypt(params: &Params, key: &Arc<Key>, padding: Padding) -> Result<Box<dyn Cipher>, Error> {
    Ok(Box::new(Blocks::new(key, params::iv(params)?, AesCipher::cbc_encrypt, padding, Direction::Encrypt)?))
}

fn decrypt(params: &Params, key: &Arc<Key>, padding: Padding) -> Result<Box<dyn Cipher>, Error> {
    Ok(Box::new(Blocks::new(key, params::iv(params)?, AesCipher::cbc_decrypt, padding, Direction::Decrypt)?))
}
