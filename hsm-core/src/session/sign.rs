//! Signatures and MACs (PKCS#11 v3.2 sections 5.14 and 5.16).

use hsm_types::{AttributeType, Mechanism, ObjectId};

use super::Session;
use crate::error::Error;
use crate::operation::advance;

impl Session {
    /// `C_SignInit`.
    ///
    /// # Errors
    /// The mechanism's, the key's and the session's; see [`Error`].
    pub fn sign_init(&self, mechanism: &Mechanism, key: ObjectId) -> Result<(), Error> {
        self.init(|running| &mut running.sign, mechanism, key, AttributeType::SIGN, |ops| ops.sign)
    }

    /// `C_Sign`. Returns the bytes written, or needed if `signature` is `None`.
    ///
    /// # Errors
    /// [`Error::BufferTooSmall`] (the operation goes on); others end the operation.
    pub fn sign(&self, data: &[u8], signature: Option<&mut [u8]>) -> Result<usize, Error> {
        advance(&mut self.operations()?.sign, &*self.token, |running| running.sign(data, signature))
    }

    /// `C_SignUpdate`.
    ///
    /// # Errors
    /// As [`sign`](Self::sign).
    pub fn sign_update(&self, part: &[u8]) -> Result<(), Error> {
        advance(&mut self.operations()?.sign, &*self.token, |running| running.update(part)).map(drop)
    }

    /// `C_SignFinal`. Returns the bytes written, or needed if `signature` is `None`.
    ///
    /// # Errors
    /// As [`sign`](Self::sign).
    pub fn sign_final(&self, signature: Option<&mut [u8]>) -> Result<usize, Error> {
        advance(&mut self.operations()?.sign, &*self.token, |running| running.finish(signature))
    }

    /// `C_VerifyInit`.
    ///
    /// # Errors
    /// The mechanism's, the key's and the session's; see [`Error`].
    pub fn verify_init(&self, mechanism: &Mechanism, key: ObjectId) -> Result<(), Error> {
        self.init(|running| &mut running.verify, mechanism, key, AttributeType::VERIFY, |ops| ops.verify)
    }

    /// `C_Verify`. Ends the operation whatever the answer.
    ///
    /// # Errors
    /// [`Error::SignatureInvalid`] or [`Error::SignatureLenRange`] for a signature that does not verify.
    pub fn verify(&self, data: &[u8], signature: &[u8]) -> Result<(), Error> {
        advance(&mut self.operations()?.verify, &*self.token, |running| running.verify(data, signature)).map(drop)
    }

    /// `C_VerifyUpdate`.
    ///
    /// # Errors
    /// As [`verify`](Self::verify).
    pub fn verify_update(&self, part: &[u8]) -> Result<(), Error> {
        advance(&mut self.operations()?.verify, &*self.token, |running| running.update(part)).map(drop)
    }

    /// `C_VerifyFinal`. Ends the operation whatever the answer.
    ///
    /// # Errors
    /// As [`verify`](Self::verify).
    pub fn verify_final(&self, signature: &[u8]) -> Result<(), Error> {
        advance(&mut self.operations()?.verify, &*self.token, |running| running.finish(signature)).map(drop)
    }
}
