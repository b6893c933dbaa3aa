//! Objects: what they are, which attributes they have, and what may become of them.

pub mod cache;
pub mod factory;
mod kind;
#[expect(clippy::module_inception, reason = "the folder's main type has the folder's name")]
mod object;
pub mod pkcs8;
pub mod policy;
pub mod record;
pub mod rule;

pub use crate::store::Scope;
pub use kind::{Kind, Kinds};
pub use object::{Existence, Object, scope_of};
