//! The paddings that AWS-LC does: PSS and OAEP (RFC 8017 sections 7.1 and 8.1).

use core::ffi::c_int;
use core::ptr::null_mut;

use aws_lc_sys as lc;
use zeroize::Zeroizing;

use super::Refused;
use super::digest::Hash;
use super::ffi::{Owned, check, md};
use super::rsa::{Rsa, RsaPrivateKey, RsaPublicKey};

/// The choices of a PSS signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pss {
    /// Hash of the message.
    pub hash: Hash,
    /// Hash of the mask generation function.
    pub mgf: Hash,
    /// Salt length in bytes.
    pub salt_len: usize,
}

/// The choices of an OAEP encryption.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Oaep {
    /// Hash of the label.
    pub hash: Hash,
    /// Hash of the mask generation function.
    pub mgf: Hash,
    /// The label.
    pub label: Vec<u8>,
}

impl Pss {
    /// Whether a key of this many bits has room for digest and salt.
    #[must_use]
    pub fn fits(&self, modulus_bits: u32) -> bool {
        let encoded_bits = usize::try_from(modulus_bits).unwrap_or(0).saturating_sub(1);
        let needed = self.salt_len.saturating_add(self.hash.len()).saturating_add(2);
        needed <= encoded_bits.div_ceil(8)
    }

    /// Signs a digest. `signature` has the modulus's length.
    ///
    /// # Errors
    /// [`Refused`] for a digest of the wrong length or a salt without room.
    pub fn sign(&self, key: &RsaPrivateKey, digest: &[u8], signature: &mut [u8]) -> Result<(), Refused> {
        let salt_len = self.checked(digest, key.bits())?;
        let mut encoded = vec![0; key.len()];
        // SAFETY: key and hashes are live; `digest` has the hash's length, `encoded` the modulus's.
        check(unsafe {
            lc::RSA_padding_add_PKCS1_PSS_mgf1(
                key.rsa().as_ptr(),
                encoded.as_mut_ptr(),
                digest.as_ptr(),
                md(self.hash),
                md(self.mgf),
                salt_len,
            )
        })?;
        key.transform(&encoded, signature)
    }

    /// Verifies a digest's signature.
    ///
    /// # Errors
    /// [`Refused`] when it does not verify.
    pub fn verify(&self, key: &RsaPublicKey, digest: &[u8], signature: &[u8]) -> Result<(), Refused> {
        let salt_len = self.checked(digest, key.bits())?;
        let mut encoded = vec![0; key.len()];
        key.transform(signature, &mut encoded)?;
        // SAFETY: key and hashes are live; `digest` has the hash's length, `encoded` the modulus's.
        check(unsafe {
            lc::RSA_verify_PKCS1_PSS_mgf1(
                key.rsa().as_ptr(),
                digest.as_ptr(),
                md(self.hash),
                md(self.mgf),
                encoded.as_ptr(),
                salt_len,
            )
        })
    }

    fn checked(&self, digest: &[u8], modulus_bits: u32) -> Result<c_int, Refused> {
        if digest.len() == self.hash.len() && self.fits(modulus_bits) {
            c_int::try_from(self.salt_len).map_err(|_| Refused)
        } else {
            Err(Refused)
        }
    }
}

impl Oaep {
    /// The longest message for a modulus of `modulus_len` bytes; `None` when nothing fits.
    #[must_use]
    pub const fn max_message_len(&self, modulus_len: usize) -> Option<usize> {
        modulus_len.checked_sub(2 * self.hash.len() + 2)
    }

    /// Encrypts a message. `output` has the modulus's length.
    ///
    /// # Errors
    /// [`Refused`] for a message that is too long.
    pub fn encrypt(&self, key: &RsaPublicKey, message: &[u8], output: &mut [u8]) -> Result<(), Refused> {
        let mut encoded = Zeroizing::new(vec![0; key.len()]);
        // SAFETY: every pointer comes with its slice's length; the hashes are static.
        check(unsafe {
            lc::RSA_padding_add_PKCS1_OAEP_mgf1(
                encoded.as_mut_ptr(),
                encoded.len(),
                message.as_ptr(),
                message.len(),
                self.label.as_ptr(),
                self.label.len(),
                md(self.hash),
                md(self.mgf),
            )
        })?;
        key.transform(&encoded, output)
    }

    /// Decrypts a ciphertext.
    ///
    /// # Errors
    /// [`Refused`] for everything that is wrong with it, without distinction.
    pub fn decrypt(&self, key: &RsaPrivateKey, ciphertext: &[u8]) -> Result<Zeroizing<Vec<u8>>, Refused> {
        let context = self.context(key.rsa())?;
        let mut message = Zeroizing::new(vec![0; key.len()]);
        let mut len = message.len();
        // SAFETY: the context is set up; `len` is the room of `message`.
        check(unsafe {
            lc::EVP_PKEY_decrypt(
                context.as_ptr(),
                message.as_mut_ptr(),
                &raw mut len,
                ciphertext.as_ptr(),
                ciphertext.len(),
            )
        })?;
        message.truncate(len);
        Ok(message)
    }

    fn context(&self, rsa: &Rsa) -> Result<Owned<lc::EVP_PKEY_CTX>, Refused> {
        // SAFETY: returns a new object or null.
        let key = unsafe { lc::EVP_PKEY_new() };
        // SAFETY: the object is new, so this is its only owner.
        let key = unsafe { Owned::new(key) }?;
        // SAFETY: both are live; the call takes a reference of its own on the RSA key.
        check(unsafe { lc::EVP_PKEY_set1_RSA(key.as_ptr(), rsa.as_ptr()) })?;
        // SAFETY: the key is live; the call takes a reference of its own on it.
        let context = unsafe { lc::EVP_PKEY_CTX_new(key.as_ptr(), null_mut()) };
        // SAFETY: a new object, or null.
        let context = unsafe { Owned::new(context) }?;
        // SAFETY: the context is live.
        check(unsafe { lc::EVP_PKEY_decrypt_init(context.as_ptr()) })?;
        // SAFETY: the context is live.
        check(unsafe { lc::EVP_PKEY_CTX_set_rsa_padding(context.as_ptr(), lc::RSA_PKCS1_OAEP_PADDING) })?;
        // SAFETY: the context is live, the hash static.
        check(unsafe { lc::EVP_PKEY_CTX_set_rsa_oaep_md(context.as_ptr(), md(self.hash)) })?;
        // SAFETY: the context is live, the hash static.
        check(unsafe { lc::EVP_PKEY_CTX_set_rsa_mgf1_md(context.as_ptr(), md(self.mgf)) })?;
        if !self.label.is_empty() {
            self.set_label(&context)?;
        }
        Ok(context)
    }

    fn set_label(&self, context: &Owned<lc::EVP_PKEY_CTX>) -> Result<(), Refused> {
        // SAFETY: reads `len` bytes of the slice.
        let label = unsafe { lc::OPENSSL_memdup(self.label.as_ptr().cast(), self.label.len()) };
        if label.is_null() {
            return Err(Refused);
        }
        // SAFETY: the context is live; `label` is of AWS-LC's allocator, which it takes over.
        let set =
            check(unsafe { lc::EVP_PKEY_CTX_set0_rsa_oaep_label(context.as_ptr(), label.cast(), self.label.len()) });
        if set.is_err() {
            // SAFETY: on failure the label stays the caller's.
            unsafe { lc::OPENSSL_free(label) };
        }
        set
    }
}
