//! The form in which the signature is in the query string.

use super::{Claim, incomplete};
use crate::ApiError;
use crate::sigv4::canonical::ALGORITHM;

/// Whether the query carries a signature.
pub(super) fn is_presigned(parameters: &[(String, String)]) -> bool {
    parameters.iter().any(|(name, _)| name == "X-Amz-Signature" || name == "X-Amz-Algorithm")
}

/// Reads `X-Amz-Algorithm`, `-Credential`, `-Date`, `-Expires`, `-SignedHeaders`, `-Signature`, `-Security-Token`.
pub(super) fn parse(parameters: &[(String, String)]) -> Result<Claim, ApiError> {
    if need(parameters, "X-Amz-Algorithm")? != ALGORITHM {
        return Err(incomplete("X-Amz-Algorithm must be AWS4-HMAC-SHA256."));
    }
    let expires: u64 = need(parameters, "X-Amz-Expires")?
        .parse()
        .ok()
        .filter(|seconds| (1..=604_800).contains(seconds))
        .ok_or_else(|| incomplete("X-Amz-Expires must be a number of seconds from 1 to 604800."))?;
    let claim = Claim::new(
        need(parameters, "X-Amz-Credential")?,
        need(parameters, "X-Amz-SignedHeaders")?,
        need(parameters, "X-Amz-Signature")?,
        need(parameters, "X-Amz-Date")?,
        only(parameters, "X-Amz-Security-Token")?,
    )?;
    Ok(Claim { expires: Some(expires), ..claim })
}

fn need<'a>(parameters: &'a [(String, String)], name: &str) -> Result<&'a str, ApiError> {
    only(parameters, name)?.ok_or_else(|| incomplete(format!("The query string requires '{name}'.")))
}

fn only<'a>(parameters: &'a [(String, String)], name: &str) -> Result<Option<&'a str>, ApiError> {
    let mut values = parameters.iter().filter(|(known, _)| known == name).map(|(_, value)| value.as_str());
    let first = values.next();
    match values.next() {
        Some(_) => Err(incomplete(format!("The query string has '{name}' twice."))),
        None => Ok(first),
    }
}
