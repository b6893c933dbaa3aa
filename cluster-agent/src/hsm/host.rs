//! What the control plane asks of whoever runs HSMs.

use std::net::IpAddr;
use std::path::PathBuf;

/// Starts and stops HSMs. Both calls are blocking and repeatable: starting a running HSM and stopping a stopped one
/// change nothing.
pub trait HsmHost: Send + Sync {
    /// Starts an HSM: binds its address and its Unix socket, and serves. On return it accepts connections.
    ///
    /// # Errors
    /// [`HostError`] naming the address, file or reason.
    fn start(&self, hsm: &HsmSpec) -> Result<(), HostError>;

    /// Stops an HSM: its connections are closed, its sessions are gone, its address is free again.
    fn stop(&self, hsm_id: &str);
}

/// One HSM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HsmSpec {
    /// `cluster-…`.
    pub cluster_id: String,
    /// `hsm-…`.
    pub hsm_id: String,
    /// Where it listens for TLS; `None` while the cluster has no certificate.
    pub address: Option<(IpAddr, u16, TlsIdentity)>,
    /// Where it listens for programs of this host.
    pub socket: PathBuf,
    /// The directory of the cluster's store. Missing until the cluster is activated.
    pub store: PathBuf,
}

/// The certificate of a cluster's HSMs and its key.
#[derive(Clone, PartialEq, Eq)]
pub struct TlsIdentity {
    /// The chain, PEM: the cluster's certificate first, then the trust anchor.
    pub chain: String,
    /// PKCS#8, PEM.
    pub key: zeroize::Zeroizing<String>,
}

impl std::fmt::Debug for TlsIdentity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TlsIdentity").field("chain", &self.chain).finish_non_exhaustive()
    }
}

/// Why an HSM did not start: names the address or file, and what to do.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct HostError(pub String);
