//! The clusters that the configuration names, by slot.

use std::collections::BTreeMap;
use std::sync::Arc;

use hsm_client::ClusterConfig;
use hsm_types::SlotId;

use crate::backend::RemoteToken;

/// The clusters.
#[derive(Default)]
pub(crate) struct Clusters(BTreeMap<SlotId, (ClusterConfig, Arc<RemoteToken>)>);

impl Clusters {
    /// The clusters of a configuration. One that `previous` has with the same settings stays, with its connections and
    /// its login. Nothing is connected here.
    ///
    /// # Errors
    /// A sentence that names the file of a certificate or key which cannot be used.
    pub(crate) fn load(configured: &[(SlotId, ClusterConfig)], previous: Option<&Self>) -> Result<Self, String> {
        let mut clusters = BTreeMap::new();
        for (slot, config) in configured {
            let kept = previous.and_then(|previous| previous.0.get(slot)).filter(|(old, _)| old == config);
            let token = match kept {
                Some((_, token)) => Arc::clone(token),
                None => Arc::new(RemoteToken(config.cluster().map_err(|error| error.to_string())?)),
            };
            clusters.insert(*slot, (config.clone(), token));
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
