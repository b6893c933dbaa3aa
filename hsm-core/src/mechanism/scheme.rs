//! Signature schemes as operations: over the data as it is, or over its digest in parts.
//!
//! A scheme signs or verifies one message. [`Plain`] gives it the caller's data (single-part),
//! [`Hashed`] the digest of it, [`Collected`] the whole of it (both single-part and multi-part).

use zeroize::Zeroizing;

use super::buffered::append;
use super::{Signer, Verifier};
use crate::crypto::digest::{Context, Hash};
use crate::error::Error;

/// Makes signatures of messages.
pub(super) trait SignScheme: Send {
    /// The signature's length in bytes.
    fn signature_len(&self) -> usize;

    /// Signs into a buffer of exactly [`signature_len`](Self::signature_len) bytes.
    fn sign(&self, message: &[u8], signature: &mut [u8]) -> Result<(), Error>;
}

/// Verifies signatures of messages.
pub(super) trait VerifyScheme: Send {
    /// [`Error::SignatureLenRange`] for a length that no signature has, [`Error::SignatureInvalid`]
    /// for every other mismatch.
    fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), Error>;
}

/// The scheme over the caller's data.
pub(super) struct Plain<S>(pub(super) S);

/// The scheme over the data's digest.
pub(super) struct Hashed<S> {
    scheme: S,
    hash: Hash,
    parts: Option<Context>,
}

/// The scheme over the caller's data, kept until all parts are there: for schemes that read the
/// message more than once.
pub(super) struct Collected<S> {
    scheme: S,
    message: Zeroizing<Vec<u8>>,
}

impl<S> Collected<S> {
    pub(super) fn new(scheme: S) -> Self {
        Self { scheme, message: Zeroizing::default() }
    }
}

impl<S> Hashed<S> {
    pub(super) const fn new(hash: Hash, scheme: S) -> Self {
        Self { scheme, hash, parts: None }
    }

    fn add(&mut self, data: &[u8]) {
        self.parts.get_or_insert_with(|| self.hash.context()).update(data);
    }

    fn digest(&mut self) -> crate::crypto::digest::Digest {
        self.parts.take().unwrap_or_else(|| self.hash.context()).finish()
    }
}

impl<S: SignScheme> Signer for Plain<S> {
    fn signature_len(&self) -> usize {
        self.0.signature_len()
    }

    fn is_multi_part(&self) -> bool {
        false
    }

    fn sign(&mut self, data: &[u8], signature: &mut [u8]) -> Result<usize, Error> {
        sign_into(&self.0, data, signature)
    }

    fn update(&mut self, _data: &[u8]) -> Result<(), Error> {
        Err(SINGLE_PART)
    }

    fn finish(&mut self, _signature: &mut [u8]) -> Result<usize, Error> {
        Err(SINGLE_PART)
    }
}

impl<S: VerifyScheme> Verifier for Plain<S> {
    fn is_multi_part(&self) -> bool {
        false
    }

    fn verify(&mut self, data: &[u8], signature: &[u8]) -> Result<(), Error> {
        self.0.verify(data, signature)
    }

    fn update(&mut self, _data: &[u8]) -> Result<(), Error> {
        Err(SINGLE_PART)
    }

    fn finish(&mut self, _signature: &[u8]) -> Result<(), Error> {
        Err(SINGLE_PART)
    }
}

impl<S: SignScheme> Signer for Hashed<S> {
    fn signature_len(&self) -> usize {
        self.scheme.signature_len()
    }

    fn is_multi_part(&self) -> bool {
        true
    }

    fn sign(&mut self, data: &[u8], signature: &mut [u8]) -> Result<usize, Error> {
        sign_into(&self.scheme, self.hash.digest(data).as_ref(), signature)
    }

    fn update(&mut self, data: &[u8]) -> Result<(), Error> {
        self.add(data);
        Ok(())
    }

    fn finish(&mut self, signature: &mut [u8]) -> Result<usize, Error> {
        let digest = self.digest();
        sign_into(&self.scheme, digest.as_ref(), signature)
    }
}

impl<S: VerifyScheme> Verifier for Hashed<S> {
    fn is_multi_part(&self) -> bool {
        true
    }

    fn verify(&mut self, data: &[u8], signature: &[u8]) -> Result<(), Error> {
        self.scheme.verify(self.hash.digest(data).as_ref(), signature)
    }

    fn update(&mut self, data: &[u8]) -> Result<(), Error> {
        self.add(data);
        Ok(())
    }

    fn finish(&mut self, signature: &[u8]) -> Result<(), Error> {
        let digest = self.digest();
        self.scheme.verify(digest.as_ref(), signature)
    }
}

impl<S: SignScheme> Signer for Collected<S> {
    fn signature_len(&self) -> usize {
        self.scheme.signature_len()
    }

    fn is_multi_part(&self) -> bool {
        true
    }

    fn sign(&mut self, data: &[u8], signature: &mut [u8]) -> Result<usize, Error> {
        sign_into(&self.scheme, data, signature)
    }

    fn update(&mut self, data: &[u8]) -> Result<(), Error> {
        append(&mut self.message, data);
        Ok(())
    }

    fn finish(&mut self, signature: &mut [u8]) -> Result<usize, Error> {
        sign_into(&self.scheme, &core::mem::take(&mut self.message), signature)
    }
}

impl<S: VerifyScheme> Verifier for Collected<S> {
    fn is_multi_part(&self) -> bool {
        true
    }

    fn verify(&mut self, data: &[u8], signature: &[u8]) -> Result<(), Error> {
        self.scheme.verify(data, signature)
    }

    fn update(&mut self, data: &[u8]) -> Result<(), Error> {
        append(&mut self.message, data);
        Ok(())
    }

    fn finish(&mut self, signature: &[u8]) -> Result<(), Error> {
        self.scheme.verify(&core::mem::take(&mut self.message), signature)
    }
}

fn sign_into(scheme: &impl SignScheme, message: &[u8], signature: &mut [u8]) -> Result<usize, Error> {
    let needed = scheme.signature_len();
    let signature = signature.get_mut(..needed).ok_or(Error::BufferTooSmall { needed })?;
    scheme.sign(message, signature)?;
    Ok(needed)
}

pub(super) const SINGLE_PART: Error = Error::FunctionNotSupported("the mechanism works in a single part");
