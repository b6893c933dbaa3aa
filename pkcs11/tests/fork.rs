//! The host's life: forks, exits, unloading, starting again, threads.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::multiple_unsafe_ops_per_block,
    reason = "tests"
)]

mod module;

use std::ptr::null_mut;
use std::sync::atomic::{AtomicBool, Ordering};

use cryptoki_sys::*;
use module::*;

/// A fresh module with a token and a session of its user.
fn started() -> (Module, tempfile::TempDir, CK_SLOT_ID, CK_SESSION_HANDLE) {
    let directory = tempfile::tempdir().unwrap();
    let module = Module::load();
    let slot = module.initialize_with_token(directory.path());
    let session = module.open_session(slot);
    module.login(session, CKU_USER, USER_PIN);
    (module, directory, slot, session)
}

/// What a child does that starts afresh.
fn use_afresh(module: &Module, slot: CK_SLOT_ID) {
    assert_eq!(call!(module, C_Initialize, null_mut()), CKR_OK);
    let session = module.open_session(slot);
    let mut info = CK_SESSION_INFO::default();
    assert_eq!(call!(module, C_GetSessionInfo, session, &raw mut info), CKR_OK);
    assert_eq!(info.state, CKS_RW_PUBLIC_SESSION, "the child inherited its parent's login");
    module.login(session, CKU_USER, USER_PIN);
    let key = module.aes_key(session);
    assert_eq!(call!(module, C_DestroyObject, session, key), CKR_OK);
    assert_eq!(call!(module, C_Finalize, null_mut()), CKR_OK);
}

#[test]
fn in_a_child_every_call_says_not_initialized_and_the_parent_goes_on() {
    alone("in_a_child_every_call_says_not_initialized_and_the_parent_goes_on", || {
        let (module, _directory, _, session) = started();
        let ended = in_child(|| {
            assert_eq!(module.sha256(session, b"abc"), Err(CKR_CRYPTOKI_NOT_INITIALIZED));
            let mut count = 0;
            assert_eq!(call!(module, C_GetSlotList, CK_TRUE, null_mut(), &raw mut count), CKR_CRYPTOKI_NOT_INITIALIZED);
            assert_eq!(call!(module, C_CloseSession, session), CKR_CRYPTOKI_NOT_INITIALIZED);
            assert_eq!(call!(module, C_Finalize, null_mut()), CKR_CRYPTOKI_NOT_INITIALIZED);
        });
        assert_eq!(ended, WELL);
        module.sha256(session, b"abc").unwrap();
        module.aes_key(session);
    });
}

#[test]
fn a_child_may_initialise_and_its_own_child_too() {
    alone("a_child_may_initialise_and_its_own_child_too", || {
        let (module, _directory, slot, session) = started();
        let ended = in_child(|| {
            use_afresh(&module, slot);
            assert_eq!(call!(module, C_Initialize, null_mut()), CKR_OK);
            let inner = in_child(|| use_afresh(&module, slot));
            assert_eq!(inner, WELL);
            assert_eq!(call!(module, C_Finalize, null_mut()), CKR_OK);
        });
        assert_eq!(ended, WELL);
        module.aes_key(session);
    });
}

#[test]
fn a_fork_while_other_threads_work_leaves_a_child_that_can_initialise() {
    alone("a_fork_while_other_threads_work_leaves_a_child_that_can_initialise", || {
        let (module, _directory, slot, _) = started();
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    while !stop.load(Ordering::Relaxed) {
                        let session = module.open_session(slot);
                        module.sha256(session, b"abc").unwrap();
                        let mut label = *b"x";
                        let (mut class, mut yes) = (CKO_DATA, CK_TRUE);
                        let mut template = [
                            attribute(CKA_CLASS, &mut class),
                            attribute(CKA_TOKEN, &mut yes),
                            attribute(CKA_LABEL, &mut label),
                        ];
                        let mut object = 0;
                        let rv = call!(module, C_CreateObject, session, template.as_mut_ptr(), 3, &raw mut object);
                        assert_eq!(rv, CKR_OK);
                        assert_eq!(call!(module, C_DestroyObject, session, object), CKR_OK);
                        assert_eq!(call!(module, C_CloseSession, session), CKR_OK);
                    }
                });
            }
            let ended: Vec<_> = (0..4).map(|_| in_child(|| use_afresh(&module, slot))).collect();
            stop.store(true, Ordering::Relaxed);
            assert!(ended.iter().all(|ended| *ended == WELL), "{ended:?}");
        });
    });
}

#[test]
fn parent_and_child_do_not_share_random_bytes() {
    alone("parent_and_child_do_not_share_random_bytes", || {
        let (module, directory, slot, session) = started();
        let random = |session| {
            let mut bytes = [0u8; 32];
            assert_eq!(call!(module, C_GenerateRandom, session, bytes.as_mut_ptr(), 32), CKR_OK);
            bytes
        };
        random(session);
        let file = directory.path().with_extension("random");
        let ended = in_child(|| {
            assert_eq!(call!(module, C_Initialize, null_mut()), CKR_OK);
            std::fs::write(&file, random(module.open_session(slot))).unwrap();
        });
        assert_eq!(ended, WELL);
        let childs = std::fs::read(&file).unwrap();
        std::fs::remove_file(&file).unwrap();
        assert_ne!(childs, random(session));
    });
}

#[test]
fn after_finalising_the_library_starts_again_and_old_handles_mean_nothing() {
    alone("after_finalising_the_library_starts_again_and_old_handles_mean_nothing", || {
        let (module, _directory, slot, old) = started();
        for _ in 0..3 {
            assert_eq!(call!(module, C_Finalize, null_mut()), CKR_OK);
            assert_eq!(module.sha256(old, b"abc"), Err(CKR_CRYPTOKI_NOT_INITIALIZED));
            module.initialize();
            assert_eq!(module.sha256(old, b"abc"), Err(CKR_SESSION_HANDLE_INVALID));
            let session = module.open_session(slot);
            assert_ne!(session, old);
            let mut info = CK_SESSION_INFO::default();
            assert_eq!(call!(module, C_GetSessionInfo, session, &raw mut info), CKR_OK);
            assert_eq!(info.state, CKS_RW_PUBLIC_SESSION, "a login outlived C_Finalize");
        }
    });
}

#[test]
fn finalising_while_other_threads_call_is_safe() {
    alone("finalising_while_other_threads_call_is_safe", || {
        let (module, _directory, slot, _) = started();
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    while !stop.load(Ordering::Relaxed) {
                        let mut session = 0;
                        let flags = CKF_SERIAL_SESSION | CKF_RW_SESSION;
                        let opened = call!(module, C_OpenSession, slot, flags, null_mut(), None, &raw mut session);
                        assert!([CKR_OK, CKR_CRYPTOKI_NOT_INITIALIZED].contains(&opened), "{opened:#x}");
                        let digested = module.sha256(session, b"abc").err().unwrap_or(CKR_OK);
                        let allowed = [
                            CKR_OK,
                            CKR_CRYPTOKI_NOT_INITIALIZED,
                            CKR_SESSION_HANDLE_INVALID,
                            CKR_OPERATION_NOT_INITIALIZED,
                        ];
                        assert!(allowed.contains(&digested), "{digested:#x}");
                    }
                });
            }
            for _ in 0..50 {
                assert_eq!(call!(module, C_Finalize, null_mut()), CKR_OK);
                module.initialize();
            }
            stop.store(true, Ordering::Relaxed);
        });
    });
}

#[test]
fn unloading_without_finalising_and_exiting_is_clean() {
    alone("unloading_without_finalising_and_exiting_is_clean", || {
        let (module, _directory, _, session) = started();
        // Another thread's keys in thread-local storage outlive the unloading.
        std::thread::scope(|scope| {
            scope.spawn(|| {
                module.sha256(session, b"abc").unwrap();
            });
        });
        module.aes_key(session);
        module.library.close().unwrap();
        // A thread that ends now, and the process's exit, run whatever destructors are left.
        std::thread::scope(|scope| {
            scope.spawn(|| {});
        });
    });
}

#[test]
fn loading_does_nothing_and_no_thread_is_ever_started() {
    alone("loading_does_nothing_and_no_thread_is_ever_started", || {
        let count = |folder: &str| std::fs::read_dir(folder).unwrap().count();
        let before = (count("/proc/self/task"), count("/proc/self/fd"));
        let directory = tempfile::tempdir().unwrap();
        let module = Module::load();
        assert_eq!((count("/proc/self/task"), count("/proc/self/fd")), before);
        let slot = module.initialize_with_token(directory.path());
        let session = module.open_session(slot);
        module.login(session, CKU_USER, USER_PIN);
        module.aes_key(session);
        assert_eq!(count("/proc/self/task"), before.0);
        assert_eq!(call!(module, C_Finalize, null_mut()), CKR_OK);
        assert_eq!((count("/proc/self/task"), count("/proc/self/fd")), before, "C_Finalize left something open");
    });
}
