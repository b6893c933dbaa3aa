//! Authenticated encryption of a long file in chunks, so that none can be changed, moved, left out or added.
//!
//! The STREAM construction (Hoang, Reyhanitabar, Rogaway, Vizár 2015) over AES-256-GCM: the nonce is 7 zero bytes, the
//! chunk's number (4 bytes, most significant first) and 1 for the last chunk, 0 for every other. A key seals one file.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

use super::seal::NotAuthentic;
use crate::crypto::secret::LockedKey;
use crate::error::Error;

/// Seals or opens the chunks of one file, in their order.
pub struct StreamKey {
    key: LessSafeKey,
    next: u32,
}

/// Where a chunk stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Position {
    /// Others follow.
    Inner,
    /// None follows.
    Last,
}

impl StreamKey {
    /// What sealing adds to a chunk, in bytes.
    pub const TAG: usize = 16;

    /// Prepares a key that nothing else was, or will be, sealed with.
    ///
    /// # Errors
    /// [`Error::Crypto`] in a forked child, or when the library fails.
    pub fn new(key: &LockedKey) -> Result<Self, Error> {
        let key = UnboundKey::new(&AES_256_GCM, key.expose()?).map_err(|_| Error::Crypto("a sealing key failed"))?;
        Ok(Self { key: LessSafeKey::new(key), next: 0 })
    }

    /// Seals the next chunk in place and puts its tag after it.
    ///
    /// # Errors
    /// [`Error::Crypto`] after 2^32 chunks, or when the library fails.
    pub fn seal(&mut self, position: Position, associated: &[u8], chunk: &mut Vec<u8>) -> Result<(), Error> {
        const FAILED: Error = Error::Crypto("sealing failed");
        let nonce = self.nonce(position).ok_or(FAILED)?;
        self.key.seal_in_place_append_tag(nonce, Aad::from(associated), chunk).map_err(|_| FAILED)
    }

    /// Opens the next chunk in place; what remains is its content.
    ///
    /// # Errors
    /// [`NotAuthentic`] when key, number, position, associated data or bytes are not those that were sealed.
    pub fn open(&mut self, position: Position, associated: &[u8], chunk: &mut Vec<u8>) -> Result<(), NotAuthentic> {
        let nonce = self.nonce(position).ok_or(NotAuthentic)?;
        let opened = self.key.open_in_place(nonce, Aad::from(associated), chunk).map_err(|_| NotAuthentic)?.len();
        chunk.truncate(opened);
        Ok(())
    }

    fn nonce(&mut self, position: Position) -> Option<Nonce> {
        let number = self.next;
        self.next = number.checked_add(1)?;
        let mut nonce = [0; 12];
        let (_, counted) = nonce.split_first_chunk_mut::<7>()?;
        let (digits, last) = counted.split_first_chunk_mut::<4>()?;
        *digits = number.to_be_bytes();
        last.fill(u8::from(position == Position::Last));
        Some(Nonce::assume_unique_for_key(nonce))
    }
}
