//! The running HSMs: what the control plane starts and stops.

mod host;

pub use host::{HostError, HsmHost, HsmSpec, TlsIdentity};
