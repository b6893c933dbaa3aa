//! What a `C_` function does beyond one call of the core, in safe Rust.

pub(crate) mod general;
pub(crate) mod session;
pub(crate) mod slot;
