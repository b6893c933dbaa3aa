//! Randomness as a parameter, so that tests can stop or repeat it.

use crate::error::Error;

/// Where the HSM takes random bytes from.
pub trait Rng: Send + Sync {
    /// Fills `bytes` with random bytes fit for keys.
    ///
    /// # Errors
    /// [`Error::Crypto`] when the source fails; `bytes` must not be used then.
    fn fill(&self, bytes: &mut [u8]) -> Result<(), Error>;
}

/// AWS-LC's generator: seeded by the operating system, reseeded after a fork.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemRng;

impl Rng for SystemRng {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), Error> {
        aws_lc_rs::rand::fill(bytes).map_err(|_| Error::Crypto("the random generator failed"))
    }
}

/// 64 random bits.
///
/// # Errors
/// As [`Rng::fill`].
pub fn random_u64(rng: &dyn Rng) -> Result<u64, Error> {
    let mut bytes = [0; 8];
    rng.fill(&mut bytes)?;
    Ok(u64::from_le_bytes(bytes))
}
