//! A database sealed into a backup's file, and out of it again.

use std::fs::{File, OpenOptions};
use std::io::{BufReader, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use zeroize::Zeroizing;

use super::header::Header;
use super::{BackupIdentity, BackupKey};
use crate::crypto::kdf::derive;
use crate::crypto::rng::Rng;
use crate::crypto::stream::{Position, StreamKey};
use crate::error::Error;
use crate::store::files;

/// Bytes of the database in one chunk; the last one may have fewer.
const CHUNK: usize = 64 * 1024;

/// Seals a database into a new file, synced.
pub(super) fn seal(
    database: &Path,
    sealed: &Path,
    identity: &BackupIdentity,
    key: &BackupKey,
    rng: &dyn Rng,
) -> Result<(), Error> {
    let mut header = Header { identity: identity.clone(), salt: [0; 32] };
    rng.fill(&mut header.salt)?;
    let bytes = header.encode()?;
    let mut stream = file_key(key, &header)?;
    let mut source = Chunks::new(File::open(database), database, CHUNK)?;
    let cannot = |error: &std::io::Error| files::cannot("write", sealed, error);
    let mut out = new_file(sealed)?;
    out.write_all(&bytes).map_err(|error| cannot(&error))?;
    while let Some((mut chunk, position)) = source.next()? {
        stream.seal(position, &bytes, &mut chunk)?;
        out.write_all(&chunk).map_err(|error| cannot(&error))?;
    }
    out.sync_all().map_err(|error| cannot(&error))
}

/// Opens a backup's file into a new database, synced. Nothing is written that does not authenticate.
pub(super) fn open(sealed: &Path, database: &Path, key: &BackupKey) -> Result<BackupIdentity, Error> {
    let wrong = |why: &str| Error::Backup(format!("{} {why}", sealed.display()));
    let (header, bytes) = read_header(sealed)?;
    let mut stream = file_key(key, &header)?;
    let mut source = Chunks::new(File::open(sealed), sealed, CHUNK + StreamKey::TAG)?;
    source.skip(bytes.len())?;
    let cannot = |error: &std::io::Error| files::cannot("write", database, error);
    let mut out = new_file(database)?;
    while let Some((mut chunk, position)) = source.next()? {
        let opened = stream.open(position, &bytes, &mut chunk);
        opened.map_err(|_| wrong("was changed or cut, or is sealed under another key: nothing was taken from it"))?;
        out.write_all(&chunk).map_err(|error| cannot(&error))?;
    }
    out.sync_all().map_err(|error| cannot(&error))?;
    Ok(header.identity)
}

/// The header of a backup's file, and its bytes as they stand there.
fn read_header(sealed: &Path) -> Result<(Header, Vec<u8>), Error> {
    let cannot = |error: &std::io::Error| files::cannot("read", sealed, error);
    let mut front = Vec::new();
    let longest = u64::try_from(Header::LONGEST).unwrap_or(u64::MAX);
    let file = File::open(sealed).map_err(|error| cannot(&error))?;
    file.take(longest).read_to_end(&mut front).map_err(|error| cannot(&error))?;
    let mut rest = front.as_slice();
    let header = Header::decode(&mut rest)
        .ok_or_else(|| Error::Backup(format!("{} is no backup that this version knows", sealed.display())))?;
    let length = front.len().saturating_sub(rest.len());
    front.truncate(length);
    Ok((header, front))
}

fn file_key(key: &BackupKey, header: &Header) -> Result<StreamKey, Error> {
    StreamKey::new(&derive(key.key().expose()?, &header.salt, b"kinko backup 1")?)
}

fn new_file(path: &Path) -> Result<File, Error> {
    let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    made.map_err(|error| files::cannot("create", path, &error))
}

type Bytes = Zeroizing<Vec<u8>>;

/// A file chunk by chunk. It knows which chunk is the last one.
struct Chunks<'p> {
    reader: BufReader<File>,
    path: &'p Path,
    size: usize,
    /// The chunk to hand out next; `None` at the end.
    ahead: Option<Bytes>,
    started: bool,
}

impl<'p> Chunks<'p> {
    fn new(file: std::io::Result<File>, path: &'p Path, size: usize) -> Result<Self, Error> {
        let file = file.map_err(|error| files::cannot("read", path, &error))?;
        Ok(Self { reader: BufReader::new(file), path, size, ahead: None, started: false })
    }

    /// Passes over bytes before the first chunk.
    fn skip(&mut self, count: usize) -> Result<(), Error> {
        self.read(count).map(drop)
    }

    /// The next chunk. An empty file is one empty chunk.
    fn next(&mut self) -> Result<Option<(Bytes, Position)>, Error> {
        if !self.started {
            self.started = true;
            self.ahead = Some(self.read(self.size)?);
        }
        let Some(chunk) = self.ahead.take() else { return Ok(None) };
        let following = self.read(self.size)?;
        if following.is_empty() {
            return Ok(Some((chunk, Position::Last)));
        }
        self.ahead = Some(following);
        Ok(Some((chunk, Position::Inner)))
    }

    fn read(&mut self, count: usize) -> Result<Bytes, Error> {
        // Room for the tag, so that sealing in place moves nothing.
        let mut bytes = Zeroizing::new(Vec::with_capacity(count + StreamKey::TAG));
        let limit = u64::try_from(count).unwrap_or(u64::MAX);
        let read = self.reader.by_ref().take(limit).read_to_end(&mut bytes);
        read.map_err(|error| files::cannot("read", self.path, &error))?;
        Ok(bytes)
    }
}
