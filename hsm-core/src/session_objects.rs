//! Session objects: in memory only, gone with the session that made them.

use std::collections::HashMap;
use std::sync::{Arc, RwLock};

use hsm_types::{ObjectId, Template};

use crate::error::{Error, HandleRole};
use crate::object::{Object, Scope};

const SHARDS: usize = 16;

/// The session objects of one token in this process: every session sees them, one owns each.
pub struct SessionObjects {
    shards: [RwLock<HashMap<ObjectId, Owned>>; SHARDS],
}

struct Owned {
    session: u64,
    object: Arc<Object>,
}

impl Default for SessionObjects {
    fn default() -> Self {
        Self { shards: std::array::from_fn(|_| RwLock::default()) }
    }
}

impl SessionObjects {
    /// The object with this id.
    ///
    /// # Errors
    /// [`Error::Poisoned`].
    pub fn find(&self, id: ObjectId) -> Result<Option<Arc<Object>>, Error> {
        Ok(self.shard(id).read()?.get(&id).map(|owned| Arc::clone(&owned.object)))
    }

    /// Keeps an object for a session.
    ///
    /// # Errors
    /// [`Error::Poisoned`].
    pub fn insert(&self, session: u64, object: Object) -> Result<(), Error> {
        let id = object.id();
        self.shard(id).write()?.insert(id, Owned { session, object: Arc::new(object) });
        Ok(())
    }

    /// Changes an object: `change` sees the newest version and says what becomes of it.
    ///
    /// # Errors
    /// What `change` returns; [`Error::HandleInvalid`] when the object is gone.
    pub fn change(&self, id: ObjectId, change: &dyn Fn(&Object) -> Result<Template, Error>) -> Result<(), Error> {
        let mut shard = self.shard(id).write()?;
        let owned = shard.get_mut(&id).ok_or(Error::HandleInvalid(HandleRole::Object))?;
        let old = &owned.object;
        owned.object = Arc::new(Object::new(id, old.scope(), change(old)?, Arc::clone(old.existence())));
        Ok(())
    }

    /// Destroys an object; operations that use it end.
    ///
    /// # Errors
    /// [`Error::HandleInvalid`].
    pub fn destroy(&self, id: ObjectId) -> Result<(), Error> {
        let owned = self.shard(id).write()?.remove(&id).ok_or(Error::HandleInvalid(HandleRole::Object))?;
        owned.object.existence().end();
        Ok(())
    }

    /// Destroys what a session made.
    ///
    /// # Errors
    /// [`Error::Poisoned`].
    pub fn destroy_of(&self, session: u64) -> Result<(), Error> {
        self.destroy_where(|owned| owned.session == session)
    }

    /// Destroys private objects, as a logout does.
    ///
    /// # Errors
    /// [`Error::Poisoned`].
    pub fn destroy_private(&self) -> Result<(), Error> {
        self.destroy_where(|owned| matches!(owned.object.scope(), Scope::Private(_)))
    }

    /// The objects that satisfy a test.
    ///
    /// # Errors
    /// [`Error::Poisoned`].
    pub fn select(&self, test: impl Fn(&Object) -> bool) -> Result<Vec<ObjectId>, Error> {
        let mut found = Vec::new();
        for shard in &self.shards {
            found.extend(shard.read()?.values().filter(|owned| test(&owned.object)).map(|owned| owned.object.id()));
        }
        Ok(found)
    }

    fn destroy_where(&self, test: impl Fn(&Owned) -> bool) -> Result<(), Error> {
        for shard in &self.shards {
            shard.write()?.retain(|_, owned| {
                let goes = test(owned);
                if goes {
                    owned.object.existence().end();
                }
                !goes
            });
        }
        Ok(())
    }

    fn shard(&self, id: ObjectId) -> &RwLock<HashMap<ObjectId, Owned>> {
        // Ids are random, so their low bits spread evenly.
        let index = usize::try_from(id.0 & 0xf).unwrap_or_default();
        self.shards.get(index).unwrap_or_else(|| &self.shards[0])
    }
}
