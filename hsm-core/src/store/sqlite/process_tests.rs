//! The store over processes: two at once, killed ones, forked ones, and a disk that says no.

use std::io::{BufRead, BufReader};
use std::path::Path;

use hsm_types::ObjectId;

use super::tests::{committed, create, first, increment, new_store, object, value};
use super::*;
use crate::crypto::kdf::{KdfCost, password_key};
use crate::crypto::rng::{SystemRng, random_u64};
use crate::crypto::secret::LockedKey;
use crate::store::{child, fork};

#[test]
fn two_processes_of_eight_threads_lose_no_update() {
    const EACH: usize = 10;
    if let Some(directory) = child::directory() {
        let store = SqliteStore::open(&directory).unwrap();
        return std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| (0..EACH).for_each(|_| increment(&store, 1)));
            }
        });
    }
    let (directory, store) = new_store();
    create(&store, 1, &[]);
    let name = "store::sqlite::process_tests::two_processes_of_eight_threads_lose_no_update";
    let children = [(); 2].map(|()| child::spawn(name, directory.path()));
    children.into_iter().for_each(|child| drop(child::finish(child)));
    let entry = store.lookup(&object(1)).unwrap().unwrap();
    assert_eq!(entry.value.bytes.len(), b"object".len() + 2 * 8 * EACH);
    store.verify().unwrap();
}

/// What the parent of a killed writer knows about one pair of objects: the last acknowledged number, and the one that
/// was tried after it. 0: deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Known {
    acknowledged: u64,
    tried: u64,
}

const PAIRS: usize = 8;
/// The second object of a pair, written together with the first.
const TWIN: u64 = 1000;

#[test]
fn what_a_killed_process_acknowledged_is_there_and_nothing_is_half_there() {
    if let Some(directory) = child::directory() {
        return write_until_killed(&SqliteStore::open(&directory).unwrap());
    }
    let (directory, store) = new_store();
    drop(store);
    let name = "store::sqlite::process_tests::what_a_killed_process_acknowledged_is_there_and_nothing_is_half_there";
    let mut known = [Known::default(); PAIRS];
    for round in 0..200 {
        let mut writer = child::spawn(name, directory.path());
        let mut lines = BufReader::new(writer.stdout.take().unwrap()).lines();
        // Killed after some lines, wherever it is by then.
        let mut left = random_u64(&SystemRng).unwrap() % 24;
        while let Some(Ok(line)) = lines.next() {
            note(&mut known, &line);
            left = left.saturating_sub(u64::from(child::said(&line).is_some()));
            if left == 0 {
                writer.kill().unwrap();
                break;
            }
        }
        writer.kill().unwrap();
        // What it said in the meantime counts, too.
        lines.map_while(Result::ok).for_each(|line| note(&mut known, &line));
        writer.wait().unwrap();
        check(&SqliteStore::open(directory.path()).unwrap(), &mut known, round);
    }
}

/// Random creations, changes and deletions, each announced before and acknowledged after it.
fn write_until_killed(store: &SqliteStore) {
    loop {
        let random = random_u64(&SystemRng).unwrap();
        let id = random % u64::try_from(PAIRS).unwrap() + 1;
        let number = if random & (1 << 60) == 0 { random >> 8 & 0xffff_ffff | 1 } else { 0 };
        child::say(&format!("try {id} {number}"));
        set(store, id, number);
        child::say(&format!("ack {id} {number}"));
    }
}

fn set(store: &SqliteStore, id: u64, number: u64) {
    let mut batch = Batch::new();
    for key in [object(id), object(id + TWIN)] {
        let value = match number {
            0 => value(b"", &[]),
            number => value(&number.to_le_bytes().repeat(40), &[1, 2]),
        };
        match store.lookup(&key).unwrap() {
            Some(entry) => batch.replace(key, entry.revision, value),
            None => batch.create(key, value),
        }
    }
    committed(store.commit(&batch).unwrap());
}

fn note(known: &mut [Known], line: &str) {
    let Some(said) = child::said(line) else { return };
    let words: Vec<&str> = said.split(' ').collect();
    // The last line of a killed process can be cut.
    let [word, id, number] = words.as_slice() else { return };
    let (Ok(id), Ok(number)) = (id.parse::<usize>(), number.parse()) else { return };
    match *word {
        "try" => known[id - 1].tried = number,
        "ack" => known[id - 1] = Known { acknowledged: number, tried: number },
        _ => {}
    }
}

fn check(store: &SqliteStore, known: &mut [Known], round: usize) {
    let found = store.search(&value(b"", &[1, 2]).search).unwrap();
    for (known, id) in known.iter_mut().zip(1..) {
        let [first, twin] = [id, id + TWIN].map(|id| {
            let bytes = store.lookup(&object(id)).unwrap().map(|entry| entry.value.bytes).unwrap_or_default();
            assert_eq!(found.contains(&ObjectId(id)), !bytes.is_empty(), "round {round}: index and record differ");
            bytes
        });
        assert_eq!(first, twin, "round {round}: half a batch");
        let number = first.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
        assert!([known.acknowledged, known.tried].contains(&number), "round {round}: {known:?}, found {number}");
        *known = Known { acknowledged: number, tried: number };
    }
}

#[test]
fn a_forked_child_opens_the_store_anew_while_its_parents_threads_write() {
    if let Some(directory) = child::directory() {
        return fork_while_writing(&directory);
    }
    let (directory, store) = new_store();
    drop(store);
    let name = "store::sqlite::process_tests::a_forked_child_opens_the_store_anew_while_its_parents_threads_write";
    child::finish(child::spawn(name, directory.path()));
    let store = SqliteStore::open(directory.path()).unwrap();
    let entry = store.lookup(&object(1)).unwrap().unwrap();
    assert_eq!(entry.value.bytes.len(), b"object".len() + FORKS * IN_CHILD + THREADS * IN_THREAD);
    store.verify().unwrap();
}

const FORKS: usize = 10;
const IN_CHILD: usize = 5;
const THREADS: usize = 4;
const IN_THREAD: usize = 40;

fn fork_while_writing(directory: &Path) {
    let store = SqliteStore::open(directory).unwrap();
    let key = LockedKey::random(&SystemRng).unwrap();
    create(&store, 1, &[]);
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            // Takes every turn that the process has.
            scope.spawn(|| drop(password_key(b"password", &[0; 16], KdfCost::FLOOR).unwrap()));
            scope.spawn(|| (0..IN_THREAD).for_each(|_| increment(&store, 1)));
        }
        for _ in 0..FORKS {
            let child = fork_and(|| in_child(&store, &key, directory));
            assert_eq!(wait_for(child), 0);
        }
    });
    store.verify().unwrap();
}

fn in_child(inherited: &SqliteStore, key: &LockedKey, directory: &Path) {
    fork::close_inherited();
    assert!(key.expose().is_err(), "the child has its parent's key");
    password_key(b"password", &[0; 16], KdfCost::FLOOR).unwrap();
    assert!(inherited.lookup(&object(1)).is_err());
    assert!(inherited.observe().is_err());
    assert!(inherited.commit(&first()).is_err());
    let store = SqliteStore::open(directory).unwrap();
    (0..IN_CHILD).for_each(|_| increment(&store, 1));
}

/// Forks as the library's fork handlers do, runs `work` in the child and ends it.
#[expect(unsafe_code, reason = "forking has no safe wrapper")]
fn fork_and(work: impl FnOnce()) -> i32 {
    fork::before_fork();
    // SAFETY: the child runs `work` and ends by `_exit`; no lock that it needs is held by another thread, which is what
    // this test is about.
    let child = unsafe { libc::fork() };
    if child != 0 {
        fork::after_fork_parent();
        return child;
    }
    fork::after_fork_child();
    let failed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)).is_err();
    // SAFETY: ends the child without running the test harness's exit handlers.
    unsafe { libc::_exit(i32::from(failed)) }
}

#[expect(unsafe_code, reason = "the child was made by fork")]
fn wait_for(child: i32) -> i32 {
    let mut status = 0;
    // SAFETY: `status` is ours, and `child` is our own child, waited for once.
    assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
    status
}

#[test]
fn a_full_disk_is_an_error_and_the_store_stays_good() {
    let (directory, store) = new_store();
    let set_limit = |pages: i64| {
        let set = |connection: &Connection| {
            connection.query_row(&format!("PRAGMA max_page_count = {pages}"), [], |row| row.get::<_, i64>(0)).or_fail()
        };
        store.connections.write(set).unwrap();
    };
    set_limit(16);
    let stored = fill(&store, |error| matches!(error, Error::StoreFull(_)));
    set_limit(1 << 20);
    check_filled(&store, stored);
    drop(store);
    check_filled(&SqliteStore::open(directory.path()).unwrap(), stored + 1);
}

#[test]
fn a_failing_disk_is_an_error_and_the_store_stays_good() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    if let Some(directory) = child::directory() {
        ignore_file_size_signal();
        let store = SqliteStore::open(&directory).unwrap();
        let before = getrlimit(Resource::Fsize);
        setrlimit(Resource::Fsize, Rlimit { current: Some(300 << 10), maximum: before.maximum }).unwrap();
        let stored = fill(&store, |error| matches!(error, Error::Store(_) | Error::StoreFull(_)));
        setrlimit(Resource::Fsize, before).unwrap();
        check_filled(&store, stored);
        return child::say(&stored.to_string());
    }
    let (directory, store) = new_store();
    drop(store);
    let name = "store::sqlite::process_tests::a_failing_disk_is_an_error_and_the_store_stays_good";
    let stored: u64 = child::finish(child::spawn(name, directory.path()))[0].parse().unwrap();
    check_filled(&SqliteStore::open(directory.path()).unwrap(), stored + 1);
}

#[expect(unsafe_code, reason = "signal dispositions have no safe wrapper")]
fn ignore_file_size_signal() {
    // SAFETY: ignoring a signal installs no handler.
    unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
}

/// Writes objects 1, 2, 3... until the store fails three times, and returns the last number that was acknowledged.
fn fill(store: &SqliteStore, expected: impl Fn(&Error) -> bool) -> u64 {
    let mut stored = 0;
    loop {
        let error = match store.commit(&large(stored + 1)) {
            Ok(outcome) => {
                committed(outcome);
                stored += 1;
                continue;
            }
            Err(error) => error,
        };
        assert!(stored > 0 && expected(&error), "{error}");
        for _ in 0..3 {
            let again = store.commit(&large(stored + 1)).unwrap_err();
            assert!(expected(&again), "{again}");
            assert!(store.lookup(&object(stored + 1)).unwrap().is_none());
        }
        return stored;
    }
}

fn large(id: u64) -> Batch {
    let mut batch = Batch::new();
    batch.create(object(id), value(&id.to_le_bytes().repeat(512), &[1]));
    batch
}

/// Everything that was acknowledged is there, and the store takes the next object, if that is not there yet.
fn check_filled(store: &SqliteStore, stored: u64) {
    for id in 1..=stored {
        let entry = store.lookup(&object(id)).unwrap().unwrap();
        assert_eq!(entry.value, value(&id.to_le_bytes().repeat(512), &[1]));
    }
    assert_eq!(store.search(&[SearchToken([1; 16])]).unwrap().len(), usize::try_from(stored).unwrap());
    committed(store.commit(&large(stored + 1)).unwrap());
    store.verify().unwrap();
}
