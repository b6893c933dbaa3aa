//! AES-GCM (NIST SP 800-38D): prepared keys for whole messages, and a stream for encryption in parts.

use core::ffi::c_int;
use core::ptr::{null, null_mut};

use aws_lc_sys as lc;

use super::Refused;
use super::ffi::{Owned, check};

/// Bytes in a full tag.
pub const TAG: usize = 16;

/// An AES-GCM key with its schedule and its hash key computed.
pub struct GcmKey(Owned<lc::EVP_AEAD_CTX>);

// SAFETY: AWS-LC's aead.h: an EVP_AEAD_CTX may be used by any number of threads after its set-up.
unsafe impl Send for GcmKey {}
// SAFETY: as above; sealing and opening take it const.
unsafe impl Sync for GcmKey {}

impl GcmKey {
    /// Prepares a key for tags of `tag_len` bytes.
    ///
    /// # Errors
    /// [`Refused`] for a key that is not 16, 24 or 32 bytes long, or a tag over 16 bytes.
    pub fn new(key: &[u8], tag_len: usize) -> Result<Self, Refused> {
        let aead = match key.len() {
            // SAFETY: returns a static object; no precondition.
            16 => unsafe { lc::EVP_aead_aes_128_gcm() },
            // SAFETY: as above.
            24 => unsafe { lc::EVP_aead_aes_192_gcm() },
            // SAFETY: as above.
            32 => unsafe { lc::EVP_aead_aes_256_gcm() },
            _ => return Err(Refused),
        };
        // SAFETY: `aead` is static; reads `len` bytes of the slice, and copies them.
        let context = unsafe { lc::EVP_AEAD_CTX_new(aead, key.as_ptr(), key.len(), tag_len) };
        // SAFETY: a new object, or null.
        unsafe { Owned::new(context) }.map(Self)
    }

    /// Encrypts a message. `output` has the message's length, `tag` the key's tag length.
    ///
    /// # Errors
    /// [`Refused`] for lengths outside the standard's.
    pub fn seal(&self, iv: &[u8], aad: &[u8], input: &[u8], output: &mut [u8], tag: &mut [u8]) -> Result<(), Refused> {
        if output.len() != input.len() {
            return Err(Refused);
        }
        let mut tag_len = 0;
        // SAFETY: every pointer comes with its slice's length; `output` is as long as `input`
        // and, being a mutable borrow, apart from it.
        check(unsafe {
            lc::EVP_AEAD_CTX_seal_scatter(
                self.0.as_ptr(),
                output.as_mut_ptr(),
                tag.as_mut_ptr(),
                &raw mut tag_len,
                tag.len(),
                iv.as_ptr(),
                iv.len(),
                input.as_ptr(),
                input.len(),
                null(),
                0,
                aad.as_ptr(),
                aad.len(),
            )
        })?;
        if tag_len == tag.len() { Ok(()) } else { Err(Refused) }
    }

    /// Decrypts a message whose tag has the key's tag length. `output` has the message's length.
    ///
    /// # Errors
    /// [`Refused`] when the tag does not verify: `output` then holds zeros.
    pub fn open(&self, iv: &[u8], aad: &[u8], input: &[u8], tag: &[u8], output: &mut [u8]) -> Result<(), Refused> {
        if output.len() != input.len() {
            return Err(Refused);
        }
        // SAFETY: every pointer comes with its slice's length; `output` is as long as `input`
        // and, being a mutable borrow, apart from it.
        let opened = check(unsafe {
            lc::EVP_AEAD_CTX_open_gather(
                self.0.as_ptr(),
                output.as_mut_ptr(),
                iv.as_ptr(),
                iv.len(),
                input.as_ptr(),
                input.len(),
                tag.as_ptr(),
                tag.len(),
                aad.as_ptr(),
                aad.len(),
            )
        });
        if opened.is_err() {
            output.fill(0);
        }
        opened
    }
}

/// A message that is encrypted in parts.
pub struct GcmStream(Owned<lc::EVP_CIPHER_CTX>);

// SAFETY: the context is owned, and AWS-LC keeps no thread-bound state in it.
unsafe impl Send for GcmStream {}

impl GcmStream {
    /// Starts a message.
    ///
    /// # Errors
    /// [`Refused`] for lengths outside the standard's.
    pub fn new(key: &[u8], iv: &[u8], aad: &[u8]) -> Result<Self, Refused> {
        let cipher = match key.len() {
            // SAFETY: returns a static object; no precondition.
            16 => unsafe { lc::EVP_aes_128_gcm() },
            // SAFETY: as above.
            24 => unsafe { lc::EVP_aes_192_gcm() },
            // SAFETY: as above.
            32 => unsafe { lc::EVP_aes_256_gcm() },
            _ => return Err(Refused),
        };
        let iv_len = c_int::try_from(iv.len()).map_err(|_| Refused)?;
        // SAFETY: returns a new object or null.
        let context = unsafe { lc::EVP_CIPHER_CTX_new() };
        // SAFETY: the object is new, so this is its only owner.
        let context = unsafe { Owned::new(context) }?;
        // SAFETY: both objects are live; null leaves key and nonce for the second call.
        check(unsafe { lc::EVP_CipherInit_ex(context.as_ptr(), cipher, null_mut(), null(), null(), 1) })?;
        // SAFETY: this command takes a number and ignores the pointer.
        check(unsafe { lc::EVP_CIPHER_CTX_ctrl(context.as_ptr(), lc::EVP_CTRL_AEAD_SET_IVLEN, iv_len, null_mut()) })?;
        // SAFETY: the key is as long as the cipher's, matched above; the nonce as long as was just set.
        check(unsafe { lc::EVP_CipherInit_ex(context.as_ptr(), null(), null_mut(), key.as_ptr(), iv.as_ptr(), 1) })?;
        let mut stream = Self(context);
        for part in aad.chunks(MAX_PART) {
            stream.call(part, null_mut())?;
        }
        Ok(stream)
    }

    /// Encrypts the next part; both slices have the same length.
    ///
    /// # Errors
    /// [`Refused`] when the message gets longer than the standard allows.
    pub fn update(&mut self, input: &[u8], output: &mut [u8]) -> Result<(), Refused> {
        if output.len() != input.len() {
            return Err(Refused);
        }
        for (input, output) in input.chunks(MAX_PART).zip(output.chunks_mut(MAX_PART)) {
            self.call(input, output.as_mut_ptr())?;
        }
        Ok(())
    }

    /// The tag of the whole message.
    ///
    /// # Errors
    /// [`Refused`] when the library fails.
    pub fn finish(self) -> Result<[u8; TAG], Refused> {
        let mut written: c_int = 0;
        let mut tag = [0; TAG];
        // SAFETY: live object; GCM's last step writes no data, so that any pointer will do.
        check(unsafe { lc::EVP_CipherFinal_ex(self.0.as_ptr(), tag.as_mut_ptr(), &raw mut written) })?;
        // SAFETY: writes 16 bytes, the array's length.
        check(unsafe {
            lc::EVP_CIPHER_CTX_ctrl(self.0.as_ptr(), lc::EVP_CTRL_AEAD_GET_TAG, 16, tag.as_mut_ptr().cast())
        })?;
        Ok(tag)
    }

    /// One call with at most [`MAX_PART`] bytes; a null `output` makes them associated data.
    /// A non-null `output` has room for as many bytes as `input`: both callers see to it.
    fn call(&mut self, input: &[u8], output: *mut u8) -> Result<(), Refused> {
        let len = c_int::try_from(input.len()).map_err(|_| Refused)?;
        let mut written: c_int = 0;
        // SAFETY: reads `len` bytes of the slice; writes as many to `output` unless it is null.
        check(unsafe { lc::EVP_CipherUpdate(self.0.as_ptr(), output, &raw mut written, input.as_ptr(), len) })
    }
}

/// The library counts in `int`; a multiple of the block length keeps it on its fast path.
const MAX_PART: usize = 1 << 30;
