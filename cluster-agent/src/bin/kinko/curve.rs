//! Curves: their names, and their object identifiers in DER (`CKA_EC_PARAMS`).

/// Names and parameters; the first name of a curve is the one that is shown.
const CURVES: &[(&str, &[u8])] = &[
    ("secp256r1", &[0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07]),
    ("prime256v1", &[0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07]),
    ("secp224r1", &[0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x21]),
    ("secp384r1", &[0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22]),
    ("secp256k1", &[0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x0a]),
    ("secp521r1", &[0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x23]),
    (ED25519, &[0x06, 0x03, 0x2b, 0x65, 0x70]),
];

/// The curve that has a mechanism of its own.
pub const ED25519: &str = "ed25519";

/// The names that are taken.
pub fn names() -> impl Iterator<Item = &'static str> {
    CURVES.iter().map(|(name, _)| *name)
}

/// A curve by its name.
pub fn named(name: &str) -> Option<(&'static str, &'static [u8])> {
    CURVES.iter().find(|(known, _)| *known == name).copied()
}

/// The name of the curve with these parameters.
pub fn of_params(params: &[u8]) -> Option<&'static str> {
    CURVES.iter().find(|(_, known)| *known == params).map(|(name, _)| *name)
}

/// A point out of its OCTET STRING; the points of all curves here are shorter than 256 bytes.
pub fn bare(point: &[u8]) -> &[u8] {
    match point {
        [0x04, 0x81, length, rest @ ..] | [0x04, length, rest @ ..] if rest.len() == usize::from(*length) => rest,
        _ => point,
    }
}

/// A point in an OCTET STRING.
pub fn octets(point: &[u8]) -> Vec<u8> {
    let length = u8::try_from(point.len()).unwrap_or(u8::MAX);
    let head: &[u8] = if length < 0x80 { &[0x04, length] } else { &[0x04, 0x81, length] };
    [head, point].concat()
}
