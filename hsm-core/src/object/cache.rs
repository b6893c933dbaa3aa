//! Token objects in memory: a bounded, sharded cache that knows who still uses what.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, RwLock};

use hsm_types::{ObjectId, Template};

use super::object::{Existence, Object};
use crate::error::Error;
use crate::store::{Revision, Scope};

const SHARDS: usize = 16;
/// Objects kept per shard: 4096 in all, a few MiB with prepared keys.
const SHARD_CAPACITY: usize = 256;

/// The cache of one token's objects.
pub struct Cache {
    generation: AtomicU64,
    shards: [RwLock<HashMap<ObjectId, Slot>>; SHARDS],
}

#[derive(Default)]
struct Slot {
    existence: Arc<Existence>,
    /// `None` after another process changed the object: to be read again.
    current: Option<(Revision, Arc<Object>)>,
}

impl Default for Cache {
    fn default() -> Self {
        Self { generation: AtomicU64::new(0), shards: std::array::from_fn(|_| RwLock::default()) }
    }
}

impl Cache {
    /// The object, if it is in memory and current.
    ///
    /// # Errors
    /// [`Error::Poisoned`].
    pub fn find(&self, id: ObjectId) -> Result<Option<Arc<Object>>, Error> {
        let shard = self.shard(id).read()?;
        Ok(shard.get(&id).and_then(|slot| slot.current.as_ref()).map(|(_, object)| Arc::clone(object)))
    }

    /// The number of the last round of changes; read it before reading the store for [`keep`](Self::keep).
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Begins a round of changes, before the first of them is noted: what was read from the store
    /// earlier may be out of date, so it is not kept any more.
    pub fn begin_changes(&self) {
        self.generation.fetch_add(1, Ordering::AcqRel);
    }

    /// Keeps what was read from the store at `generation`, unless changes came in since: then
    /// `None`, and the caller reads again.
    ///
    /// # Errors
    /// [`Error::Poisoned`].
    pub fn keep(
        &self,
        generation: u64,
        revision: Revision,
        id: ObjectId,
        scope: Scope,
        attributes: Template,
    ) -> Result<Option<Arc<Object>>, Error> {
        let mut shard = self.shard(id).write()?;
        // Under the shard's lock: a change noted after this point finds the slot below.
        if self.generation() != generation {
            return Ok(None);
        }
        if !shard.contains_key(&id) && shard.len() >= SHARD_CAPACITY {
            evict(&mut shard);
        }
        let slot = shard.entry(id).or_default();
        if let Some((kept, object)) = &slot.current
            && *kept >= revision
        {
            return Ok(Some(Arc::clone(object)));
        }
        let object = Arc::new(Object::new(id, scope, attributes, Arc::clone(&slot.existence)));
        slot.current = Some((revision, Arc::clone(&object)));
        Ok(Some(object))
    }

    /// Notes that the object changed at `revision`, here or elsewhere.
    ///
    /// # Errors
    /// [`Error::Poisoned`].
    pub fn changed(&self, id: ObjectId, revision: Revision) -> Result<(), Error> {
        let mut shard = self.shard(id).write()?;
        if let Some(slot) = shard.get_mut(&id)
            && slot.current.as_ref().is_some_and(|(kept, _)| *kept < revision)
        {
            slot.current = None;
        }
        Ok(())
    }

    /// Notes that the object is gone: operations that use it end.
    ///
    /// # Errors
    /// [`Error::Poisoned`].
    pub fn gone(&self, id: ObjectId) -> Result<(), Error> {
        if let Some(slot) = self.shard(id).write()?.remove(&id) {
            slot.existence.end();
        }
        Ok(())
    }

    /// The ids in memory.
    ///
    /// # Errors
    /// [`Error::Poisoned`].
    pub fn ids(&self) -> Result<Vec<ObjectId>, Error> {
        let mut ids = Vec::new();
        for shard in &self.shards {
            ids.extend(shard.read()?.keys());
        }
        Ok(ids)
    }

    /// Drops every object from memory, and with it its prepared key. Used at logout.
    ///
    /// # Errors
    /// [`Error::Poisoned`].
    pub fn clear(&self) -> Result<(), Error> {
        for shard in &self.shards {
            shard.write()?.retain(|_, slot| {
                slot.current = None;
                Arc::strong_count(&slot.existence) > 1
            });
        }
        Ok(())
    }

    fn shard(&self, id: ObjectId) -> &RwLock<HashMap<ObjectId, Slot>> {
        // Ids are random, so their low bits spread evenly.
        let index = usize::try_from(id.0 & 0xf).unwrap_or_default();
        self.shards.get(index).unwrap_or_else(|| &self.shards[0])
    }
}

/// Makes room: drops an object that nothing but the cache holds. When everything is in use the
/// shard grows instead, because an operation's object must hear of its destruction.
fn evict(shard: &mut HashMap<ObjectId, Slot>) {
    let idle = shard.iter().find(|(_, slot)| match &slot.current {
        // The slot and the object itself hold one reference each.
        Some((_, object)) => Arc::strong_count(object) == 1 && Arc::strong_count(&slot.existence) == 2,
        None => Arc::strong_count(&slot.existence) == 1,
    });
    if let Some(id) = idle.map(|(id, _)| *id) {
        shard.remove(&id);
    }
}
