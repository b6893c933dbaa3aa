//! Encryption and decryption (PKCS#11 v3.2 sections 5.9 and 5.11).

use hsm_types::{AttributeType, Mechanism, ObjectId};

use super::Session;
use crate::error::Error;
use crate::operation::advance;

impl Session {
    /// `C_EncryptInit`.
    ///
    /// # Errors
    /// The mechanism's, the key's and the session's; see [`Error`].
    pub fn encrypt_init(&self, mechanism: &Mechanism, key: ObjectId) -> Result<(), Error> {
        self.init(|running| &mut running.encrypt, mechanism, key, AttributeType::ENCRYPT, |ops| ops.encrypt)
    }

    /// `C_Encrypt`. Returns the bytes written, or needed if `output` is `None`.
    ///
    /// # Errors
    /// [`Error::BufferTooSmall`] (the operation goes on); others end the operation.
    pub fn encrypt(&self, data: &[u8], output: Option<&mut [u8]>) -> Result<usize, Error> {
        advance(&mut self.operations()?.encrypt, &*self.token, |running| running.process(data, output))
    }

    /// `C_EncryptUpdate`. Returns the bytes written, or needed if `output` is `None`.
    ///
    /// # Errors
    /// As [`encrypt`](Self::encrypt).
    pub fn encrypt_update(&self, part: &[u8], output: Option<&mut [u8]>) -> Result<usize, Error> {
        advance(&mut self.operations()?.encrypt, &*self.token, |running| running.update(part, output))
    }

    /// `C_EncryptFinal`. Returns the bytes written, or needed if `output` is `None`.
    ///
    /// # Errors
    /// As [`encrypt`](Self::encrypt).
    pub fn encrypt_final(&self, output: Option<&mut [u8]>) -> Result<usize, Error> {
        advance(&mut self.operations()?.encrypt, &*self.token, |running| running.finish(output))
    }

    /// `C_DecryptInit`.
    ///
    /// # Errors
    /// The mechanism's, the key's and the session's; see [`Error`].
    pub fn decrypt_init(&self, mechanism: &Mechanism, key: ObjectId) -> Result<(), Error> {
        self.init(|running| &mut running.decrypt, mechanism, key, AttributeType::DECRYPT, |ops| ops.decrypt)
    }

    /// `C_Decrypt`. Returns the bytes written, or needed if `output` is `None`.
    ///
    /// # Errors
    /// [`Error::BufferTooSmall`] (the operation goes on); others end the operation.
    pub fn decrypt(&self, data: &[u8], output: Option<&mut [u8]>) -> Result<usize, Error> {
        advance(&mut self.operations()?.decrypt, &*self.token, |running| running.process(data, output))
    }

    /// `C_DecryptUpdate`. Returns the bytes written, or needed if `output` is `None`.
    ///
    /// # Errors
    /// As [`decrypt`](Self::decrypt).
    pub fn decrypt_update(&self, part: &[u8], output: Option<&mut [u8]>) -> Result<usize, Error> {
        advance(&mut self.operations()?.decrypt, &*self.token, |running| running.update(part, output))
    }

    /// `C_DecryptFinal`. Returns the bytes written, or needed if `output` is `None`.
    ///
    /// # Errors
    /// As [`decrypt`](Self::decrypt).
    pub fn decrypt_final(&self, output: Option<&mut [u8]>) -> Result<usize, Error> {
        advance(&mut self.operations()?.decrypt, &*self.token, |running| running.finish(output))
    }
}
