//! The control plane: clusters, HSMs, backups, subnets, and the CloudHSM v2 API over them.
//!
//! An operation writes a row and answers; the worker ([`ControlPlane::run`]) does what the row asks for and moves it on.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hsm_core::Clock;
use hsm_core::crypto::rng::Rng;

mod api;
pub mod backup;
mod catalog;
mod certificate;
mod cluster;
mod error;
mod hsm;
mod id;
mod janitor;
mod operation;
mod policy;
mod state;
mod store_backup;
mod subnet;
mod tag;
mod validate;

pub use api::Api;
pub use backup::{BackupEngine, BackupIdentity, EngineError};
pub use error::Refusal;
pub use state::{BackupState, ClusterState, HsmState, HsmType, Mode, NetworkType};
pub use store_backup::StoreBackups;
pub use subnet::Subnet;

use self::backup::Backup;
use self::catalog::Catalog;
use self::cluster::Cluster;
use crate::hsm::{HsmHost, token_directory};

/// How often the worker looks at the clock.
const TICK: Duration = Duration::from_secs(60);

/// What the configuration says about the control plane.
#[derive(Clone, Debug)]
pub struct ControlSettings {
    /// Where HSMs listen, at their addresses; 0: the system chooses.
    pub hsm_port: u16,
    /// Clusters of an account in a region.
    pub max_clusters: usize,
    /// HSMs of an account in a region.
    pub max_hsms: usize,
    /// HSMs of a cluster.
    pub max_hsms_per_cluster: usize,
}

impl Default for ControlSettings {
    /// The quotas of AWS.
    fn default() -> Self {
        Self { hsm_port: 2223, max_clusters: 4, max_hsms: 6, max_hsms_per_cluster: 28 }
    }
}

/// The parts that a control plane works with.
pub struct Parts {
    /// Runs the HSMs.
    pub host: Arc<dyn HsmHost>,
    /// Makes the backups.
    pub engine: Arc<dyn BackupEngine>,
    /// The time of day.
    pub clock: Arc<dyn Clock>,
    /// Identifiers come from here.
    pub rng: Arc<dyn Rng>,
}

/// The control plane of one agent: the service `BaldrApiService`.
pub struct ControlPlane {
    catalog: Catalog,
    state_directory: PathBuf,
    settings: ControlSettings,
    host: Arc<dyn HsmHost>,
    engine: Arc<dyn BackupEngine>,
    clock: Arc<dyn Clock>,
    rng: Arc<dyn Rng>,
    settling: Mutex<()>,
    work: Sender<Work>,
    orders: Mutex<Receiver<Work>>,
}

enum Work {
    Settle,
    Stop,
}

impl ControlPlane {
    /// Opens the state in `state_directory`, which one agent at a time may use.
    ///
    /// # Errors
    /// [`Refusal::Internal`] naming the file; [`Refusal::Invalid`] for a subnet that is none.
    pub fn open(
        state_directory: &Path,
        settings: ControlSettings,
        subnets: &[Subnet],
        parts: Parts,
    ) -> Result<Self, Refusal> {
        let catalog = Catalog::open(&state_directory.join("control.db"))?;
        catalog.transact(|db| subnets.iter().try_for_each(|subnet| subnet.add_configured(db)))?;
        let (work, orders) = channel();
        let Parts { host, engine, clock, rng } = parts;
        let state_directory = state_directory.to_owned();
        let (settling, orders) = (Mutex::new(()), Mutex::new(orders));
        Ok(Self { catalog, state_directory, settings, host, engine, clock, rng, settling, work, orders })
    }

    /// Starts the HSMs that should run, then does the work of requests until [`ControlPlane::stop`]. Blocks.
    pub fn run(&self) {
        let orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
        log_failure(self.finish_activations());
        log_failure(self.start_hsms(HsmState::Active));
        log_failure(self.tick());
        loop {
            log_failure(self.settle());
            match orders.recv_timeout(TICK) {
                Ok(Work::Settle) => {}
                Err(RecvTimeoutError::Timeout) => log_failure(self.tick()),
                Ok(Work::Stop) | Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// Ends [`ControlPlane::run`] after the work at hand.
    pub fn stop(&self) {
        let _ = self.work.send(Work::Stop);
    }

    /// Wakes the worker.
    pub(crate) fn wake(&self) {
        // The receiver lives as long as this does.
        let _ = self.work.send(Work::Settle);
    }

    /// The cluster has its first admin password: INITIALIZED becomes ACTIVE, and the first backup is made.
    /// A second call changes nothing.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] in another state, [`Refusal::NotFound`].
    pub fn activated(&self, cluster_id: &str) -> Result<(), Refusal> {
        self.catalog.transact(|db| {
            let cluster = Cluster::by_id(db, cluster_id)?;
            match cluster.state {
                ClusterState::Active => Ok(()),
                ClusterState::Initialized => {
                    Cluster::enter(db, cluster_id, ClusterState::Active, None)?;
                    Backup::of(&cluster, self.new_id("backup")?, self.clock.now()).insert(db)
                }
                other => error::invalid(format!("{cluster_id} is {}, not INITIALIZED.", other.word())),
            }
        })?;
        self.wake();
        Ok(())
    }

    /// That a cluster waits for its first admin password.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] in another state than INITIALIZED, [`Refusal::NotFound`].
    pub fn awaits_activation(&self, cluster_id: &str) -> Result<(), Refusal> {
        self.catalog.transact(|db| match Cluster::by_id(db, cluster_id)?.state {
            ClusterState::Initialized => Ok(()),
            other => error::invalid(format!("{cluster_id} is {}, not INITIALIZED.", other.word())),
        })
    }

    /// Takes note of activations whose store was made and whose row was not written any more.
    fn finish_activations(&self) -> Result<(), Refusal> {
        let waiting = self.catalog.transact(|db| Cluster::in_state(db, ClusterState::Initialized))?;
        for cluster in waiting {
            if token_directory(&self.store(&cluster.id)).exists() {
                self.activated(&cluster.id)?;
            }
        }
        Ok(())
    }

    /// All subnets there are.
    ///
    /// # Errors
    /// [`Refusal::Internal`].
    pub fn subnets(&self) -> Result<Vec<Subnet>, Refusal> {
        self.catalog.transact(|db| Subnet::all(db))
    }

    /// Adds a subnet, or changes it.
    ///
    /// # Errors
    /// [`Refusal::Invalid`].
    pub fn add_subnet(&self, subnet: &Subnet) -> Result<(), Refusal> {
        self.catalog.transact(|db| subnet.add(db))
    }

    /// Removes a subnet; it stays removed over restarts.
    ///
    /// # Errors
    /// [`Refusal::NotFound`].
    pub fn remove_subnet(&self, id: &str) -> Result<(), Refusal> {
        self.catalog.transact(|db| Subnet::remove(db, id))
    }

    /// Takes an address out of its pool.
    ///
    /// # Errors
    /// [`Refusal::Internal`].
    pub fn reserve_address(&self, address: std::net::Ipv4Addr) -> Result<(), Refusal> {
        self.catalog.transact(|db| subnet::reserve(db, address))
    }

    /// Puts an address back into its pool.
    ///
    /// # Errors
    /// [`Refusal::Internal`].
    pub fn release_address(&self, address: std::net::Ipv4Addr) -> Result<(), Refusal> {
        self.catalog.transact(|db| subnet::release(db, address))
    }

    fn new_id(&self, prefix: &str) -> Result<String, Refusal> {
        id::resource(self.rng.as_ref(), prefix)
    }
}

fn log_failure(result: Result<(), Refusal>) {
    if let Err(refusal) = result {
        tracing::error!(cause = %refusal, "work in progress failed; it is tried again");
    }
}
