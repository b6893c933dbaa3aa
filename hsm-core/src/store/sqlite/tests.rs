//! The store in one process.

use std::os::unix::fs::PermissionsExt;

use hsm_types::ObjectId;

use super::write::KEPT_REVISIONS;
use super::*;
use crate::store::barrier::{FORMAT_VERSION, RecordKind};
use crate::store::journal::{Journal, Precondition, Sealed, Write};
use crate::store::suite;

const IDENTITY: StoreIdentity = StoreIdentity { store: [1; 16], history: [2; 16] };

pub(super) fn first() -> Batch {
    let mut batch = Batch::new();
    batch.create(RecordKey::Meta, value(b"meta", &[]));
    batch
}

pub(super) fn value(bytes: &[u8], tokens: &[u8]) -> Sealed {
    Sealed { bytes: bytes.to_vec(), search: tokens.iter().map(|token| SearchToken([*token; 16])).collect() }
}

pub(super) fn new_store() -> (tempfile::TempDir, SqliteStore) {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::create(directory.path(), &IDENTITY, &first()).unwrap();
    (directory, store)
}

pub(super) fn object(id: u64) -> RecordKey {
    RecordKey::Object(ObjectId(id))
}

pub(super) fn create(store: &SqliteStore, id: u64, tokens: &[u8]) -> Revision {
    let mut batch = Batch::new();
    batch.create(object(id), value(b"object", tokens));
    committed(store.commit(&batch).unwrap())
}

fn replace(store: &SqliteStore, id: u64, revision: Revision, value: Sealed) -> Revision {
    let mut batch = Batch::new();
    batch.replace(object(id), revision, value);
    committed(store.commit(&batch).unwrap())
}

pub(super) fn committed(outcome: Outcome) -> Revision {
    match outcome {
        Outcome::Committed(revision) => revision,
        Outcome::Refused { .. } => panic!("refused"),
    }
}

fn ids(ids: &[u64]) -> Vec<ObjectId> {
    ids.iter().copied().map(ObjectId).collect()
}

#[test]
fn the_store_passes_the_journals_suite() {
    let (_directory, store) = new_store();
    suite::run(&store).unwrap();
    store.verify().unwrap();
}

#[test]
fn what_was_committed_is_there_after_opening_again() {
    let (directory, store) = new_store();
    let revision = create(&store, 7, &[1]);
    drop(store);
    let store = SqliteStore::open(directory.path()).unwrap();
    assert_eq!((store.id(), store.revision().unwrap()), (&IDENTITY.store, revision));
    assert_eq!(store.lookup(&object(7)).unwrap().unwrap().value, value(b"object", &[1]));
    assert_eq!(store.current_history().unwrap(), History { id: IDENTITY.history, generation: 1 });
}

#[test]
fn a_store_opens_whose_creator_was_killed_at_once() {
    let (directory, _store) = new_store();
    // What a kill leaves: nothing was moved from the log into the database.
    let left = tempfile::tempdir().unwrap();
    for file in directory.path().read_dir().unwrap().map(Result::unwrap) {
        if !file.file_name().to_string_lossy().ends_with("-shm") {
            std::fs::copy(file.path(), left.path().join(file.file_name())).unwrap();
        }
    }
    let store = SqliteStore::open(left.path()).unwrap();
    assert!(store.lookup(&RecordKey::Meta).unwrap().is_some());
}

#[test]
fn a_store_is_created_once() {
    let (directory, store) = new_store();
    assert!(SqliteStore::create(directory.path(), &IDENTITY, &first()).is_err());
    assert!(store.lookup(&RecordKey::Meta).unwrap().is_some());
}

#[test]
fn a_directory_without_a_store_holds_no_token() {
    let directory = tempfile::tempdir().unwrap();
    assert!(matches!(SqliteStore::open(directory.path()), Err(Error::TokenNotPresent)));
    assert_eq!(directory.path().read_dir().unwrap().count(), 0, "opening left a file behind");
}

#[test]
fn a_search_finds_the_objects_with_every_token_ascending() {
    let (_directory, store) = new_store();
    for (id, tokens) in [(9, [1, 2].as_slice()), (3, &[1]), (5, &[1, 2, 3]), (4, &[2])] {
        create(&store, id, tokens);
    }
    let found = |tokens: &[u8]| store.search(&value(b"", tokens).search).unwrap();
    assert_eq!(found(&[1]), ids(&[3, 5, 9]));
    assert_eq!(found(&[1, 2]), ids(&[5, 9]));
    assert_eq!(found(&[3, 1, 2]), ids(&[5]));
    assert_eq!(found(&[4]), []);
    assert_eq!(found(&[]), []);
}

#[test]
fn pages_of_a_search_are_the_search() {
    let (_directory, store) = new_store();
    for id in 1..=10 {
        create(&store, id, &[1, 2]);
    }
    let tokens = value(b"", &[1, 2]).search;
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let page = store.search_page(&tokens, after, 3).unwrap();
        assert!(page.len() <= 3);
        let Some(last) = page.last() else { break };
        after = Some(*last);
        all.extend(page);
    }
    assert_eq!(all, store.search(&tokens).unwrap());
    assert_eq!(all.len(), 10);
}

#[test]
fn the_index_follows_a_change_and_a_removal() {
    let (_directory, store) = new_store();
    let revision = create(&store, 7, &[1, 2]);
    let revision = replace(&store, 7, revision, value(b"changed", &[2, 3]));
    let found = |token: u8| store.search(&[SearchToken([token; 16])]).unwrap();
    assert_eq!([found(1), found(2), found(3)], [ids(&[]), ids(&[7]), ids(&[7])]);
    let mut batch = Batch::new();
    batch.require(object(7), revision);
    batch.writes.push(Write::Remove(object(7)));
    committed(store.commit(&batch).unwrap());
    assert_eq!([found(2), found(3)], [ids(&[]), ids(&[])]);
    store.verify().unwrap();
}

#[test]
fn another_opening_observes_a_commit_without_asking_the_database() {
    let (directory, store) = new_store();
    let other = SqliteStore::open(directory.path()).unwrap();
    let applied = other.revision().unwrap();
    assert_eq!(other.observe().unwrap(), applied.0);
    let revision = create(&store, 7, &[]);
    assert_ne!(other.observe().unwrap(), applied.0);
    let changed = other.changes_since(applied).unwrap();
    assert_eq!((changed.revision, changed.keys), (revision, ChangedKeys::Listed(vec![object(7)])));
    assert_eq!(other.observe().unwrap(), revision.0);
}

#[test]
fn a_refused_batch_leaves_nothing_to_observe() {
    let (_directory, store) = new_store();
    let before = store.observe().unwrap();
    assert!(matches!(store.commit(&first()).unwrap(), Outcome::Refused { .. }));
    assert_eq!(store.observe().unwrap(), before);
}

#[test]
fn a_change_log_that_was_pruned_says_everything_and_takes_tombstones_out() {
    let (_directory, store) = new_store();
    let start = create(&store, 1, &[]);
    let tombstone = value(&[FORMAT_VERSION, RecordKind::Tombstone.code()], &[]);
    replace(&store, 1, start, tombstone);
    assert!(store.lookup(&object(1)).unwrap().is_some());
    let mut revision = create(&store, 2, &[]);
    for _ in 0..KEPT_REVISIONS + 100 {
        // No disk needs to hold these.
        revision = quick_replace(&store, 2, revision);
    }
    assert_eq!(store.changes_since(start).unwrap().keys, ChangedKeys::Everything);
    assert!(matches!(store.subscribe(start), Err(JournalError::Compacted)));
    assert_eq!(store.changes_since(Revision(revision.0 - 1)).unwrap().keys, ChangedKeys::Listed(vec![object(2)]));
    assert!(store.lookup(&object(1)).unwrap().is_none());
    store.verify().unwrap();
}

fn quick_replace(store: &SqliteStore, id: u64, revision: Revision) -> Revision {
    store.connections.write(|connection| connection.pragma_update(None, "synchronous", "off").or_fail()).unwrap();
    replace(store, id, revision, value(b"again", &[]))
}

#[test]
fn a_reset_leaves_nothing_of_the_old_history() {
    let (directory, store) = new_store();
    let other = SqliteStore::open(directory.path()).unwrap();
    let mut batch = Batch::new();
    batch.create(object(7), value(b"a secret that must go", &[1]));
    let seen = committed(store.commit(&batch).unwrap());
    assert!(other.lookup(&object(7)).unwrap().is_some());

    let revision = store.reset(&[9; 16], &first()).unwrap();
    assert!(revision > seen, "revisions went back");
    let changed = other.changes_since(seen).unwrap();
    assert_eq!((changed.keys, changed.history), (ChangedKeys::Everything, History { id: [9; 16], generation: 2 }));
    assert!(other.lookup(&object(7)).unwrap().is_none());
    assert_eq!(other.search(&[SearchToken([1; 16])]).unwrap(), []);
    store.verify().unwrap();
    for file in directory.path().read_dir().unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        assert!(!bytes.windows(21).any(|window| window == b"a secret that must go"));
    }
}

#[test]
fn a_removed_record_is_overwritten_on_disk() {
    let (directory, store) = new_store();
    let mut batch = Batch::new();
    batch.create(object(7), value(b"a secret that must go", &[]));
    let revision = committed(store.commit(&batch).unwrap());
    replace(&store, 7, revision, value(b"tombstone", &[]));
    drop(store);
    let bytes = std::fs::read(directory.path().join(DATABASE)).unwrap();
    assert!(!bytes.windows(21).any(|window| window == b"a secret that must go"));
}

#[test]
fn a_store_from_a_newer_version_is_refused_by_name() {
    let (directory, store) = new_store();
    store.connections.write(|connection| connection.pragma_update(None, "user_version", 9).or_fail()).unwrap();
    drop(store);
    let error = SqliteStore::open(directory.path()).err().unwrap();
    assert!(matches!(error, Error::StoreTooNew { found: 9, known: 1 }), "{error}");
}

#[test]
fn files_are_for_their_owner_only() {
    let (directory, store) = new_store();
    create(&store, 7, &[]);
    for file in directory.path().read_dir().unwrap() {
        let file = file.unwrap();
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{}", file.path().display());
    }
}

#[test]
fn files_that_others_can_write_are_refused() {
    let (directory, store) = new_store();
    drop(store);
    let set = |path: &Path, mode| std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    for name in ["", DATABASE, RevisionFile::NAME] {
        let path = directory.path().join(name);
        let mode = path.metadata().unwrap().permissions().mode();
        for loose in [0o020, 0o002] {
            set(&path, mode | loose);
            let error = SqliteStore::open(directory.path()).err().unwrap();
            assert!(matches!(error, Error::Store(_)), "{name}: {error}");
        }
        set(&path, mode);
    }
    SqliteStore::open(directory.path()).unwrap();
}

#[test]
fn a_symbolic_link_in_a_stores_place_is_refused() {
    let (directory, store) = new_store();
    drop(store);
    let link = directory.path().with_extension("link");
    std::os::unix::fs::symlink(directory.path(), &link).unwrap();
    assert!(SqliteStore::open(&link).is_err());
    std::fs::remove_file(&link).unwrap();
    for name in [DATABASE, RevisionFile::NAME] {
        let (path, moved) = (directory.path().join(name), directory.path().join("moved"));
        std::fs::rename(&path, &moved).unwrap();
        std::os::unix::fs::symlink(&moved, &path).unwrap();
        assert!(SqliteStore::open(directory.path()).is_err(), "{name}");
        std::fs::rename(&moved, &path).unwrap();
    }
    SqliteStore::open(directory.path()).unwrap();
}

#[test]
fn a_precondition_on_the_generation_ends_with_a_reset() {
    let (_directory, store) = new_store();
    store.reset(&[9; 16], &first()).unwrap();
    let mut batch = Batch::new();
    batch.create(object(1), value(b"", &[]));
    batch.preconditions.push(Precondition::Generation(1));
    assert!(matches!(store.commit(&batch).unwrap(), Outcome::Refused { .. }));
}

#[test]
fn eight_threads_lose_no_update() {
    let (_directory, store) = new_store();
    create(&store, 1, &[]);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| (0..20).for_each(|_| increment(&store, 1)));
        }
    });
    let entry = store.lookup(&object(1)).unwrap().unwrap();
    assert_eq!(entry.value.bytes.len(), b"object".len() + 160);
}

/// Appends one byte, as often as it takes.
pub(super) fn increment(store: &SqliteStore, id: u64) {
    loop {
        let mut entry = store.lookup(&object(id)).unwrap().unwrap();
        entry.value.bytes.push(b'+');
        let mut batch = Batch::new();
        batch.replace(entry.key, entry.revision, entry.value);
        if let Outcome::Committed(_) = store.commit(&batch).unwrap() {
            return;
        }
    }
}
