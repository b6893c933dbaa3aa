//! Galois/Counter Mode: `CKM_AES_GCM`, with nonces of any length and tags from 4 to 16 bytes.
//!
//! Encryption in parts streams. Decryption gives no byte before the tag has been verified, so in
//! parts it gives everything at the end.

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
        wrap: Some(|params, key, data| wrapping::wrap(encrypt(params, key), data)),
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
