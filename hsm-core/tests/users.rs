//! Users, and several clients of one process on one token: each opens the token for itself, as a server does.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::sync::{Arc, Barrier};

use hsm_core::crypto::kdf::KdfCost;
use hsm_core::{Access, Error, Role, Session, Settings, Slot, TokenDirectory, UserSummary, UserType};
use hsm_types::{AttributeType as A, Mechanism, MechanismType as M, ObjectId, Params, SlotId, Template};

const ADMIN: &[u8] = b"admin-secret";
const ALICE: &[u8] = b"alice-secret";
const OTHER: &[u8] = b"other-secret";
const SLOT: SlotId = SlotId(0);

/// A token with an admin and the crypto user `alice`.
fn token() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let tokens = open(&directory);
    tokens.initialize(SLOT, ADMIN, b"a token                         ").unwrap();
    admin(&directory).create_user(Role::CryptoUser, "alice", ALICE).unwrap();
    directory
}

fn open(directory: &tempfile::TempDir) -> TokenDirectory {
    let settings = Settings { kdf_cost: KdfCost::FLOOR, ..Settings::default_for(directory.path().to_owned()) };
    TokenDirectory::open(settings).unwrap()
}

/// A session of a new client: a token of its own over the same directory.
fn client(directory: &tempfile::TempDir) -> Arc<Session> {
    match open(directory).slot(SLOT).unwrap() {
        Slot::Token(token) => token.open_session(Access::ReadWrite).unwrap(),
        Slot::Free => panic!("the slot is free"),
    }
}

fn admin(directory: &tempfile::TempDir) -> Arc<Session> {
    let session = client(directory);
    session.login(UserType::So, None, ADMIN).unwrap();
    session
}

fn login(session: &Session, name: &str, password: &[u8]) -> Result<(), Error> {
    session.login(UserType::User, Some(name.as_bytes()), password)
}

fn alice(directory: &tempfile::TempDir) -> Arc<Session> {
    let session = client(directory);
    login(&session, "alice", ALICE).unwrap();
    session
}

fn create_key(session: &Session, label: &str) -> ObjectId {
    let mut template = Template::new();
    template.set(A::TOKEN, [1]);
    template.set(A::LABEL, label.as_bytes());
    template.set(A::VALUE_LEN, 32_u64.to_le_bytes());
    session.generate_key(&Mechanism { mechanism: M::AES_KEY_GEN, params: Params::None }, template).unwrap()
}

fn find(session: &Session, label: &str) -> Vec<ObjectId> {
    let mut template = Template::new();
    template.set(A::LABEL, label.as_bytes());
    session.find_init(&template).unwrap();
    let found = session.find(10).unwrap();
    session.find_final().unwrap();
    found
}

/// Makes the next announcements of logins meet in other files, as if they were made on another machine.
fn hide_presence(directory: &tempfile::TempDir) {
    std::fs::remove_dir_all(directory.path().join("tokens/0/locks")).unwrap();
}

fn summary(name: &str, role: Role) -> UserSummary {
    UserSummary { name: name.to_owned(), role, locked: false }
}

#[test]
fn users_are_listed_without_a_login_by_role_and_name() {
    let directory = token();
    let admin = admin(&directory);
    admin.create_user(Role::CryptoUser, "aaron", OTHER).unwrap();
    admin.create_user(Role::Admin, "zoe", OTHER).unwrap();
    let listed = client(&directory).users().unwrap();
    let expected = [
        summary("admin", Role::Admin),
        summary("zoe", Role::Admin),
        summary("aaron", Role::CryptoUser),
        summary("alice", Role::CryptoUser),
    ];
    assert_eq!(listed, expected);
    admin.delete_user(Role::CryptoUser, "aaron").unwrap();
    assert_eq!(client(&directory).users().unwrap().len(), 3);
}

#[test]
fn only_an_administrator_manages_users() {
    let directory = token();
    let [nobody, alice] = [client(&directory), alice(&directory)];
    assert!(matches!(nobody.create_user(Role::CryptoUser, "eve", OTHER), Err(Error::UserNotLoggedIn)));
    assert!(matches!(nobody.delete_user(Role::CryptoUser, "alice"), Err(Error::UserNotLoggedIn)));
    assert!(matches!(nobody.change_password(Role::CryptoUser, "alice", OTHER), Err(Error::UserNotLoggedIn)));
    assert!(matches!(alice.create_user(Role::CryptoUser, "eve", OTHER), Err(Error::FunctionRejected(_))));
    assert!(matches!(alice.delete_user(Role::CryptoUser, "alice"), Err(Error::FunctionRejected(_))));
    assert!(matches!(alice.change_password(Role::Admin, "admin", OTHER), Err(Error::FunctionRejected(_))));
    assert_eq!(nobody.users().unwrap().len(), 2);
}

#[test]
fn one_name_may_be_in_both_roles_and_once_in_each() {
    let directory = token();
    let admin = admin(&directory);
    admin.create_user(Role::Admin, "alice", OTHER).unwrap();
    assert!(matches!(admin.create_user(Role::CryptoUser, "alice", OTHER), Err(Error::FunctionRejected(_))));
    assert!(matches!(admin.create_user(Role::CryptoUser, "a:b", OTHER), Err(Error::ArgumentsBad(_))));
    assert!(matches!(admin.create_user(Role::CryptoUser, "bob", b"a:bcd"), Err(Error::PinInvalid(_))));
    assert!(matches!(admin.create_user(Role::CryptoUser, "bob", b"abc"), Err(Error::PinLenRange)));
}

#[test]
fn an_administrator_cannot_delete_itself_so_the_last_one_stays() {
    let directory = token();
    let admin = admin(&directory);
    assert!(matches!(admin.delete_user(Role::Admin, "admin"), Err(Error::FunctionRejected(_))));
    assert!(matches!(admin.delete_user(Role::CryptoUser, "nobody"), Err(Error::UserPinNotInitialized)));
}

#[test]
fn a_user_with_keys_is_not_deleted_and_one_without_is() {
    let directory = token();
    let [admin, alice] = [admin(&directory), alice(&directory)];
    let key = create_key(&alice, "kept");
    alice.logout().unwrap();
    assert!(matches!(admin.delete_user(Role::CryptoUser, "alice"), Err(Error::FunctionRejected(_))));
    login(&alice, "alice", ALICE).unwrap();
    alice.destroy_object(key).unwrap();
    assert!(matches!(admin.delete_user(Role::CryptoUser, "alice"), Err(Error::UserInUse)));
    alice.logout().unwrap();
    admin.delete_user(Role::CryptoUser, "alice").unwrap();
    assert!(matches!(login(&alice, "alice", ALICE), Err(Error::UserPinNotInitialized)));
    admin.create_user(Role::CryptoUser, "alice", OTHER).unwrap();
    login(&alice, "alice", OTHER).unwrap();
    assert_eq!(find(&alice, "kept"), []);
}

#[test]
fn a_password_is_not_changed_while_its_user_is_logged_in_through_another_client() {
    let directory = token();
    let [admin, first, second] = [admin(&directory), alice(&directory), alice(&directory)];
    assert!(matches!(admin.change_password(Role::CryptoUser, "alice", OTHER), Err(Error::UserInUse)));
    assert!(matches!(first.change_password(Role::CryptoUser, "alice", OTHER), Err(Error::UserInUse)));
    second.logout().unwrap();
    assert!(matches!(admin.change_password(Role::CryptoUser, "alice", OTHER), Err(Error::UserInUse)));
    // Its own login does not stand in the way, and outlives the change; also a second one.
    first.change_password(Role::CryptoUser, "alice", OTHER).unwrap();
    first.change_password(Role::CryptoUser, "alice", b"third-secret").unwrap();
    create_key(&first, "after the change");
    first.logout().unwrap();
    assert!(matches!(login(&second, "alice", ALICE), Err(Error::PinIncorrect)));
    admin.change_password(Role::CryptoUser, "alice", ALICE).unwrap();
    login(&second, "alice", ALICE).unwrap();
}

#[test]
fn an_administrator_changes_its_own_password_and_stays_logged_in() {
    let directory = token();
    let admin = admin(&directory);
    admin.change_password(Role::Admin, "admin", OTHER).unwrap();
    admin.create_user(Role::CryptoUser, "bob", OTHER).unwrap();
    admin.logout().unwrap();
    assert!(matches!(admin.login(UserType::So, None, ADMIN), Err(Error::PinIncorrect)));
    admin.login(UserType::So, None, OTHER).unwrap();
}

#[test]
fn what_one_client_makes_or_destroys_another_sees_at_once() {
    let directory = token();
    let [first, second] = [alice(&directory), alice(&directory)];
    for round in 0..20 {
        let label = format!("key {round}");
        let key = create_key(&first, &label);
        assert_eq!(find(&second, &label), [key]);
        assert_eq!(second.object(key).unwrap().attribute(A::LABEL).unwrap(), label.as_bytes());
        second.destroy_object(key).unwrap();
        assert_eq!(find(&first, &label), []);
        assert!(first.object(key).is_err());
    }
}

#[test]
fn five_wrong_passwords_over_all_clients_lock_an_account_exactly() {
    let directory = token();
    let running = alice(&directory);
    let start = Barrier::new(12);
    let refusals: Vec<_> = std::thread::scope(|scope| {
        let attempts: Vec<_> = (0..12)
            .map(|_| {
                scope.spawn(|| {
                    let session = client(&directory);
                    start.wait();
                    login(&session, "alice", b"wrong").unwrap_err()
                })
            })
            .collect();
        attempts.into_iter().map(|attempt| attempt.join().unwrap()).collect()
    });
    let wrong = refusals.iter().filter(|error| matches!(error, Error::PinIncorrect)).count();
    let locked = refusals.iter().filter(|error| matches!(error, Error::PinLocked)).count();
    assert_eq!((wrong, locked), (5, 7));
    assert!(client(&directory).users().unwrap().iter().any(|user| user.name == "alice" && user.locked));
    // The login that ran meanwhile has ended; the right password does not help, the administrator's new one does.
    assert!(matches!(running.logout(), Err(Error::UserNotLoggedIn)));
    assert!(matches!(login(&running, "alice", ALICE), Err(Error::PinLocked)));
    admin(&directory).change_password(Role::CryptoUser, "alice", OTHER).unwrap();
    login(&running, "alice", OTHER).unwrap();
    assert!(client(&directory).users().unwrap().iter().all(|user| !user.locked));
    // Twelve clients wrote to one audit log meanwhile: its chain holds.
    hsm_core::audit::verify(&directory.path().join("tokens/0/audit.log")).unwrap();
}

#[test]
fn a_login_that_was_not_seen_ends_at_its_next_call_when_the_password_changes_or_the_user_goes() {
    let directory = token();
    let admin = admin(&directory);
    let running = alice(&directory);
    hide_presence(&directory);
    admin.change_password(Role::CryptoUser, "alice", OTHER).unwrap();
    assert_eq!(running.info().unwrap().state, 2, "read/write, nobody logged in");
    login(&running, "alice", OTHER).unwrap();
    hide_presence(&directory);
    admin.delete_user(Role::CryptoUser, "alice").unwrap();
    assert_eq!(running.info().unwrap().state, 2, "read/write, nobody logged in");
    assert!(matches!(login(&running, "alice", OTHER), Err(Error::UserPinNotInitialized)));
}

#[test]
fn what_is_done_to_users_and_what_is_refused_is_in_the_audit_log() {
    let directory = token();
    let admin = admin(&directory);
    admin.change_password(Role::CryptoUser, "alice", OTHER).unwrap();
    admin.delete_user(Role::Admin, "admin").unwrap_err();
    admin.delete_user(Role::CryptoUser, "alice").unwrap();
    let log = std::fs::read_to_string(directory.path().join("tokens/0/audit.log")).unwrap();
    for (event, count) in [("create-user", 1), ("set-password", 1), ("delete-user", 2)] {
        assert_eq!(log.matches(event).count(), count, "{log}");
    }
    assert!(!log.contains("secret"));
}
