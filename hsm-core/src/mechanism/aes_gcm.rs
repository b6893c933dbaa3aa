//! Galois/Counter Mode: `CKM_AES_GCM`, with nonces of any length and tags from 4 to 16 bytes.
//!
//! Encryption in parts streams. Decryption gives no byte before the tag has been verified, so in
//! parts it gives everything at the end. It unwraps what was wrapped elsewhere and does not wrap: the caller
//! brings the nonce, and two keys wrapped under the same one give away their difference.

use std::sync::Arc;

use hsm_types::{KeyType, MechanismType, Params};

use super::buffered::{Buffered, Transform};
use super::{Cipher, KeySizes, MechanismDef, Ops, wrapping};
use crate::crypto::Refused;
use crate::crypto::gcm::{GcmKey, GcmStream, TAG};
use crate::error::Error;
use crate::key::Key;

/// `CKM_AES_GCM`.
pub(super) static AES_GCM: MechanismDef = MechanismDef {
    id: MechanismType::AES_GCM,
    spec: "PKCS#11 v3.1, AES-GCM; NIST SP 800-38D",
    key_types: &[KeyType::AES],
    key_sizes: KeySizes::Bytes { min: 16, max: 32 },
    ops: Ops {
        encrypt: Some(encrypt),
        decrypt: Some(decrypt),
        unwrap: Some(|params, key, data| wrapping::unwrap(decrypt(params, key), data)),
        ..Ops::NONE
    },
};

/// The parameters of one message with its key.
struct Message {
    key: Arc<Key>,
    iv: Vec<u8>,
    aad: Vec<u8>,
    tag_len: usize,
}

struct Encrypt {
    message: Message,
    stream: Option<GcmStream>,
}

struct Decrypt {
    message: Message,
    /// A key of its own for tags that are not whole: the library fixes a tag's length with the key.
    short_tags: Option<GcmKey>,
}

fn encrypt(params: &Params, key: &Arc<Key>) -> Result<Box<dyn Cipher>, Error> {
    Ok(Box::new(Encrypt { message: Message::new(params, key)?, stream: None }))
}

fn decrypt(params: &Params, key: &Arc<Key>) -> Result<Box<dyn Cipher>, Error> {
    let message = Message::new(params, key)?;
    let short_tags = if message.tag_len == TAG {
        None
    } else {
        Some(GcmKey::new(key.aes()?.value(), message.tag_len).map_err(|Refused| FAILED)?)
    };
    Ok(Box::new(Buffered::new(Decrypt { message, short_tags })))
}

impl Message {
    fn new(params: &Params, key: &Arc<Key>) -> Result<Self, Error> {
        let Params::Gcm { iv, aad, tag_bits } = params else {
            return Err(Error::MechanismParamInvalid("the parameter is a CK_GCM_PARAMS"));
        };
        if iv.is_empty() {
            return Err(Error::MechanismParamInvalid("the nonce has at least one byte"));
        }
        let tag_len = match tag_bits {
            // The lengths of SP 800-38D section 5.2.1.2.
            32 => 4,
            64 => 8,
            96 => 12,
            104 => 13,
            112 => 14,
            120 => 15,
            128 => TAG,
            _ => return Err(Error::MechanismParamInvalid("the tag has 128, 120, 112, 104, 96, 64 or 32 bits")),
        };
        key.aes()?.gcm()?;
        Ok(Self { key: Arc::clone(key), iv: iv.clone(), aad: aad.clone(), tag_len })
    }
}

impl Cipher for Encrypt {
    fn process_len(&self, input_len: usize) -> usize {
        input_len.saturating_add(self.message.tag_len)
    }

    fn process(&mut self, input: &[u8], output: &mut [u8]) -> Result<usize, Error> {
        let Message { key, iv, aad, tag_len } = &self.message;
        let needed = self.process_len(input.len());
        let output = output.get_mut(..needed).ok_or(Error::BufferTooSmall { needed })?;
        let (ciphertext, tag) = output.split_at_mut_checked(input.len()).ok_or(FAILED)?;
        let mut whole_tag = [0; TAG];
        key.aes()?.gcm()?.seal(iv, aad, input, ciphertext, &mut whole_tag).map_err(|Refused| TOO_LONG)?;
        tag.copy_from_slice(whole_tag.get(..*tag_len).ok_or(FAILED)?);
        Ok(needed)
    }

    fn update_len(&self, input_len: usize) -> Option<usize> {
        Some(input_len)
    }

    fn update(&mut self, input: &[u8], output: &mut [u8]) -> Result<usize, Error> {
        let needed = input.len();
        let output = output.get_mut(..needed).ok_or(Error::BufferTooSmall { needed })?;
        let mut stream = self.running()?;
        stream.update(input, output).map_err(|Refused| TOO_LONG)?;
        self.stream = Some(stream);
        Ok(needed)
    }

    fn finish_len(&mut self) -> Result<usize, Error> {
        Ok(self.message.tag_len)
    }

    fn finish(&mut self, output: &mut [u8]) -> Result<usize, Error> {
        let needed = self.message.tag_len;
        let output = output.get_mut(..needed).ok_or(Error::BufferTooSmall { needed })?;
        let tag = self.running()?.finish().map_err(|Refused| FAILED)?;
        output.copy_from_slice(tag.get(..needed).ok_or(FAILED)?);
        Ok(needed)
    }
}

impl Encrypt {
    fn running(&mut self) -> Result<GcmStream, Error> {
        let Message { key, iv, aad, .. } = &self.message;
        match self.stream.take() {
            Some(stream) => Ok(stream),
            None => GcmStream::new(key.aes()?.value(), iv, aad).map_err(|Refused| FAILED),
        }
    }
}

impl Transform for Decrypt {
    fn max_len(&self, input_len: usize) -> usize {
        input_len.saturating_sub(self.message.tag_len)
    }

    fn run(&self, input: &[u8], output: &mut [u8]) -> Result<usize, Error> {
        let Message { key, iv, aad, tag_len } = &self.message;
        let len = input.len().checked_sub(*tag_len).ok_or(Error::EncryptedDataLenRange)?;
        let (ciphertext, tag) = input.split_at_checked(len).ok_or(Error::EncryptedDataLenRange)?;
        let output = output.get_mut(..len).ok_or(Error::BufferTooSmall { needed: len })?;
        let prepared = match &self.short_tags {
            Some(key) => key,
            None => key.aes()?.gcm()?,
        };
        prepared.open(iv, aad, ciphertext, tag, output).map_err(|Refused| Error::EncryptedDataInvalid)?;
        Ok(len)
    }
}

const TOO_LONG: Error = Error::DataLenRange("GCM ends at 2^36 - 32 bytes");
const FAILED: Error = Error::Crypto("a GCM operation failed");

#[cfg(test)]
mod tests {
    use super::super::testing::{at_once, in_parts, message, secret};
    use super::*;

    fn params(iv_len: usize, tag_bits: u64) -> Params {
        Params::Gcm { iv: message(iv_len), aad: b"context".to_vec(), tag_bits }
    }

    #[test]
    fn no_plaintext_comes_out_before_the_tag_is_verified() {
        let (key, params) = (secret(KeyType::AES, &[1; 32]), params(12, 128));
        let mut sealed = at_once(&mut *encrypt(&params, &key).unwrap(), &message(1000)).unwrap();
        sealed[999] ^= 1;
        let mut cipher = decrypt(&params, &key).unwrap();
        let mut room = vec![0xaa; 2000];
        for part in sealed.chunks(100) {
            assert_eq!(cipher.update_len(part.len()), Some(0));
            assert_eq!(cipher.update(part, &mut room).unwrap(), 0);
        }
        assert!(matches!(cipher.finish_len(), Err(Error::EncryptedDataInvalid)));
        assert!(matches!(cipher.finish(&mut room), Err(Error::EncryptedDataInvalid)));
        assert!(room.iter().all(|byte| *byte == 0xaa), "the caller's buffer was written");
        assert!(cipher.process(&sealed, &mut room).is_err());
        assert!(!room.windows(8).any(|bytes| message(1000).windows(8).any(|plain| plain == bytes)));
    }

    #[test]
    fn every_changed_bit_of_message_tag_nonce_and_data_is_refused() {
        let key = secret(KeyType::AES, &[1; 24]);
        for tag_bits in [32, 64, 96, 104, 112, 120, 128] {
            let params = params(12, tag_bits);
            let mut sealed = at_once(&mut *encrypt(&params, &key).unwrap(), &message(20)).unwrap();
            assert_eq!(sealed.len(), 20 + usize::try_from(tag_bits / 8).unwrap());
            for bit in 0..sealed.len() * 8 {
                sealed[bit / 8] ^= 1 << (bit % 8);
                let opened = at_once(&mut *decrypt(&params, &key).unwrap(), &sealed);
                assert!(matches!(opened, Err(Error::EncryptedDataInvalid)), "bit {bit}");
                sealed[bit / 8] ^= 1 << (bit % 8);
            }
            for other in [
                Params::Gcm { iv: message(13), aad: b"context".to_vec(), tag_bits },
                Params::Gcm { iv: message(12), aad: b"Context".to_vec(), tag_bits },
            ] {
                assert!(at_once(&mut *decrypt(&other, &key).unwrap(), &sealed).is_err());
            }
            at_once(&mut *decrypt(&params, &key).unwrap(), &sealed).unwrap();
        }
    }

    #[test]
    fn a_nonce_of_any_length_gives_the_same_at_once_and_in_parts() {
        let key = secret(KeyType::AES, &[1; 16]);
        for iv_len in [1, 7, 8, 11, 12, 13, 15, 16, 17, 128, 129, 1000, 70_000] {
            let params = params(iv_len, 128);
            let whole = at_once(&mut *encrypt(&params, &key).unwrap(), &message(77)).unwrap();
            assert_eq!(in_parts(&mut *encrypt(&params, &key).unwrap(), &message(77), &[5, 30]).unwrap(), whole);
            assert_eq!(at_once(&mut *decrypt(&params, &key).unwrap(), &whole).unwrap(), message(77));
        }
    }

    #[test]
    fn a_tag_of_another_length_and_a_ciphertext_shorter_than_its_tag_are_refused() {
        let key = secret(KeyType::AES, &[1; 16]);
        for tag_bits in [0, 8, 88, 127, 129, 136, u64::MAX] {
            assert!(matches!(encrypt(&params(12, tag_bits), &key).err(), Some(Error::MechanismParamInvalid(_))));
        }
        let mut cipher = decrypt(&params(12, 128), &key).unwrap();
        assert!(matches!(at_once(&mut *cipher, &[0; 15]), Err(Error::EncryptedDataLenRange)));
    }
}
