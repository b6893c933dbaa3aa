//! Everything an HSM is: users and their lockout, sessions, objects, mechanisms, and the store
//! they live in. No sockets, no HTTP, no async runtime, no threads.
//!
//! Start reading at `token` (the facade), `mechanism` (the table) and `store` (what is on disk).
#![deny(unsafe_code)]

pub mod audit;
pub mod authenticate;
pub mod backup;
pub mod clock;
pub mod crypto;
pub mod error;
pub mod key;
pub mod lockout;
mod login;
pub mod mechanism;
pub mod object;
mod operation;
pub mod session;
mod session_objects;
pub mod store;
pub mod token;
pub mod user;

pub use clock::{Clock, SystemClock};
pub use error::{Error, HandleRole};
pub use session::{Access, ObjectView, Session, SessionInfo, UserType};
pub use token::{AuditScope, Settings, Slot, Token, TokenDirectory, TokenInfo};
pub use user::{Role, UserSummary};
