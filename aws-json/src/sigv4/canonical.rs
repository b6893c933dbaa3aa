//! The canonical request, the string to sign and the signature, as the SigV4 documentation defines them.

use aws_lc_rs::{digest, hmac};
use zeroize::Zeroizing;

pub(super) const ALGORITHM: &str = "AWS4-HMAC-SHA256";
pub(super) const TERMINATOR: &str = "aws4_request";

/// Lower-case hex of SHA-256.
pub(super) fn sha256_hex(data: &[u8]) -> String {
    hex::encode(digest::digest(&digest::SHA256, data))
}

/// Decodes `%XX`; `None` when an escape is broken or the result is not UTF-8.
pub(super) fn percent_decode(text: &str) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let digits = [bytes.next()?, bytes.next()?];
            out.push(*hex::decode(digits).ok()?.first()?);
        } else {
            out.push(byte);
        }
    }
    String::from_utf8(out).ok()
}

/// Encodes all but the unreserved characters of RFC 3986.
pub(super) fn percent_encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.push_str(&hex::encode_upper([byte]));
        }
    }
    out
}

/// The query's parameters, decoded, in the order they came; `None` when an escape is broken.
pub(super) fn query_parameters(query: &str) -> Option<Vec<(String, String)>> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Some((percent_decode(name)?, percent_decode(value)?))
        })
        .collect()
}

/// The canonical query string; the signature itself is not part of it.
pub(super) fn canonical_query(parameters: &[(String, String)]) -> String {
    let signed = parameters.iter().filter(|(name, _)| name != "X-Amz-Signature");
    let mut encoded: Vec<_> = signed.map(|(name, value)| (percent_encode(name), percent_encode(value))).collect();
    encoded.sort();
    let pairs: Vec<_> = encoded.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    pairs.join("&")
}

/// A header's value with the space around it cut and runs of spaces made one.
pub(super) fn canonical_value(value: &str) -> String {
    value.split_ascii_whitespace().collect::<Vec<_>>().join(" ")
}

/// What a signature is made over, besides the canonical request.
pub(super) struct Scope<'a> {
    pub date: &'a str,
    pub region: &'a str,
    pub service: &'a str,
}

/// The 32 bytes of the signature.
pub(super) fn signature(secret: &str, timestamp: &str, scope: &Scope<'_>, canonical_request: &str) -> hmac::Tag {
    let Scope { date, region, service } = scope;
    let request_hash = sha256_hex(canonical_request.as_bytes());
    let to_sign = format!("{ALGORITHM}\n{timestamp}\n{date}/{region}/{service}/{TERMINATOR}\n{request_hash}");
    let first = Zeroizing::new(format!("AWS4{secret}"));
    let mut tag = mac(first.as_bytes(), date);
    for part in [region, service, TERMINATOR, to_sign.as_str()] {
        tag = mac(tag.as_ref(), part);
    }
    tag
}

fn mac(key: &[u8], data: &str) -> hmac::Tag {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), data.as_bytes())
}
