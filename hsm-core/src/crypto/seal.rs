//! Authenticated encryption of what is stored, and keyed blind-index tokens.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::{digest, hmac};
use zeroize::Zeroizing;

use crate::crypto::rng::Rng;
use crate::crypto::secret::LockedKey;
use crate::error::Error;

/// AES-256-GCM with random 96-bit nonces: `nonce || ciphertext || tag`, the tag in full.
///
/// One key seals at most 2^32 records (NIST SP 800-38D section 8.3), which a token does not reach.
pub struct SealingKey(LessSafeKey);

/// The bytes do not authenticate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAuthentic;

/// Bytes that sealing adds: the nonce and the tag.
pub const OVERHEAD: usize = NONCE + TAG;
const NONCE: usize = 12;
const TAG: usize = 16;

impl SealingKey {
    /// Prepares a key.
    ///
    /// # Errors
    /// [`Error::Crypto`] in a forked child, or when the library fails.
    pub fn new(key: &LockedKey) -> Result<Self, Error> {
        let key = UnboundKey::new(&AES_256_GCM, key.expose()?).map_err(|_| Error::Crypto("a sealing key failed"))?;
        Ok(Self(LessSafeKey::new(key)))
    }

    /// Seals `plain` with `associated` data, and puts it after what `out` holds.
    ///
    /// # Errors
    /// As [`Rng::fill`]; [`Error::Crypto`] when the library fails.
    pub fn seal(&self, rng: &dyn Rng, associated: &[u8], plain: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
        let mut nonce = [0; NONCE];
        rng.fill(&mut nonce)?;
        let mut text = Vec::with_capacity(plain.len() + TAG);
        text.extend_from_slice(plain);
        let tag = self
            .0
            .seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), Aad::from(associated), &mut text)
            .map_err(|_| {
                zeroize::Zeroize::zeroize(&mut text);
                Error::Crypto("sealing failed")
            })?;
        out.reserve_exact(OVERHEAD + plain.len());
        out.extend_from_slice(&nonce);
        out.extend_from_slice(&text);
        out.extend_from_slice(tag.as_ref());
        Ok(())
    }

    /// Opens what [`seal`](Self::seal) wrote.
    ///
    /// # Errors
    /// [`NotAuthentic`] when key, associated data or bytes are not those that were sealed.
    pub fn open(&self, associated: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, NotAuthentic> {
        let (nonce, rest) = sealed.split_first_chunk::<NONCE>().ok_or(NotAuthentic)?;
        let (text, tag) = rest.split_last_chunk::<TAG>().ok_or(NotAuthentic)?;
        let mut plain = Zeroizing::new(vec![0; text.len()]);
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let opened = self.0.open_separate_gather(nonce, Aad::from(associated), text, tag, &mut plain);
        opened.map(|()| plain).map_err(|_| NotAuthentic)
    }
}

/// HMAC-SHA256, cut to 16 bytes: the same input gives the same token, and a token does not give its input away to
/// those who lack the key.
pub struct TokenKey(hmac::Key);

impl TokenKey {
    /// Prepares a key.
    ///
    /// # Errors
    /// [`Error::Crypto`] in a forked child.
    pub fn new(key: &LockedKey) -> Result<Self, Error> {
        Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, key.expose()?)))
    }

    /// The token of the parts put one after the other. The caller gives all parts but the last a fixed length.
    #[must_use]
    pub fn token(&self, parts: &[&[u8]]) -> [u8; 16] {
        let mut context = hmac::Context::with_key(&self.0);
        parts.iter().for_each(|part| context.update(part));
        context.sign().as_ref().first_chunk().copied().unwrap_or_default()
    }
}

/// SHA-256.
#[must_use]
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    digest::digest(&digest::SHA256, bytes).as_ref().first_chunk().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::rng::SystemRng;

    fn key() -> SealingKey {
        SealingKey::new(&LockedKey::random(&SystemRng).unwrap()).unwrap()
    }

    #[test]
    fn what_was_sealed_opens_with_the_same_key_and_data_only() {
        let (key, mut sealed) = (key(), Vec::new());
        key.seal(&SystemRng, b"data", b"plain", &mut sealed).unwrap();
        assert_eq!(key.open(b"data", &sealed).unwrap().as_slice(), b"plain");
        assert!(key.open(b"other", &sealed).is_err());
        assert!(super::tests::key().open(b"data", &sealed).is_err());
    }

    #[test]
    fn a_changed_or_cut_seal_does_not_open() {
        let (key, mut sealed) = (key(), Vec::new());
        key.seal(&SystemRng, b"data", b"plain", &mut sealed).unwrap();
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(key.open(b"data", &changed).is_err(), "byte {at}");
            assert!(key.open(b"data", &sealed[..at]).is_err(), "cut at {at}");
        }
    }
}
