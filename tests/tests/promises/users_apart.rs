//! Users are apart: another user's objects are neither visible nor usable, and a lock is one user's own.

use cryptoki_sys::{CKA_DECRYPT, CKA_ENCRYPT, CKA_LABEL, CKM_AES_ECB};
use kinko_tests::attribute::bytes;
use kinko_tests::{Access, Library, Mechanism, Rv, Session, User, alone};

use crate::templates::{aes, stored};

const ALICE: &str = "alice:the-password-of-alice";
const BOB: &str = "bob:the-password-of-bob";

/// A token with the default user, alice and bob.
fn three_users(library: &Library) -> u64 {
    let slot = library.new_token("users");
    library.set_user_pin(slot, ALICE);
    library.set_user_pin(slot, BOB);
    slot
}

fn logged_in<'l>(library: &'l Library, slot: u64, pin: &str) -> Session<'l> {
    let session = library.open(slot, Access::ReadWrite).expect("a session");
    session.login(User::User, pin).expect("the user logs in");
    session
}

#[test]
fn another_users_keys_are_invisible_and_unusable() {
    alone(|rig| {
        let library = rig.library();
        let slot = three_users(&library);
        let session = logged_in(&library, slot, ALICE);
        let label = bytes(CKA_LABEL, "alice's key");
        let named = [&stored()[..], std::slice::from_ref(&label)].concat();
        let key = aes(&session, &[CKA_ENCRYPT, CKA_DECRYPT], &named).expect("a key");
        session.logout().expect("C_Logout");
        for other in [BOB, kinko_tests::USER_PIN] {
            session.login(User::User, other).expect("another user logs in");
            assert_eq!(session.find(&[]).expect("a search"), []);
            assert_eq!(session.find(std::slice::from_ref(&label)).expect("a search"), []);
            // Handles are random numbers of 62 bits: the key's own, its neighbours, and the small ones.
            for handle in (0..1000).chain(key - 50..key + 50) {
                assert_eq!(session.attribute(handle, CKA_LABEL), Err(Rv::OBJECT_HANDLE_INVALID), "{handle}");
                let sealed = session.encrypt(&Mechanism::plain(CKM_AES_ECB), handle, &[0; 16]);
                assert_eq!(sealed, Err(Rv::KEY_HANDLE_INVALID), "{handle}");
                assert_eq!(session.copy(handle, &[]), Err(Rv::OBJECT_HANDLE_INVALID), "{handle}");
                assert_eq!(session.destroy(handle), Err(Rv::OBJECT_HANDLE_INVALID), "{handle}");
            }
            session.logout().expect("C_Logout");
        }
        session.login(User::User, ALICE).expect("alice logs in");
        let found = session.find(&[label]).expect("a search");
        session.encrypt(&Mechanism::plain(CKM_AES_ECB), found[0], &[0; 16]).expect("alice's key works");
    });
}

#[test]
fn a_lock_is_one_users_own() {
    alone(|rig| {
        let library = rig.library();
        let slot = three_users(&library);
        let session = library.open(slot, Access::ReadOnly).expect("a session");
        for _ in 0..5 {
            assert_eq!(session.login(User::User, "bob:wrong"), Err(Rv::PIN_INCORRECT));
        }
        assert_eq!(session.login(User::User, BOB), Err(Rv::PIN_LOCKED));
        session.login(User::User, ALICE).expect("alice logs in");
    });
}

#[test]
fn a_user_who_does_not_exist_is_told_apart() {
    alone(|rig| {
        let library = rig.library();
        let slot = three_users(&library);
        let session = library.open(slot, Access::ReadOnly).expect("a session");
        assert_eq!(session.login(User::User, "carol:whatever"), Err(Rv::USER_PIN_NOT_INITIALIZED));
    });
}

#[test]
fn each_user_changes_their_own_password() {
    alone(|rig| {
        let library = rig.library();
        let slot = three_users(&library);
        let session = logged_in(&library, slot, ALICE);
        session.set_pin("the-password-of-alice", "another-password").expect("C_SetPIN");
        session.logout().expect("C_Logout");
        assert_eq!(session.login(User::User, ALICE), Err(Rv::PIN_INCORRECT));
        session.login(User::User, "alice:another-password").expect("the new password");
        session.logout().expect("C_Logout");
        session.login(User::User, BOB).expect("bob's is as it was");
    });
}
