//! A batch: what is written together, and when.

use super::journal::{JournalError, RecordKey, Revision, Sealed};

/// Writes that become one revision together, if every precondition holds.
///
/// Rules, the same for every engine so that no one meets them first in production: at most
/// [`MAX_OPERATIONS`](Self::MAX_OPERATIONS) writes and as many preconditions, at most [`MAX_BYTES`](Self::MAX_BYTES)
/// of keys and values, no key written twice, and one precondition at least that the batch itself makes false:
/// otherwise a batch that is sent again after a lost answer would be applied twice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// What must hold.
    pub preconditions: Vec<Precondition>,
    /// What is written.
    pub writes: Vec<Write>,
    /// Names this batch, so that its outcome can be asked for; see [`OperationTag`].
    pub tag: Option<OperationTag>,
}

/// What must hold for a batch to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Precondition {
    /// The record does not exist.
    Absent(RecordKey),
    /// The record exists and was written by this revision.
    AtRevision(RecordKey, Revision),
    /// The journal is in this generation of its history.
    Generation(u64),
}

/// One write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Write {
    /// Sets a record. A deletion is a put too, of a tombstone; the journal takes tombstones out when nobody can
    /// need them any more.
    Put(RecordKey, Sealed),
    /// Takes a record out. For what no reader misses: presence, and tombstones.
    Remove(RecordKey),
}

/// A batch's name: written as `op/<hsm>/<lane>` in the same revision.
///
/// A proposer has one batch in flight per lane, so the record answers "was my last batch written?" for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OperationTag {
    /// Who proposes.
    pub hsm: u64,
    /// Which of the proposer's lanes.
    pub lane: u32,
    /// Random, new for every batch.
    pub id: [u8; 16],
}

impl Batch {
    /// Writes, and as many preconditions, in a batch.
    pub const MAX_OPERATIONS: usize = 100;
    /// Bytes of keys and values in a batch.
    pub const MAX_BYTES: usize = 1 << 20;

    /// A batch with nothing in it.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a record that must not exist yet.
    pub fn create(&mut self, key: RecordKey, value: Sealed) {
        self.preconditions.push(Precondition::Absent(key));
        self.writes.push(Write::Put(key, value));
    }

    /// Replaces a record that must still be the one written by `revision`.
    pub fn replace(&mut self, key: RecordKey, revision: Revision, value: Sealed) {
        self.preconditions.push(Precondition::AtRevision(key, revision));
        self.writes.push(Write::Put(key, value));
    }

    /// Demands that a record be still the one written by `revision`.
    pub fn require(&mut self, key: RecordKey, revision: Revision) {
        self.preconditions.push(Precondition::AtRevision(key, revision));
    }

    /// Checks the rules.
    ///
    /// # Errors
    /// [`JournalError::TooLarge`], [`JournalError::Invalid`] or [`JournalError::Unconditional`].
    pub fn check(&self) -> Result<(), JournalError> {
        let operations = self.writes.len() + usize::from(self.tag.is_some());
        if operations > Self::MAX_OPERATIONS || self.preconditions.len() > Self::MAX_OPERATIONS {
            return Err(JournalError::TooLarge("more than 100 operations"));
        }
        if self.writes.iter().map(Write::size).sum::<usize>() > Self::MAX_BYTES {
            return Err(JournalError::TooLarge("more than 1 MiB"));
        }
        let mut keys: Vec<RecordKey> = self.writes.iter().map(Write::key).collect();
        keys.sort_unstable();
        if keys.windows(2).any(|pair| matches!(pair, [first, second] if first == second)) {
            return Err(JournalError::Invalid("a key is written twice"));
        }
        if self.writes.iter().any(|write| !write.has_valid_tokens()) {
            return Err(JournalError::Invalid("tokens are for objects, each once"));
        }
        match self.preconditions.iter().any(|precondition| self.makes_false(precondition)) {
            true => Ok(()),
            false => Err(JournalError::Unconditional),
        }
    }

    fn makes_false(&self, precondition: &Precondition) -> bool {
        self.writes.iter().any(|write| match (precondition, write) {
            (Precondition::Absent(key), Write::Put(written, _)) => key == written,
            (Precondition::AtRevision(key, _), write) => *key == write.key(),
            _ => false,
        })
    }
}

impl Precondition {
    /// The record that it is about.
    #[must_use]
    pub const fn key(&self) -> Option<RecordKey> {
        match self {
            Self::Absent(key) | Self::AtRevision(key, _) => Some(*key),
            Self::Generation(_) => None,
        }
    }
}

impl Write {
    /// The record that it writes.
    #[must_use]
    pub const fn key(&self) -> RecordKey {
        match self {
            Self::Put(key, _) | Self::Remove(key) => *key,
        }
    }

    fn has_valid_tokens(&self) -> bool {
        match self {
            Self::Put(RecordKey::Object(_), value) => {
                let mut tokens = value.search.clone();
                tokens.sort_unstable();
                tokens.dedup();
                tokens.len() == value.search.len()
            }
            Self::Put(_, value) => value.search.is_empty(),
            Self::Remove(_) => true,
        }
    }

    fn size(&self) -> usize {
        /// The longest key's text, `name/` and 32 digits.
        const KEY: usize = 37;
        match self {
            Self::Put(_, value) => KEY + value.bytes.len() + 16 * value.search.len(),
            Self::Remove(_) => KEY,
        }
    }
}
