//! HSMs that hold their address and socket and speak to nobody.
//!
//! What the agent runs while it has no HSM protocol: clusters can be made, claimed and deleted, not activated.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::sync::{Mutex, PoisonError};

use crate::hsm::{HostError, HsmHost, HsmSpec};

/// The listeners of the HSMs that run. They hold the backlog's connections until the HSM stops.
#[derive(Default)]
pub struct ListenerHost {
    running: Mutex<BTreeMap<String, Running>>,
}

struct Running {
    spec: HsmSpec,
    _socket: UnixListener,
    _address: Option<TcpListener>,
}

impl ListenerHost {
    /// What runs.
    #[must_use]
    pub fn running(&self) -> Vec<HsmSpec> {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.values().map(|one| one.spec.clone()).collect()
    }
}

impl HsmHost for ListenerHost {
    fn start(&self, hsm: &HsmSpec) -> Result<(), HostError> {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        if running.contains_key(&hsm.hsm_id) {
            return Ok(());
        }
        let address = match &hsm.address {
            Some((ip, port, _)) => {
                let failed = |error| HostError(format!("{ip}:{port}: {error}: free the address, or change hsm_port"));
                Some(TcpListener::bind((*ip, *port)).map_err(failed)?)
            }
            None => None,
        };
        // A socket that an agent left when it was killed refuses everybody.
        let _ = std::fs::remove_file(&hsm.socket);
        let failed = |error| HostError(format!("{}: {error}", hsm.socket.display()));
        let socket = UnixListener::bind(&hsm.socket).map_err(failed)?;
        running.insert(hsm.hsm_id.clone(), Running { spec: hsm.clone(), _socket: socket, _address: address });
        Ok(())
    }

    fn stop(&self, hsm_id: &str) {
        self.running.lock().unwrap_or_else(PoisonError::into_inner).remove(hsm_id);
    }
}
