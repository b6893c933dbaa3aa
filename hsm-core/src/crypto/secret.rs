//! Keys in memory of their own: locked against swapping, kept out of core dumps, gone after a fork, zeroed at the end.

use std::sync::atomic::{AtomicBool, Ordering};

use memmap2::{Advice, MmapMut};
use zeroize::Zeroize;

use crate::crypto::rng::Rng;
use crate::error::Error;

/// A 256-bit key in a page of its own. It has no `Debug`, no `Clone` and no comparison.
///
/// Where the operating system refuses to lock the page, the key is kept nevertheless and the log says so once.
pub struct LockedKey {
    page: MmapMut,
}

/// The byte after the key: 1 while the page holds a key. A forked child sees 0, since the kernel wipes the page.
const LIVE: usize = LockedKey::LEN;

impl LockedKey {
    /// Length in bytes.
    pub const LEN: usize = 32;

    /// A key that `fill` writes straight into the locked page.
    ///
    /// # Errors
    /// What `fill` returns; [`Error::Crypto`] when there is no memory.
    pub fn from_fn(fill: impl FnOnce(&mut [u8; Self::LEN]) -> Result<(), Error>) -> Result<Self, Error> {
        const NO_MEMORY: Error = Error::Crypto("no memory for a key");
        let mut key = Self { page: MmapMut::map_anon(Self::LEN + 1).map_err(|_| NO_MEMORY)? };
        key.protect();
        fill(key.page.first_chunk_mut().ok_or(NO_MEMORY)?)?;
        *key.page.get_mut(LIVE).ok_or(NO_MEMORY)? = 1;
        Ok(key)
    }

    /// A random key.
    ///
    /// # Errors
    /// As [`Rng::fill`].
    pub fn random(rng: &dyn Rng) -> Result<Self, Error> {
        Self::from_fn(|bytes| rng.fill(bytes))
    }

    /// The key's bytes.
    ///
    /// # Errors
    /// [`Error::Crypto`] in a forked child: keys are not inherited.
    pub fn expose(&self) -> Result<&[u8; Self::LEN], Error> {
        match (self.page.get(LIVE), self.page.first_chunk()) {
            (Some(1), Some(key)) => Ok(key),
            _ => Err(Error::Crypto("the key did not survive a fork: log in again")),
        }
    }

    fn protect(&self) {
        static WARNED: AtomicBool = AtomicBool::new(false);
        let refused = [
            self.page.lock().err().map(|error| ("lock key memory against swapping", error)),
            self.page.advise(Advice::DontDump).err().map(|error| ("keep key memory out of core dumps", error)),
            self.wipe_on_fork().err().map(|error| ("wipe key memory in forked children", error)),
        ];
        for (what, error) in refused.into_iter().flatten() {
            if !WARNED.swap(true, Ordering::Relaxed) {
                log::warn!("the system refuses to {what}: {error} (said once)");
            }
        }
    }

    #[expect(unsafe_code, reason = "no safe wrapper has this advice")]
    fn wipe_on_fork(&self) -> std::io::Result<()> {
        let start = self.page.as_ptr().cast_mut().cast();
        // SAFETY: `start` is where our own private anonymous mapping starts, and `len` is its length. The advice changes
        // no byte in this process: only a child sees zeros, and `expose` tells those from a key.
        let advised = unsafe { rustix::mm::madvise(start, self.page.len(), rustix::mm::Advice::LinuxWipeOnFork) };
        Ok(advised?)
    }
}

impl Drop for LockedKey {
    fn drop(&mut self) {
        self.page.zeroize();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::rng::SystemRng;

    #[test]
    fn a_locked_key_gives_back_what_was_written() {
        let key = LockedKey::from_fn(|bytes| {
            bytes.fill(7);
            Ok(())
        });
        assert_eq!(key.unwrap().expose().unwrap(), &[7; 32]);
    }

    #[test]
    fn random_keys_differ() {
        let [first, second] = [0; 2].map(|_| LockedKey::random(&SystemRng).unwrap());
        assert_ne!(first.expose().unwrap(), second.expose().unwrap());
    }
}
