//! Elliptic-curve keys: generation, ECDSA, ECDH.

use core::ffi::c_int;
use core::ptr::{null, null_mut};

use aws_lc_sys as lc;
use zeroize::Zeroizing;

use super::Refused;
use super::curve::Curve;
use super::ffi::{Owned, check, number, write_number};

/// A public point on its curve, usable by any number of threads.
pub struct EcPublicKey(EcKey);

/// A private scalar with its public point, usable by any number of threads.
pub struct EcPrivateKey(EcKey);

impl EcPublicKey {
    /// Takes a bare point, compressed or not, and checks that it is on the curve.
    ///
    /// # Errors
    /// [`Refused`] for every other point.
    pub fn new(curve: Curve, point: &[u8]) -> Result<Self, Refused> {
        let key = EcKey::new(curve)?;
        let point = key.read_point(point)?;
        // SAFETY: both are live and of the same curve; the point is copied.
        check(unsafe { lc::EC_KEY_set_public_key(key.as_ptr(), point.as_ptr()) })?;
        Ok(Self(key))
    }

    /// The curve.
    #[must_use]
    pub const fn curve(&self) -> Curve {
        self.0.curve
    }

    /// The bare uncompressed point.
    ///
    /// # Errors
    /// [`Refused`] when the library fails.
    pub fn point(&self) -> Result<Vec<u8>, Refused> {
        self.0.point()
    }

    /// Verifies a digest's signature: r and s of equal length, at most the order's each. A longer
    /// digest is cut to the order's bits (FIPS 186-5 section 6.4.2).
    ///
    /// # Errors
    /// [`Refused`] when it does not verify.
    pub fn verify(&self, digest: &[u8], signature: &[u8]) -> Result<(), Refused> {
        if !signature.len().is_multiple_of(2) {
            return Err(Refused);
        }
        let (r, s) = signature.split_at(signature.len() / 2);
        // SAFETY: returns a new object or null.
        let parsed = unsafe { lc::ECDSA_SIG_new() };
        // SAFETY: the object is new, so this is its only owner.
        let parsed = unsafe { Owned::new(parsed) }?;
        let (r, s) = (number(r)?, number(s)?);
        // SAFETY: all are live. With two numbers given the call cannot fail, and it takes both over.
        check(unsafe { lc::ECDSA_SIG_set0(parsed.as_ptr(), r.into_ptr(), s.into_ptr()) })?;
        // SAFETY: key and signature are live; reads `len` bytes of the digest.
        check(unsafe { lc::ECDSA_do_verify(digest.as_ptr(), digest.len(), parsed.as_ptr(), self.0.as_ptr()) })
    }
}

impl EcPrivateKey {
    /// Takes a scalar, 1 up to the order less 1, and computes its point.
    ///
    /// # Errors
    /// [`Refused`] for another scalar.
    pub fn new(curve: Curve, scalar: &[u8]) -> Result<Self, Refused> {
        let key = EcKey::new(curve)?;
        let scalar = number(scalar)?;
        // SAFETY: both are live; the number is copied, after a check of its range.
        check(unsafe { lc::EC_KEY_set_private_key(key.as_ptr(), scalar.as_ptr()) })?;
        let point = key.new_point()?;
        // SAFETY: all are live and of one curve; null leaves out the second product.
        check(unsafe { lc::EC_POINT_mul(key.group(), point.as_ptr(), scalar.as_ptr(), null(), null(), null_mut()) })?;
        // SAFETY: both are live and of the same curve; the point is copied.
        check(unsafe { lc::EC_KEY_set_public_key(key.as_ptr(), point.as_ptr()) })?;
        Ok(Self(key))
    }

    /// Makes a key.
    ///
    /// # Errors
    /// [`Refused`] when the library fails.
    pub fn generate(curve: Curve) -> Result<Self, Refused> {
        let key = EcKey::new(curve)?;
        // SAFETY: the key is live and has its curve.
        check(unsafe { lc::EC_KEY_generate_key(key.as_ptr()) })?;
        Ok(Self(key))
    }

    /// The curve.
    #[must_use]
    pub const fn curve(&self) -> Curve {
        self.0.curve
    }

    /// The bare uncompressed public point.
    ///
    /// # Errors
    /// [`Refused`] when the library fails.
    pub fn point(&self) -> Result<Vec<u8>, Refused> {
        self.0.point()
    }

    /// The scalar, as long as the order.
    ///
    /// # Errors
    /// [`Refused`] when the library fails.
    pub fn scalar(&self) -> Result<Zeroizing<Vec<u8>>, Refused> {
        // SAFETY: the key is live; the number lives as long.
        let number = unsafe { lc::EC_KEY_get0_private_key(self.0.as_ptr()) };
        if number.is_null() {
            return Err(Refused);
        }
        let mut scalar = Zeroizing::new(vec![0; self.curve().len()]);
        // SAFETY: live, as above.
        unsafe { write_number(number, &mut scalar) }?;
        Ok(scalar)
    }

    /// Signs a digest of any length; `signature` is twice the order's length. A longer digest is
    /// cut to the order's bits (FIPS 186-5 section 6.4.1).
    ///
    /// # Errors
    /// [`Refused`] for another length, or when the library fails.
    pub fn sign(&self, digest: &[u8], signature: &mut [u8]) -> Result<(), Refused> {
        if signature.len() != 2 * self.curve().len() {
            return Err(Refused);
        }
        // SAFETY: the key is live, and AWS-LC's ec_key.h lets threads share it; reads `len` bytes.
        let made = unsafe { lc::ECDSA_do_sign(digest.as_ptr(), digest.len(), self.0.as_ptr()) };
        // SAFETY: a new object, or null.
        let made = unsafe { Owned::new(made) }?;
        let (r, s) = signature.split_at_mut(self.curve().len());
        // SAFETY: the signature is live.
        let r_number = unsafe { lc::ECDSA_SIG_get0_r(made.as_ptr()) };
        // SAFETY: the signature is live.
        let s_number = unsafe { lc::ECDSA_SIG_get0_s(made.as_ptr()) };
        // SAFETY: a finished signature has both numbers, which live as long as it.
        unsafe { write_number(r_number, r) }?;
        // SAFETY: as above.
        unsafe { write_number(s_number, s) }
    }

    /// The shared secret with another party's bare point: the x coordinate, as long as the field.
    /// All curves here have cofactor 1, so it is the cofactor Diffie-Hellman secret as well.
    ///
    /// # Errors
    /// [`Refused`] for a point that is not on the curve.
    pub fn agree(&self, point: &[u8]) -> Result<Zeroizing<Vec<u8>>, Refused> {
        let point = self.0.read_point(point)?;
        let mut secret = Zeroizing::new(vec![0; self.curve().len()]);
        // SAFETY: key and point are live and of the same curve; writes at most the given room.
        let written = unsafe {
            lc::ECDH_compute_key(secret.as_mut_ptr().cast(), secret.len(), point.as_ptr(), self.0.as_ptr(), None)
        };
        if usize::try_from(written) == Ok(secret.len()) { Ok(secret) } else { Err(super::ffi::refused()) }
    }
}

/// AWS-LC's key with the curve it was made for.
struct EcKey {
    key: Owned<lc::EC_KEY>,
    curve: Curve,
}

// SAFETY: AWS-LC's ec_key.h: a key may be used by any number of threads as long as nobody changes
// it, and nothing here does after construction.
unsafe impl Send for EcKey {}
// SAFETY: as above.
unsafe impl Sync for EcKey {}

impl EcKey {
    fn new(curve: Curve) -> Result<Self, Refused> {
        // SAFETY: returns a new object or null.
        let key = unsafe { lc::EC_KEY_new_by_curve_name(nid(curve)) };
        // SAFETY: the object is new, so this is its only owner.
        Ok(Self { key: unsafe { Owned::new(key) }?, curve })
    }

    const fn as_ptr(&self) -> *mut lc::EC_KEY {
        self.key.as_ptr()
    }

    /// The curve as AWS-LC sees it: static for the named curves.
    fn group(&self) -> *const lc::EC_GROUP {
        // SAFETY: the key is live.
        unsafe { lc::EC_KEY_get0_group(self.as_ptr()) }
    }

    fn new_point(&self) -> Result<Owned<lc::EC_POINT>, Refused> {
        // SAFETY: the curve is live.
        let point = unsafe { lc::EC_POINT_new(self.group()) };
        // SAFETY: a new object, or null.
        unsafe { Owned::new(point) }
    }

    fn read_point(&self, bytes: &[u8]) -> Result<Owned<lc::EC_POINT>, Refused> {
        let point = self.new_point()?;
        // SAFETY: curve and point are live; reads `len` bytes.
        check(unsafe {
            lc::EC_POINT_oct2point(self.group(), point.as_ptr(), bytes.as_ptr(), bytes.len(), null_mut())
        })?;
        Ok(point)
    }

    fn point(&self) -> Result<Vec<u8>, Refused> {
        let mut bytes = vec![0; 1 + 2 * self.curve.len()];
        // SAFETY: the key is live; the point lives as long.
        let point = unsafe { lc::EC_KEY_get0_public_key(self.as_ptr()) };
        if point.is_null() {
            return Err(Refused);
        }
        // SAFETY: curve and point are live; writes at most the given room.
        let written = unsafe {
            lc::EC_POINT_point2oct(
                self.group(),
                point,
                lc::point_conversion_form_t::POINT_CONVERSION_UNCOMPRESSED,
                bytes.as_mut_ptr(),
                bytes.len(),
                null_mut(),
            )
        };
        if written == bytes.len() { Ok(bytes) } else { Err(super::ffi::refused()) }
    }
}

const fn nid(curve: Curve) -> c_int {
    match curve {
        Curve::P224 => lc::NID_secp224r1,
        Curve::P256 => lc::NID_X9_62_prime256v1,
        Curve::P384 => lc::NID_secp384r1,
        Curve::P521 => lc::NID_secp521r1,
        Curve::Secp256k1 => lc::NID_secp256k1,
    }
}
