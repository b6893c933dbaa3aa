//! Accounts in one process and over several.

use std::io::{BufRead, BufReader};
use std::path::Path;

use super::*;
use crate::clock::SystemClock;
use crate::crypto::kdf::KdfCost;
use crate::crypto::rng::SystemRng;
use crate::store::barrier::{Barrier, RecordKind};
use crate::store::child;
use crate::store::keyring::Keyring;
use crate::store::sqlite::{SqliteStore, StoreIdentity};
use crate::user::PasswordPolicy;

struct Token {
    store: SqliteStore,
    locks: LoginLocks,
    barrier: Barrier,
}

const RIGHT: &[u8] = b"right password";
const WRONG: &[u8] = b"wrong password";

fn writer(barrier: &Barrier) -> UserWriter<'_> {
    let policy = PasswordPolicy::Pkcs11;
    UserWriter { barrier, rng: &SystemRng, clock: &SystemClock, policy, cost: KdfCost::FLOOR }
}

impl Token {
    /// A token with the crypto user `alice`.
    fn create(directory: &Path) -> (Self, LockedKey) {
        let identity = StoreIdentity::random(&SystemRng).unwrap();
        let barrier = Barrier::new(Keyring::new(&identity.store).unwrap());
        let master = LockedKey::random(&SystemRng).unwrap();
        let mut first = Batch::new();
        writer(&barrier).add(&mut first, (Role::CryptoUser, "alice"), RIGHT, &master).unwrap();
        let store = SqliteStore::create(directory, &identity, &first).unwrap();
        (Self { store, locks: LoginLocks::new(directory), barrier }, master)
    }

    fn open(directory: &Path) -> Self {
        let store = SqliteStore::open(directory).unwrap();
        let barrier = Barrier::new(Keyring::new(store.id()).unwrap());
        Self { store, locks: LoginLocks::new(directory), barrier }
    }

    fn accounts(&self) -> Accounts<'_> {
        Accounts { journal: &self.store, locks: &self.locks, writer: writer(&self.barrier) }
    }

    fn login(&self, password: &[u8]) -> Result<Authenticated, Error> {
        self.accounts().authenticate(Role::CryptoUser, "alice", password)
    }

    fn alice(&self) -> User {
        self.accounts().find_user(Role::CryptoUser, "alice").unwrap().unwrap()
    }

    fn strikes(&self) -> u32 {
        self.accounts().strike_state(self.alice().id).unwrap()
    }

    fn lock(&self) {
        (0..5).for_each(|_| assert!(matches!(self.login(WRONG), Err(Error::PinIncorrect))));
    }
}

#[test]
fn the_right_password_opens_the_master_key() {
    let directory = tempfile::tempdir().unwrap();
    let (token, master) = Token::create(directory.path());
    let login = token.login(RIGHT).unwrap();
    assert_eq!(login.master_key.expose().unwrap(), master.expose().unwrap());
    assert_eq!((login.user.name.as_str(), token.strikes()), ("alice", 0));
}

#[test]
fn a_user_that_does_not_exist_is_told_apart() {
    let directory = tempfile::tempdir().unwrap();
    let (token, _) = Token::create(directory.path());
    for (role, name) in [(Role::CryptoUser, "bob"), (Role::Admin, "alice")] {
        let refused = token.accounts().authenticate(role, name, RIGHT);
        assert!(matches!(refused, Err(Error::UserPinNotInitialized)));
    }
}

#[test]
fn a_right_login_takes_strikes_back() {
    let directory = tempfile::tempdir().unwrap();
    let (token, _) = Token::create(directory.path());
    (0..4).for_each(|_| assert!(matches!(token.login(WRONG), Err(Error::PinIncorrect))));
    assert_eq!(token.accounts().standing(token.alice().id).unwrap(), Standing::FinalTry);
    token.login(RIGHT).unwrap();
    assert_eq!(token.strikes(), 0);
}

#[test]
fn five_wrong_passwords_lock_also_for_the_right_one_until_an_admin_sets_a_new_one() {
    let directory = tempfile::tempdir().unwrap();
    let (token, master) = Token::create(directory.path());
    let before = token.alice();
    token.lock();
    assert!(matches!(token.login(RIGHT), Err(Error::PinLocked)));
    let locked = token.alice();
    assert_eq!((locked.state, locked.epoch), (UserState::Locked, before.epoch + 1));

    let refused = token.accounts().set_password(&locked, b"new password", &master, ChangedBy::Owner);
    assert!(matches!(refused, Err(Error::PinLocked)));
    token.accounts().set_password(&locked, b"new password", &master, ChangedBy::Admin).unwrap();
    assert!(matches!(token.login(RIGHT), Err(Error::PinIncorrect)));
    let login = token.login(b"new password").unwrap();
    assert_eq!((login.user.state, login.user.epoch), (UserState::Active, before.epoch + 2));
}

#[test]
fn an_owner_sets_a_new_password_which_ends_other_logins() {
    let directory = tempfile::tempdir().unwrap();
    let (token, _) = Token::create(directory.path());
    let login = token.login(RIGHT).unwrap();
    let changed =
        token.accounts().set_password(&login.user, b"new password", &login.master_key, ChangedBy::Owner).unwrap();
    assert!(changed.epoch > login.user.epoch);
    let again = token.accounts().set_password(&login.user, b"other password", &login.master_key, ChangedBy::Owner);
    assert!(matches!(again, Err(Error::UserNotLoggedIn)));
    assert_eq!(token.login(b"new password").unwrap().user, changed);
}

#[test]
fn passwords_follow_the_policy() {
    let [pkcs11, cloudhsm] = [PasswordPolicy::Pkcs11, PasswordPolicy::CloudHsm];
    assert!(matches!(pkcs11.check(b"123"), Err(Error::PinLenRange)));
    assert!(matches!(pkcs11.check(&[0; 256]), Err(Error::PinLenRange)));
    assert!(pkcs11.check(b"\0\xff ~").is_ok());
    assert!(matches!(cloudhsm.check(b"123456"), Err(Error::PinLenRange)));
    assert!(matches!(cloudhsm.check(&[b'a'; 33]), Err(Error::PinLenRange)));
    assert!(matches!(cloudhsm.check(b"with space"), Err(Error::PinInvalid(_))));
    assert!(cloudhsm.check(b"abcDEF7").is_ok());
}

#[test]
fn names_are_printable_ascii_without_a_colon() {
    for bad in ["", "a:b", "tab\t", "é", &"x".repeat(32)] {
        assert!(user::check_name(bad).is_err(), "{bad:?}");
    }
    for good in ["a", "CU user~1", &"x".repeat(31)] {
        assert!(user::check_name(good).is_ok(), "{good:?}");
    }
}

#[test]
fn a_name_belongs_to_one_user_of_a_role_and_is_free_after_deletion() {
    let directory = tempfile::tempdir().unwrap();
    let (token, master) = Token::create(directory.path());
    let create = |role| token.accounts().create_user(role, "alice", RIGHT, &master);
    assert!(matches!(create(Role::CryptoUser), Err(Error::FunctionRejected(_))));
    create(Role::Admin).unwrap();
    let alice = token.alice();
    token.accounts().delete_user(&alice, &|_| Ok(())).unwrap();
    assert!(matches!(token.login(RIGHT), Err(Error::UserPinNotInitialized)));
    assert!(matches!(token.accounts().delete_user(&alice, &|_| Ok(())), Err(Error::UserPinNotInitialized)));
    assert_ne!(create(Role::CryptoUser).unwrap().id, alice.id);
    token.login(RIGHT).unwrap();
}

#[test]
fn a_deleted_user_leaves_tombstones_without_key_material() {
    let directory = tempfile::tempdir().unwrap();
    let (token, _) = Token::create(directory.path());
    let alice = token.alice();
    token.accounts().delete_user(&alice, &|_| Ok(())).unwrap();
    for key in [RecordKey::User(alice.id), RecordKey::Strike(alice.id), token.accounts().writer.name_key(&alice)] {
        let opened = token.barrier.open(&token.store.lookup(&key).unwrap().unwrap()).unwrap();
        assert_eq!((opened.kind, opened.plain.len()), (RecordKind::Tombstone, 0));
    }
}

#[test]
fn a_record_of_another_user_or_of_cheap_guesses_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let (token, master) = Token::create(directory.path());
    let mallory = token.accounts().create_user(Role::CryptoUser, "mallory", WRONG, &master).unwrap();
    let alice = token.alice();
    let of_mallory = token.store.lookup(&RecordKey::User(mallory.id)).unwrap().unwrap();
    let mut batch = Batch::new();
    batch.replace(RecordKey::User(alice.id), alice.revision, of_mallory.value);
    let Outcome::Committed(revision) = token.store.commit(&batch).unwrap() else { panic!("refused") };
    let named = RecordKey::User(alice.id).to_string();
    assert!(matches!(token.login(WRONG), Err(Error::Damaged { record }) if record == named));

    let mut cheap =
        token.barrier.open(&token.store.lookup(&RecordKey::User(mallory.id)).unwrap().unwrap()).unwrap().plain;
    let memory = 2 + 3 * 8 + 1;
    cheap[memory..memory + 4].copy_from_slice(&8_u32.to_le_bytes());
    let key = RecordKey::User(alice.id);
    let mut batch = Batch::new();
    batch.replace(key, revision, token.barrier.seal(&SystemRng, &key, RecordKind::User, &cheap, Vec::new()).unwrap());
    token.store.commit(&batch).unwrap();
    assert!(matches!(token.login(WRONG), Err(Error::Damaged { record }) if record == named));
}

/// How many passwords were looked at.
fn count_evaluated(token: &Token, attempts: usize) -> usize {
    (0..attempts).filter(|_| matches!(token.login(WRONG), Err(Error::PinIncorrect))).count()
}

#[test]
fn parallel_threads_evaluate_exactly_five_wrong_passwords() {
    let directory = tempfile::tempdir().unwrap();
    let (token, _) = Token::create(directory.path());
    let evaluated = evaluated_by_threads(&token);
    assert_eq!(evaluated, 5);
    assert!(matches!(token.login(RIGHT), Err(Error::PinLocked)));
}

#[test]
fn five_strikes_are_exact_also_where_no_lock_file_can_be_used() {
    let directory = tempfile::tempdir().unwrap();
    let (token, _) = Token::create(directory.path());
    std::fs::write(directory.path().join("locks"), "in the way").unwrap();
    assert_eq!(evaluated_by_threads(&token), 5);
    assert!(matches!(token.login(RIGHT), Err(Error::PinLocked)));
}

fn evaluated_by_threads(token: &Token) -> usize {
    std::thread::scope(|scope| {
        let threads = [(); 8].map(|()| scope.spawn(|| count_evaluated(token, 10)));
        threads.map(|thread| thread.join().unwrap()).into_iter().sum()
    })
}

#[test]
fn two_hundred_wrong_logins_from_four_processes_evaluate_exactly_five() {
    if let Some(directory) = child::directory() {
        let token = Token::open(&directory);
        return child::say(&count_evaluated(&token, 50).to_string());
    }
    let directory = tempfile::tempdir().unwrap();
    let (token, _) = Token::create(directory.path());
    let name = "authenticate::tests::two_hundred_wrong_logins_from_four_processes_evaluate_exactly_five";
    let children = [(); 4].map(|()| child::spawn(name, directory.path()));
    let evaluated: Vec<usize> = children.into_iter().map(|child| child::finish(child)[0].parse().unwrap()).collect();
    assert_eq!(evaluated.iter().sum::<usize>(), 5, "{evaluated:?}");
    assert!(matches!(token.login(RIGHT), Err(Error::PinLocked)));
    assert_eq!(token.alice().state, UserState::Locked);
}

#[test]
fn right_logins_from_many_processes_at_once_cost_no_strike() {
    if let Some(directory) = child::directory() {
        let token = Token::open(&directory);
        return std::thread::scope(|scope| {
            (0..4).for_each(|_| drop(scope.spawn(|| drop(token.login(RIGHT).unwrap()))));
        });
    }
    let directory = tempfile::tempdir().unwrap();
    let (token, _) = Token::create(directory.path());
    let name = "authenticate::tests::right_logins_from_many_processes_at_once_cost_no_strike";
    let children = [(); 4].map(|()| child::spawn(name, directory.path()));
    children.into_iter().for_each(|child| drop(child::finish(child)));
    assert_eq!(token.strikes(), 0);
}

#[test]
fn a_process_that_dies_between_count_and_check_gives_no_guess_back() {
    if let Some(directory) = child::directory() {
        let token = Token::open(&directory);
        let alice = token.alice();
        let _turn = token.locks.take_turn(alice.id);
        token.accounts().count(alice.id).unwrap();
        std::process::abort();
    }
    let directory = tempfile::tempdir().unwrap();
    let (token, _) = Token::create(directory.path());
    let name = "authenticate::tests::a_process_that_dies_between_count_and_check_gives_no_guess_back";
    for died in 1..=5 {
        assert!(!child::spawn(name, directory.path()).wait().unwrap().success());
        assert_eq!(token.strikes(), died);
    }
    assert!(matches!(token.login(RIGHT), Err(Error::PinLocked)));
    // Nobody was left to say so; the next attempt did.
    assert_eq!(token.alice().state, UserState::Locked);
}

#[test]
fn a_password_is_not_changed_while_another_process_is_logged_in() {
    if let Some(directory) = child::directory() {
        let token = Token::open(&directory);
        let _login = token.login(RIGHT).unwrap();
        child::say("logged in");
        return drop(std::io::stdin().read_line(&mut String::new()));
    }
    let directory = tempfile::tempdir().unwrap();
    let (token, master) = Token::create(directory.path());
    let name = "authenticate::tests::a_password_is_not_changed_while_another_process_is_logged_in";
    let mut other = child::spawn(name, directory.path());
    let mut lines = BufReader::new(other.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| child::said(&line.unwrap()) == Some("logged in")));

    let _own_presence = token.locks.announce(token.alice().id).unwrap();
    let change = |by| token.accounts().set_password(&token.alice(), b"new password", &master, by);
    for by in [ChangedBy::Admin, ChangedBy::Owner] {
        assert!(matches!(change(by), Err(Error::UserInUse)));
    }
    drop(other.stdin.take());
    assert!(other.wait().unwrap().success());
    change(ChangedBy::Owner).unwrap();
}
