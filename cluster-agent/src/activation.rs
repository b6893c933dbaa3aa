//! Activation: where the HSM protocol meets the control plane.
//!
//! The HSMs need to know whom to ask before the control plane, which starts them, exists: so it is named later.

use std::sync::{Mutex, OnceLock, Weak};

use hsm_core::Error;

use crate::control::ControlPlane;
use crate::hsm::Activation;

/// Asks the control plane, once there is one.
#[derive(Default)]
pub struct ByControlPlane {
    control: OnceLock<Weak<ControlPlane>>,
    one_at_a_time: Mutex<()>,
}

impl ByControlPlane {
    /// Names the control plane. A second call changes nothing.
    pub fn name(&self, control: Weak<ControlPlane>) {
        let _ = self.control.set(control);
    }
}

impl Activation for ByControlPlane {
    fn activate(&self, cluster_id: &str, create: &mut dyn FnMut() -> Result<(), Error>) -> Result<(), Error> {
        let control = self.control.get().and_then(Weak::upgrade).ok_or(Error::TokenNotPresent)?;
        let _turn = self.one_at_a_time.lock()?;
        if let Err(refusal) = control.awaits_activation(cluster_id) {
            tracing::info!(cluster = cluster_id, cause = %refusal, "an activation was refused");
            return Err(Error::FunctionRejected(
                "the cluster is not INITIALIZED: it is active already, or has no certificate",
            ));
        }
        create()?;
        let entered = control.activated(cluster_id);
        entered.map_err(|refusal| Error::Store(format!("{cluster_id} is activated, and not yet ACTIVE: {refusal}")))
    }
}
