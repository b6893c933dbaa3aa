//! The host program is safe: fork, exit, unloading and re-initialisation, in the ways real programs do them.

use std::collections::BTreeSet;
use std::fs;
use std::sync::Barrier;
use std::thread;

use cryptoki_sys::{CKA_SIGN, CKM_SHA256_HMAC};
use kinko_tests::forked::in_child;
use kinko_tests::{Access, Library, Mechanism, Operation, Rig, Rv, alone};

use crate::templates::{aes, hmac_key, stored};

fn hmac() -> Mechanism {
    Mechanism::plain(CKM_SHA256_HMAC)
}

fn said(text: &str) -> Vec<u8> {
    text.as_bytes().to_vec()
}

#[test]
fn a_child_is_not_initialised_and_may_initialise() {
    alone(|rig| {
        let library = rig.library();
        let slot = library.new_token("forked");
        let session = library.user_session(slot);
        let key = hmac_key(&session, &stored()).expect("a key");
        let answer = in_child(|| {
            assert_eq!(library.slots(), Err(Rv::CRYPTOKI_NOT_INITIALIZED));
            assert_eq!(session.sign(&hmac(), key, b"x"), Err(Rv::CRYPTOKI_NOT_INITIALIZED));
            library.initialize().expect("the child may initialise");
            let own = library.user_session(slot);
            let keys = own.find(&[]).expect("a search");
            own.sign(&hmac(), keys[0], b"by the child").expect("a signature");
            library.finalize().expect("C_Finalize");
            said("child done")
        });
        assert_eq!(answer, b"child done");
        session.sign(&hmac(), key, b"by the parent").expect("the parent goes on");
    });
}

#[test]
fn a_childs_finalize_leaves_the_parent_alone() {
    alone(|rig| {
        let library = rig.library();
        let slot = library.new_token("finalized");
        let session = library.user_session(slot);
        let key = hmac_key(&session, &[]).expect("a key");
        session.start(Operation::Sign, &hmac(), key).expect("C_SignInit");
        in_child(|| {
            assert_eq!(library.finalize(), Err(Rv::CRYPTOKI_NOT_INITIALIZED));
            Vec::new()
        });
        session.run(Operation::Sign, b"started before the fork").expect("the operation goes on");
        library.finalize().expect("C_Finalize");
    });
}

#[test]
fn a_child_that_writes_leaves_the_parents_store_whole() {
    alone(|rig| {
        let library = rig.library();
        let slot = library.new_token("written");
        let session = library.user_session(slot);
        aes(&session, &[], &stored()).expect("a key");
        for _ in 0..5 {
            in_child(|| {
                library.initialize().expect("the child may initialise");
                aes(&library.user_session(slot), &[], &stored()).expect("a key");
                Vec::new()
            });
            aes(&session, &[], &stored()).expect("a key");
        }
        assert_eq!(session.find(&[]).expect("a search").len(), 11);
    });
}

#[test]
fn no_two_processes_share_random_bytes() {
    alone(|rig| {
        let library = rig.library();
        let slot = library.new_token("random");
        let session = library.open(slot, Access::ReadOnly).expect("a session");
        let mut seen = BTreeSet::from([session.random(16).expect("C_GenerateRandom")]);
        for _ in 0..50 {
            let bytes = in_child(|| {
                library.initialize().expect("the child may initialise");
                let session = library.open(slot, Access::ReadOnly).expect("a session");
                session.random(16).expect("C_GenerateRandom")
            });
            assert!(seen.insert(bytes), "a child repeats what another process has drawn");
            assert!(seen.insert(session.random(16).expect("C_GenerateRandom")), "the parent repeats a child's bytes");
        }
    });
}

#[test]
fn no_two_processes_generate_the_same_key() {
    alone(|rig| {
        let library = rig.library();
        let slot = library.new_token("keys");
        library.finalize().expect("C_Finalize");
        let proof = || {
            library.initialize().expect("C_Initialize");
            let session = library.user_session(slot);
            let key = hmac_key(&session, &[]).expect("a key");
            let proof = session.sign(&hmac(), key, b"which key").expect("a signature");
            library.finalize().expect("C_Finalize");
            proof
        };
        let proofs: BTreeSet<Vec<u8>> = (0..4).map(|_| in_child(proof)).chain([proof()]).collect();
        assert_eq!(proofs.len(), 5);
    });
}

fn leaves_cleanly(rig: &Rig, how: &str) {
    let library = rig.library();
    let slot = library.new_token("left");
    for _ in 0..10 {
        let (said, status) = rig.worker(&["leave", "left", how]).finish();
        assert_eq!((said.as_slice(), status.code()), (&["leaving".to_owned()][..], Some(0)), "{status}");
    }
    aes(&library.user_session(slot), &[], &stored()).expect("the token is whole");
}

#[test]
fn exit_with_live_sessions_and_threads_is_clean() {
    alone(|rig| leaves_cleanly(rig, "exit"));
}

#[test]
fn returning_from_main_with_live_sessions_and_threads_is_clean() {
    alone(|rig| leaves_cleanly(rig, "return"));
}

#[test]
fn a_thread_may_end_after_the_library_is_unloaded() {
    alone(|rig| {
        let library = rig.library();
        let slot = library.new_token("unloaded");
        let (used, unloaded) = (Barrier::new(2), Barrier::new(2));
        let for_thread = Library::load(rig.module().path());
        thread::scope(|scope| {
            let (used, unloaded) = (&used, &unloaded);
            let thread = scope.spawn(move || {
                let session = for_thread.user_session(slot);
                session.random(8).expect("C_GenerateRandom");
                drop(session);
                drop(for_thread);
                used.wait();
                unloaded.wait();
            });
            used.wait();
            library.finalize().expect("C_Finalize");
            drop(library);
            unloaded.wait();
            thread.join().expect("the thread ends");
        });
    });
}

#[test]
fn unloading_without_finalize_and_loading_again_works() {
    alone(|rig| {
        let library = rig.library();
        let _ = library.new_token("reloaded");
        drop(library);
        let library = rig.load();
        // Whether the loader keeps the first copy is its own affair.
        let answer = library.initialize();
        assert!(matches!(answer, Ok(()) | Err(Rv::CRYPTOKI_ALREADY_INITIALIZED)), "{answer:?}");
        let slot = library.slot_of("reloaded").expect("the token");
        library.user_session(slot).random(8).expect("C_GenerateRandom");
    });
}

#[test]
fn the_library_initialises_again() {
    alone(|rig| {
        let library = rig.load();
        assert_eq!(library.slots(), Err(Rv::CRYPTOKI_NOT_INITIALIZED));
        assert_eq!(library.finalize(), Err(Rv::CRYPTOKI_NOT_INITIALIZED));
        library.initialize().expect("C_Initialize");
        assert_eq!(library.initialize(), Err(Rv::CRYPTOKI_ALREADY_INITIALIZED));
        let slot = library.new_token("cycled");
        for _ in 0..10 {
            let session = library.open(slot, Access::ReadOnly).expect("a session");
            library.finalize().expect("C_Finalize");
            assert_eq!(session.random(8), Err(Rv::CRYPTOKI_NOT_INITIALIZED));
            library.initialize().expect("C_Initialize");
            assert_eq!(session.random(8), Err(Rv::SESSION_HANDLE_INVALID));
        }
        library.user_session(slot).random(8).expect("C_GenerateRandom");
    });
}

#[test]
fn finalize_under_running_threads_is_an_error_for_them_and_no_more() {
    alone(|rig| {
        let library = rig.library();
        let slot = library.new_token("pulled");
        for _ in 0..5 {
            let session = library.user_session(slot);
            let key = hmac_key(&session, &[]).expect("a key");
            let running = Barrier::new(5);
            thread::scope(|scope| {
                for _ in 0..4 {
                    scope.spawn(|| {
                        let session = library.open(slot, Access::ReadOnly).expect("a session");
                        session.sign(&hmac(), key, b"first").expect("a signature");
                        running.wait();
                        let ended = loop {
                            match session.sign(&hmac(), key, b"more") {
                                Ok(_) => {}
                                Err(rv) => break rv,
                            }
                        };
                        let closed = [Rv::CRYPTOKI_NOT_INITIALIZED, Rv::SESSION_HANDLE_INVALID, Rv::SESSION_CLOSED];
                        // C_Finalize logs out and closes; a call between the two meets the logout.
                        let logged_out =
                            [Rv::OPERATION_NOT_INITIALIZED, Rv::KEY_HANDLE_INVALID, Rv::USER_NOT_LOGGED_IN];
                        assert!(closed.contains(&ended) || logged_out.contains(&ended), "{ended}");
                    });
                }
                running.wait();
                library.finalize().expect("C_Finalize");
            });
            library.initialize().expect("C_Initialize");
        }
    });
}

#[test]
fn the_library_starts_no_thread() {
    alone(|rig| {
        let threads = || fs::read_dir("/proc/self/task").expect("/proc").count();
        let before = threads();
        let library = rig.library();
        let slot = library.new_token("threads");
        let session = library.user_session(slot);
        let key = aes(&session, &[CKA_SIGN], &stored()).expect("a key");
        session.destroy(key).expect("C_DestroyObject");
        hmac_key(&session, &[]).expect("a key");
        assert_eq!(threads(), before);
        library.finalize().expect("C_Finalize");
        assert_eq!(threads(), before);
    });
}
