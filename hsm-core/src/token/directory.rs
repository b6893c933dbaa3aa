//! The directory of tokens: which slots there are.
//!
//! Slot `n` is the directory `tokens/<n>`, numbered in creation order and never renumbered. The
//! slot after the last token is always shown, free for `C_InitToken`.

use std::collections::HashMap;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use hsm_types::SlotId;

use super::admission::NewToken;
use super::{AuditScope, Token};
use crate::clock::{Clock, SystemClock};
use crate::crypto::kdf::KdfCost;
use crate::crypto::rng::{Rng, SystemRng, random_u64};
use crate::error::Error;
use crate::object::policy::ExtractionPolicy;
use crate::store::{SqliteStore, StoreIdentity};
use crate::user::PasswordPolicy;

/// Where tokens are, and what new ones are like.
#[derive(Clone)]
pub struct Settings {
    /// The directory that holds all tokens.
    pub directory: PathBuf,
    /// What one guess at a password costs, for new passwords.
    pub kdf_cost: KdfCost,
    /// The extraction policy of new tokens.
    pub extraction_policy: ExtractionPolicy,
    /// The password policy of new tokens.
    pub password_policy: PasswordPolicy,
    /// What is written to the audit log.
    pub audit: AuditScope,
    /// The time of day.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub rng: Arc<dyn Rng>,
}

impl Settings {
    /// The defaults, for tokens in `directory`.
    #[must_use]
    pub fn default_for(directory: PathBuf) -> Self {
        Self {
            directory,
            kdf_cost: KdfCost::default(),
            extraction_policy: ExtractionPolicy::default(),
            password_policy: PasswordPolicy::Pkcs11,
            audit: AuditScope::default(),
            clock: Arc::new(SystemClock),
            rng: Arc::new(SystemRng),
        }
    }
}

/// What a slot holds.
#[derive(Clone)]
pub enum Slot {
    /// Nothing yet.
    Free,
    /// A token.
    Token(Arc<Token>),
}

/// All slots of one directory.
pub struct TokenDirectory {
    settings: Settings,
    open: Mutex<HashMap<SlotId, Arc<Token>>>,
}

impl TokenDirectory {
    /// Looks at a directory. It need not exist: it is made with the first token.
    ///
    /// # Errors
    /// None today: nothing is read before the first call that needs it.
    pub fn open(settings: Settings) -> Result<Self, Error> {
        Ok(Self { settings, open: Mutex::default() })
    }

    /// The slots, as they are on disk now: those with tokens, then the free one.
    ///
    /// # Errors
    /// [`Error::Store`] naming the directory when it cannot be read.
    pub fn slots(&self) -> Result<Vec<SlotId>, Error> {
        let mut numbers = self.numbers()?;
        numbers.push(numbers.last().map_or(0, |last| last.saturating_add(1)));
        Ok(numbers.into_iter().map(SlotId).collect())
    }

    /// What a slot holds. A token is opened at the first call.
    ///
    /// # Errors
    /// [`Error::SlotIdInvalid`]; what opening the token finds.
    pub fn slot(&self, id: SlotId) -> Result<Slot, Error> {
        if let Some(token) = self.open.lock()?.get(&id) {
            return Ok(Slot::Token(Arc::clone(token)));
        }
        let directory = self.path(id);
        if directory.symlink_metadata().is_ok() {
            // Opened without the lock: when two threads meet here, the second one's is dropped.
            let token = Arc::new(Token::open(&directory, &self.settings)?);
            let mut open = self.open.lock()?;
            return Ok(Slot::Token(Arc::clone(open.entry(id).or_insert(token))));
        }
        if self.slots()?.contains(&id) { Ok(Slot::Free) } else { Err(Error::SlotIdInvalid) }
    }

    /// `C_InitToken`: makes a token in the free slot, or makes a slot's token anew (which needs the
    /// SO's password and destroys every object).
    ///
    /// # Errors
    /// [`Error::PinIncorrect`], [`Error::PinLocked`], [`Error::SessionExists`] for a slot that holds a
    /// token; [`Error::PinLenRange`]; the store's.
    pub fn initialize(&self, id: SlotId, so_pin: &[u8], label: &[u8; 32]) -> Result<(), Error> {
        let wanted = NewToken { so_pin, label, settings: &self.settings };
        match self.slot(id)? {
            Slot::Token(token) => token.initialize_anew(&wanted),
            Slot::Free => {
                if self.create(id, &wanted)? {
                    return Ok(());
                }
                // Another process made a token in this slot in the meantime: it is its own now.
                match self.slot(id)? {
                    Slot::Token(token) => token.initialize_anew(&wanted),
                    Slot::Free => Err(Error::Store(format!("{} cannot be made", self.path(id).display()))),
                }
            }
        }
    }

    /// Where a slot's token is.
    #[must_use]
    pub fn path(&self, id: SlotId) -> PathBuf {
        self.tokens().join(id.0.to_string())
    }

    fn tokens(&self) -> PathBuf {
        self.settings.directory.join("tokens")
    }

    fn numbers(&self) -> Result<Vec<u64>, Error> {
        let directory = self.tokens();
        let entries = match fs::read_dir(&directory) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(failed("read", &directory, &error)),
        };
        let mut numbers = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|error| failed("read", &directory, &error))?;
            numbers.extend(entry.file_name().to_str().and_then(slot_number));
        }
        numbers.sort_unstable();
        Ok(numbers)
    }

    /// Builds a token beside its place and moves it there, so that nobody ever sees half of one.
    /// False when the place was taken meanwhile.
    fn create(&self, id: SlotId, wanted: &NewToken<'_>) -> Result<bool, Error> {
        let tokens = self.tokens();
        private_directory(&tokens, Parents::Too)?;
        let building = tokens.join(format!("new-{:016x}", random_u64(&*self.settings.rng)?));
        private_directory(&building, Parents::Exist)?;
        let built = StoreIdentity::random(&*self.settings.rng)
            .and_then(|identity| SqliteStore::create(&building, &identity, &wanted.first_batch(&identity)?));
        if let Err(error) = built {
            remove(&building);
            return Err(error);
        }
        drop(built);
        match fs::rename(&building, self.path(id)) {
            Ok(()) => {}
            Err(error) if matches!(error.kind(), ErrorKind::DirectoryNotEmpty | ErrorKind::AlreadyExists) => {
                remove(&building);
                return Ok(false);
            }
            Err(error) => {
                remove(&building);
                return Err(failed("rename", &building, &error));
            }
        }
        // The new name must survive a power cut like everything else that was acknowledged.
        fs::File::open(&tokens).and_then(|directory| directory.sync_all()).map_err(|e| failed("sync", &tokens, &e))?;
        Ok(true)
    }
}

/// `7` is slot 7; `07`, `new-…` and everything else are no slots.
fn slot_number(name: &str) -> Option<u64> {
    name.parse().ok().filter(|number: &u64| number.to_string() == name)
}

/// Whether missing parents are made too.
#[derive(Clone, Copy)]
enum Parents {
    Too,
    Exist,
}

fn private_directory(path: &Path, parents: Parents) -> Result<(), Error> {
    let made = fs::DirBuilder::new().mode(0o700).recursive(matches!(parents, Parents::Too)).create(path);
    made.map_err(|error| failed("make", path, &error))
}

fn remove(building: &Path) {
    if let Err(error) = fs::remove_dir_all(building) {
        log::warn!("{} is left over and can be removed: {error}", building.display());
    }
}

fn failed(what: &str, path: &Path, error: &std::io::Error) -> Error {
    let message = format!("cannot {what} {}: {error}", path.display());
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Error::StoreFull(message),
        _ => Error::Store(message),
    }
}
