//! RSA-OAEP: `CKM_RSA_PKCS_OAEP`, with any hash, any hash for the masks, and any label.

use std::sync::Arc;

use hsm_types::{KeyType, MechanismType, Params};

use super::buffered::{Transform, Whole};
use super::rsa_pkcs::SIZES;
use super::{Cipher, MechanismDef, Ops, params, wrapping};
use crate::crypto::Refused;
use crate::crypto::rsa_padding::Oaep;
use crate::error::Error;
use crate::key::Key;

/// `CKM_RSA_PKCS_OAEP`.
pub(super) static RSA_PKCS_OAEP: MechanismDef = MechanismDef {
    id: MechanismType::RSA_PKCS_OAEP,
    spec: "PKCS#11 v3.1, PKCS #1 RSA OAEP; RFC 8017 section 7.1",
    key_types: &[KeyType::RSA],
    key_sizes: SIZES,
    ops: Ops {
        encrypt: Some(encrypt),
        decrypt: Some(decrypt),
        wrap: Some(|params, key, data| wrapping::wrap(encrypt(params, key), data)),
        unwrap: Some(|params, key, data| wrapping::unwrap(decrypt(params, key), data)),
        ..Ops::NONE
    },
};

struct Encrypt {
    key: Arc<Key>,
    oaep: Oaep,
}

struct Decrypt {
    key: Arc<Key>,
    oaep: Oaep,
}

fn encrypt(params: &Params, key: &Arc<Key>) -> Result<Box<dyn Cipher>, Error> {
    let oaep = oaep(params, key.rsa_public()?.len())?;
    Ok(Box::new(Whole(Encrypt { key: Arc::clone(key), oaep })))
}

fn decrypt(params: &Params, key: &Arc<Key>) -> Result<Box<dyn Cipher>, Error> {
    let oaep = oaep(params, key.rsa_private()?.len())?;
    Ok(Box::new(Whole(Decrypt { key: Arc::clone(key), oaep })))
}

fn oaep(params: &Params, modulus_len: usize) -> Result<Oaep, Error> {
    let Params::Oaep { hash, mgf, label } = params else {
        return Err(Error::MechanismParamInvalid("the parameter is a CK_RSA_PKCS_OAEP_PARAMS"));
    };
    let oaep = Oaep { hash: params::hash(*hash)?, mgf: params::mgf(*mgf)?, label: label.clone() };
    match oaep.max_message_len(modulus_len) {
        Some(_) => Ok(oaep),
        None => Err(Error::MechanismParamInvalid("two digests and 2 bytes fit into the modulus's length")),
    }
}

impl Transform for Encrypt {
    fn max_len(&self, _input_len: usize) -> usize {
        self.key.rsa_public().map_or(0, |key| key.len())
    }

    fn run(&self, input: &[u8], output: &mut [u8]) -> Result<usize, Error> {
        let key = self.key.rsa_public()?;
        if self.oaep.max_message_len(key.len()).is_none_or(|max| input.len() > max) {
            return Err(Error::DataLenRange("at most the modulus's length less two digests and 2 bytes"));
        }
        let output = output.get_mut(..key.len()).ok_or(Error::BufferTooSmall { needed: key.len() })?;
        self.oaep.encrypt(key, input, output).map_err(|Refused| Error::Crypto("an RSA-OAEP encryption failed"))?;
        Ok(key.len())
    }
}

impl Transform for Decrypt {
    fn max_len(&self, _input_len: usize) -> usize {
        self.key.rsa_private().ok().and_then(|key| self.oaep.max_message_len(key.len())).unwrap_or(0)
    }

    fn run(&self, input: &[u8], output: &mut [u8]) -> Result<usize, Error> {
        let key = self.key.rsa_private()?;
        if input.len() != key.len() {
            return Err(Error::EncryptedDataLenRange);
        }
        let message = self.oaep.decrypt(key, input).map_err(|Refused| Error::EncryptedDataInvalid)?;
        let needed = message.len();
        output.get_mut(..needed).ok_or(Error::BufferTooSmall { needed })?.copy_from_slice(&message);
        Ok(needed)
    }
}
