//! Random numbers (PKCS#11 v3.2 section 5.21).

use super::Session;
use crate::error::Error;

impl Session {
    /// `C_SeedRandom`. The generator is seeded by the operating system; a caller's seed could only
    /// be ignored, so it is refused.
    ///
    /// # Errors
    /// Always [`Error::RandomSeedNotSupported`].
    pub fn seed_random(&self, _seed: &[u8]) -> Result<(), Error> {
        self.enter()?;
        Err(Error::RandomSeedNotSupported)
    }

    /// `C_GenerateRandom`.
    ///
    /// # Errors
    /// [`Error::Crypto`] when the generator fails.
    pub fn generate_random(&self, bytes: &mut [u8]) -> Result<(), Error> {
        self.enter()?;
        self.token.rng().fill(bytes)
    }
}
