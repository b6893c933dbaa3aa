//! Key wrap: `CKM_AES_KEY_WRAP` (RFC 3394), `CKM_AES_KEY_WRAP_KWP` and `CKM_AES_KEY_WRAP_PAD` (RFC 5649).

use std::sync::Arc;

use hsm_types::{KeyType, MechanismType, Params};

use super::buffered::{Buffered, Transform};
use super::{Cipher, KeySizes, MechanismDef, Ops, wrapping};
use crate::crypto::Refused;
use crate::crypto::key_wrap::{self, DEFAULT_IV, SEMIBLOCK};
use crate::error::Error;
use crate::key::Key;

/// `CKM_AES_KEY_WRAP`.
pub(super) static AES_KEY_WRAP: MechanismDef = MechanismDef {
    id: MechanismType::AES_KEY_WRAP,
    spec: "PKCS#11 v3.1, AES key wrap; RFC 3394",
    key_types: &[KeyType::AES],
    key_sizes: KeySizes::Bytes { min: 16, max: 32 },
    ops: Ops {
        encrypt: Some(wrap_exact),
        decrypt: Some(unwrap_exact),
        wrap: Some(|params, key, data| wrapping::wrap(wrap_exact(params, key), data)),
        unwrap: Some(|params, key, data| wrapping::unwrap(unwrap_exact(params, key), data)),
        ..Ops::NONE
    },
};

/// `CKM_AES_KEY_WRAP_KWP`.
pub(super) static AES_KEY_WRAP_KWP: MechanismDef = padded(MechanismType::AES_KEY_WRAP_KWP);

/// `CKM_AES_KEY_WRAP_PAD`, by which PKCS#11 v2.40 meant the same as its successor's `_KWP`.
pub(super) static AES_KEY_WRAP_PAD: MechanismDef = padded(MechanismType::AES_KEY_WRAP_PAD);

const fn padded(id: MechanismType) -> MechanismDef {
    MechanismDef {
        id,
        spec: "PKCS#11 v3.1, AES key wrap; RFC 5649",
        key_types: &[KeyType::AES],
        key_sizes: KeySizes::Bytes { min: 16, max: 32 },
        ops: Ops {
            encrypt: Some(wrap_padded),
            decrypt: Some(unwrap_padded),
            wrap: Some(|params, key, data| wrapping::wrap(wrap_padded(params, key), data)),
            unwrap: Some(|params, key, data| wrapping::unwrap(unwrap_padded(params, key), data)),
            ..Ops::NONE
        },
    }
}

struct WrapExact(Arc<Key>, [u8; SEMIBLOCK]);
struct UnwrapExact(Arc<Key>, [u8; SEMIBLOCK]);
struct WrapPadded(Arc<Key>);
struct UnwrapPadded(Arc<Key>);

fn wrap_exact(params: &Params, key: &Arc<Key>) -> Result<Box<dyn Cipher>, Error> {
    key.aes()?;
    Ok(Box::new(Buffered::new(WrapExact(Arc::clone(key), exact_iv(params)?))))
}

fn unwrap_exact(params: &Params, key: &Arc<Key>) -> Result<Box<dyn Cipher>, Error> {
    key.aes()?;
    Ok(Box::new(Buffered::new(UnwrapExact(Arc::clone(key), exact_iv(params)?))))
}

fn wrap_padded(params: &Params, key: &Arc<Key>) -> Result<Box<dyn Cipher>, Error> {
    check_padded_iv(params)?;
    key.aes()?;
    Ok(Box::new(Buffered::new(WrapPadded(Arc::clone(key)))))
}

fn unwrap_padded(params: &Params, key: &Arc<Key>) -> Result<Box<dyn Cipher>, Error> {
    check_padded_iv(params)?;
    key.aes()?;
    Ok(Box::new(Buffered::new(UnwrapPadded(Arc::clone(key)))))
}

fn exact_iv(params: &Params) -> Result<[u8; SEMIBLOCK], Error> {
    const RULE: Error = Error::MechanismParamInvalid("the parameter is missing, or an initial value of 8 bytes");
    match params {
        Params::None => Ok(DEFAULT_IV),
        Params::Bytes(iv) if iv.is_empty() => Ok(DEFAULT_IV),
        Params::Bytes(iv) => iv.as_slice().try_into().map_err(|_| RULE),
        _ => Err(RULE),
    }
}

/// RFC 5649 section 3 fixes the first half of the initial value, and the length is the other half.
fn check_padded_iv(params: &Params) -> Result<(), Error> {
    match params {
        Params::None => Ok(()),
        Params::Bytes(iv) if iv.is_empty() || iv == &[0xa6, 0x59, 0x59, 0xa6] => Ok(()),
        _ => Err(Error::MechanismParamInvalid("the parameter is missing, or RFC 5649's initial value A65959A6")),
    }
}

impl Transform for WrapExact {
    fn max_len(&self, input_len: usize) -> usize {
        input_len.saturating_add(SEMIBLOCK)
    }

    fn run(&self, input: &[u8], output: &mut [u8]) -> Result<usize, Error> {
        let wrapped = key_wrap::wrap(self.0.aes()?.value(), &self.1, input)
            .map_err(|Refused| Error::DataLenRange("at least 16 bytes, a multiple of 8"))?;
        write(&wrapped, output)
    }
}

impl Transform for UnwrapExact {
    fn max_len(&self, input_len: usize) -> usize {
        input_len.saturating_sub(SEMIBLOCK)
    }

    fn run(&self, input: &[u8], output: &mut [u8]) -> Result<usize, Error> {
        check_wrapped_len(input, 3 * SEMIBLOCK)?;
        let key =
            key_wrap::unwrap(self.0.aes()?.value(), &self.1, input).map_err(|Refused| Error::EncryptedDataInvalid)?;
        write(&key, output)
    }
}

impl Transform for WrapPadded {
    fn max_len(&self, input_len: usize) -> usize {
        input_len.div_ceil(SEMIBLOCK).saturating_add(1).saturating_mul(SEMIBLOCK)
    }

    fn run(&self, input: &[u8], output: &mut [u8]) -> Result<usize, Error> {
        if input.is_empty() {
            return Err(Error::DataLenRange("at least one byte"));
        }
        let wrapped = key_wrap::wrap_padded(self.0.aes()?.value(), input)
            .map_err(|Refused| Error::DataLenRange("at most 2^32 - 1 bytes"))?;
        write(&wrapped, output)
    }
}

impl Transform for UnwrapPadded {
    fn max_len(&self, input_len: usize) -> usize {
        input_len.saturating_sub(SEMIBLOCK)
    }

    fn run(&self, input: &[u8], output: &mut [u8]) -> Result<usize, Error> {
        check_wrapped_len(input, 2 * SEMIBLOCK)?;
        let key =
            key_wrap::unwrap_padded(self.0.aes()?.value(), input).map_err(|Refused| Error::EncryptedDataInvalid)?;
        write(&key, output)
    }
}

const fn check_wrapped_len(input: &[u8], min: usize) -> Result<(), Error> {
    if input.len() >= min && input.len().is_multiple_of(SEMIBLOCK) { Ok(()) } else { Err(Error::EncryptedDataLenRange) }
}

fn write(result: &[u8], output: &mut [u8]) -> Result<usize, Error> {
    let needed = result.len();
    output.get_mut(..needed).ok_or(Error::BufferTooSmall { needed })?.copy_from_slice(result);
    Ok(needed)
}

#[cfg(test)]
mod tests {
    use hsm_types::AttributeType;

    use super::super::testing::{at_once, message, secret};
    use super::*;
    use crate::error::HandleRole;

    #[test]
    fn key_wrap_refuses_what_is_no_multiple_of_8_and_what_is_empty() {
        let key = secret(KeyType::AES, &[1; 16]);
        for len in [0, 1, 8, 15, 17, 23] {
            let refused = at_once(&mut *wrap_exact(&Params::None, &key).unwrap(), &message(len));
            assert!(matches!(refused, Err(Error::DataLenRange(_))), "{len} bytes");
            let refused = AES_KEY_WRAP.ops.wrap.unwrap()(&Params::None, &key, &message(len));
            assert!(matches!(refused, Err(Error::KeySizeRange(HandleRole::Key))), "{len} bytes");
        }
        for len in [0, 8, 16, 23, 25] {
            let refused = AES_KEY_WRAP.ops.unwrap.unwrap()(&Params::None, &key, &message(len));
            assert!(matches!(refused, Err(Error::WrappedKeyLenRange)), "{len} bytes");
        }
        for len in [0, 8, 15, 17] {
            let refused = AES_KEY_WRAP_KWP.ops.unwrap.unwrap()(&Params::None, &key, &message(len));
            assert!(matches!(refused, Err(Error::WrappedKeyLenRange)), "{len} bytes");
        }
        let refused = AES_KEY_WRAP_KWP.ops.wrap.unwrap()(&Params::None, &key, &[]);
        assert!(matches!(refused, Err(Error::KeySizeRange(HandleRole::Key))));
    }

    #[test]
    fn padded_key_wrap_takes_every_length() {
        let key = secret(KeyType::AES, &[1; 32]);
        for len in 1..=40 {
            let wrapped = AES_KEY_WRAP_KWP.ops.wrap.unwrap()(&Params::None, &key, &message(len)).unwrap();
            let unwrapped = AES_KEY_WRAP_PAD.ops.unwrap.unwrap()(&Params::None, &key, &wrapped).unwrap();
            assert_eq!(*unwrapped, message(len));
        }
    }

    #[test]
    fn another_initial_value_gives_another_wrapping_that_only_it_opens() {
        let key = secret(KeyType::AES, &[1; 16]);
        let (wrap, unwrap) = (AES_KEY_WRAP.ops.wrap.unwrap(), AES_KEY_WRAP.ops.unwrap.unwrap());
        let iv = Params::Bytes(vec![7; 8]);
        let wrapped = wrap(&iv, &key, &message(16)).unwrap();
        assert_eq!(*unwrap(&iv, &key, &wrapped).unwrap(), message(16));
        assert!(matches!(unwrap(&Params::None, &key, &wrapped), Err(Error::WrappedKeyInvalid)));
        let default = Params::Bytes(DEFAULT_IV.to_vec());
        assert_eq!(wrap(&default, &key, &message(16)).unwrap(), wrap(&Params::None, &key, &message(16)).unwrap());
    }

    #[test]
    fn the_check_value_of_an_aes_key_is_its_encryption_of_zeros() {
        // FIPS 197's key of example vectors; the value is the start of CAVP's ECB of a zero block.
        let mut template = hsm_types::Template::new();
        template.set_ulong(AttributeType::CLASS, hsm_types::ObjectClass::SECRET_KEY.0);
        template.set_ulong(AttributeType::KEY_TYPE, KeyType::AES.0);
        template.set(AttributeType::VALUE, [0; 16]);
        assert_eq!(crate::key::check_value(&template), Some([0x66, 0xe9, 0x4b]));
    }
}
