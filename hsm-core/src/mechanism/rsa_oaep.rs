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

#[cfg(test)]
mod tests {
    use super::super::testing::{RSA_2048, RSA_PAIR, at_once, cases_of, message};
    use super::*;

    fn params_of(case: &super::super::testing::Case) -> Params {
        let numbers = |name| match case.text(name).unwrap() {
            "SHA1" => (MechanismType::SHA_1, 1),
            "SHA224" => (MechanismType::SHA224, 5),
            "SHA256" => (MechanismType::SHA256, 2),
            "SHA384" => (MechanismType::SHA384, 3),
            _ => (MechanismType::SHA512, 4),
        };
        Params::Oaep { hash: numbers("hash").0, mgf: numbers("mgf").1, label: case.bytes("label") }
    }

    #[test]
    fn ciphertexts_of_another_library_decrypt_with_their_own_parameters_alone() {
        for case in cases_of(RSA_2048, MechanismType::RSA_PKCS_OAEP) {
            let params = params_of(&case);
            let mut cipher = decrypt(&params, &RSA_PAIR.private).unwrap();
            assert_eq!(at_once(&mut *cipher, &case.bytes("ciphertext")).unwrap(), case.bytes("message"));
            let Params::Oaep { hash, mgf, mut label } = params else { unreachable!() };
            label.push(1);
            let mut cipher = decrypt(&Params::Oaep { hash, mgf, label }, &RSA_PAIR.private).unwrap();
            assert!(matches!(at_once(&mut *cipher, &case.bytes("ciphertext")), Err(Error::EncryptedDataInvalid)));
        }
    }

    #[test]
    fn the_longest_message_fits_and_a_longer_one_is_refused() {
        let params = Params::Oaep { hash: MechanismType::SHA512, mgf: 1, label: vec![] };
        let mut cipher = encrypt(&params, &RSA_PAIR.public).unwrap();
        let ciphertext = at_once(&mut *cipher, &message(126)).unwrap();
        assert!(matches!(at_once(&mut *cipher, &message(127)), Err(Error::DataLenRange(_))));
        let mut cipher = decrypt(&params, &RSA_PAIR.private).unwrap();
        assert_eq!(at_once(&mut *cipher, &ciphertext).unwrap(), message(126));
    }

    #[test]
    fn everything_wrong_with_a_ciphertext_is_the_same_error() {
        let params = Params::Oaep { hash: MechanismType::SHA256, mgf: 2, label: vec![] };
        let ciphertext = at_once(&mut *encrypt(&params, &RSA_PAIR.public).unwrap(), b"message").unwrap();
        let mut cipher = decrypt(&params, &RSA_PAIR.private).unwrap();
        for at in [0, 1, 100, 255] {
            let mut changed = ciphertext.clone();
            changed[at] ^= 1;
            assert!(matches!(at_once(&mut *cipher, &changed), Err(Error::EncryptedDataInvalid)));
        }
        for number in [vec![0; 256], vec![0xff; 256]] {
            assert!(matches!(at_once(&mut *cipher, &number), Err(Error::EncryptedDataInvalid)));
        }
        assert!(matches!(at_once(&mut *cipher, &[1; 255]), Err(Error::EncryptedDataLenRange)));
    }
}
