//! A new token made by another process is seen without re-initialising; slots stay where they are.

use cryptoki_sys::CKF_TOKEN_INITIALIZED;
use kinko_tests::{Access, Library, User, alone};

fn initialised(library: &Library) -> Vec<(u64, String)> {
    let slots = library.slots().expect("the slots");
    slots.into_iter().filter_map(|slot| library.label(slot).map(|label| (slot, label))).collect()
}

#[test]
fn a_token_made_elsewhere_is_seen_and_usable() {
    alone(|rig| {
        let library = rig.library();
        let own = library.new_token("own");
        let session = library.user_session(own);
        assert_eq!(initialised(&library), [(own, "own".into())]);
        let made = rig.worker(&["new-token", "elsewhere"]).finish();
        assert!(made.1.success(), "{made:?}");
        let seen = library.slot_of("elsewhere").expect("the other process's token");
        let other = library.open(seen, Access::ReadOnly).expect("a session");
        other.login(User::User, kinko_tests::USER_PIN).expect("the user logs in");
        session.random(8).expect("the first session goes on");
    });
}

#[test]
fn slots_are_numbered_in_creation_order_and_one_is_free() {
    alone(|rig| {
        let library = rig.library();
        for expected in 0..3 {
            assert_eq!(library.free_slot(), expected);
            assert_eq!(library.slots().expect("the slots").len() as u64, expected + 1);
            let label = format!("token {expected}");
            library.init_token(expected, kinko_tests::SO_PIN, &label).expect("C_InitToken");
            assert_eq!(library.label(expected), Some(label));
        }
        let before = initialised(&library);
        library.finalize().expect("C_Finalize");
        library.initialize().expect("C_Initialize");
        assert_eq!(initialised(&library), before);
        let free = library.token_info(library.free_slot()).expect("C_GetTokenInfo");
        assert_eq!(free.flags & CKF_TOKEN_INITIALIZED, 0);
    });
}

#[test]
fn a_reinitialised_token_keeps_its_slot_and_loses_its_objects() {
    alone(|rig| {
        let library = rig.library();
        let slot = library.new_token("again");
        let session = library.user_session(slot);
        crate::templates::aes(&session, &[], &crate::templates::stored()).expect("a key");
        assert!(library.init_token(slot, kinko_tests::SO_PIN, "again").is_err(), "while a session is open");
        drop(session);
        assert!(library.init_token(slot, "not the SO's PIN", "again").is_err(), "without the SO's PIN");
        library.init_token(slot, kinko_tests::SO_PIN, "renewed").expect("C_InitToken");
        assert_eq!(library.label(slot).as_deref(), Some("renewed"));
        library.set_user_pin(slot, kinko_tests::USER_PIN);
        assert_eq!(library.user_session(slot).find(&[]).expect("a search"), []);
    });
}
