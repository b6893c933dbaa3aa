//! Counter mode: `CKM_AES_CTR`. It does not wrap keys: nothing would notice a change.

use std::sync::Arc;

use hsm_types::{KeyType, MechanismType, Params};

use super::{Cipher, KeySizes, MechanismDef, Ops};
use crate::crypto::Refused;
use crate::crypto::aes::{BLOCK, KeyStream};
use crate::error::Error;
use crate::key::Key;

/// `CKM_AES_CTR`.
pub(super) static AES_CTR: MechanismDef = MechanismDef {
    id: MechanismType::AES_CTR,
    spec: "PKCS#11 v3.1, AES-CTR; NIST SP 800-38A section 6.5",
    key_types: &[KeyType::AES],
    key_sizes: KeySizes::Bytes { min: 16, max: 32 },
    ops: Ops { encrypt: Some(new), decrypt: Some(new), ..Ops::NONE },
};

/// A running operation: encryption and decryption are the same.
///
/// A counter that would wrap within its width is an error, because the key stream would repeat.
/// So the width never shows in the computation, which counts over the whole block.
struct Ctr {
    key: Arc<Key>,
    first: [u8; BLOCK],
    /// Bytes of key stream before the counter wraps.
    capacity: u128,
    used: u128,
    stream: Option<Box<dyn KeyStream>>,
}

fn new(params: &Params, key: &Arc<Key>) -> Result<Box<dyn Cipher>, Error> {
    let Params::AesCtr { counter_bits, counter_block } = params else {
        return Err(Error::MechanismParamInvalid("the parameter is a CK_AES_CTR_PARAMS"));
    };
    let counter_bits = u32::try_from(*counter_bits)
        .ok()
        .filter(|bits| (1..=128).contains(bits))
        .ok_or(Error::MechanismParamInvalid("the counter has 1 to 128 bits"))?;
    key.aes()?.cipher()?;
    let capacity = blocks_left(counter_bits, *counter_block).saturating_mul(BLOCK as u128);
    Ok(Box::new(Ctr { key: Arc::clone(key), first: *counter_block, capacity, used: 0, stream: None }))
}

/// Blocks from the first counter up to and including the largest.
fn blocks_left(counter_bits: u32, first: [u8; BLOCK]) -> u128 {
    let largest = u128::MAX >> (128 - counter_bits);
    let first = u128::from_be_bytes(first) & largest;
    (largest - first).saturating_add(1)
}

impl Ctr {
    fn start(&self) -> Result<Box<dyn KeyStream>, Error> {
        Ok(self.key.aes()?.cipher()?.ctr(&self.first))
    }
}

/// Adds to the bytes used, unless that is more than there are.
fn reserve(used: u128, len: usize, capacity: u128) -> Result<u128, Error> {
    let total = u128::try_from(len).ok().and_then(|len| used.checked_add(len));
    total.filter(|total| *total <= capacity).ok_or(Error::DataLenRange("the counter would wrap"))
}

fn run(stream: &mut dyn KeyStream, input: &[u8], output: &mut [u8]) -> Result<usize, Error> {
    let needed = input.len();
    let output = output.get_mut(..needed).ok_or(Error::BufferTooSmall { needed })?;
    stream.run(input, output).map_err(|Refused| Error::DataLenRange("the counter would wrap"))?;
    Ok(needed)
}

impl Cipher for Ctr {
    fn process_len(&self, input_len: usize) -> usize {
        input_len
    }

    fn process(&mut self, input: &[u8], output: &mut [u8]) -> Result<usize, Error> {
        reserve(0, input.len(), self.capacity)?;
        run(&mut *self.start()?, input, output)
    }

    fn update_len(&self, input_len: usize) -> Option<usize> {
        Some(input_len)
    }

    fn update(&mut self, input: &[u8], output: &mut [u8]) -> Result<usize, Error> {
        self.used = reserve(self.used, input.len(), self.capacity)?;
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => self.start()?,
        };
        let written = run(&mut *stream, input, output)?;
        self.stream = Some(stream);
        Ok(written)
    }

    fn finish_len(&mut self) -> Result<usize, Error> {
        Ok(0)
    }

    fn finish(&mut self, _output: &mut [u8]) -> Result<usize, Error> {
        Ok(0)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{at_once, message, secret};
    use super::*;

    fn cipher(counter_bits: u64, counter_block: [u8; 16]) -> Box<dyn Cipher> {
        let key = secret(KeyType::AES, &[1; 16]);
        new(&Params::AesCtr { counter_bits, counter_block }, &key).unwrap()
    }

    #[test]
    fn a_counter_that_would_wrap_is_an_error_and_no_repeated_key_stream() {
        let mut block = [0; 16];
        block[15] = 0xfe;
        let mut two_left = cipher(8, block);
        at_once(&mut *two_left, &message(32)).unwrap();
        assert!(matches!(at_once(&mut *two_left, &message(33)), Err(Error::DataLenRange(_))));

        let mut output = [0; 32];
        two_left.update(&message(31), &mut output).unwrap();
        two_left.update(&message(1), &mut output).unwrap();
        assert!(matches!(two_left.update(&message(1), &mut output), Err(Error::DataLenRange(_))));

        let mut one_left = cipher(128, [0xff; 16]);
        at_once(&mut *one_left, &message(16)).unwrap();
        assert!(matches!(at_once(&mut *one_left, &message(17)), Err(Error::DataLenRange(_))));
    }

    #[test]
    fn bits_above_the_counter_do_not_change() {
        // With 4 bits and 14 as the first counter, the second block is 15 under the same nonce.
        let mut narrow = cipher(4, [0xfe; 16]);
        let mut wide = cipher(128, [0xfe; 16]);
        assert_eq!(at_once(&mut *narrow, &message(32)).unwrap(), at_once(&mut *wide, &message(32)).unwrap());
        assert!(at_once(&mut *narrow, &message(33)).is_err());
    }

    #[test]
    fn a_counter_has_1_to_128_bits() {
        let key = secret(KeyType::AES, &[1; 16]);
        for counter_bits in [0, 129, u64::MAX] {
            let refused = new(&Params::AesCtr { counter_bits, counter_block: [0; 16] }, &key).err();
            assert!(matches!(refused, Some(Error::MechanismParamInvalid(_))));
        }
    }
}
