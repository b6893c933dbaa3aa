//! All HSMs that this agent runs.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use hsm_core::{Error, Settings, TokenDirectory};
use hsm_types::SlotId;
use zeroize::Zeroizing;

use super::client::ClusterStore;
use super::host::{HostError, HsmHost, HsmSpec};
use super::limits::Limits;
use super::listener::Running;

/// What the control plane does when somebody activates a cluster.
pub trait Activation: Send + Sync {
    /// Runs `create`, which makes the cluster's store with its first admin, if the cluster is waiting to be activated;
    /// then the cluster is active. One at a time for each cluster.
    ///
    /// # Errors
    /// [`Error::FunctionRejected`] when the cluster is not in a state to be activated; what `create` returns.
    fn activate(&self, cluster_id: &str, create: &mut dyn FnMut() -> Result<(), Error>) -> Result<(), Error>;
}

/// The running HSMs.
pub struct Hosts {
    limits: Limits,
    settings: Settings,
    activation: Arc<dyn Activation>,
    running: Mutex<HashMap<String, (HsmSpec, Running)>>,
}

impl Hosts {
    /// None running yet. `settings` are those of every cluster's token; its directory is not used.
    #[must_use]
    pub fn new(limits: Limits, settings: Settings, activation: Arc<dyn Activation>) -> Self {
        Self { limits, settings, activation, running: Mutex::default() }
    }

    /// Stops every HSM.
    pub fn stop_all(&self) {
        let running = std::mem::take(&mut *self.running.lock().unwrap_or_else(PoisonError::into_inner));
        for (_, running) in running.into_values() {
            running.stop();
        }
    }
}

impl HsmHost for Hosts {
    fn start(&self, hsm: &HsmSpec) -> Result<(), HostError> {
        let mut running = self.running.lock().map_err(|_| HostError("an earlier start failed half-way".to_owned()))?;
        if running.get(&hsm.hsm_id).is_some_and(|(spec, _)| spec == hsm) {
            return Ok(());
        }
        // What it was started with has changed: a certificate came, or another address.
        if let Some((_, old)) = running.remove(&hsm.hsm_id) {
            old.stop();
        }
        let cluster = ClusterStore {
            cluster_id: hsm.cluster_id.clone(),
            directory: hsm.store.clone(),
            settings: Settings { directory: hsm.store.clone(), ..self.settings.clone() },
            activation: Arc::clone(&self.activation),
        };
        let started = Running::start(hsm, cluster, self.limits)?;
        running.insert(hsm.hsm_id.clone(), (hsm.clone(), started));
        Ok(())
    }

    fn stop(&self, hsm_id: &str) {
        let stopped = self.running.lock().unwrap_or_else(PoisonError::into_inner).remove(hsm_id);
        if let Some((_, running)) = stopped {
            running.stop();
        }
    }
}

impl Drop for Hosts {
    fn drop(&mut self) {
        self.stop_all();
    }
}

/// Where a cluster's token is within its store: what a backup holds, and what a restore makes.
#[must_use]
pub fn token_directory(store: &Path) -> PathBuf {
    store.join("tokens").join("0")
}

/// Makes the token of a cluster, with the admin named `admin`.
pub(super) fn create_token(cluster: &ClusterStore, password: &[u8]) -> Result<(), Error> {
    if token_directory(&cluster.directory).symlink_metadata().is_ok() {
        return Err(Error::FunctionRejected("the cluster is active already"));
    }
    let mut label = [b' '; 32];
    for (place, byte) in label.iter_mut().zip(cluster.cluster_id.bytes()) {
        *place = byte;
    }
    let pin = Zeroizing::new([b"admin:", password].concat());
    TokenDirectory::open(cluster.settings.clone())?.initialize(SlotId(0), &pin, &label)
}
