//! Many threads on one token at once, each with keys of its own and one that all share.

use std::thread;

use cryptoki_sys::{
    CKA_CLASS, CKA_ENCRYPT, CKA_ID, CKA_KEY_TYPE, CKA_LABEL, CKA_SENSITIVE, CKA_TOKEN, CKA_VALUE, CKK_AES, CKM_AES_ECB,
    CKO_SECRET_KEY,
};
use kinko_tests::attribute::{bytes, no, number, yes};
use kinko_tests::{Access, Attribute, Library, Mechanism, User};

use crate::{library, say, wait_for_go};

/// Each thread makes `each` keys, changes each of them twice, destroys every second one, and after
/// each change looks for what it has just written. What is left is said as `left <label> <id>`.
pub fn count_up(label: &str, threads: u64, each: u64) {
    let library = library();
    let slot = library.slot_of(label).expect("the token");
    let first = library.open(slot, Access::ReadWrite).expect("a session");
    first.login(User::User, kinko_tests::USER_PIN).expect("the user logs in");
    say("ready");
    wait_for_go();
    thread::scope(|scope| {
        for thread in 0..threads {
            let library = &library;
            scope.spawn(move || work(library, slot, thread, each));
        }
    });
    say("end");
}

fn work(library: &Library, slot: u64, thread: u64, each: u64) {
    let session = library.open(slot, Access::ReadWrite).expect("a session");
    let process = std::process::id();
    for turn in 0..each {
        let label = format!("{process}.{thread}.{turn}");
        let key = session.create(&template(&label)).expect("C_CreateObject");
        for change in 1..=2 {
            let id = format!("{label}/{change}");
            session.set(key, &[bytes(CKA_ID, &id)]).expect("C_SetAttributeValue");
            assert_eq!(session.attribute(key, CKA_ID).expect("CKA_ID"), id.as_bytes());
            assert_eq!(session.find(&[bytes(CKA_ID, &id)]).expect("a search"), [key]);
        }
        session.encrypt(&Mechanism::plain(CKM_AES_ECB), key, &[0; 16]).expect("the key works");
        if turn % 2 == 0 {
            session.destroy(key).expect("C_DestroyObject");
            assert_eq!(session.find(&[bytes(CKA_LABEL, &label)]).expect("a search"), []);
        } else {
            say(&format!("left {label} {label}/2"));
        }
    }
}

fn template(label: &str) -> Vec<Attribute> {
    vec![
        number(CKA_CLASS, CKO_SECRET_KEY),
        number(CKA_KEY_TYPE, CKK_AES),
        yes(CKA_TOKEN),
        no(CKA_SENSITIVE),
        yes(CKA_ENCRYPT),
        bytes(CKA_VALUE, [7; 32]),
        bytes(CKA_LABEL, label),
    ]
}
