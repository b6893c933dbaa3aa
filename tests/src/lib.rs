//! Shared parts of the end-to-end tests.
//!
//! A test sees the library only as a client does: through the C ABI ([`Library`], [`Session`]) or
//! through a real program ([`client`]). What a process can have only once (the loaded module, its
//! environment, its login) is kept apart by running a test body in a process of its own
//! ([`alone`]) and by workers ([`Worker`]).

pub mod attribute;
pub mod client;
pub mod forked;
pub mod mechanism;

mod library;
mod module;
mod rig;
mod session;
mod token;
mod worker;

pub use attribute::Attribute;
pub use hsm_types::Rv;
pub use library::{Library, User};
pub use mechanism::Mechanism;
pub use module::Module;
pub use rig::{Rig, alone};
pub use session::{Access, Object, Operation, Session};
pub use token::{SO_PIN, Token, USER_PIN};
pub use worker::Worker;
