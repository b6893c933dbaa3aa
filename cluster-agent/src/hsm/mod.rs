//! The running HSMs: what the control plane starts and stops, and the HSM protocol they serve.
//!
//! Each HSM accepts connections on its Unix socket and, once its cluster has a certificate, on its address. A thread
//! serves a connection: a call blocks anyway (on the store, on Argon2id), and a thread that wakes up for its own socket is
//! the shortest way between two processes. Their number is limited, and so is what a frame may make an HSM allocate.
//!
//! Every client has a [`Token`](hsm_core::Token) of its own over the cluster's one store: its login, its sessions and its
//! caches are apart from the others', and what it changes is seen by the others at their next call, on whichever HSM
//! they are, because all of them look at the store's revision first.

mod call;
mod client;
mod connection;
mod host;
mod hosts;
mod limits;
mod listener;

pub use host::{HostError, HsmHost, HsmSpec, TlsIdentity};
pub use hosts::{Activation, Hosts, token_directory};
pub use limits::Limits;
