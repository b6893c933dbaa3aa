//! A cluster in a configuration file: the same for the PKCS#11 library and the command line.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;

use crate::cluster::{Cluster, Settings};
use crate::error::Error;
use crate::stream::Endpoint;
use crate::tls::Trust;

/// `[[cluster]]` of `kinko.toml`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ClusterConfig {
    /// `cluster-…`, for `kinko --cluster-id`.
    pub id: Option<String>,
    /// The slot in the PKCS#11 library.
    pub slot: Option<u64>,
    /// HSMs of this host.
    pub sockets: Vec<PathBuf>,
    /// HSMs over TLS.
    pub servers: Vec<SocketAddr>,
    /// The cluster's trust anchor, PEM.
    pub ca_file: Option<PathBuf>,
    /// A client certificate, PEM.
    pub client_cert_file: Option<PathBuf>,
    /// Its key, PEM.
    pub client_key_file: Option<PathBuf>,
}

impl ClusterConfig {
    /// With paths that start at `folder`, the configuration file's.
    ///
    /// # Errors
    /// The rule that the entry breaks.
    pub fn resolved(&self, folder: &Path) -> Result<Self, &'static str> {
        if self.sockets.is_empty() && self.servers.is_empty() {
            return Err("it names neither sockets nor servers");
        }
        if !self.servers.is_empty() && self.ca_file.is_none() {
            return Err("servers need ca_file, the cluster's trust anchor (customerCA.crt)");
        }
        if self.client_cert_file.is_some() != self.client_key_file.is_some() {
            return Err("client_cert_file and client_key_file go together");
        }
        let absolute = |path: &Option<PathBuf>| path.as_ref().map(|path| folder.join(path));
        Ok(Self {
            sockets: self.sockets.iter().map(|socket| folder.join(socket)).collect(),
            ca_file: absolute(&self.ca_file),
            client_cert_file: absolute(&self.client_cert_file),
            client_key_file: absolute(&self.client_key_file),
            ..self.clone()
        })
    }

    /// The cluster. Nothing is connected before the first call.
    ///
    /// # Errors
    /// [`Error::Configuration`] naming the file of a certificate or key that cannot be used.
    pub fn cluster(&self) -> Result<Arc<Cluster>, Error> {
        let mut endpoints: Vec<_> = self.sockets.iter().cloned().map(Endpoint::Unix).collect();
        if let Some(ca_file) = self.ca_file.as_ref().filter(|_| !self.servers.is_empty()) {
            let client = self.client_cert_file.as_deref().zip(self.client_key_file.as_deref());
            let trust = Arc::new(Trust::load(ca_file, client)?);
            endpoints.extend(self.servers.iter().map(|&address| Endpoint::Tls { address, trust: Arc::clone(&trust) }));
        }
        Cluster::new(Settings::default_for(endpoints))
    }
}
