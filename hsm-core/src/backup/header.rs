//! The header of a backup's file.

use super::BackupIdentity;
use crate::error::Error;

/// What stands before the chunks, in the clear. It is the associated data of every chunk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) identity: BackupIdentity,
    /// Random: with the backup key it makes the file's own key.
    pub(super) salt: [u8; 32],
}

/// The first bytes of every backup.
const MAGIC: &[u8; 8] = b"KINKOBK1";
const VERSION: u8 = 1;

impl Header {
    /// The header's bytes.
    ///
    /// # Errors
    /// [`Error::Backup`] for an id of more than 255 bytes.
    pub(super) fn encode(&self) -> Result<Vec<u8>, Error> {
        let BackupIdentity { backup_id, cluster_id, history_id, created } = &self.identity;
        let mut out = Vec::from(MAGIC);
        out.push(VERSION);
        out.extend_from_slice(&self.salt);
        out.extend_from_slice(history_id);
        out.extend_from_slice(&created.to_le_bytes());
        for id in [backup_id, cluster_id] {
            let too_long = |_| Error::Backup("an id has more than 255 bytes".to_owned());
            out.push(u8::try_from(id.len()).map_err(too_long)?);
            out.extend_from_slice(id.as_bytes());
        }
        Ok(out)
    }

    /// Reads a header from the front of `bytes`. `None` for what no version wrote.
    pub(super) fn decode(bytes: &mut &[u8]) -> Option<Self> {
        if take(bytes)? != *MAGIC || take(bytes)? != [VERSION] {
            return None;
        }
        let (salt, history_id, created) = (take(bytes)?, take(bytes)?, u64::from_le_bytes(take(bytes)?));
        let [backup_id, cluster_id] = [text(bytes)?, text(bytes)?];
        Some(Self { identity: BackupIdentity { backup_id, cluster_id, history_id, created }, salt })
    }

    /// The longest header, in bytes.
    pub(super) const LONGEST: usize = 8 + 1 + 32 + 16 + 8 + 2 * 256;
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*taken)
}

fn text(bytes: &mut &[u8]) -> Option<String> {
    let [length] = take(bytes)?;
    let (taken, rest) = bytes.split_at_checked(usize::from(length))?;
    *bytes = rest;
    String::from_utf8(taken.to_vec()).ok()
}
