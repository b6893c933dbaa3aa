//! MACs as operations, whole or cut to a length (`_GENERAL`).

use subtle::ConstantTimeEq;

use super::{Signer, Verifier};
use crate::error::Error;

/// A MAC with its key.
pub(super) trait Mac: Send {
    /// A running computation.
    type Context: Send;
    /// A finished MAC.
    type Tag: AsRef<[u8]>;

    /// Starts a computation.
    fn start(&self) -> Result<Self::Context, Error>;

    /// Adds data.
    fn add(context: &mut Self::Context, data: &[u8]);

    /// Ends the computation.
    fn end(context: Self::Context) -> Self::Tag;

    /// The MAC of a whole message.
    fn whole(&self, data: &[u8]) -> Result<Self::Tag, Error> {
        let mut context = self.start()?;
        Self::add(&mut context, data);
        Ok(Self::end(context))
    }
}

/// A running MAC, cut to a length.
pub(super) struct MacOperation<M: Mac> {
    mac: M,
    len: usize,
    parts: Option<M::Context>,
}

impl<M: Mac> MacOperation<M> {
    /// `len` is from 1 to the MAC's own length.
    pub(super) const fn new(mac: M, len: usize) -> Self {
        Self { mac, len, parts: None }
    }

    fn add(&mut self, data: &[u8]) -> Result<(), Error> {
        let mut context = self.running()?;
        M::add(&mut context, data);
        self.parts = Some(context);
        Ok(())
    }

    fn running(&mut self) -> Result<M::Context, Error> {
        self.parts.take().map_or_else(|| self.mac.start(), Ok)
    }

    fn write(&self, tag: &M::Tag, signature: &mut [u8]) -> Result<usize, Error> {
        let signature = signature.get_mut(..self.len).ok_or(Error::BufferTooSmall { needed: self.len })?;
        for (to, from) in signature.iter_mut().zip(tag.as_ref()) {
            *to = *from;
        }
        Ok(self.len)
    }

    fn compare(&self, tag: &M::Tag, signature: &[u8]) -> Result<(), Error> {
        let expected = tag.as_ref().get(..self.len).ok_or(Error::SignatureInvalid)?;
        if bool::from(expected.ct_eq(signature)) { Ok(()) } else { Err(Error::SignatureInvalid) }
    }

    const fn check_len(&self, signature: &[u8]) -> Result<(), Error> {
        if signature.len() == self.len { Ok(()) } else { Err(Error::SignatureLenRange) }
    }
}

impl<M: Mac> Signer for MacOperation<M> {
    fn signature_len(&self) -> usize {
        self.len
    }

    fn is_multi_part(&self) -> bool {
        true
    }

    fn sign(&mut self, data: &[u8], signature: &mut [u8]) -> Result<usize, Error> {
        self.write(&self.mac.whole(data)?, signature)
    }

    fn update(&mut self, data: &[u8]) -> Result<(), Error> {
        self.add(data)
    }

    fn finish(&mut self, signature: &mut [u8]) -> Result<usize, Error> {
        let tag = M::end(self.running()?);
        self.write(&tag, signature)
    }
}

impl<M: Mac> Verifier for MacOperation<M> {
    fn is_multi_part(&self) -> bool {
        true
    }

    fn verify(&mut self, data: &[u8], signature: &[u8]) -> Result<(), Error> {
        self.check_len(signature)?;
        self.compare(&self.mac.whole(data)?, signature)
    }

    fn update(&mut self, data: &[u8]) -> Result<(), Error> {
        self.add(data)
    }

    fn finish(&mut self, signature: &[u8]) -> Result<(), Error> {
        self.check_len(signature)?;
        let tag = M::end(self.running()?);
        self.compare(&tag, signature)
    }
}
