//! A token: one store, and what this process does with it.

mod action;
mod admission;
mod directory;
mod info;
mod meta;
mod objects;
mod sessions;
mod users;

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, RwLock};

use hsm_types::{AttributeType, MechanismType, ObjectId, Rv};

use crate::audit::{AuditLog, Event};
use crate::crypto::rng::Rng;
use crate::error::Error;
use crate::login::{Login, LoginState};
use crate::object::cache::Cache;
use crate::object::policy::ExtractionPolicy;
use crate::operation::Standing;
use crate::session_objects::SessionObjects;
use crate::store::{Barrier, ChangedKeys, Entry, Keyring, LoginLocks, RecordKey, RecordKind, Revision, SqliteStore};
use crate::user::UserState;

pub use action::{Action, AuditScope};
pub use directory::{Settings, Slot, TokenDirectory};
pub use info::TokenInfo;
pub use meta::TokenMeta;

/// One token, open in this process. Everything is behind `&self`: threads share it.
pub struct Token {
    store: SqliteStore,
    /// The keys that need no login.
    barrier: Barrier,
    meta: RwLock<TokenMeta>,
    login: LoginState,
    locks: LoginLocks,
    cache: Cache,
    session_objects: SessionObjects,
    sessions: Mutex<sessions::Registry>,
    audit: AuditLog,
    /// The revision whose changes the cache and the login have taken in.
    applied: AtomicU64,
    /// One thread at a time takes in changes.
    taking_in: Mutex<()>,
    settings: Settings,
}

impl Token {
    /// Opens the token in a directory.
    ///
    /// # Errors
    /// [`Error::Damaged`], [`Error::StoreTooNew`], [`Error::Store`] naming what is wrong with the directory.
    pub fn open(directory: &Path, settings: &Settings) -> Result<Self, Error> {
        let store = SqliteStore::open(directory)?;
        let barrier = Barrier::new(Keyring::new(store.id())?);
        let applied = store.revision()?;
        let meta = meta::read(&store, &barrier)?;
        Ok(Self {
            barrier,
            meta: RwLock::new(meta),
            login: LoginState::default(),
            locks: LoginLocks::new(directory),
            cache: Cache::default(),
            session_objects: SessionObjects::default(),
            sessions: Mutex::default(),
            audit: AuditLog::open(directory)?,
            applied: AtomicU64::new(applied.0),
            taking_in: Mutex::default(),
            settings: settings.clone(),
            store,
        })
    }

    /// Who is logged in.
    pub(crate) const fn login(&self) -> &LoginState {
        &self.login
    }

    pub(crate) const fn session_objects(&self) -> &SessionObjects {
        &self.session_objects
    }

    pub(crate) fn rng(&self) -> &dyn Rng {
        &*self.settings.rng
    }

    /// The token's extraction policy.
    #[must_use]
    pub fn policy(&self) -> ExtractionPolicy {
        // A poisoned lock leaves the stricter policy.
        self.meta.read().map(|meta| meta.extraction_policy).unwrap_or_default()
    }

    /// Takes in what other processes changed since the last call. Costs nothing when there is nothing.
    pub(crate) fn refresh(&self) -> Result<(), Error> {
        if self.store.observe()? == self.applied.load(Ordering::Acquire) {
            return Ok(());
        }
        self.take_in_changes()
    }

    fn take_in_changes(&self) -> Result<(), Error> {
        let _one_at_a_time = self.taking_in.lock()?;
        let applied = Revision(self.applied.load(Ordering::Acquire));
        let changed = self.store.changes_since(applied)?;
        if changed.revision == applied {
            return Ok(());
        }
        self.cache.begin_changes();
        match changed.keys {
            ChangedKeys::Listed(keys) => {
                for key in keys {
                    self.take_in(key)?;
                }
            }
            ChangedKeys::Everything => {
                self.adopt_history()?;
                for id in self.cache.ids()? {
                    self.take_in(RecordKey::Object(id))?;
                }
                self.check_login()?;
            }
        }
        self.applied.store(changed.revision.0, Ordering::Release);
        Ok(())
    }

    fn take_in(&self, key: RecordKey) -> Result<(), Error> {
        match key {
            RecordKey::Object(id) => match self.store.lookup(&key)? {
                Some(entry) if !is_tombstone(&entry) => self.cache.changed(id, entry.revision),
                _ => self.cache.gone(id),
            },
            RecordKey::User(id) => match self.login.current()? {
                Some(login) if login.account().id == id => self.check_login(),
                _ => Ok(()),
            },
            RecordKey::Meta => self.adopt_history(),
            _ => Ok(()),
        }
    }

    /// Logs out a user whose account was locked, changed or deleted elsewhere.
    fn check_login(&self) -> Result<(), Error> {
        let Some(login) = self.login.current()? else { return Ok(()) };
        let account = self.accounts(&self.barrier)?.user(login.account().id)?;
        if account.is_some_and(|account| account.state == UserState::Active && login.stands_at(account.epoch)) {
            return Ok(());
        }
        log::info!("{} was logged out: the account was locked, changed or deleted", login.account().name);
        self.end_login().map(drop)
    }

    /// After another process initialised the token anew: another name, nobody logged in.
    fn adopt_history(&self) -> Result<(), Error> {
        let meta = meta::read(&self.store, &self.barrier)?;
        let is_new = self.meta.read()?.serial != meta.serial;
        *self.meta.write()? = meta;
        if is_new {
            self.end_login()?;
        }
        Ok(())
    }

    /// Logs out: private objects leave the memory, operations on them end.
    pub(crate) fn end_login(&self) -> Result<bool, Error> {
        let ended = self.login.end()?;
        self.cache.begin_changes();
        self.cache.clear()?;
        self.session_objects.destroy_private()?;
        self.end_private_operations()?;
        Ok(ended.is_some())
    }

    /// What seals and opens: with a login all records, without one the public ones.
    fn barrier<'a>(&'a self, login: Option<&'a Arc<Login>>) -> &'a Barrier {
        login.map_or(&self.barrier, |login| login.barrier())
    }

    /// Writes a line of the audit log about an object. A log that cannot be written is reported, and
    /// does not undo what has been done.
    pub(crate) fn record(
        &self,
        login: Option<&Arc<Login>>,
        action: Action,
        object: Option<ObjectId>,
        mechanism: Option<MechanismType>,
    ) {
        if self.settings.audit == AuditScope::Management && object.is_some_and(ObjectId::is_session_object) {
            return;
        }
        let who = login.map_or("", |login| login.account().name.as_str());
        self.append(who, action, object, mechanism, Rv::OK);
    }

    /// Writes a line about the use of a key, where everything is to be recorded.
    pub(crate) fn record_use(
        &self,
        login: Option<&Arc<Login>>,
        usage: AttributeType,
        key: ObjectId,
        mechanism: MechanismType,
    ) {
        if self.settings.audit == AuditScope::Everything
            && let Some(action) = Action::of_usage(usage)
        {
            self.record(login, action, Some(key), Some(mechanism));
        }
    }

    fn append(
        &self,
        who: &str,
        action: Action,
        object: Option<ObjectId>,
        mechanism: Option<MechanismType>,
        result: Rv,
    ) {
        let time = self.settings.clock.now();
        let event = Event { time, who, event: action.name(), object, mechanism, result };
        if let Err(error) = self.audit.append(&event) {
            log::error!("the audit log could not be written: {error}");
        }
    }
}

/// Whether a record is what is left of a deleted one.
fn is_tombstone(entry: &Entry) -> bool {
    RecordKind::claimed(&entry.value) == Some(RecordKind::Tombstone)
}

impl Standing for Token {
    fn login_epoch(&self) -> u64 {
        self.login.epoch()
    }
}
