//! The only folder that names a cryptographic library: replacing one is work in here alone.

pub mod kdf;
pub mod rng;
pub mod seal;
pub mod secret;
