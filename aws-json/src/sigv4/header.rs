//! The form in which the signature is in the `Authorization` header.

use super::{Claim, incomplete};
use crate::ApiError;
use crate::sigv4::canonical::ALGORITHM;

/// Reads `AWS4-HMAC-SHA256 Credential=…, SignedHeaders=…, Signature=…`.
pub(super) fn parse(
    authorization: &str,
    timestamp: Option<&str>,
    session_token: Option<&str>,
) -> Result<Claim, ApiError> {
    let rest = authorization
        .strip_prefix(ALGORITHM)
        .filter(|rest| rest.starts_with(' '))
        .ok_or_else(|| incomplete("Authorization header requires the algorithm 'AWS4-HMAC-SHA256'."))?;
    let (mut credential, mut signed_headers, mut signature) = (None, None, None);
    for part in rest.split(',') {
        let (name, value) =
            part.trim().split_once('=').ok_or_else(|| incomplete("Authorization header: not a key=value pair."))?;
        let slot = match name {
            "Credential" => &mut credential,
            "SignedHeaders" => &mut signed_headers,
            "Signature" => &mut signature,
            _ => return Err(incomplete("Authorization header has a parameter that is not known.")),
        };
        if slot.replace(value).is_some() {
            return Err(incomplete("Authorization header has a parameter twice."));
        }
    }
    let need = |value: Option<&str>, what: &str| {
        value.map(str::to_owned).ok_or_else(|| incomplete(format!("Authorization header requires '{what}' parameter.")))
    };
    let timestamp =
        timestamp.ok_or_else(|| incomplete("Authorization header requires existence of 'X-Amz-Date' header."))?;
    Claim::new(
        &need(credential, "Credential")?,
        &need(signed_headers, "SignedHeaders")?,
        &need(signature, "Signature")?,
        timestamp,
        session_token,
    )
}
