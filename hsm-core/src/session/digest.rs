//! Digests (PKCS#11 v3.2 section 5.13).

use std::sync::Arc;

use hsm_types::{AttributeType, Mechanism, ObjectClass, ObjectId};

use super::{Session, login_behind, offered};
use crate::error::{Error, HandleRole};
use crate::operation::{Running, advance};

impl Session {
    /// `C_DigestInit`.
    ///
    /// # Errors
    /// [`Error::MechanismInvalid`], [`Error::OperationActive`].
    pub fn digest_init(&self, mechanism: &Mechanism) -> Result<(), Error> {
        let (_, start) = offered(mechanism.mechanism, |ops| ops.digest)?;
        let mut running = self.operations()?;
        if running.digest.as_ref().is_some_and(|running| running.stands(&*self.token)) {
            return Err(Error::OperationActive);
        }
        running.digest = Some(Running::keyless(start(&mechanism.params)?));
        Ok(())
    }

    /// `C_Digest`. Returns the bytes written, or needed if `digest` is `None`.
    ///
    /// # Errors
    /// [`Error::BufferTooSmall`] (the operation goes on); others end the operation.
    pub fn digest(&self, data: &[u8], digest: Option<&mut [u8]>) -> Result<usize, Error> {
        advance(&mut self.operations()?.digest, &*self.token, |running| running.digest(data, digest))
    }

    /// `C_DigestUpdate`.
    ///
    /// # Errors
    /// [`Error::OperationNotInitialized`].
    pub fn digest_update(&self, part: &[u8]) -> Result<(), Error> {
        advance(&mut self.operations()?.digest, &*self.token, |running| Ok(running.update(part))).map(drop)
    }

    /// `C_DigestKey`. Only secret keys that could be read are digested: the digest of a sensitive
    /// short key would tell it.
    ///
    /// # Errors
    /// [`Error::KeyIndigestible`] for any other key.
    pub fn digest_key(&self, key: ObjectId) -> Result<(), Error> {
        let login = self.enter()?;
        let object = self.token.object(key, login.as_ref())?.ok_or(Error::HandleInvalid(HandleRole::Key))?;
        if object.attributes().class() != Some(ObjectClass::SECRET_KEY) {
            return Err(Error::KeyIndigestible);
        }
        let epoch = login_behind(&object, login.as_ref());
        advance(&mut self.operations()?.digest, &*self.token, |running| {
            let value = object.reveal(AttributeType::VALUE).map_err(|_| Error::KeyIndigestible)?;
            let step = running.update(value);
            running.depends_on(Arc::clone(&object), epoch);
            Ok(step)
        })
        .map(drop)
    }

    /// `C_DigestFinal`. Returns the bytes written, or needed if `digest` is `None`.
    ///
    /// # Errors
    /// As [`digest`](Self::digest).
    pub fn digest_final(&self, digest: Option<&mut [u8]>) -> Result<usize, Error> {
        advance(&mut self.operations()?.digest, &*self.token, |running| running.finish(digest))
    }
}
