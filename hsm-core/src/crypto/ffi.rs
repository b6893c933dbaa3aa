//! Owners of AWS-LC's C objects, so that every path frees what it made.

use core::ffi::c_int;
use core::ptr::NonNull;

use aws_lc_sys as lc;
use zeroize::Zeroizing;

use super::Refused;
use super::digest::Hash;

/// Sole owner of one AWS-LC object.
pub(super) struct Owned<T: Free>(NonNull<T>);

/// An AWS-LC type with its free function.
pub(super) trait Free {
    /// Frees the object.
    ///
    /// # Safety
    /// `object` came from the type's constructor and nobody else owns it.
    unsafe fn free(object: *mut Self);
}

impl<T: Free> Owned<T> {
    /// Takes what a constructor of AWS-LC returned; null is a refusal.
    ///
    /// # Safety
    /// `object` is null, or an object that the caller owns and hands over.
    pub(super) unsafe fn new(object: *mut T) -> Result<Self, Refused> {
        NonNull::new(object).map(Self).ok_or_else(refused)
    }

    /// The object, for calls that do not keep it.
    pub(super) const fn as_ptr(&self) -> *mut T {
        self.0.as_ptr()
    }

    /// Gives the object away, to a call that takes ownership.
    pub(super) fn into_ptr(self) -> *mut T {
        let object = self.0.as_ptr();
        core::mem::forget(self);
        object
    }
}

impl<T: Free> Drop for Owned<T> {
    fn drop(&mut self) {
        // SAFETY: `new` took the object from its only owner, and nothing uses it after this.
        unsafe { T::free(self.0.as_ptr()) }
    }
}

macro_rules! free_with {
    ($($object:ty => $free:path),* $(,)?) => { $(
        impl Free for $object {
            unsafe fn free(object: *mut Self) {
                // SAFETY: passed on from this function's own contract.
                unsafe { $free(object) }
            }
        }
    )* };
}

free_with! {
    lc::BIGNUM => lc::BN_clear_free,
    lc::RSA => lc::RSA_free,
    lc::EC_KEY => lc::EC_KEY_free,
    lc::EC_POINT => lc::EC_POINT_free,
    lc::ECDSA_SIG => lc::ECDSA_SIG_free,
    lc::EVP_AEAD_CTX => lc::EVP_AEAD_CTX_free,
    lc::EVP_CIPHER_CTX => lc::EVP_CIPHER_CTX_free,
    lc::EVP_PKEY => lc::EVP_PKEY_free,
    lc::EVP_PKEY_CTX => lc::EVP_PKEY_CTX_free,
}

/// Turns AWS-LC's 1 or 0 into a result.
pub(super) fn check(status: c_int) -> Result<(), Refused> {
    if status == 1 { Ok(()) } else { Err(refused()) }
}

/// A refusal; empties the thread's error queue, which nobody else reads.
pub(super) fn refused() -> Refused {
    // SAFETY: has no precondition.
    unsafe { lc::ERR_clear_error() };
    Refused
}

/// An unsigned big-endian number as AWS-LC's type, cleared when dropped.
pub(super) fn number(bytes: &[u8]) -> Result<Owned<lc::BIGNUM>, Refused> {
    // SAFETY: reads `len` bytes of the slice and returns a new object or null.
    let number = unsafe { lc::BN_bin2bn(bytes.as_ptr(), bytes.len(), core::ptr::null_mut()) };
    // SAFETY: the object is new, so this is its only owner.
    unsafe { Owned::new(number) }
}

/// The number in big-endian bytes, as short as possible.
///
/// # Safety
/// `number` is null or points to a live number.
pub(super) unsafe fn number_bytes(number: *const lc::BIGNUM) -> Result<Zeroizing<Vec<u8>>, Refused> {
    if number.is_null() {
        return Err(Refused);
    }
    // SAFETY: live by this function's contract.
    let len = unsafe { lc::BN_num_bytes(number) };
    let mut bytes = Zeroizing::new(vec![0; usize::try_from(len).map_err(|_| Refused)?]);
    // SAFETY: live by this function's contract.
    unsafe { write_number(number, &mut bytes) }?;
    Ok(bytes)
}

/// Writes the number in big-endian bytes with leading zeros, in constant time for its length.
///
/// # Safety
/// `number` points to a live number.
pub(super) unsafe fn write_number(number: *const lc::BIGNUM, output: &mut [u8]) -> Result<(), Refused> {
    // SAFETY: live by this function's contract; writes `len` bytes, the slice's length.
    check(unsafe { lc::BN_bn2bin_padded(output.as_mut_ptr(), output.len(), number) })
}

/// AWS-LC's object for a hash: static, never freed.
pub(super) fn md(hash: Hash) -> *const lc::EVP_MD {
    match hash {
        // SAFETY: returns a static object; no precondition.
        Hash::Sha1 => unsafe { lc::EVP_sha1() },
        // SAFETY: as above.
        Hash::Sha224 => unsafe { lc::EVP_sha224() },
        // SAFETY: as above.
        Hash::Sha256 => unsafe { lc::EVP_sha256() },
        // SAFETY: as above.
        Hash::Sha384 => unsafe { lc::EVP_sha384() },
        // SAFETY: as above.
        Hash::Sha512 => unsafe { lc::EVP_sha512() },
    }
}
