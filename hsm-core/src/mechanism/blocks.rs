//! Block modes as operations: partial blocks, padding, and the bookkeeping of multi-part calls.

use std::sync::Arc;

use subtle::{Choice, ConditionallySelectable, ConstantTimeEq, ConstantTimeGreater};
use zeroize::Zeroizing;

use super::Cipher;
use crate::crypto::Refused;
use crate::crypto::aes::{AesCipher, BLOCK, BlockMode};
use crate::error::Error;
use crate::key::Key;

/// What happens to a message that is no multiple of the block length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Padding {
    /// It is refused.
    None,
    /// PKCS#7 (RFC 5652 section 6.3).
    Pkcs7,
}

/// Which way the data goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    Encrypt,
    Decrypt,
}

/// Starts the mode anew with the operation's initialisation vector.
pub(super) type NewMode = fn(&AesCipher, &[u8; BLOCK]) -> Box<dyn BlockMode>;

/// A running operation of a block mode.
pub(super) struct Blocks {
    key: Arc<Key>,
    iv: [u8; BLOCK],
    new_mode: NewMode,
    padding: Padding,
    direction: Direction,
    parts: Option<Parts>,
    /// The last plaintext of a decryption with padding, once it is known.
    last: Option<Zeroizing<Vec<u8>>>,
}

/// The state between two calls of a multi-part operation.
struct Parts {
    mode: Box<dyn BlockMode>,
    /// Bytes that wait for more: up to a block, one whole block when it may be the padded last one.
    pending: Zeroizing<Vec<u8>>,
}

impl Blocks {
    pub(super) fn new(
        key: &Arc<Key>,
        iv: [u8; BLOCK],
        new_mode: NewMode,
        padding: Padding,
        direction: Direction,
    ) -> Result<Self, Error> {
        // Fails here, not in the middle, for a key that is no AES key.
        key.aes()?.cipher()?;
        Ok(Self { key: Arc::clone(key), iv, new_mode, padding, direction, parts: None, last: None })
    }

    fn start(&self) -> Result<Box<dyn BlockMode>, Error> {
        Ok((self.new_mode)(self.key.aes()?.cipher()?, &self.iv))
    }

    fn pending_len(&self) -> usize {
        self.parts.as_ref().map_or(0, |parts| parts.pending.len())
    }

    /// How many of so many bytes can go through now.
    const fn ready(&self, available: usize) -> usize {
        match (self.padding, self.direction) {
            (Padding::Pkcs7, Direction::Decrypt) => available.saturating_sub(1) / BLOCK * BLOCK,
            _ => available / BLOCK * BLOCK,
        }
    }

    const fn length_error(&self) -> Error {
        match self.direction {
            Direction::Encrypt => Error::DataLenRange("not a multiple of 16 bytes"),
            Direction::Decrypt => Error::EncryptedDataLenRange,
        }
    }

    /// The last bytes of a message, through the mode and its padding.
    fn last(&self, mode: &mut dyn BlockMode, rest: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
        match (self.padding, self.direction) {
            (Padding::None, _) if rest.is_empty() => Ok(Zeroizing::default()),
            (Padding::None, _) => Err(self.length_error()),
            (Padding::Pkcs7, Direction::Encrypt) => {
                let mut output = Zeroizing::new(vec![0; BLOCK]);
                mode.run(padded(rest).as_slice(), &mut output).map_err(failed)?;
                Ok(output)
            }
            (Padding::Pkcs7, Direction::Decrypt) => {
                let mut block = Zeroizing::new([0; BLOCK]);
                let rest: &[u8; BLOCK] = rest.try_into().map_err(|_| self.length_error())?;
                mode.run(rest, block.as_mut_slice()).map_err(failed)?;
                unpadded(&block)
            }
        }
    }
}

impl Cipher for Blocks {
    fn process_len(&self, input_len: usize) -> usize {
        match (self.padding, self.direction) {
            (Padding::Pkcs7, Direction::Encrypt) => (input_len / BLOCK + 1) * BLOCK,
            _ => input_len,
        }
    }

    fn process(&mut self, input: &[u8], output: &mut [u8]) -> Result<usize, Error> {
        let mut mode = self.start()?;
        let (whole, rest) = input.split_at_checked(self.ready(input.len())).ok_or(BUG)?;
        if rest.is_empty() || self.padding == Padding::Pkcs7 {
            let (head, tail) = output.split_at_mut_checked(whole.len()).ok_or(BUG)?;
            mode.run(whole, head).map_err(failed)?;
            let last = self.last(&mut *mode, rest)?;
            tail.get_mut(..last.len()).ok_or(BUG)?.copy_from_slice(&last);
            Ok(whole.len() + last.len())
        } else {
            Err(self.length_error())
        }
    }

    fn update_len(&self, input_len: usize) -> Option<usize> {
        Some(self.ready(self.pending_len() + input_len))
    }

    fn update(&mut self, input: &[u8], output: &mut [u8]) -> Result<usize, Error> {
        let ready = self.ready(self.pending_len() + input.len());
        let mut parts = match self.parts.take() {
            Some(parts) => parts,
            None => Parts { mode: self.start()?, pending: Zeroizing::new(Vec::with_capacity(BLOCK)) },
        };
        let output = output.get_mut(..ready).ok_or(BUG)?;
        parts.run(input, output)?;
        self.parts = Some(parts);
        Ok(ready)
    }

    fn finish_len(&mut self) -> Result<usize, Error> {
        if self.last.is_none() {
            let mut parts = match self.parts.take() {
                Some(parts) => parts,
                None => Parts { mode: self.start()?, pending: Zeroizing::default() },
            };
            self.last = Some(self.last(&mut *parts.mode, &parts.pending)?);
        }
        Ok(self.last.as_ref().map_or(0, |last| last.len()))
    }

    fn finish(&mut self, output: &mut [u8]) -> Result<usize, Error> {
        let needed = self.finish_len()?;
        let room = output.get_mut(..needed).ok_or(Error::BufferTooSmall { needed })?;
        if let Some(last) = &self.last {
            room.copy_from_slice(last);
        }
        Ok(needed)
    }
}

impl Parts {
    /// Fills `output`, a multiple of the block length, from what is pending and then from `input`.
    fn run(&mut self, mut input: &[u8], mut output: &mut [u8]) -> Result<(), Error> {
        if !self.pending.is_empty() && !output.is_empty() {
            let missing = BLOCK - self.pending.len();
            let (fill, rest) = input.split_at_checked(missing).ok_or(BUG)?;
            self.pending.extend_from_slice(fill);
            input = rest;
            let (block, rest) = output.split_at_mut_checked(BLOCK).ok_or(BUG)?;
            self.mode.run(&self.pending, block).map_err(failed)?;
            self.pending.clear();
            output = rest;
        }
        let (whole, rest) = input.split_at_checked(output.len()).ok_or(BUG)?;
        self.mode.run(whole, output).map_err(failed)?;
        self.pending.extend_from_slice(rest);
        Ok(())
    }
}

fn padded(rest: &[u8]) -> Zeroizing<[u8; BLOCK]> {
    let fill = u8::try_from(BLOCK.saturating_sub(rest.len())).unwrap_or_default();
    let mut block = Zeroizing::new([fill; BLOCK]);
    for (to, from) in block.iter_mut().zip(rest) {
        *to = *from;
    }
    block
}

/// Checks the padding in constant time: a caller sees whether it is good, and nothing finer.
fn unpadded(block: &[u8; BLOCK]) -> Result<Zeroizing<Vec<u8>>, Error> {
    let [.., fill] = block;
    let mut is_good = !fill.ct_eq(&0) & !fill.ct_gt(&16);
    for (from_end, byte) in (0_u8..).zip(block.iter().rev()) {
        let is_padding = fill.ct_gt(&from_end);
        is_good &= Choice::conditional_select(&Choice::from(1), &byte.ct_eq(fill), is_padding);
    }
    if !bool::from(is_good) {
        return Err(Error::EncryptedDataInvalid);
    }
    let len = BLOCK.saturating_sub(usize::from(*fill));
    Ok(Zeroizing::new(block.iter().take(len).copied().collect()))
}

const fn failed(_: Refused) -> Error {
    BUG
}

/// The driver hands outputs of the announced length, so this is never seen.
const BUG: Error = Error::Crypto("a block mode was given lengths that do not match");
