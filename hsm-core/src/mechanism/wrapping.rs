//! Wrapping and unwrapping as encryption and decryption of a key's bytes, with the errors that
//! PKCS#11 has for them.

use zeroize::Zeroizing;

use super::Cipher;
use crate::error::{Error, HandleRole};

/// Wraps the bytes of a key.
pub(super) fn wrap(cipher: Result<Box<dyn Cipher>, Error>, key: &[u8]) -> Result<Vec<u8>, Error> {
    let mut cipher = cipher.map_err(|error| with_role(error, HandleRole::WrappingKey))?;
    let mut wrapped = vec![0; cipher.process_len(key.len())];
    let written = cipher.process(key, &mut wrapped).map_err(|error| match error {
        // The key is the data here: its length does not suit the mechanism.
        Error::DataLenRange(_) => Error::KeySizeRange(HandleRole::Key),
        other => other,
    })?;
    wrapped.truncate(written);
    Ok(wrapped)
}

/// Unwraps the bytes of a key. No bytes at all are the caller's to refuse, or to conceal.
pub(super) fn unwrap(cipher: Result<Box<dyn Cipher>, Error>, wrapped: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
    let mut cipher = cipher.map_err(|error| with_role(error, HandleRole::UnwrappingKey))?;
    let mut key = Zeroizing::new(vec![0; cipher.process_len(wrapped.len())]);
    let written = cipher.process(wrapped, &mut key).map_err(|error| match error {
        Error::EncryptedDataInvalid => Error::WrappedKeyInvalid,
        Error::EncryptedDataLenRange => Error::WrappedKeyLenRange,
        other => other,
    })?;
    key.truncate(written);
    Ok(key)
}

fn with_role(error: Error, role: HandleRole) -> Error {
    match error {
        Error::KeyTypeInconsistent(_) => Error::KeyTypeInconsistent(role),
        Error::KeySizeRange(_) => Error::KeySizeRange(role),
        other => other,
    }
}
