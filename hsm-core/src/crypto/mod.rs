//! The only folder that names a cryptographic library: replacing one is work in here alone.
//!
//! AWS-LC does RSA, elliptic curves, Ed25519, GCM, key wrap, hashes and HMAC; RustCrypto does the block
//! modes and CMAC. The modules marked below call AWS-LC's C interface and are the crate's only
//! unsafe code; what they export is safe.

pub mod aes;
pub mod cmac;
pub mod curve;
pub mod der;
pub mod digest;
#[allow(unsafe_code, reason = "calls AWS-LC's C interface, which has no safe wrapper for what is needed")]
pub mod ec;
pub mod ed25519;
#[allow(unsafe_code, reason = "owns AWS-LC's C objects")]
mod ffi;
#[allow(unsafe_code, reason = "calls AWS-LC's C interface, which has no safe wrapper for what is needed")]
pub mod gcm;
pub mod hmac;
pub mod kdf;
#[allow(unsafe_code, reason = "calls AWS-LC's C interface, which has no safe wrapper for what is needed")]
pub mod key_wrap;
#[allow(unsafe_code, reason = "reads memory that other processes write")]
pub mod mapped;
pub mod pkcs1;
pub mod rng;
#[allow(unsafe_code, reason = "calls AWS-LC's C interface, which has no safe wrapper for what is needed")]
pub mod rsa;
#[allow(unsafe_code, reason = "calls AWS-LC's C interface, which has no safe wrapper for what is needed")]
pub mod rsa_padding;
pub mod seal;
pub mod secret;
pub mod stream;

/// A library refused an input: a key, a point, a ciphertext, a signature.
///
/// It carries no cause on purpose. Callers turn it into the error of their mechanism.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused;
