//! The clusters that the configuration names, by slot.

use std::collections::BTreeMap;
use std::sync::Arc;

use hsm_client::{Cluster, Endpoint, Settings, Trust};
use hsm_types::SlotId;

use crate::backend::RemoteToken;
use crate::config::ClusterConfig;

/// The clusters.
#[derive(Default)]
pub(crate) struct Clusters(BTreeMap<SlotId, (ClusterConfig, Arc<RemoteToken>)>);

impl Clusters {
    /// The clusters of a configuration. One that `previous` has with the same settings stays, with its connections and
    /// its login. Nothing is connected here.
    ///
    /// # Errors
    /// A sentence that names the file of a certificate or key which cannot be used.
    pub(crate) fn load(configured: &[ClusterConfig], previous: Option<&Self>) -> Result<Self, String> {
        let mut clusters = BTreeMap::new();
        for config in configured {
            let kept = previous.and_then(|previous| previous.0.get(&config.slot)).filter(|(old, _)| old == config);
            let token = match kept {
                Some((_, token)) => Arc::clone(token),
                None => Arc::new(RemoteToken(connect(config)?)),
            };
            clusters.insert(config.slot, (config.clone(), token));
        }
        Ok(Self(clusters))
    }

    /// Their slots.
    pub(crate) fn slots(&self) -> impl Iterator<Item = SlotId> {
        self.0.keys().copied()
    }

    /// The cluster in a slot.
    pub(crate) fn get(&self, slot: SlotId) -> Option<&Arc<RemoteToken>> {
        self.0.get(&slot).map(|(_, token)| token)
    }
}

fn connect(config: &ClusterConfig) -> Result<Arc<Cluster>, String> {
    let mut endpoints: Vec<_> = config.sockets.iter().cloned().map(Endpoint::Unix).collect();
    if let Some(ca_file) = config.ca_file.as_ref().filter(|_| !config.servers.is_empty()) {
        let client = config.client.as_ref().map(|(certificate, key)| (certificate.as_path(), key.as_path()));
        let trust = Arc::new(Trust::load(ca_file, client).map_err(|error| error.to_string())?);
        let servers = config.servers.iter();
        endpoints.extend(servers.map(|&address| Endpoint::Tls { address, trust: Arc::clone(&trust) }));
    }
    Cluster::new(Settings::default_for(endpoints)).map_err(|error| error.to_string())
}
