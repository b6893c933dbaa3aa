//! Cipher block chaining: `CKM_AES_CBC` and `CKM_AES_CBC_PAD`. It does not wrap: without integrity, unwrapping
//! changed blobs tells the key bit by bit (Vaudenay 2002).

use std::sync::Arc;

use hsm_types::{KeyType, MechanismType, Params};

use super::blocks::{Blocks, Direction, Padding};
use super::{Cipher, KeySizes, MechanismDef, Ops, params};
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
        ..Ops::NONE
    },
};

fn encrypt(params: &Params, key: &Arc<Key>, padding: Padding) -> Result<Box<dyn Cipher>, Error> {
    Ok(Box::new(Blocks::new(key, params::iv(params)?, AesCipher::cbc_encrypt, padding, Direction::Encrypt)?))
}

fn decrypt(params: &Params, key: &Arc<Key>, padding: Padding) -> Result<Box<dyn Cipher>, Error> {
    Ok(Box::new(Blocks::new(key, params::iv(params)?, AesCipher::cbc_decrypt, padding, Direction::Decrypt)?))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{CIPHERS, SPLITS, at_once, cases, in_parts, mechanism, message, secret};
    use super::*;
    use crate::error::Error;

    /// The parameter that a case describes.
    fn params(case: &super::super::testing::Case) -> Params {
        match case.text("mechanism").unwrap() {
            "AES_CTR" => Params::AesCtr {
                counter_bits: case.number("counter_bits"),
                counter_block: case.bytes("iv").try_into().unwrap(),
            },
            "AES_GCM" => {
                Params::Gcm { iv: case.bytes("iv"), aad: case.bytes("aad"), tag_bits: case.number("tag_bits") }
            }
            _ if case.text("iv").is_some() => Params::Bytes(case.bytes("iv")),
            _ => Params::None,
        }
    }

    #[test]
    fn ciphertexts_are_those_of_the_standards_at_once_and_in_parts() {
        for (at, case) in cases(CIPHERS).iter().enumerate() {
            let (def, params) = (mechanism(case), params(case));
            let (encrypt, decrypt) = (def.ops.encrypt.unwrap(), def.ops.decrypt.unwrap());
            let (key, ciphertext) = (secret(KeyType::AES, &case.bytes("key")), case.bytes("ciphertext"));
            let decrypted = at_once(&mut *decrypt(&params, &key).unwrap(), &ciphertext);
            if !case.is_valid() {
                assert!(matches!(decrypted, Err(Error::EncryptedDataInvalid)), "{} in case {at}", def.id);
                continue;
            }
            let plaintext = case.bytes("plaintext");
            assert_eq!(decrypted.unwrap(), plaintext, "{} in case {at}", def.id);
            assert_eq!(at_once(&mut *encrypt(&params, &key).unwrap(), &plaintext).unwrap(), ciphertext, "{}", def.id);
            for split in SPLITS {
                let made = in_parts(&mut *encrypt(&params, &key).unwrap(), &plaintext, split).unwrap();
                assert_eq!(made, ciphertext, "{} in case {at} split {split:?}", def.id);
                let made = in_parts(&mut *decrypt(&params, &key).unwrap(), &ciphertext, split).unwrap();
                assert_eq!(made, plaintext, "{} in case {at} split {split:?}", def.id);
            }
        }
    }

    #[test]
    fn every_padding_length_comes_off_again_and_a_bad_one_is_refused() {
        let key = secret(KeyType::AES, &[3; 16]);
        let iv = Params::Bytes(vec![5; 16]);
        for len in 0..=33 {
            let ciphertext = at_once(&mut *encrypt(&iv, &key, Padding::Pkcs7).unwrap(), &message(len)).unwrap();
            assert_eq!(ciphertext.len(), (len / 16 + 1) * 16);
            let mut cipher = decrypt(&iv, &key, Padding::Pkcs7).unwrap();
            assert_eq!(at_once(&mut *cipher, &ciphertext).unwrap(), message(len));
        }
        for padding in [[0; 16], [17; 16], [0xff; 16], *b"0123456789abcd\x03\x02"] {
            let ciphertext = at_once(&mut *encrypt(&iv, &key, Padding::None).unwrap(), &padding).unwrap();
            let mut cipher = decrypt(&iv, &key, Padding::Pkcs7).unwrap();
            assert!(matches!(at_once(&mut *cipher, &ciphertext), Err(Error::EncryptedDataInvalid)), "{padding:?}");
            assert!(matches!(in_parts(&mut *cipher, &ciphertext, &[3]), Err(Error::EncryptedDataInvalid)));
        }
    }

    #[test]
    fn a_length_that_is_no_multiple_of_the_block_is_refused() {
        let key = secret(KeyType::AES, &[3; 16]);
        let iv = Params::Bytes(vec![5; 16]);
        let data = message(31);
        let mut cipher = encrypt(&iv, &key, Padding::None).unwrap();
        assert!(matches!(at_once(&mut *cipher, &data), Err(Error::DataLenRange(_))));
        assert!(matches!(in_parts(&mut *cipher, &data, &[5]), Err(Error::DataLenRange(_))));
        for padding in [Padding::None, Padding::Pkcs7] {
            let mut cipher = decrypt(&iv, &key, padding).unwrap();
            assert!(matches!(at_once(&mut *cipher, &data), Err(Error::EncryptedDataLenRange)));
            assert!(matches!(in_parts(&mut *cipher, &data, &[5]), Err(Error::EncryptedDataLenRange)));
        }
        let mut cipher = decrypt(&iv, &key, Padding::Pkcs7).unwrap();
        assert!(matches!(at_once(&mut *cipher, &[]), Err(Error::EncryptedDataLenRange)));
    }
}
