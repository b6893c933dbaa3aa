//! What a process has between `C_Initialize` and `C_Finalize`.
//!
//! A process makes one [`Library`] and never frees it: `C_Finalize` empties it, the next
//! `C_Initialize` fills it again. So a call that runs in another thread while `C_Finalize` does
//! never touches freed memory: the library is there for ever, and the call holds an `Arc` of the
//! session or directory that it works with. It either ends normally or finds the library stopped.
//!
//! A child after `fork` must not touch its parent's library at all, because another thread of the
//! parent may have held any of its locks. The [`ProcessMark`] tells; the child makes a library of
//! its own when it calls `C_Initialize` (see `ffi/process.rs`).

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, RwLock};
use std::time::SystemTime;

use hsm_types::SlotId;

use crate::backend::TokenBackend;
use crate::clusters::Clusters;
use crate::config::Embedded;
use crate::config::{Config, Sources};
use crate::error::Error;
use crate::ffi::process::{self, ProcessMark};
use crate::logging;
use crate::session_table::{OpenSession, SessionTable};
use hsm_core::TokenDirectory;

/// Whether a library is the first of its process tree, or a forked child's.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// No library was there before.
    First,
    /// An ancestor process had a library: its open files came along with the fork.
    Forked,
}

/// The state of the library in this process.
pub(crate) struct Library {
    mark: ProcessMark,
    running: AtomicBool,
    /// Held through all of `C_Initialize` and `C_Finalize`, so that they exclude each other.
    lifecycle: Mutex<Origin>,
    open: RwLock<Option<Arc<Open>>>,
    sessions: SessionTable,
}

/// What is in a slot.
pub(crate) enum Slot {
    /// Nothing: it waits for `C_InitToken`.
    Free,
    /// A token.
    Token(Arc<dyn TokenBackend>),
}

/// The tokens, and which configuration they come from.
pub(crate) struct Open {
    pub(crate) tokens: Arc<TokenDirectory>,
    pub(crate) directory: PathBuf,
    pub(crate) clusters: Arc<Clusters>,
    embedded: Embedded,
    sources: Sources,
    modified: Option<SystemTime>,
}

impl Library {
    /// An empty library of this process.
    pub(crate) fn new(origin: Origin) -> Self {
        Self {
            mark: ProcessMark::of_this_process(),
            running: AtomicBool::new(false),
            lifecycle: Mutex::new(origin),
            open: RwLock::new(None),
            sessions: SessionTable::new(),
        }
    }

    /// Whether this process made it, rather than an ancestor. Takes no lock.
    pub(crate) fn is_of_this_process(&self) -> bool {
        self.mark.holds()
    }

    /// Whether calls may use it. Takes no lock.
    pub(crate) fn is_running(&self) -> bool {
        self.running.load(Ordering::Acquire)
    }

    /// `C_Initialize`.
    ///
    /// # Errors
    /// [`Error::AlreadyInitialized`]; [`Error::Configuration`], which has been reported by then.
    pub(crate) fn start(&self) -> Result<(), Error> {
        let mut origin = self.lifecycle.lock()?;
        if self.is_running() {
            return Err(Error::AlreadyInitialized);
        }
        process::register_fork_handlers()?;
        if *origin == Origin::Forked {
            hsm_core::store::fork::close_inherited();
            *origin = Origin::First;
        }
        let sources = process::configuration_sources();
        let open = Open::load(sources, None).inspect_err(|error| logging::report(&error.to_string()))?;
        *self.open.write()? = Some(Arc::new(open));
        self.sessions.open_for_business()?;
        self.running.store(true, Ordering::Release);
        Ok(())
    }

    /// `C_Finalize`: closes every session and lets go of the tokens.
    ///
    /// # Errors
    /// [`Error::NotInitialized`].
    pub(crate) fn stop(&self) -> Result<(), Error> {
        let _origin = self.lifecycle.lock()?;
        if !self.running.swap(false, Ordering::AcqRel) {
            return Err(Error::NotInitialized);
        }
        for session in self.sessions.drain()? {
            if let Err(error) = session.close() {
                log::warn!("C_Finalize: a session did not close: {error}");
            }
        }
        *self.open.write()? = None;
        Ok(())
    }

    /// The open sessions.
    pub(crate) fn sessions(&self) -> &SessionTable {
        &self.sessions
    }

    /// The session of a handle.
    pub(crate) fn session(&self, handle: u64) -> Result<OpenSession, Error> {
        self.sessions.get(handle)
    }

    /// The slots, after a look at whether the configuration has changed.
    pub(crate) fn slots(&self) -> Result<Vec<SlotId>, Error> {
        self.refreshed()?.slots()
    }

    /// That there is such a slot, without opening its token.
    pub(crate) fn check_slot(&self, id: SlotId) -> Result<(), Error> {
        if self.open()?.slots()?.contains(&id) { Ok(()) } else { Err(hsm_core::Error::SlotIdInvalid.into()) }
    }

    /// What is in a slot.
    pub(crate) fn slot(&self, id: SlotId) -> Result<Slot, Error> {
        self.open()?.slot(id)
    }

    /// The token in a slot; a slot without one is `CKR_TOKEN_NOT_RECOGNIZED`.
    pub(crate) fn token(&self, id: SlotId) -> Result<Arc<dyn TokenBackend>, Error> {
        match self.slot(id)? {
            Slot::Token(token) => Ok(token),
            Slot::Free => Err(hsm_core::Error::TokenNotPresent.into()),
        }
    }

    /// The tokens.
    pub(crate) fn open(&self) -> Result<Arc<Open>, Error> {
        self.open.read()?.clone().ok_or(Error::NotInitialized)
    }

    /// The tokens, read again if the configuration file has changed. A file that became invalid is
    /// logged once and changes nothing: a running program keeps its tokens.
    fn refreshed(&self) -> Result<Arc<Open>, Error> {
        let open = self.open()?;
        let modified = open.sources.modified();
        if modified == open.modified {
            return Ok(open);
        }
        let changed = Open::load(open.sources.clone(), Some(&open)).unwrap_or_else(|error| {
            log::error!("the changed configuration is not used: {error}");
            Open {
                tokens: Arc::clone(&open.tokens),
                directory: open.directory.clone(),
                clusters: Arc::clone(&open.clusters),
                embedded: open.embedded,
                sources: open.sources.clone(),
                modified,
            }
        });
        let changed = Arc::new(changed);
        let mut current = self.open.write()?;
        // Another thread may have finalised meanwhile.
        *current.as_mut().ok_or(Error::NotInitialized)? = Arc::clone(&changed);
        Ok(changed)
    }
}

impl Open {
    /// Reads the configuration and opens the tokens that it names, or keeps those of `previous` if
    /// it names the same.
    fn load(sources: Sources, previous: Option<&Self>) -> Result<Self, Error> {
        // Taken before reading: a change in between is then seen as a change.
        let modified = sources.modified();
        let config = sources.load().map_err(Error::Configuration)?;
        logging::configure(config.log_level, config.log_file.as_deref()).map_err(Error::Configuration)?;
        let tokens = match previous.filter(|previous| previous.directory == config.directory) {
            Some(previous) => Arc::clone(&previous.tokens),
            None => Arc::new(TokenDirectory::open(config.settings())?),
        };
        let known = previous.map(|previous| &*previous.clusters);
        let clusters = Arc::new(Clusters::load(&config.clusters, known).map_err(Error::Configuration)?);
        log::info!("tokens are in {}", config.directory.display());
        let Config { directory, embedded, .. } = config;
        Ok(Self { tokens, directory, clusters, embedded, sources, modified })
    }

    /// The clusters' slots, then those of the tokens in the folder, then the free one.
    fn slots(&self) -> Result<Vec<SlotId>, Error> {
        let mut slots: Vec<_> = self.clusters.slots().collect();
        if self.embedded == Embedded::Shown {
            slots.extend(self.tokens.slots()?.into_iter().filter(|slot| self.clusters.get(*slot).is_none()));
        }
        Ok(slots)
    }

    fn slot(&self, id: SlotId) -> Result<Slot, Error> {
        if let Some(cluster) = self.clusters.get(id) {
            let cluster: Arc<dyn TokenBackend> = cluster.clone();
            return Ok(Slot::Token(cluster));
        }
        if self.embedded == Embedded::Hidden {
            return Err(hsm_core::Error::SlotIdInvalid.into());
        }
        match self.tokens.slot(id)? {
            hsm_core::Slot::Free => Ok(Slot::Free),
            hsm_core::Slot::Token(token) => Ok(Slot::Token(token)),
        }
    }

    /// Where a slot's token is, for people.
    pub(crate) fn place(&self, id: SlotId) -> String {
        match self.clusters.get(id) {
            Some(cluster) => cluster.0.description(),
            None => self.tokens.path(id).display().to_string(),
        }
    }
}
