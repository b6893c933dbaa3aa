//! Ciphers that need the whole message, as operations.
//!
//! [`Whole`] offers the single-part functions alone; [`Buffered`] collects the parts of a
//! multi-part operation and gives everything at the end. Decryption that authenticates uses the
//! latter, so that no byte comes out before the whole message has been verified.

use zeroize::Zeroizing;

use super::Cipher;
use super::scheme::SINGLE_PART;
use crate::error::Error;

/// Encrypts or decrypts a whole message.
pub(super) trait Transform: Send {
    /// The most bytes that [`run`](Self::run) writes for `input_len` bytes.
    fn max_len(&self, input_len: usize) -> usize;

    /// Does it into an output of at least [`max_len`](Self::max_len) bytes. Returns the bytes written.
    fn run(&self, input: &[u8], output: &mut [u8]) -> Result<usize, Error>;
}

/// A transformation in a single part.
pub(super) struct Whole<T>(pub(super) T);

/// A transformation in a single part, or in several with all output at the end.
pub(super) struct Buffered<T> {
    transform: T,
    input: Zeroizing<Vec<u8>>,
    output: Option<Zeroizing<Vec<u8>>>,
}

impl<T> Buffered<T> {
    pub(super) fn new(transform: T) -> Self {
        Self { transform, input: Zeroizing::default(), output: None }
    }
}

impl<T: Transform> Cipher for Whole<T> {
    fn process_len(&self, input_len: usize) -> usize {
        self.0.max_len(input_len)
    }

    fn process(&mut self, input: &[u8], output: &mut [u8]) -> Result<usize, Error> {
        self.0.run(input, output)
    }

    fn update_len(&self, _input_len: usize) -> Option<usize> {
        None
    }

    fn update(&mut self, _input: &[u8], _output: &mut [u8]) -> Result<usize, Error> {
        Err(SINGLE_PART)
    }

    fn finish_len(&mut self) -> Result<usize, Error> {
        Err(SINGLE_PART)
    }

    fn finish(&mut self, _output: &mut [u8]) -> Result<usize, Error> {
        Err(SINGLE_PART)
    }
}

impl<T: Transform> Cipher for Buffered<T> {
    fn process_len(&self, input_len: usize) -> usize {
        self.transform.max_len(input_len)
    }

    fn process(&mut self, input: &[u8], output: &mut [u8]) -> Result<usize, Error> {
        self.transform.run(input, output)
    }

    fn update_len(&self, _input_len: usize) -> Option<usize> {
        Some(0)
    }

    fn update(&mut self, input: &[u8], _output: &mut [u8]) -> Result<usize, Error> {
        append(&mut self.input, input);
        Ok(0)
    }

    fn finish_len(&mut self) -> Result<usize, Error> {
        if self.output.is_none() {
            let mut output = Zeroizing::new(vec![0; self.transform.max_len(self.input.len())]);
            let written = self.transform.run(&self.input, &mut output)?;
            output.truncate(written);
            self.output = Some(output);
        }
        Ok(self.output.as_ref().map_or(0, |output| output.len()))
    }

    fn finish(&mut self, output: &mut [u8]) -> Result<usize, Error> {
        let needed = self.finish_len()?;
        let room = output.get_mut(..needed).ok_or(Error::BufferTooSmall { needed })?;
        if let Some(result) = &self.output {
            room.copy_from_slice(result);
        }
        Ok(needed)
    }
}

/// Appends without leaving a copy in memory that the vector has outgrown.
pub(super) fn append(buffer: &mut Zeroizing<Vec<u8>>, bytes: &[u8]) {
    let needed = buffer.len() + bytes.len();
    if needed > buffer.capacity() {
        let mut grown = Zeroizing::new(Vec::with_capacity(needed.max(buffer.capacity() * 2)));
        grown.extend_from_slice(buffer);
        *buffer = grown;
    }
    buffer.extend_from_slice(bytes);
}
