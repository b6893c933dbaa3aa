//! Ed25519 (RFC 8032 section 5.1): keys, signatures, and the curve's name in attributes.

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, ParsedPublicKey};
use zeroize::Zeroizing;

use super::Refused;
use super::der::{self, tag};
use super::rng::Rng;

/// Bytes of a seed and of a point.
pub const LEN: usize = 32;
/// Bytes of a signature.
pub const SIGNATURE_LEN: usize = 64;
/// Bits of the field, which is also the size that PKCS#11 gives a key.
pub const BITS: u32 = 255;
/// 1.3.101.112, id-Ed25519 (RFC 8410 section 3): the content of its element.
pub const OID: [u8; 3] = [0x2b, 0x65, 0x70];
/// The curve's name in PKCS#11 (v3.1 section 6.3.5, Edwards EC public key objects).
const NAME: &[u8] = b"edwards25519";

/// A public point, usable by any number of threads.
pub struct Ed25519PublicKey {
    parsed: ParsedPublicKey,
    point: [u8; LEN],
}

/// A private seed with its public point, usable by any number of threads.
pub struct Ed25519PrivateKey {
    pair: Ed25519KeyPair,
    seed: Zeroizing<[u8; LEN]>,
}

impl Ed25519PublicKey {
    /// Takes a bare point. Bytes that encode no point are taken too: no signature verifies with them.
    ///
    /// # Errors
    /// [`Refused`] for another length.
    pub fn new(point: &[u8]) -> Result<Self, Refused> {
        let point: [u8; LEN] = point.try_into().map_err(|_| Refused)?;
        let parsed = ParsedPublicKey::new(&ED25519, point).map_err(|_| Refused)?;
        Ok(Self { parsed, point })
    }

    /// The bare point.
    #[must_use]
    pub const fn point(&self) -> &[u8; LEN] {
        &self.point
    }

    /// Verifies a message's signature.
    ///
    /// # Errors
    /// [`Refused`] when it does not verify.
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), Refused> {
        self.parsed.verify_sig(message, signature).map_err(|_| Refused)
    }
}

impl Ed25519PrivateKey {
    /// Takes a seed, which RFC 8032 calls the private key, and computes its point.
    ///
    /// # Errors
    /// [`Refused`] for another length.
    pub fn new(seed: &[u8]) -> Result<Self, Refused> {
        let mut kept = Zeroizing::new([0; LEN]);
        if seed.len() != LEN {
            return Err(Refused);
        }
        kept.copy_from_slice(seed);
        let pair = Ed25519KeyPair::from_seed_unchecked(&*kept).map_err(|_| Refused)?;
        Ok(Self { pair, seed: kept })
    }

    /// Makes a key: every seed is one (RFC 8032 section 5.1.5).
    ///
    /// # Errors
    /// [`Refused`] when there is no randomness, or when the library fails.
    pub fn generate(rng: &dyn Rng) -> Result<Self, Refused> {
        let mut seed = Zeroizing::new([0; LEN]);
        rng.fill(&mut *seed).map_err(|_| Refused)?;
        Self::new(&*seed)
    }

    /// The bare public point.
    #[must_use]
    pub fn point(&self) -> &[u8] {
        self.pair.public_key().as_ref()
    }

    /// The seed.
    #[must_use]
    pub fn seed(&self) -> &[u8; LEN] {
        &self.seed
    }

    /// Signs a message; `signature` has [`SIGNATURE_LEN`] bytes.
    ///
    /// # Errors
    /// [`Refused`] for another length, or when the library fails.
    pub fn sign(&self, message: &[u8], signature: &mut [u8]) -> Result<(), Refused> {
        let made = self.pair.try_sign(message).map_err(|_| Refused)?;
        if made.as_ref().len() != signature.len() {
            return Err(Refused);
        }
        signature.copy_from_slice(made.as_ref());
        Ok(())
    }
}

/// The canonical `CKA_EC_PARAMS`: the object identifier in DER.
#[must_use]
pub fn ec_params() -> Vec<u8> {
    der::element(tag::OID, &[&OID]).to_vec()
}

/// Checks that `CKA_EC_PARAMS` names this curve, by its object identifier or as a PrintableString.
///
/// # Errors
/// [`Refused`] for another curve, or bytes that are no DER.
pub fn check_ec_params(params: &[u8]) -> Result<(), Refused> {
    let is_named = match der::only(tag::OID, params) {
        Ok(oid) => oid == OID,
        Err(Refused) => der::only(tag::PRINTABLE_STRING, params)? == NAME,
    };
    if is_named { Ok(()) } else { Err(Refused) }
}

/// The point in `CKA_EC_POINT`: bare, in an OCTET STRING, or in a BIT STRING.
///
/// # Errors
/// [`Refused`] for another form.
pub fn bare_point(point: &[u8]) -> Result<&[u8], Refused> {
    // A bare point may start with the byte of a tag: only the length tells.
    if point.len() == LEN {
        return Ok(point);
    }
    let inner = match der::only(tag::OCTET_STRING, point) {
        Ok(inner) => inner,
        Err(Refused) => der::only(tag::BIT_STRING, point)?.strip_prefix(&[0]).ok_or(Refused)?,
    };
    if inner.len() == LEN { Ok(inner) } else { Err(Refused) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_curve_is_known_by_its_identifier_and_by_its_name() {
        assert_eq!(ec_params(), [0x06, 0x03, 0x2b, 0x65, 0x70]);
        check_ec_params(&ec_params()).unwrap();
        check_ec_params(b"\x13\x0cedwards25519").unwrap();
        // id-Ed448, the other Edwards curve, and bytes after the name.
        for other in [&[6, 3, 0x2b, 0x65, 0x71][..], b"\x13\x0aedwards448", b"\x13\x0cedwards25519\0", &[]] {
            assert_eq!(check_ec_params(other), Err(Refused));
        }
    }

    #[test]
    fn a_point_is_found_in_each_wrapping() {
        // It looks like an OCTET STRING itself.
        let bare = [4; LEN];
        let octets = der::element(tag::OCTET_STRING, &[&bare]);
        let bits = der::element(tag::BIT_STRING, &[&[0], &bare]);
        for form in [&bare[..], &octets, &bits] {
            assert_eq!(bare_point(form), Ok(&bare[..]));
        }
        for other in [&bare[1..], &octets[..33], &bits[..34], &[]] {
            assert_eq!(bare_point(other), Err(Refused));
        }
    }

    #[test]
    fn a_seed_or_point_of_another_length_is_refused() {
        for len in [0, 31, 33, 64] {
            assert!(Ed25519PrivateKey::new(&vec![1; len]).is_err(), "{len} bytes");
            assert!(Ed25519PublicKey::new(&vec![1; len]).is_err(), "{len} bytes");
        }
    }
}
