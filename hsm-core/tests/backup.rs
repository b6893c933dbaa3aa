//! Backups of real tokens: what comes back, and what is refused.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use hsm_core::backup::{self, BackupIdentity, BackupKey, BackupSummary};
use hsm_core::crypto::kdf::KdfCost;
use hsm_core::crypto::rng::SystemRng;
use hsm_core::store::SqliteStore;
use hsm_core::{Access, Error, Role, Session, Settings, Slot, TokenDirectory, UserType};
use hsm_types::{AttributeType as A, Mechanism, MechanismType as M, ObjectClass, ObjectId, Params, SlotId, Template};

const ADMIN: &[u8] = b"admin-secret";
const ALICE: &[u8] = b"alice-secret";
const CHUNK: usize = 64 * 1024 + 16;

/// A token with the users `alice` and `bob`, and a place for backups.
struct Fixture {
    directory: tempfile::TempDir,
    backups: PathBuf,
    key: BackupKey,
}

impl Fixture {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let backups = directory.path().join("backups");
        std::fs::create_dir(&backups).unwrap();
        open(directory.path()).initialize(SlotId(0), ADMIN, b"a token                         ").unwrap();
        let admin = client(directory.path(), 0);
        admin.login(UserType::So, None, ADMIN).unwrap();
        admin.create_user(Role::CryptoUser, "alice", ALICE).unwrap();
        admin.create_user(Role::CryptoUser, "bob", b"bob-secret").unwrap();
        let key = BackupKey::load_or_create(&directory.path().join("backup.key")).unwrap();
        Self { backups, directory, key }
    }

    fn store(&self) -> PathBuf {
        self.directory.path().join("tokens/0")
    }

    fn alice(&self) -> Arc<Session> {
        logged_in(self.directory.path(), 0)
    }

    fn create(&self, name: &str) -> Result<(PathBuf, BackupSummary), Error> {
        let file = self.backups.join(name);
        let summary = backup::create(&self.store(), &file, &identity(), &self.key, &SystemRng)?;
        Ok((file, summary))
    }

    /// Restores into slot 1.
    fn restore(&self, file: &Path) -> Result<BackupSummary, Error> {
        backup::restore(file, &self.directory.path().join("tokens/1"), &self.key, &SystemRng)
    }
}

fn identity() -> BackupIdentity {
    let [backup_id, cluster_id] = ["backup-abcdefghijk", "cluster-abcdefghijk"].map(str::to_owned);
    BackupIdentity { backup_id, cluster_id, history_id: [7; 16], created: 1_800_000_000 }
}

fn open(directory: &Path) -> TokenDirectory {
    let settings = Settings { kdf_cost: KdfCost::FLOOR, ..Settings::default_for(directory.to_owned()) };
    TokenDirectory::open(settings).unwrap()
}

fn client(directory: &Path, slot: u64) -> Arc<Session> {
    match open(directory).slot(SlotId(slot)).unwrap() {
        Slot::Token(token) => token.open_session(Access::ReadWrite).unwrap(),
        Slot::Free => panic!("the slot is free"),
    }
}

fn logged_in(directory: &Path, slot: u64) -> Arc<Session> {
    let session = client(directory, slot);
    session.login(UserType::User, Some(b"alice"), ALICE).unwrap();
    session
}

fn create_data(session: &Session, label: &str, size: usize) -> ObjectId {
    let mut template = Template::new();
    template.set(A::CLASS, ObjectClass::DATA.0.to_le_bytes());
    template.set(A::TOKEN, [1]);
    template.set(A::PRIVATE, [1]);
    template.set(A::LABEL, label.as_bytes());
    template.set(A::VALUE, vec![0x5a; size]);
    session.create_object(template).unwrap()
}

fn labels(session: &Session) -> Vec<String> {
    session.find_init(&Template::new()).unwrap();
    let found = session.find(usize::MAX).unwrap();
    session.find_final().unwrap();
    let label = |id| String::from_utf8(session.object(id).unwrap().attribute(A::LABEL).unwrap().to_vec()).unwrap();
    let mut labels: Vec<_> = found.into_iter().map(label).collect();
    labels.sort_unstable();
    labels
}

fn encrypt(session: &Session, key: ObjectId) -> Vec<u8> {
    let mechanism = Mechanism { mechanism: M::AES_ECB, params: Params::None };
    session.encrypt_init(&mechanism, key).unwrap();
    let mut output = vec![0; 16];
    session.encrypt(&[1; 16], Some(&mut output)).unwrap();
    output
}

fn names(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn a_restored_token_has_its_users_passwords_locks_and_keys_and_another_history() {
    let fixture = Fixture::new();
    let alice = fixture.alice();
    let mut template = Template::new();
    template.set(A::TOKEN, [1]);
    template.set(A::VALUE_LEN, 32_u64.to_le_bytes());
    template.set(A::ENCRYPT, [1]);
    template.set(A::LABEL, b"a key");
    let key = alice.generate_key(&Mechanism { mechanism: M::AES_KEY_GEN, params: Params::None }, template).unwrap();
    let gone = create_data(&alice, "gone", 10);
    alice.destroy_object(gone).unwrap();
    for _ in 0..5 {
        client(fixture.directory.path(), 0).login(UserType::User, Some(b"bob"), b"wrong").unwrap_err();
    }
    let (file, made) = fixture.create("one").unwrap();
    assert_eq!((made.users, made.objects, &made.identity), (3, 1, &identity()));
    assert_eq!(backup::verify(&file, &fixture.key).unwrap(), made);
    create_data(&alice, "after the backup", 10);
    assert_eq!(fixture.restore(&file).unwrap(), made);
    let restored = logged_in(fixture.directory.path(), 1);
    assert_eq!(labels(&restored), ["a key"]);
    assert_eq!(encrypt(&restored, key), encrypt(&alice, key));
    let bob = client(fixture.directory.path(), 1);
    assert!(matches!(bob.login(UserType::User, Some(b"bob"), b"bob-secret"), Err(Error::PinLocked)));
    let [old, new] =
        ["tokens/0", "tokens/1"].map(|path| SqliteStore::open(&fixture.directory.path().join(path)).unwrap());
    assert_eq!(old.id(), new.id());
    assert_ne!(old.current_history().unwrap().id, new.current_history().unwrap().id);
    new.verify().unwrap();
}

#[test]
fn a_backup_taken_while_keys_are_made_holds_exactly_the_first_ones_and_all_that_were_acknowledged() {
    let fixture = Fixture::new();
    let (acknowledged, stop) = (AtomicU64::new(0), AtomicBool::new(false));
    let alice = fixture.alice();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for number in 0.. {
                create_data(&alice, &format!("{number:08}"), 2000);
                acknowledged.store(number + 1, Ordering::SeqCst);
                if stop.load(Ordering::SeqCst) {
                    return;
                }
            }
        });
        for round in 0..5 {
            while acknowledged.load(Ordering::SeqCst) < round * 50 + 1 {
                std::thread::yield_now();
            }
            let before = acknowledged.load(Ordering::SeqCst);
            let (file, made) = fixture.create(&format!("round {round}")).unwrap();
            // The one after was perhaps written and not yet acknowledged.
            let after = acknowledged.load(Ordering::SeqCst) + 1;
            let place = tempfile::tempdir().unwrap();
            std::fs::create_dir(place.path().join("tokens")).unwrap();
            let store = place.path().join("tokens/0");
            backup::restore(&file, &store, &fixture.key, &SystemRng).unwrap();
            let found = labels(&logged_in(place.path(), 0));
            let expected: Vec<_> = (0..made.objects).map(|number| format!("{number:08}")).collect();
            assert_eq!(found, expected);
            assert!((before..=after).contains(&made.objects), "{before} {} {after}", made.objects);
        }
        stop.store(true, Ordering::SeqCst);
    });
}

#[test]
fn every_changed_byte_cut_or_moved_chunk_is_refused_and_leaves_nothing() {
    let fixture = Fixture::new();
    let alice = fixture.alice();
    for number in 0..60 {
        create_data(&alice, &format!("{number:08}"), 4000);
    }
    let (file, _) = fixture.create("whole").unwrap();
    let whole = std::fs::read(&file).unwrap();
    assert!(whole.starts_with(b"KINKOBK1") && whole.len() > 4 * CHUNK, "{}", whole.len());
    let damaged = fixture.backups.join("damaged");
    let refused = |bytes: &[u8], what: &str| {
        std::fs::write(&damaged, bytes).unwrap();
        assert!(matches!(backup::verify(&damaged, &fixture.key), Err(Error::Backup(_))), "{what}");
    };
    for at in (0..whole.len()).step_by(97).chain(0..110) {
        let mut changed = whole.clone();
        changed[at] ^= 0x10;
        refused(&changed, &format!("byte {at}"));
    }
    let start = 8 + 1 + 32 + 16 + 8 + 1 + identity().backup_id.len() + 1 + identity().cluster_id.len();
    for chunks in 0..4 {
        refused(&whole[..start + chunks * CHUNK], &format!("cut after {chunks} chunks"));
        refused(&whole[..start + chunks * CHUNK + 1], &format!("cut a byte after {chunks} chunks"));
    }
    refused(&whole[..whole.len() - 1], "cut by a byte");
    refused(&[&whole[..], &[0]].concat(), "longer by a byte");
    let chunk = |number: usize| &whole[start + number * CHUNK..start + (number + 1) * CHUNK];
    refused(&[&whole[..start], chunk(1), chunk(0), &whole[start + 2 * CHUNK..]].concat(), "swapped chunks");
    refused(&[&whole[..start + CHUNK], &whole[start + 2 * CHUNK..]].concat(), "a chunk left out");
    refused(&[&whole[..start + CHUNK], &whole[start..]].concat(), "a chunk twice");
    let other = BackupKey::from_bytes(&[1; 32]).unwrap();
    assert!(matches!(backup::verify(&file, &other), Err(Error::Backup(_))));
    assert!(matches!(fixture.restore(&damaged), Err(Error::Backup(_))));
    assert_eq!(names(&fixture.directory.path().join("tokens")), ["0"]);
    assert_eq!(names(&fixture.backups).len(), 2, "the whole backup and the damaged one");
}

#[test]
fn chunks_of_two_backups_under_one_key_do_not_fit_together() {
    let fixture = Fixture::new();
    let [one, two] = ["one", "two"].map(|name| std::fs::read(fixture.create(name).unwrap().0).unwrap());
    assert_eq!(one.len(), two.len());
    let mixed = fixture.backups.join("mixed");
    std::fs::write(&mixed, [&one[..200], &two[200..]].concat()).unwrap();
    assert!(matches!(backup::verify(&mixed, &fixture.key), Err(Error::Backup(_))));
}

#[test]
fn nothing_is_overwritten_and_a_damaged_store_makes_no_backup() {
    let fixture = Fixture::new();
    let (file, _) = fixture.create("one").unwrap();
    assert!(matches!(fixture.create("one"), Err(Error::Backup(_))));
    let taken = backup::restore(&file, &fixture.store(), &fixture.key, &SystemRng);
    assert!(matches!(taken, Err(Error::Backup(_))));
    let database = fixture.store().join("store.db");
    let mut bytes = std::fs::read(&database).unwrap();
    // A page of a table, after the first one with the schema.
    bytes[3 * 4096 - 40..3 * 4096].fill(0xff);
    std::fs::write(&database, bytes).unwrap();
    assert!(fixture.create("two").is_err());
    assert_eq!(names(&fixture.backups), ["one"]);
}

#[test]
fn a_backup_and_its_key_are_for_their_owner_alone() {
    let fixture = Fixture::new();
    let (file, _) = fixture.create("one").unwrap();
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    let key = fixture.directory.path().join("backup.key");
    assert_eq!((mode(&file), mode(&key)), (0o600, 0o600));
    // The same key again.
    backup::verify(&file, &BackupKey::load_or_create(&key).unwrap()).unwrap();
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o640)).unwrap();
    assert!(matches!(BackupKey::load_or_create(&key), Err(Error::Backup(_))));
    let absent = fixture.directory.path().join("absent.key");
    assert!(matches!(BackupKey::load(&absent), Err(Error::Backup(_))));
    assert!(!absent.exists());
    let content = std::fs::read(&file).unwrap();
    assert!(!content.windows(5).any(|window| window == b"alice" || window == b"SQLit"));
}
