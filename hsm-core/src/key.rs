//! Prepared keys: parsed once, used by every operation.

/// A key ready for use.
pub struct Key {}
