//! Identifiers as the API's patterns want them.

use hsm_core::crypto::rng::{Rng, random_u64};

use super::error::Refusal;

/// What [`resource`] draws from: the API's `[2-7a-z]`, five bits each.
const BASE32: [char; 32] = [
    'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l', 'm', 'n', 'o', 'p', 'q', 'r', 's', 't', 'u', 'v', 'w',
    'x', 'y', 'z', '2', '3', '4', '5', '6', '7',
];

/// `cluster-…`, `hsm-…`, `backup-…`: the prefix and 11 characters (55 random bits).
///
/// # Errors
/// [`Refusal::Internal`] when there is no randomness.
pub fn resource(rng: &dyn Rng, prefix: &str) -> Result<String, Refusal> {
    let mut bits = draw(rng)?;
    let mut id = format!("{prefix}-");
    for _ in 0..11 {
        let index = usize::try_from(bits & 31).unwrap_or(0);
        id.extend(BASE32.get(index));
        bits >>= 5;
    }
    Ok(id)
}

/// `eni-…`, `sg-…`: the prefix and 17 hexadecimal digits, the first of them 0 as on AWS.
///
/// # Errors
/// [`Refusal::Internal`] when there is no randomness.
pub fn network(rng: &dyn Rng, prefix: &str) -> Result<String, Refusal> {
    Ok(format!("{prefix}-0{:016x}", draw(rng)?))
}

/// A history of backups: 32 hexadecimal digits.
///
/// # Errors
/// [`Refusal::Internal`] when there is no randomness.
pub fn history(rng: &dyn Rng) -> Result<String, Refusal> {
    Ok(format!("{:016x}{:016x}", draw(rng)?, draw(rng)?))
}

fn draw(rng: &dyn Rng) -> Result<u64, Refusal> {
    random_u64(rng).map_err(|error| Refusal::Internal(format!("randomness: {error:?}")))
}
