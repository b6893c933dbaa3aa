//! Ends the process while sessions, operations and threads are alive.

use std::sync::Barrier;
use std::{process, thread};

use cryptoki_sys::{CKA_SIGN, CKA_VALUE_LEN, CKM_GENERIC_SECRET_KEY_GEN, CKM_SHA256_HMAC};
use kinko_tests::attribute::{number, yes};
use kinko_tests::{Access, Mechanism, Operation};

use crate::{library, say};

const THREADS: usize = 4;

/// `exit`: `exit()` from the main thread; `return`: the main function returns.
pub fn with_everything_open(label: &str, how: &str) {
    // Leaked on purpose: the module stays loaded and nothing is closed.
    let library = Box::leak(Box::new(library()));
    let slot = library.slot_of(label).expect("the token");
    let session = Box::leak(Box::new(library.user_session(slot)));
    let template = [number(CKA_VALUE_LEN, 32), yes(CKA_SIGN)];
    let key = session.generate(&Mechanism::plain(CKM_GENERIC_SECRET_KEY_GEN), &template).expect("a key");
    let running: &'static Barrier = Box::leak(Box::new(Barrier::new(THREADS + 1)));
    for _ in 0..THREADS {
        let library: &'static _ = &*library;
        let started = thread::Builder::new().spawn(move || {
            let session = library.open(slot, Access::ReadOnly).expect("a session");
            session.sign(&Mechanism::plain(CKM_SHA256_HMAC), key, b"first").expect("a signature");
            running.wait();
            // Until the process ends; an error then is nobody's concern.
            while session.sign(&Mechanism::plain(CKM_SHA256_HMAC), key, b"more").is_ok() {}
        });
        drop(started.expect("a thread"));
    }
    session.start(Operation::Sign, &Mechanism::plain(CKM_SHA256_HMAC), key).expect("C_SignInit");
    running.wait();
    say("leaving");
    if how == "exit" {
        process::exit(0);
    }
}
