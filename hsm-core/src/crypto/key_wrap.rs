//! AES key wrap: RFC 3394, and RFC 5649 with padding.

use core::ffi::c_uint;
use core::mem::MaybeUninit;

use aws_lc_sys as lc;
use zeroize::Zeroizing;

use super::Refused;
use super::ffi::{check, refused};

/// Bytes of the integrity value, and the granularity of RFC 3394.
pub const SEMIBLOCK: usize = 8;
/// RFC 3394 section 2.2.3.1.
pub const DEFAULT_IV: [u8; SEMIBLOCK] = [0xa6; SEMIBLOCK];

/// Wraps at least 16 bytes, a multiple of 8 (RFC 3394 section 2.2.1).
///
/// # Errors
/// [`Refused`] for other lengths, and for a key that is not an AES key.
pub fn wrap(key: &[u8], iv: &[u8; SEMIBLOCK], input: &[u8]) -> Result<Vec<u8>, Refused> {
    let schedule = Schedule::encrypt(key)?;
    let mut output = vec![0; input.len() + SEMIBLOCK];
    // SAFETY: the schedule is set; reads 8 bytes of nonce and `len` of input; writes `len` + 8.
    let written =
        unsafe { lc::AES_wrap_key(schedule.as_ptr(), iv.as_ptr(), output.as_mut_ptr(), input.as_ptr(), input.len()) };
    if usize::try_from(written) == Ok(output.len()) { Ok(output) } else { Err(refused()) }
}

/// Unwraps what [`wrap`] made (RFC 3394 section 2.2.2).
///
/// # Errors
/// [`Refused`] when it does not verify or has a length that wrapping cannot give.
pub fn unwrap(key: &[u8], iv: &[u8; SEMIBLOCK], input: &[u8]) -> Result<Zeroizing<Vec<u8>>, Refused> {
    let schedule = Schedule::decrypt(key)?;
    let mut output = Zeroizing::new(vec![0; input.len().checked_sub(SEMIBLOCK).ok_or(Refused)?]);
    // SAFETY: the schedule is set; reads 8 bytes of nonce and `len` of input; writes `len` - 8.
    let written =
        unsafe { lc::AES_unwrap_key(schedule.as_ptr(), iv.as_ptr(), output.as_mut_ptr(), input.as_ptr(), input.len()) };
    if usize::try_from(written) == Ok(output.len()) { Ok(output) } else { Err(refused()) }
}

/// Wraps at least one byte, of any length (RFC 5649 section 4.1).
///
/// # Errors
/// [`Refused`] for no bytes, or a key that is not an AES key.
pub fn wrap_padded(key: &[u8], input: &[u8]) -> Result<Vec<u8>, Refused> {
    let schedule = Schedule::encrypt(key)?;
    let mut output = vec![0; input.len().next_multiple_of(SEMIBLOCK) + SEMIBLOCK];
    let mut written = 0;
    // SAFETY: the schedule is set; reads `len` bytes of input; writes at most the given room.
    check(unsafe {
        lc::AES_wrap_key_padded(
            schedule.as_ptr(),
            output.as_mut_ptr(),
            &raw mut written,
            output.len(),
            input.as_ptr(),
            input.len(),
        )
    })?;
    output.truncate(written);
    Ok(output)
}

/// Unwraps what [`wrap_padded`] made (RFC 5649 section 4.2).
///
/// # Errors
/// [`Refused`] when it does not verify or has a length that wrapping cannot give.
pub fn unwrap_padded(key: &[u8], input: &[u8]) -> Result<Zeroizing<Vec<u8>>, Refused> {
    let schedule = Schedule::decrypt(key)?;
    // The library asks for as much room as the input has.
    let mut output = Zeroizing::new(vec![0; input.len()]);
    let mut written = 0;
    // SAFETY: the schedule is set; reads `len` bytes of input; writes at most the given room.
    check(unsafe {
        lc::AES_unwrap_key_padded(
            schedule.as_ptr(),
            output.as_mut_ptr(),
            &raw mut written,
            output.len(),
            input.as_ptr(),
            input.len(),
        )
    })?;
    output.truncate(written);
    Ok(output)
}

/// AWS-LC's own AES schedule, zeroed when dropped.
struct Schedule(Box<MaybeUninit<lc::AES_KEY>>);

impl Schedule {
    fn encrypt(key: &[u8]) -> Result<Self, Refused> {
        let mut schedule = Self(Box::new(MaybeUninit::zeroed()));
        // SAFETY: reads `bits` / 8 bytes of the slice; writes the schedule, whose room is owned.
        let status = unsafe { lc::AES_set_encrypt_key(key.as_ptr(), bits(key)?, schedule.0.as_mut_ptr()) };
        if status == 0 { Ok(schedule) } else { Err(refused()) }
    }

    fn decrypt(key: &[u8]) -> Result<Self, Refused> {
        let mut schedule = Self(Box::new(MaybeUninit::zeroed()));
        // SAFETY: reads `bits` / 8 bytes of the slice; writes the schedule, whose room is owned.
        let status = unsafe { lc::AES_set_decrypt_key(key.as_ptr(), bits(key)?, schedule.0.as_mut_ptr()) };
        if status == 0 { Ok(schedule) } else { Err(refused()) }
    }

    const fn as_ptr(&self) -> *const lc::AES_KEY {
        self.0.as_ptr()
    }
}

impl Drop for Schedule {
    fn drop(&mut self) {
        // SAFETY: the memory is owned and `len` bytes long; no one reads the schedule after this.
        unsafe { lc::OPENSSL_cleanse(self.0.as_mut_ptr().cast(), size_of::<lc::AES_KEY>()) }
    }
}

fn bits(key: &[u8]) -> Result<c_uint, Refused> {
    c_uint::try_from(key.len() * 8).map_err(|_| Refused)
}
