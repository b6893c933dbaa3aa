//! The backup engine over the stores of `hsm-core`.

use std::path::Path;
use std::sync::Arc;

use hsm_core::backup::{self, BackupKey};
use hsm_core::crypto::rng::Rng;

use super::backup::{BackupEngine, BackupIdentity, EngineError};

/// Backs up stores under one key, the agent's.
pub struct StoreBackups {
    key: BackupKey,
    rng: Arc<dyn Rng>,
}

impl StoreBackups {
    /// With the key in `key_file`, made when it is not there.
    ///
    /// # Errors
    /// [`EngineError`] naming the file.
    pub fn open(key_file: &Path, rng: Arc<dyn Rng>) -> Result<Self, EngineError> {
        Ok(Self { key: BackupKey::load_or_create(key_file).map_err(engine)?, rng })
    }
}

impl BackupEngine for StoreBackups {
    fn create(&self, store: &Path, file: &Path, identity: &BackupIdentity) -> Result<(), EngineError> {
        let history = u128::from_str_radix(&identity.history_id, 16)
            .map_err(|_| EngineError(format!("{} is not a history's id", identity.history_id)))?;
        let identity = backup::BackupIdentity {
            backup_id: identity.backup_id.clone(),
            cluster_id: identity.cluster_id.clone(),
            history_id: history.to_be_bytes(),
            created: identity.created,
        };
        backup::create(store, file, &identity, &self.key, self.rng.as_ref()).map(|_| ()).map_err(engine)
    }

    fn restore(&self, file: &Path, store: &Path) -> Result<(), EngineError> {
        backup::restore(file, store, &self.key, self.rng.as_ref()).map(|_| ()).map_err(engine)
    }

    fn verify(&self, file: &Path) -> Result<(), EngineError> {
        backup::verify(file, &self.key).map(|_| ()).map_err(engine)
    }
}

fn engine(error: hsm_core::Error) -> EngineError {
    EngineError(error.to_string())
}
