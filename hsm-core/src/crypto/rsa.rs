//! RSA keys and the two bare operations; paddings are in [`super::pkcs1`] and [`super::rsa_padding`].

use core::ffi::c_int;
use core::ptr::null_mut;

use aws_lc_sys as lc;
use zeroize::Zeroizing;

use super::Refused;
use super::digest::Hash;
use super::ffi::{Owned, check, number, number_bytes};

/// The public exponent when the caller names none: F4.
pub const DEFAULT_EXPONENT: [u8; 3] = [1, 0, 1];

/// The smallest modulus in bytes.
const MIN_LEN: usize = 64;

/// An RSA public key, usable by any number of threads.
pub struct RsaPublicKey(Rsa);

/// An RSA private key, usable by any number of threads; its operations are blinded.
pub struct RsaPrivateKey {
    rsa: Rsa,
    /// SHA-256 of the private exponent: the key of [`super::pkcs1`]'s implicit rejection.
    exponent_hash: Zeroizing<[u8; 32]>,
}

/// The numbers of a private key, big-endian.
#[derive(Clone, Copy)]
pub struct PrivateNumbers<'a> {
    /// The modulus.
    pub modulus: &'a [u8],
    /// The public exponent.
    pub public_exponent: &'a [u8],
    /// The private exponent.
    pub private_exponent: &'a [u8],
    /// The primes and what follows from them, when all five are known.
    pub crt: Option<CrtNumbers<'a>>,
}

/// The numbers of a private key that serve the Chinese remainder theorem, big-endian.
#[derive(Clone, Copy)]
#[allow(missing_docs, reason = "the names are those of the PKCS#11 attributes")]
pub struct CrtNumbers<'a> {
    pub prime_1: &'a [u8],
    pub prime_2: &'a [u8],
    pub exponent_1: &'a [u8],
    pub exponent_2: &'a [u8],
    pub coefficient: &'a [u8],
}

/// A new key pair's numbers, big-endian.
#[allow(missing_docs, reason = "the names are those of the PKCS#11 attributes")]
pub struct GeneratedRsa {
    pub modulus: Zeroizing<Vec<u8>>,
    pub public_exponent: Zeroizing<Vec<u8>>,
    pub private_exponent: Zeroizing<Vec<u8>>,
    pub prime_1: Zeroizing<Vec<u8>>,
    pub prime_2: Zeroizing<Vec<u8>>,
    pub exponent_1: Zeroizing<Vec<u8>>,
    pub exponent_2: Zeroizing<Vec<u8>>,
    pub coefficient: Zeroizing<Vec<u8>>,
}

impl RsaPublicKey {
    /// Takes a public key: an odd modulus of at most 16384 bits, an odd exponent over 1.
    ///
    /// # Errors
    /// [`Refused`] for other numbers.
    pub fn new(modulus: &[u8], exponent: &[u8]) -> Result<Self, Refused> {
        let n = number(modulus)?;
        let e = number(exponent)?;
        let rsa = if is_large(exponent) {
            // SAFETY: both numbers are live and are copied.
            unsafe { lc::RSA_new_public_key_large_e(n.as_ptr(), e.as_ptr()) }
        } else {
            // SAFETY: both numbers are live and are copied.
            unsafe { lc::RSA_new_public_key(n.as_ptr(), e.as_ptr()) }
        };
        // SAFETY: a new object, or null.
        Rsa::new(unsafe { Owned::new(rsa) }?, modulus).map(Self)
    }

    /// The modulus in bits.
    #[must_use]
    pub fn bits(&self) -> u32 {
        self.rsa().bits()
    }

    /// The modulus in bytes: the length of every input and output.
    #[must_use]
    #[allow(clippy::len_without_is_empty, reason = "a modulus is never empty")]
    pub const fn len(&self) -> usize {
        self.0.modulus.len()
    }

    /// Raises to the public exponent. Both slices have the modulus's length.
    ///
    /// # Errors
    /// [`Refused`] for other lengths, and for a number not below the modulus.
    pub fn transform(&self, input: &[u8], output: &mut [u8]) -> Result<(), Refused> {
        self.0.check_input(input, output)?;
        let mut written = 0;
        // SAFETY: the key is live, and AWS-LC's rsa.h lets threads share it; reads `len` bytes of
        // the input and writes at most the output's length.
        check(unsafe {
            lc::RSA_verify_raw(
                self.0.as_ptr(),
                &raw mut written,
                output.as_mut_ptr(),
                output.len(),
                input.as_ptr(),
                input.len(),
                lc::RSA_NO_PADDING,
            )
        })
    }

    pub(super) const fn rsa(&self) -> &Rsa {
        &self.0
    }
}

impl RsaPrivateKey {
    /// Takes a private key. With the numbers of the remainder theorem everything is checked
    /// against everything; without them, one operation proves that the exponents belong together.
    ///
    /// # Errors
    /// [`Refused`] for numbers that are not a key.
    pub fn new(numbers: &PrivateNumbers<'_>) -> Result<Self, Refused> {
        let rsa = Rsa::new(private_object(numbers)?, numbers.modulus)?;
        let mut exponent = Zeroizing::new(vec![0; rsa.modulus.len()]);
        right_align(numbers.private_exponent, &mut exponent)?;
        let mut exponent_hash = Zeroizing::new([0; 32]);
        exponent_hash.copy_from_slice(Hash::Sha256.digest(&exponent).as_ref());
        let key = Self { rsa, exponent_hash };
        if numbers.crt.is_none() {
            key.prove()?;
        }
        Ok(key)
    }

    /// Makes a key pair. The size is a multiple of 128 bits, the exponent odd and at most 32 bits.
    ///
    /// # Errors
    /// [`Refused`] for other arguments.
    pub fn generate(bits: u32, exponent: &[u8]) -> Result<GeneratedRsa, Refused> {
        let e = number(exponent)?;
        // SAFETY: returns a new object or null.
        let rsa = unsafe { lc::RSA_new() };
        // SAFETY: the object is new, so this is its only owner.
        let rsa = unsafe { Owned::new(rsa) }?;
        let bits = c_int::try_from(bits).map_err(|_| Refused)?;
        // SAFETY: key and exponent are live; no callback.
        check(unsafe { lc::RSA_generate_key_ex(rsa.as_ptr(), bits, e.as_ptr(), null_mut()) })?;
        exported(&rsa)
    }

    /// The modulus in bits.
    #[must_use]
    pub fn bits(&self) -> u32 {
        self.rsa.bits()
    }

    /// The modulus in bytes: the length of every input and output.
    #[must_use]
    #[allow(clippy::len_without_is_empty, reason = "a modulus is never empty")]
    pub const fn len(&self) -> usize {
        self.rsa.modulus.len()
    }

    /// Raises to the private exponent. Both slices have the modulus's length.
    ///
    /// # Errors
    /// [`Refused`] for other lengths, and for a number not below the modulus.
    pub fn transform(&self, input: &[u8], output: &mut [u8]) -> Result<(), Refused> {
        self.rsa.check_input(input, output)?;
        if self.rsa.is_fixed_point(input) {
            output.copy_from_slice(input);
            return Ok(());
        }
        let mut written = 0;
        // SAFETY: the key is live, and AWS-LC's rsa.h lets threads share it; reads `len` bytes of
        // the input and writes at most the output's length.
        check(unsafe {
            lc::RSA_sign_raw(
                self.rsa.as_ptr(),
                &raw mut written,
                output.as_mut_ptr(),
                output.len(),
                input.as_ptr(),
                input.len(),
                lc::RSA_NO_PADDING,
            )
        })
    }

    pub(super) const fn rsa(&self) -> &Rsa {
        &self.rsa
    }

    pub(super) fn exponent_hash(&self) -> &[u8; 32] {
        &self.exponent_hash
    }

    /// One private operation; AWS-LC checks its result with the public exponent.
    fn prove(&self) -> Result<(), Refused> {
        let mut input = vec![0; self.len()];
        *input.last_mut().ok_or(Refused)? = 2;
        let mut output = Zeroizing::new(vec![0; self.len()]);
        self.transform(&input, &mut output)
    }
}

/// AWS-LC's key with the public facts that are asked often.
pub(super) struct Rsa {
    rsa: Owned<lc::RSA>,
    /// Without leading zeros.
    modulus: Vec<u8>,
}

// SAFETY: AWS-LC's rsa.h: an RSA object may be used by any number of threads as long as nobody
// changes it, and nothing here does after construction.
unsafe impl Send for Rsa {}
// SAFETY: as above; what AWS-LC caches in it is behind its own lock.
unsafe impl Sync for Rsa {}

impl Rsa {
    fn new(rsa: Owned<lc::RSA>, modulus: &[u8]) -> Result<Self, Refused> {
        let modulus = strip_zeros(modulus).to_vec();
        // The paddings count on some room; keys this small are broken in any case.
        if modulus.len() < MIN_LEN { Err(Refused) } else { Ok(Self { rsa, modulus }) }
    }

    pub(super) const fn as_ptr(&self) -> *mut lc::RSA {
        self.rsa.as_ptr()
    }

    pub(super) fn bits(&self) -> u32 {
        // SAFETY: the key is live.
        unsafe { lc::RSA_bits(self.as_ptr()) }
    }

    fn check_input(&self, input: &[u8], output: &[u8]) -> Result<(), Refused> {
        // Equal lengths, so comparing the bytes compares the numbers.
        let fits = input.len() == self.modulus.len() && output.len() == input.len() && *input < *self.modulus;
        if fits { Ok(()) } else { Err(Refused) }
    }

    /// 0, 1 and n - 1 stay themselves under an odd exponent; AWS-LC refuses them.
    fn is_fixed_point(&self, input: &[u8]) -> bool {
        let (Some((last, head)), Some((n_last, n_head))) = (input.split_last(), self.modulus.split_last()) else {
            return false;
        };
        let is_tiny = *last <= 1 && head.iter().all(|byte| *byte == 0);
        // n is odd: n - 1 differs in the last bit alone.
        is_tiny || (head == n_head && *last == *n_last & 0xfe)
    }
}

/// The number without its leading zero bytes.
pub(crate) fn strip_zeros(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    number.get(zeros..).unwrap_or_default()
}

/// Writes a number with leading zeros into a buffer of fixed length.
pub(crate) fn right_align(number: &[u8], output: &mut [u8]) -> Result<(), Refused> {
    let number = strip_zeros(number);
    let start = output.len().checked_sub(number.len()).ok_or(Refused)?;
    let (zeros, tail) = output.split_at_mut(start);
    zeros.fill(0);
    tail.copy_from_slice(number);
    Ok(())
}

/// AWS-LC guards against slow exponents over 33 bits unless told otherwise.
fn is_large(exponent: &[u8]) -> bool {
    matches!(strip_zeros(exponent), [first, _, _, _, _] if *first > 1) || strip_zeros(exponent).len() > 5
}

fn private_object(numbers: &PrivateNumbers<'_>) -> Result<Owned<lc::RSA>, Refused> {
    let n = number(numbers.modulus)?;
    let e = number(numbers.public_exponent)?;
    let d = number(numbers.private_exponent)?;
    let Some(crt) = &numbers.crt else {
        // SAFETY: the numbers are live and are copied.
        let rsa = unsafe { lc::RSA_new_private_key_no_crt(n.as_ptr(), e.as_ptr(), d.as_ptr()) };
        // SAFETY: a new object, or null.
        return unsafe { Owned::new(rsa) };
    };
    let new = if is_large(numbers.public_exponent) { lc::RSA_new_private_key_large_e } else { lc::RSA_new_private_key };
    let p = number(crt.prime_1)?;
    let q = number(crt.prime_2)?;
    let dmp1 = number(crt.exponent_1)?;
    let dmq1 = number(crt.exponent_2)?;
    let iqmp = number(crt.coefficient)?;
    // SAFETY: the numbers are live and are copied.
    let rsa = unsafe {
        new(n.as_ptr(), e.as_ptr(), d.as_ptr(), p.as_ptr(), q.as_ptr(), dmp1.as_ptr(), dmq1.as_ptr(), iqmp.as_ptr())
    };
    // SAFETY: a new object, or null.
    unsafe { Owned::new(rsa) }
}

fn exported(rsa: &Owned<lc::RSA>) -> Result<GeneratedRsa, Refused> {
    type Getter = unsafe extern "C" fn(*const lc::RSA) -> *const lc::BIGNUM;
    let export = |getter: Getter| {
        // SAFETY: the key is live.
        let number = unsafe { getter(rsa.as_ptr()) };
        // SAFETY: null, or a number that lives as long as the key.
        unsafe { number_bytes(number) }
    };
    Ok(GeneratedRsa {
        modulus: export(lc::RSA_get0_n)?,
        public_exponent: export(lc::RSA_get0_e)?,
        private_exponent: export(lc::RSA_get0_d)?,
        prime_1: export(lc::RSA_get0_p)?,
        prime_2: export(lc::RSA_get0_q)?,
        exponent_1: export(lc::RSA_get0_dmp1)?,
        exponent_2: export(lc::RSA_get0_dmq1)?,
        coefficient: export(lc::RSA_get0_iqmp)?,
    })
}
