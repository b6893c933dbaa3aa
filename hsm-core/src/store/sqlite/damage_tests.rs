//! Damage: whatever is changed in the files, the answer is the right one or a named error.

use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use hsm_types::{ObjectId, UserId};

use super::*;
use crate::crypto::rng::SystemRng;
use crate::crypto::secret::LockedKey;
use crate::store::barrier::{Barrier, RecordKind};
use crate::store::keyring::Keyring;

const IDENTITY: StoreIdentity = StoreIdentity { store: [1; 16], history: [2; 16] };
const TOKEN: SearchToken = SearchToken([0x5a; 16]);
const OBJECTS: [u64; 3] = [0x0101, 0x0202, 0x0303];

/// A store with small pages, so that every byte can be tried.
struct Sample {
    directory: tempfile::TempDir,
    barrier: Barrier,
}

impl Sample {
    fn new() -> (Self, SqliteStore) {
        let directory = tempfile::tempdir().unwrap();
        let database = directory.path().join(DATABASE);
        std::fs::OpenOptions::new().create_new(true).write(true).mode(0o600).open(&database).unwrap();
        let small = Connection::open(&database).unwrap();
        small.pragma_update(None, "page_size", 512).unwrap();
        small.pragma_update(None, "journal_mode", "wal").unwrap();
        drop(small);

        let keyring = Keyring::new(&IDENTITY.store).unwrap();
        let master = LockedKey::random(&SystemRng).unwrap();
        let barrier = Barrier::new(keyring.unlock(&IDENTITY.store, &master).unwrap());
        let sample = Self { directory, barrier };
        let mut batch = Batch::new();
        for (key, kind) in records() {
            let search = if matches!(key, RecordKey::Object(_)) { vec![TOKEN] } else { Vec::new() };
            batch.create(key, sample.barrier.seal(&SystemRng, &key, kind, &plain(&key), search).unwrap());
        }
        let store = SqliteStore::create(sample.directory.path(), &IDENTITY, &batch).unwrap();
        (sample, store)
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }

    fn read(&self, file: &str) -> Vec<u8> {
        std::fs::read(self.path().join(file)).unwrap()
    }

    /// Puts a file in place, and takes away what an earlier opening left.
    fn write(&self, file: &str, bytes: &[u8]) {
        std::fs::write(self.path().join(file), bytes).unwrap();
    }

    /// Everything that the store says, or the first error.
    fn everything(&self) -> Result<(), Error> {
        let store = SqliteStore::open(self.path())?;
        for (key, kind) in records() {
            let entry = store.lookup(&key)?.ok_or(Error::UserPinNotInitialized)?;
            let opened = self.barrier.open(&entry)?;
            assert!((opened.kind, opened.plain.to_vec()) == (kind, plain(&key)), "a wrong value of {key}");
        }
        assert_eq!(store.search(&[TOKEN])?, OBJECTS.map(ObjectId), "the index says something else");
        Ok(())
    }

    /// The same after a change of the files, where a missing record is a broken promise, and so is an unnamed error.
    fn right_or_named(&self, what: &str) -> bool {
        match self.everything() {
            Ok(()) => true,
            Err(Error::Damaged { .. } | Error::Store(_) | Error::StoreTooNew { .. }) => false,
            Err(error) => panic!("{what}: {error}"),
        }
    }
}

fn records() -> Vec<(RecordKey, RecordKind)> {
    let [first, second, third] = OBJECTS.map(|id| RecordKey::Object(ObjectId(id)));
    vec![
        (RecordKey::Meta, RecordKind::Meta),
        (RecordKey::User(UserId(5)), RecordKind::User),
        (RecordKey::Strike(UserId(5)), RecordKind::Strike),
        (first, RecordKind::PrivateObject),
        (second, RecordKind::PublicObject),
        (third, RecordKind::PrivateObject),
    ]
}

fn plain(key: &RecordKey) -> Vec<u8> {
    format!("the content of {key}").into_bytes()
}

#[test]
fn every_changed_byte_of_the_database_gives_the_right_values_or_a_named_error() {
    let (sample, store) = Sample::new();
    drop(store);
    let (database, side) = (sample.read(DATABASE), sample.read(RevisionFile::NAME));
    let mut noticed = 0;
    for at in 0..database.len() {
        let mut changed = database.clone();
        changed[at] ^= if at % 2 == 0 { 0x01 } else { 0x80 };
        sample.write(DATABASE, &changed);
        noticed += usize::from(!sample.right_or_named(&format!("byte {at}")));
        sample.write(RevisionFile::NAME, &side);
    }
    assert!(noticed > database.len() / 4, "only {noticed} of {} changes were noticed", database.len());
}

#[test]
fn every_changed_byte_of_the_side_file_gives_the_right_values_or_a_named_error() {
    let (sample, store) = Sample::new();
    drop(store);
    let side = sample.read(RevisionFile::NAME);
    for at in 0..side.len() {
        for bit in 0..8 {
            let mut changed = side.clone();
            changed[at] ^= 1 << bit;
            sample.write(RevisionFile::NAME, &changed);
            sample.right_or_named(&format!("byte {at}"));
        }
    }
    sample.write(RevisionFile::NAME, &[]);
    assert!(sample.right_or_named("an empty side file"));
}

#[test]
fn every_changed_byte_of_a_log_that_a_crash_left_gives_the_right_values_or_a_named_error() {
    let (sample, store) = Sample::new();
    let log = format!("{DATABASE}-wal");
    // As after a kill: the log holds what the database does not have yet.
    let [database, left, side] = [DATABASE, &log, RevisionFile::NAME].map(|file| sample.read(file));
    assert!(!left.is_empty());
    drop(store);
    let mut noticed = 0;
    for at in 0..left.len() {
        let mut changed = left.clone();
        changed[at] ^= 0x10;
        for (file, bytes) in [(DATABASE, &database), (&log, &changed), (RevisionFile::NAME, &side)] {
            sample.write(file, bytes);
        }
        noticed += usize::from(!sample.right_or_named(&format!("byte {at}")));
    }
    assert!(noticed > left.len() / 2, "only {noticed} of {} changes were noticed", left.len());
}

#[test]
fn a_database_cut_at_any_length_is_a_named_error() {
    let (sample, store) = Sample::new();
    drop(store);
    let (database, side) = (sample.read(DATABASE), sample.read(RevisionFile::NAME));
    for length in (0..database.len()).step_by(64) {
        sample.write(DATABASE, &database[..length]);
        assert!(!sample.right_or_named(&format!("cut at {length}")), "cut at {length} went unnoticed");
        sample.write(RevisionFile::NAME, &side);
    }
}

#[test]
fn swapped_records_are_damage_that_names_them() {
    let (sample, store) = Sample::new();
    let [first, _, third] = OBJECTS.map(|id| RecordKey::Object(ObjectId(id)));
    let values = [first, third].map(|key| store.lookup(&key).unwrap().unwrap().value.bytes);
    for (key, value) in [(third, &values[0]), (first, &values[1])] {
        let set = "UPDATE entry SET value = ?2 WHERE key = ?1";
        let swap = |connection: &Connection| connection.execute(set, (key.to_string(), value)).or_fail();
        assert_eq!(store.connections.write(swap).unwrap(), 1);
    }
    drop(store);
    match sample.everything() {
        Err(Error::Damaged { record }) => assert_eq!(record, first.to_string()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_index_row_without_its_record_and_a_record_without_its_row_are_named() {
    let named = RecordKey::Object(ObjectId(OBJECTS[1])).to_string();
    let (row, dangling) = ("WHERE object = 0x0202", "INSERT INTO search (token, object) VALUES (zeroblob(16), 0x0202)");
    for damage in [format!("DELETE FROM search {row}"), dangling.to_owned()] {
        let (sample, store) = Sample::new();
        store.connections.write(|connection| connection.execute_batch(&damage).or_fail()).unwrap();
        drop(store);
        match sample.everything() {
            Err(Error::Damaged { record }) => assert!(record.starts_with(&named), "{record}"),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn an_older_copy_put_back_is_noticed() {
    let (sample, store) = Sample::new();
    drop(store);
    let older = sample.read(DATABASE);
    let store = SqliteStore::open(sample.path()).unwrap();
    let mut batch = Batch::new();
    let key = RecordKey::Object(ObjectId(9));
    batch.create(key, sample.barrier.seal(&SystemRng, &key, RecordKind::PublicObject, b"", Vec::new()).unwrap());
    store.commit(&batch).unwrap();
    drop(store);
    sample.write(DATABASE, &older);
    assert!(matches!(sample.everything(), Err(Error::Damaged { record }) if record.contains("acknowledged")));
    std::fs::remove_file(sample.path().join(RevisionFile::NAME)).unwrap();
    sample.everything().unwrap();
}

#[test]
fn an_emptied_or_missing_database_is_damage_and_not_a_new_token() {
    for damage in [|path: &Path| std::fs::write(path, b"").unwrap(), |path: &Path| std::fs::remove_file(path).unwrap()]
    {
        let (sample, store) = Sample::new();
        drop(store);
        damage(&sample.path().join(DATABASE));
        assert!(matches!(SqliteStore::open(sample.path()), Err(Error::Damaged { .. })));
    }
}
