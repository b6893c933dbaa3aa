//! The curves that the token knows, in one table.

use super::Refused;
use super::der::{self, tag};

/// A named curve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are the standards'")]
pub enum Curve {
    P224,
    P256,
    P384,
    P521,
    Secp256k1,
}

/// What a curve is called and how long its numbers are.
struct Facts {
    /// Content of the object identifier.
    oid: &'static [u8],
    /// Names for `CKA_EC_PARAMS` in its PrintableString form (PKCS#11 v3.0 and later).
    names: &'static [&'static str],
    /// Bits of the order.
    bits: u32,
}

impl Curve {
    /// Every curve.
    pub const ALL: [Self; 5] = [Self::P224, Self::P256, Self::P384, Self::P521, Self::Secp256k1];
    /// Bytes of the longest order.
    pub const MAX_LEN: usize = 66;

    const fn facts(self) -> Facts {
        match self {
            Self::P224 => Facts { oid: &[0x2b, 0x81, 0x04, 0x00, 0x21], names: &["secp224r1", "P-224"], bits: 224 },
            Self::P256 => Facts {
                oid: &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07],
                names: &["secp256r1", "prime256v1", "P-256"],
                bits: 256,
            },
            Self::P384 => Facts { oid: &[0x2b, 0x81, 0x04, 0x00, 0x22], names: &["secp384r1", "P-384"], bits: 384 },
            Self::P521 => Facts { oid: &[0x2b, 0x81, 0x04, 0x00, 0x23], names: &["secp521r1", "P-521"], bits: 521 },
            Self::Secp256k1 => Facts { oid: &[0x2b, 0x81, 0x04, 0x00, 0x0a], names: &["secp256k1"], bits: 256 },
        }
    }

    /// The curve that `CKA_EC_PARAMS` names: its object identifier, or its name as a PrintableString.
    ///
    /// # Errors
    /// [`Refused`] for another curve, explicit parameters, or bytes that are no DER.
    pub fn from_ec_params(params: &[u8]) -> Result<Self, Refused> {
        if let Ok(oid) = der::only(tag::OID, params) {
            return Self::ALL.into_iter().find(|curve| curve.facts().oid == oid).ok_or(Refused);
        }
        let name = der::only(tag::PRINTABLE_STRING, params)?;
        let is_named = |curve: &Self| curve.facts().names.iter().any(|known| known.as_bytes() == name);
        Self::ALL.into_iter().find(is_named).ok_or(Refused)
    }

    /// The curve's object identifier in DER: the canonical `CKA_EC_PARAMS`.
    #[must_use]
    pub fn ec_params(self) -> Vec<u8> {
        der::element(tag::OID, &[self.facts().oid]).to_vec()
    }

    /// Bits of the order, which is also the size that PKCS#11 gives a key.
    #[must_use]
    pub const fn bits(self) -> u32 {
        self.facts().bits
    }

    /// Bytes of a scalar, half a signature. Fields and orders have equal lengths on these curves.
    #[must_use]
    #[allow(clippy::len_without_is_empty, reason = "a scalar is never empty")]
    pub const fn len(self) -> usize {
        self.facts().bits.div_ceil(8) as usize
    }

    /// The point in `CKA_EC_POINT`: bare, in an OCTET STRING, or in a BIT STRING. Whether it is on
    /// the curve is not checked here.
    ///
    /// # Errors
    /// [`Refused`] for another form.
    pub fn bare_point(self, point: &[u8]) -> Result<&[u8], Refused> {
        // A bare point starts with the byte of an OCTET STRING's tag: only the length tells.
        if self.is_point_len(point.len()) {
            return Ok(point);
        }
        let inner = match der::only(tag::OCTET_STRING, point) {
            Ok(inner) => inner,
            Err(Refused) => der::only(tag::BIT_STRING, point)?.strip_prefix(&[0]).ok_or(Refused)?,
        };
        if self.is_point_len(inner.len()) { Ok(inner) } else { Err(Refused) }
    }

    const fn is_point_len(self, len: usize) -> bool {
        len == 1 + self.len() || len == 1 + 2 * self.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curve_is_found_by_its_identifier_and_by_its_names() {
        for curve in Curve::ALL {
            assert_eq!(Curve::from_ec_params(&curve.ec_params()), Ok(curve));
            for name in curve.facts().names {
                let params = der::element(tag::PRINTABLE_STRING, &[name.as_bytes()]);
                assert_eq!(Curve::from_ec_params(&params), Ok(curve), "{name}");
            }
        }
        assert_eq!(Curve::from_ec_params(&[6, 1, 42]), Err(Refused));
        assert_eq!(Curve::from_ec_params(&[0x30, 0]), Err(Refused));
    }

    #[test]
    fn a_point_is_found_in_each_wrapping_and_form() {
        for curve in Curve::ALL {
            for len in [1 + curve.len(), 1 + 2 * curve.len()] {
                let bare = vec![4; len];
                let octets = der::element(tag::OCTET_STRING, &[&bare]);
                let bits = der::element(tag::BIT_STRING, &[&[0], &bare]);
                for form in [&bare, &*octets, &*bits] {
                    assert_eq!(curve.bare_point(form), Ok(bare.as_slice()), "{curve:?}, {len} bytes");
                }
            }
        }
    }
}
