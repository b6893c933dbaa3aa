//! The HSM protocol's blocking client, for the PKCS#11 library and the command line.
//!
//! A [`Cluster`] keeps a pool of connections to one HSM of a cluster and moves to the next one when that HSM dies. A
//! [`Session`] is opened anew there, the login is renewed once, and calls that can be repeated are repeated; what cannot
//! be says so. No threads and no runtime: a call blocks the thread that makes it, and never longer than the time-outs of
//! [`Settings`].
#![forbid(unsafe_code)]

mod cluster;
mod config;
mod connection;
mod error;
pub mod frame;
mod login;
mod session;
mod stream;
mod tls;

pub use cluster::{Cluster, Settings};
pub use config::ClusterConfig;
pub use error::Error;
pub use session::{Access, Fill, Revealed, Session};
pub use stream::Endpoint;
pub use tls::Trust;
