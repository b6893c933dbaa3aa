//! Keys from passwords (Argon2id) and keys from keys (HKDF).

use std::sync::{Arc, Condvar, LazyLock, Mutex, PoisonError};

use argon2::{Algorithm, Argon2, Block, Params, Version};
use aws_lc_rs::hkdf;
use zeroize::Zeroize;

use crate::crypto::rng::Rng;
use crate::crypto::secret::LockedKey;
use crate::error::Error;

/// What one guess at a password costs (RFC 9106).
///
/// Stored with each user record. There is no way to make one below the floor of 19 MiB and 2 passes: a store whose
/// records were changed to cheap guesses is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KdfCost {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
}

/// The salt of one password.
pub type Salt = [u8; 16];

impl KdfCost {
    /// 64 MiB, 3 passes, 1 lane: RFC 9106 section 4's second recommendation, with one lane, since a login computes
    /// in one thread.
    pub const DEFAULT: Self = Self { memory_kib: 64 * 1024, passes: 3, lanes: 1 };
    /// The least that is accepted: 19 MiB, 2 passes (OWASP's minimum for Argon2id).
    pub const FLOOR: Self = Self { memory_kib: 19 * 1024, passes: 2, lanes: 1 };
    /// The most that is accepted, so that a changed record cannot exhaust the machine: 4 GiB, 64 passes, 16 lanes.
    pub const CEILING: Self = Self { memory_kib: 4 * 1024 * 1024, passes: 64, lanes: 16 };

    /// A cost between [`FLOOR`](Self::FLOOR) and [`CEILING`](Self::CEILING), else `None`. Memory in KiB.
    #[must_use]
    pub fn new(memory_kib: u32, passes: u32, lanes: u32) -> Option<Self> {
        let [floor, ceiling] = [Self::FLOOR, Self::CEILING];
        let fits = (floor.memory_kib..=ceiling.memory_kib).contains(&memory_kib)
            && (floor.passes..=ceiling.passes).contains(&passes)
            && (floor.lanes..=ceiling.lanes).contains(&lanes);
        fits.then_some(Self { memory_kib, passes, lanes })
    }

    /// Memory in KiB.
    #[must_use]
    pub const fn memory_kib(self) -> u32 {
        self.memory_kib
    }

    /// Passes over the memory.
    #[must_use]
    pub const fn passes(self) -> u32 {
        self.passes
    }

    /// Lanes.
    #[must_use]
    pub const fn lanes(self) -> u32 {
        self.lanes
    }
}

impl Default for KdfCost {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// A fresh salt.
///
/// # Errors
/// As [`Rng::fill`].
pub fn random_salt(rng: &dyn Rng) -> Result<Salt, Error> {
    let mut salt = Salt::default();
    rng.fill(&mut salt)?;
    Ok(salt)
}

/// The key of a password: Argon2id version 0x13, 32 bytes.
///
/// At most one computation per core runs in a process, the rest wait: each takes the cost's memory. The memory is
/// zeroed afterwards.
///
/// # Errors
/// [`Error::Crypto`] when there is not enough memory.
pub fn password_key(password: &[u8], salt: &Salt, cost: KdfCost) -> Result<LockedKey, Error> {
    const FAILED: Error = Error::Crypto("Argon2id failed");
    let params = Params::new(cost.memory_kib, cost.passes, cost.lanes, Some(LockedKey::LEN)).map_err(|_| FAILED)?;
    let _turn = Turn::wait();
    let mut memory = Blocks::new(params.block_count())?;
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    LockedKey::from_fn(|key| {
        argon2.hash_password_into_with_memory(password, salt, key, &mut memory.0).map_err(|_| FAILED)
    })
}

/// A key from a key: HKDF-SHA256 (RFC 5869), 32 bytes. `info` says what the new key is for.
///
/// # Errors
/// [`Error::Crypto`] when the library fails.
pub fn derive(key: &[u8], salt: &[u8], info: &[u8]) -> Result<LockedKey, Error> {
    let extracted = hkdf::Salt::new(hkdf::HKDF_SHA256, salt).extract(key);
    LockedKey::from_fn(|out| {
        let info = [info];
        let expanded = extracted.expand(&info, hkdf::HKDF_SHA256).and_then(|okm| okm.fill(out));
        expanded.map_err(|_| Error::Crypto("HKDF failed"))
    })
}

/// Argon2's memory, zeroed when dropped.
struct Blocks(Vec<Block>);

impl Blocks {
    fn new(count: usize) -> Result<Self, Error> {
        let mut blocks = Vec::new();
        blocks.try_reserve_exact(count).map_err(|_| Error::Crypto("not enough memory for Argon2id"))?;
        blocks.resize(count, Block::new());
        Ok(Self(blocks))
    }
}

impl Drop for Blocks {
    fn drop(&mut self) {
        self.0.iter_mut().for_each(Zeroize::zeroize);
    }
}

/// How many computations may start.
struct Gate {
    free: Mutex<usize>,
    freed: Condvar,
}

/// The process's gate. Replaced in a forked child, where computations of the parent's threads never end.
static GATE: LazyLock<Mutex<Arc<Gate>>> = LazyLock::new(|| Mutex::new(Arc::new(Gate::new())));

/// Lets a forked child start with every turn free.
pub(crate) fn forget_inherited() {
    *GATE.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(Gate::new());
}

impl Gate {
    fn new() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self { free: Mutex::new(cores), freed: Condvar::new() }
    }
}

/// The right to run one computation.
struct Turn(Arc<Gate>);

impl Turn {
    fn wait() -> Self {
        let gate = {
            let _fork = crate::store::fork::enter();
            Arc::clone(&GATE.lock().unwrap_or_else(PoisonError::into_inner))
        };
        // A panic while counting cannot happen, so a poisoned count is a right count.
        let free = gate.free.lock().unwrap_or_else(PoisonError::into_inner);
        let mut free = gate.freed.wait_while(free, |free| *free == 0).unwrap_or_else(PoisonError::into_inner);
        *free -= 1;
        drop(free);
        Self(gate)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        *self.0.free.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.0.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn argon2id_gives_what_the_reference_tool_gives() {
        // From the reference implementation, through Python's argon2-cffi.
        let key = password_key(b"password", b"somesaltsomesalt", KdfCost::FLOOR).unwrap();
        assert_eq!(hex::encode(key.expose().unwrap()), ARGON2ID);
    }

    const ARGON2ID: &str = "2b5dc4054886ec957ef59c73b661c54dd6fb274590b278f657c6d96aac8fa6d1";

    #[test]
    fn hkdf_gives_what_rfc_5869_gives_for_its_first_case() {
        let salt: Vec<u8> = (0..=0x0c).collect();
        let info: Vec<u8> = (0xf0..=0xf9).collect();
        let key = derive(&[0x0b; 22], &salt, &info).unwrap();
        // The first 32 of appendix A.1's 42 bytes.
        let expected = "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf";
        assert_eq!(hex::encode(key.expose().unwrap()), expected);
    }

    #[test]
    fn a_cost_below_the_floor_or_above_the_ceiling_cannot_be_made() {
        assert_eq!(KdfCost::new(19 * 1024, 2, 1), Some(KdfCost::FLOOR));
        for (memory, passes, lanes) in [(19 * 1024 - 1, 2, 1), (19 * 1024, 1, 1), (19 * 1024, 2, 0), (u32::MAX, 2, 1)] {
            assert_eq!(KdfCost::new(memory, passes, lanes), None);
        }
    }

    #[test]
    fn more_logins_than_cores_all_end() {
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| password_key(b"password", &[0; 16], KdfCost::FLOOR).unwrap());
            }
        });
    }
}
