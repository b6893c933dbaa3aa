//! RSA without padding: `CKM_RSA_X_509`. It does not wrap: nothing would notice a change.

use std::sync::Arc;

use hsm_types::{KeyType, MechanismType};
use subtle::ConstantTimeEq;

use super::buffered::{Transform, Whole};
use super::rsa_pkcs::SIZES;
use super::scheme::{Plain, SignScheme, VerifyScheme};
use super::{MechanismDef, Ops, params};
use crate::crypto::Refused;
use crate::crypto::rsa::right_align;
use crate::error::Error;
use crate::key::Key;

/// `CKM_RSA_X_509`.
pub(super) static RSA_X_509: MechanismDef = MechanismDef {
    id: MechanismType::RSA_X_509,
    spec: "PKCS#11 v3.1, X.509 (raw) RSA",
    key_types: &[KeyType::RSA],
    key_sizes: SIZES,
    ops: Ops {
        encrypt: Some(|params, key| {
            params::none(params)?;
            key.rsa_public()?;
            Ok(Box::new(Whole(Encrypt(Arc::clone(key)))))
        }),
        decrypt: Some(|params, key| {
            params::none(params)?;
            key.rsa_private()?;
            Ok(Box::new(Whole(Decrypt(Arc::clone(key)))))
        }),
        sign: Some(|params, key| {
            params::none(params)?;
            key.rsa_private()?;
            Ok(Box::new(Plain(Sign(Arc::clone(key)))))
        }),
        verify: Some(|params, key| {
            params::none(params)?;
            key.rsa_public()?;
            Ok(Box::new(Plain(Verify(Arc::clone(key)))))
        }),
        ..Ops::NONE
    },
};

struct Encrypt(Arc<Key>);
struct Decrypt(Arc<Key>);
struct Sign(Arc<Key>);
struct Verify(Arc<Key>);

impl Transform for Encrypt {
    fn max_len(&self, _input_len: usize) -> usize {
        self.0.rsa_public().map_or(0, |key| key.len())
    }

    fn run(&self, input: &[u8], output: &mut [u8]) -> Result<usize, Error> {
        let key = self.0.rsa_public()?;
        let output = output.get_mut(..key.len()).ok_or(Error::BufferTooSmall { needed: key.len() })?;
        key.transform(&padded(input, key.len())?, output).map_err(|Refused| Error::DataInvalid)?;
        Ok(key.len())
    }
}

impl Transform for Decrypt {
    fn max_len(&self, _input_len: usize) -> usize {
        self.0.rsa_private().map_or(0, |key| key.len())
    }

    fn run(&self, input: &[u8], output: &mut [u8]) -> Result<usize, Error> {
        let key = self.0.rsa_private()?;
        if input.len() != key.len() {
            return Err(Error::EncryptedDataLenRange);
        }
        let output = output.get_mut(..key.len()).ok_or(Error::BufferTooSmall { needed: key.len() })?;
        key.transform(input, output).map_err(|Refused| Error::EncryptedDataInvalid)?;
        Ok(key.len())
    }
}

impl SignScheme for Sign {
    fn signature_len(&self) -> usize {
        self.0.rsa_private().map_or(0, |key| key.len())
    }

    fn sign(&self, message: &[u8], signature: &mut [u8]) -> Result<(), Error> {
        let key = self.0.rsa_private()?;
        key.transform(&padded(message, key.len())?, signature).map_err(|Refused| Error::DataInvalid)
    }
}

impl VerifyScheme for Verify {
    fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), Error> {
        let key = self.0.rsa_public()?;
        if signature.len() != key.len() {
            return Err(Error::SignatureLenRange);
        }
        let expected = padded(message, key.len())?;
        let mut recovered = vec![0; key.len()];
        key.transform(signature, &mut recovered).map_err(|Refused| Error::SignatureInvalid)?;
        if bool::from(recovered.ct_eq(&expected)) { Ok(()) } else { Err(Error::SignatureInvalid) }
    }
}

/// The data as a number of the modulus's length, with leading zeros.
fn padded(data: &[u8], len: usize) -> Result<zeroize::Zeroizing<Vec<u8>>, Error> {
    const RULE: Error = Error::DataLenRange("at most the modulus's length");
    if data.len() > len {
        return Err(RULE);
    }
    let mut number = zeroize::Zeroizing::new(vec![0; len]);
    right_align(data, &mut number).map_err(|Refused| RULE)?;
    Ok(number)
}

#[cfg(test)]
mod tests {
    use hsm_types::{AttributeType, Params};

    use super::super::testing::{RSA_PAIR, at_once, message, sign};
    use super::*;

    fn modulus() -> Vec<u8> {
        RSA_PAIR.attributes.get(AttributeType::MODULUS).unwrap().to_vec()
    }

    #[test]
    fn shorter_data_counts_as_a_number_with_leading_zeros() {
        let mut signer = RSA_X_509.ops.sign.unwrap()(&Params::None, &RSA_PAIR.private).unwrap();
        let signature = sign(&mut *signer, &message(20)).unwrap();
        let mut padded = vec![0; 236];
        padded.extend(message(20));
        assert_eq!(sign(&mut *signer, &padded).unwrap(), signature);
        let mut verifier = RSA_X_509.ops.verify.unwrap()(&Params::None, &RSA_PAIR.public).unwrap();
        verifier.verify(&message(20), &signature).unwrap();
        verifier.verify(&padded, &signature).unwrap();
    }

    #[test]
    fn a_number_that_is_not_below_the_modulus_is_refused() {
        let mut signer = RSA_X_509.ops.sign.unwrap()(&Params::None, &RSA_PAIR.private).unwrap();
        assert!(matches!(sign(&mut *signer, &modulus()), Err(Error::DataInvalid)));
        assert!(matches!(sign(&mut *signer, &[0; 257]), Err(Error::DataLenRange(_))));
        let mut cipher = RSA_X_509.ops.encrypt.unwrap()(&Params::None, &RSA_PAIR.public).unwrap();
        assert!(matches!(at_once(&mut *cipher, &modulus()), Err(Error::DataInvalid)));
        let mut cipher = RSA_X_509.ops.decrypt.unwrap()(&Params::None, &RSA_PAIR.private).unwrap();
        assert!(matches!(at_once(&mut *cipher, &modulus()), Err(Error::EncryptedDataInvalid)));
        assert!(matches!(at_once(&mut *cipher, &message(255)), Err(Error::EncryptedDataLenRange)));
    }

    #[test]
    fn the_numbers_that_are_their_own_powers_are_answered() {
        let mut largest = modulus();
        *largest.last_mut().unwrap() -= 1;
        let mut one = vec![0; 256];
        one[255] = 1;
        let mut cipher = RSA_X_509.ops.decrypt.unwrap()(&Params::None, &RSA_PAIR.private).unwrap();
        for number in [vec![0; 256], one, largest] {
            assert_eq!(at_once(&mut *cipher, &number).unwrap(), number);
        }
    }
}
