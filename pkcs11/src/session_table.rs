//! Session handles: which handle means which session.
//!
//! The table is cut into shards picked by the handle, so that threads with sessions of their own
//! do not meet. A look-up clones the session's `Arc`: closing a session never frees what another
//! thread is using.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, RwLock};

use hsm_types::SlotId;

use crate::backend::SessionBackend;
use crate::error::Error;

/// The next handle. It outlives tables, so that a handle from before `C_Finalize` or from before a
/// fork names nothing afterwards. Zero is `CK_INVALID_HANDLE`.
static NEXT: AtomicU64 = AtomicU64::new(1);

const SHARDS: usize = 64;

/// The open sessions of this process.
pub(crate) struct SessionTable {
    shards: [RwLock<Shard>; SHARDS],
}

/// An open session and the slot that it was opened on.
#[derive(Clone)]
pub(crate) struct OpenSession {
    pub(crate) slot: SlotId,
    pub(crate) session: Arc<dyn SessionBackend>,
}

#[derive(Default)]
struct Shard {
    /// False outside `C_Initialize`…`C_Finalize`. It is read under the same lock as the map, so a
    /// session that is opened while another thread finalises cannot slip into the emptied table.
    accepts: bool,
    open: BTreeMap<u64, OpenSession>,
}

impl SessionTable {
    pub(crate) fn new() -> Self {
        Self { shards: core::array::from_fn(|_| RwLock::default()) }
    }

    /// Lets sessions in.
    pub(crate) fn open_for_business(&self) -> Result<(), Error> {
        for shard in &self.shards {
            shard.write()?.accepts = true;
        }
        Ok(())
    }

    /// Takes all sessions out and lets no more in.
    pub(crate) fn drain(&self) -> Result<Vec<Arc<dyn SessionBackend>>, Error> {
        let mut drained = Vec::new();
        for shard in &self.shards {
            let mut shard = shard.write()?;
            shard.accepts = false;
            drained.extend(core::mem::take(&mut shard.open).into_values().map(|entry| entry.session));
        }
        Ok(drained)
    }

    /// Gives a session its handle.
    pub(crate) fn insert(&self, slot: SlotId, session: Arc<dyn SessionBackend>) -> Result<u64, Error> {
        let handle = NEXT.fetch_add(1, Ordering::Relaxed);
        let mut shard = self.shard(handle)?.write()?;
        if !shard.accepts {
            return Err(Error::NotInitialized);
        }
        shard.open.insert(handle, OpenSession { slot, session });
        Ok(handle)
    }

    /// The session of a handle.
    pub(crate) fn get(&self, handle: u64) -> Result<OpenSession, Error> {
        let shard = self.shard(handle)?.read()?;
        shard.open.get(&handle).cloned().ok_or_else(|| hsm_core::Error::SessionHandleInvalid.into())
    }

    /// Takes a session out; its handle means nothing from now on.
    pub(crate) fn remove(&self, handle: u64) -> Result<Arc<dyn SessionBackend>, Error> {
        let removed = self.shard(handle)?.write()?.open.remove(&handle);
        removed.map(|entry| entry.session).ok_or_else(|| hsm_core::Error::SessionHandleInvalid.into())
    }

    /// Takes all sessions of a slot out.
    pub(crate) fn remove_slot(&self, slot: SlotId) -> Result<Vec<Arc<dyn SessionBackend>>, Error> {
        let mut removed = Vec::new();
        for shard in &self.shards {
            let mut shard = shard.write()?;
            let (of_slot, others) =
                core::mem::take(&mut shard.open).into_iter().partition(|(_, entry)| entry.slot == slot);
            shard.open = others;
            removed.extend(BTreeMap::into_values(of_slot).map(|entry| entry.session));
        }
        Ok(removed)
    }

    fn shard(&self, handle: u64) -> Result<&RwLock<Shard>, Error> {
        let index = usize::try_from(handle % 64).map_err(|_| hsm_core::Error::SessionHandleInvalid)?;
        self.shards.get(index).ok_or_else(|| hsm_core::Error::SessionHandleInvalid.into())
    }
}
