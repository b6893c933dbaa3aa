//! Bad and unusual pointers and lengths: answered by the standard's code, never by a crash.
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
use std::sync::LazyLock;

use cryptoki_sys::*;
use module::*;

/// The library with one token, shared by the tests of this file that don't stop it.
struct Shared {
    module: Module,
    slot: CK_SLOT_ID,
    _directory: tempfile::TempDir,
}

static SHARED: LazyLock<Shared> = LazyLock::new(|| {
    let directory = tempfile::tempdir().unwrap();
    let module = Module::load();
    let slot = module.initialize_with_token(directory.path());
    Shared { module, slot, _directory: directory }
});

fn session() -> (&'static Module, CK_SESSION_HANDLE) {
    let shared = &*SHARED;
    let session = shared.module.open_session(shared.slot);
    shared.module.login(session, CKU_USER, USER_PIN);
    (&shared.module, session)
}

/// Functions that work before `C_Initialize`.
const ALWAYS: [&[u8]; 4] = [b"C_Initialize", b"C_GetFunctionList", b"C_GetInterfaceList", b"C_GetInterface"];

#[test]
fn before_initialisation_every_function_says_so() {
    alone("before_initialisation_every_function_says_so", || {
        let module = Module::load();
        let mut count = 0;
        for function in module.all_functions() {
            if ALWAYS.iter().any(|name| module.is(function, name)) {
                continue;
            }
            // SAFETY: nothing is looked at before the library is initialised.
            let rv = unsafe { function(0, 0, 0, 0, 0, 0, 0, 0, 0, 0) };
            assert_eq!(rv, CKR_CRYPTOKI_NOT_INITIALIZED);
            count += 1;
        }
        assert_eq!(count, 104 - ALWAYS.len());
    });
}

#[test]
fn null_for_every_argument_is_refused_or_harmless() {
    alone("null_for_every_argument_is_refused_or_harmless", || {
        let directory = tempfile::tempdir().unwrap();
        let module = Module::load();
        let slot = module.initialize_with_token(directory.path());
        let session = module.open_session(slot);
        for first in [0, slot, session, u64::MAX] {
            for function in module.all_functions() {
                // The first two would succeed and end the test's own state; the others take a pointer first.
                let skipped: &[&[u8]] = &[b"C_Finalize", b"C_CloseSession"];
                let pointer_first: &[&[u8]] =
                    &[b"C_Initialize", b"C_GetInfo", b"C_GetFunctionList", b"C_GetInterfaceList", b"C_GetInterface"];
                let is_one_of = |names: &[&[u8]]| names.iter().any(|name| module.is(function, name));
                if is_one_of(skipped) || (first != 0 && is_one_of(pointer_first)) {
                    continue;
                }
                // SAFETY: null pointers and zeros are allowed everywhere.
                let rv = unsafe { function(first, 0, 0, 0, 0, 0, 0, 0, 0, 0) };
                assert_ne!(rv, CKR_GENERAL_ERROR);
                assert_ne!(rv, CKR_DEVICE_ERROR);
                assert_ne!(rv, CKR_CRYPTOKI_NOT_INITIALIZED);
            }
        }
    });
}

#[test]
fn an_unknown_session_is_refused_by_every_function_that_takes_one() {
    let (module, _) = session();
    let mut byte = 0u8;
    let mut len = 1;
    let at = &raw mut byte;
    for unknown in [0, u64::MAX, 1 << 40] {
        assert_eq!(call!(module, C_CloseSession, unknown), CKR_SESSION_HANDLE_INVALID);
        assert_eq!(call!(module, C_Sign, unknown, at, 1, at, &raw mut len), CKR_SESSION_HANDLE_INVALID);
        assert_eq!(call!(module, C_GenerateRandom, unknown, at, 1), CKR_SESSION_HANDLE_INVALID);
        assert_eq!(call!(module, C_Logout, unknown), CKR_SESSION_HANDLE_INVALID);
    }
}

#[test]
fn impossible_lengths_are_refused_before_memory_is_touched() {
    let (module, session) = session();
    let key = module.aes_key(session);
    let mut memory = [0u8; 64];
    let at = memory.as_mut_ptr();
    for len in [CK_ULONG::MAX, CK_ULONG::MAX / 2 + 1] {
        let mut out_len = 64;
        let mut iv = [0u8; 16];
        let mut cbc = mechanism_with(CKM_AES_CBC, &mut iv);
        assert_eq!(call!(module, C_EncryptInit, session, &raw mut cbc, key), CKR_OK);
        assert_eq!(call!(module, C_Encrypt, session, at, len, at, &raw mut out_len), CKR_ARGUMENTS_BAD);
        assert_eq!(call!(module, C_GenerateRandom, session, at, len), CKR_ARGUMENTS_BAD);
        assert_eq!(call!(module, C_SeedRandom, session, at, len), CKR_ARGUMENTS_BAD);
        assert_eq!(call!(module, C_Login, session, CKU_USER, at, len), CKR_ARGUMENTS_BAD);
        assert_eq!(call!(module, C_FindObjectsInit, session, at.cast(), len), CKR_ARGUMENTS_BAD);
        assert_eq!(call!(module, C_FindObjects, session, at.cast(), len, &raw mut out_len), CKR_ARGUMENTS_BAD);
        let mut wrong = CK_MECHANISM { mechanism: CKM_AES_CBC, pParameter: at.cast(), ulParameterLen: len };
        assert_eq!(call!(module, C_EncryptInit, session, &raw mut wrong, key), CKR_MECHANISM_PARAM_INVALID);
        let mut template = [CK_ATTRIBUTE { type_: CKA_LABEL, pValue: at.cast(), ulValueLen: len }];
        let rv = call!(module, C_CreateObject, session, template.as_mut_ptr(), 1, &raw mut out_len);
        assert_eq!(rv, CKR_ATTRIBUTE_VALUE_INVALID);
    }
}

#[test]
fn null_with_a_length_is_refused_and_null_without_one_is_empty() {
    let (module, session) = session();
    assert_eq!(call!(module, C_GenerateRandom, session, null_mut(), 1), CKR_ARGUMENTS_BAD);
    assert_eq!(call!(module, C_GenerateRandom, session, null_mut(), 0), CKR_OK);
    let mut sha = mechanism(CKM_SHA256);
    assert_eq!(call!(module, C_DigestInit, session, &raw mut sha), CKR_OK);
    let (mut digest, mut len) = ([0u8; 32], 32);
    assert_eq!(call!(module, C_Digest, session, null_mut(), 0, digest.as_mut_ptr(), &raw mut len), CKR_OK);
    assert_eq!(digest[..4], [0xe3, 0xb0, 0xc4, 0x42]);
    assert_eq!(call!(module, C_Login, session, CKU_USER, null_mut(), 0), CKR_ARGUMENTS_BAD);
}

#[test]
fn bad_arguments_end_the_operation() {
    let (module, session) = session();
    let mut sha = mechanism(CKM_SHA256);
    let mut byte = 0u8;
    assert_eq!(call!(module, C_DigestInit, session, &raw mut sha), CKR_OK);
    assert_eq!(call!(module, C_DigestUpdate, session, null_mut(), 1), CKR_ARGUMENTS_BAD);
    assert_eq!(call!(module, C_DigestUpdate, session, &raw mut byte, 1), CKR_OPERATION_NOT_INITIALIZED);
}

#[test]
fn a_null_mechanism_ends_the_operation() {
    let (module, session) = session();
    let mut sha = mechanism(CKM_SHA256);
    assert_eq!(call!(module, C_DigestInit, session, &raw mut sha), CKR_OK);
    assert_eq!(call!(module, C_DigestInit, session, &raw mut sha), CKR_OPERATION_ACTIVE);
    assert_eq!(call!(module, C_DigestInit, session, null_mut()), CKR_OK);
    assert_eq!(call!(module, C_DigestInit, session, &raw mut sha), CKR_OK);
    assert_eq!(call!(module, C_SessionCancel, session, CKF_DIGEST), CKR_OK);
    let mut byte = 0u8;
    assert_eq!(call!(module, C_DigestUpdate, session, &raw mut byte, 1), CKR_OPERATION_NOT_INITIALIZED);
}

#[test]
fn too_little_room_tells_the_need_and_keeps_the_operation() {
    let (module, session) = session();
    let mut sha = mechanism(CKM_SHA256);
    let mut data = *b"abc";
    let mut digest = [0u8; 32];
    assert_eq!(call!(module, C_DigestInit, session, &raw mut sha), CKR_OK);
    let mut len = 0;
    assert_eq!(call!(module, C_Digest, session, data.as_mut_ptr(), 3, null_mut(), &raw mut len), CKR_OK);
    assert_eq!(len, 32);
    for room in [0, 31] {
        len = room;
        let rv = call!(module, C_Digest, session, data.as_mut_ptr(), 3, digest.as_mut_ptr(), &raw mut len);
        assert_eq!((rv, len), (CKR_BUFFER_TOO_SMALL, 32));
    }
    let rv = call!(module, C_Digest, session, data.as_mut_ptr(), 3, digest.as_mut_ptr(), &raw mut len);
    assert_eq!((rv, len), (CKR_OK, 32));
    assert_eq!(digest[..4], [0xba, 0x78, 0x16, 0xbf]);
}

#[test]
fn unaligned_structures_and_results_work() {
    let (module, session) = session();
    // Everything below lives at an odd address.
    let mut memory = vec![0u8; 4096];
    let odd = memory.as_mut_ptr().wrapping_add(1 - memory.as_ptr().addr() % 2 + 2);
    let (mut value, mut class, mut key_type, mut yes) = ([7u8; 16], CKO_SECRET_KEY, CKK_AES, CK_TRUE);
    let template = [
        attribute(CKA_CLASS, &mut class),
        attribute(CKA_KEY_TYPE, &mut key_type),
        attribute(CKA_VALUE, &mut value),
        attribute(CKA_ENCRYPT, &mut yes),
    ];
    let at_template: *mut CK_ATTRIBUTE = odd.cast();
    let at_key: *mut CK_OBJECT_HANDLE = odd.wrapping_add(512).cast();
    let at_mechanism: *mut CK_MECHANISM = odd.wrapping_add(1024).cast();
    let at_len: *mut CK_ULONG = odd.wrapping_add(1536).cast();
    // SAFETY: all places lie within `memory`.
    unsafe {
        for (index, attribute) in template.iter().enumerate() {
            at_template.wrapping_add(index).write_unaligned(*attribute);
        }
        at_mechanism.write_unaligned(mechanism(CKM_AES_ECB));
        at_len.write_unaligned(16);
    }
    assert_eq!(call!(module, C_CreateObject, session, at_template, 4, at_key), CKR_OK);
    // SAFETY: within `memory`.
    let key = unsafe { at_key.read_unaligned() };
    assert_eq!(call!(module, C_EncryptInit, session, at_mechanism, key), CKR_OK);
    let data = odd.wrapping_add(2048);
    assert_eq!(call!(module, C_Encrypt, session, data, 16, data.wrapping_add(512), at_len), CKR_OK);

    let mut found_class: CK_OBJECT_CLASS = 0;
    // SAFETY: within `memory`.
    unsafe { at_template.write_unaligned(attribute(CKA_CLASS, &mut found_class)) };
    assert_eq!(call!(module, C_GetAttributeValue, session, key, at_template, 1), CKR_OK);
    assert_eq!(found_class, CKO_SECRET_KEY);
}

#[test]
fn an_output_that_overlaps_its_input_gives_the_same_result() {
    let (module, session) = session();
    let key = module.aes_key(session);
    let data: Vec<u8> = (0..160u8).collect();
    let mut iv = [3u8; 16];
    let mut encrypt = |memory: &mut [u8], from: usize, to: usize| {
        let mut cbc = mechanism_with(CKM_AES_CBC, &mut iv);
        assert_eq!(call!(module, C_EncryptInit, session, &raw mut cbc, key), CKR_OK);
        let (start, mut len) = (memory.as_mut_ptr(), 160);
        let (input, output) = (start.wrapping_add(from), start.wrapping_add(to));
        assert_eq!(call!(module, C_Encrypt, session, input, 160, output, &raw mut len), CKR_OK);
        assert_eq!(len, 160);
        memory[to..to + 160].to_vec()
    };
    let mut memory = vec![0u8; 512];
    memory[..160].copy_from_slice(&data);
    let apart = encrypt(&mut memory, 0, 200);
    for (from, to) in [(64, 64), (64, 65), (64, 80), (80, 64), (65, 64), (64, 223), (223, 64)] {
        let mut memory = vec![0u8; 512];
        memory[from..from + 160].copy_from_slice(&data);
        assert_eq!(encrypt(&mut memory, from, to), apart, "input at {from}, output at {to}");
    }
}

#[test]
fn an_output_may_overlap_its_own_length() {
    let (module, session) = session();
    let mut memory = [0u64; 8];
    memory[0] = 64;
    let mut sha = mechanism(CKM_SHA256);
    assert_eq!(call!(module, C_DigestInit, session, &raw mut sha), CKR_OK);
    let len = memory.as_mut_ptr();
    let mut byte = 0u8;
    assert_eq!(call!(module, C_Digest, session, &raw mut byte, 1, len.cast(), len), CKR_OK);
    assert_eq!(memory[0], 32);
}

#[test]
fn reading_attributes_goes_on_to_the_end_of_the_template() {
    let (module, session) = session();
    let key = module.aes_key(session);
    let (mut secret, mut class, mut small, mut nothing) = ([0u8; 32], 0u64, [0u8; 1], [0u8; 8]);
    let mut template = [
        attribute(CKA_VALUE, &mut secret),
        attribute(CKA_KEY_TYPE, &mut small),
        attribute(CKA_MODULUS, &mut nothing),
        attribute(CKA_CLASS, &mut class),
        CK_ATTRIBUTE { type_: CKA_KEY_TYPE, pValue: null_mut(), ulValueLen: 0 },
    ];
    let mut read = |range: std::ops::Range<usize>| {
        let part = &mut template[range];
        let rv = call!(module, C_GetAttributeValue, session, key, part.as_mut_ptr(), part.len() as CK_ULONG);
        (rv, part.iter().map(|attribute| attribute.ulValueLen).collect::<Vec<_>>())
    };
    let unavailable = CK_UNAVAILABLE_INFORMATION;
    assert_eq!(read(0..5), (CKR_ATTRIBUTE_SENSITIVE, vec![unavailable, unavailable, unavailable, 8, 8]));
    assert_eq!(secret, [0; 32]);
    assert_eq!(class, CKO_SECRET_KEY);
}

#[test]
fn each_failing_attribute_has_its_own_code() {
    let (module, session) = session();
    let key = module.aes_key(session);
    let (mut small, mut nothing) = ([0u8; 1], [0u8; 8]);
    let mut one = [attribute(CKA_KEY_TYPE, &mut small)];
    assert_eq!(call!(module, C_GetAttributeValue, session, key, one.as_mut_ptr(), 1), CKR_BUFFER_TOO_SMALL);
    assert_eq!(one[0].ulValueLen, CK_UNAVAILABLE_INFORMATION);
    let mut one = [attribute(CKA_MODULUS, &mut nothing)];
    assert_eq!(call!(module, C_GetAttributeValue, session, key, one.as_mut_ptr(), 1), CKR_ATTRIBUTE_TYPE_INVALID);
    assert_eq!(call!(module, C_GetAttributeValue, session, key, null_mut(), 1), CKR_ARGUMENTS_BAD);
    assert_eq!(call!(module, C_GetAttributeValue, session, key, null_mut(), 0), CKR_OK);
    assert_eq!(call!(module, C_GetAttributeValue, session, 12345, one.as_mut_ptr(), 1), CKR_OBJECT_HANDLE_INVALID);
}

#[test]
fn a_template_that_names_an_attribute_twice_is_inconsistent() {
    let (module, session) = session();
    let mut class = CKO_DATA;
    let mut template = [attribute(CKA_CLASS, &mut class); 2];
    let mut object = 0;
    let rv = call!(module, C_CreateObject, session, template.as_mut_ptr(), 2, &raw mut object);
    assert_eq!((rv, object), (CKR_TEMPLATE_INCONSISTENT, 0));
}

#[test]
fn interfaces_are_found_by_name_version_and_flags() {
    let module = &SHARED.module;
    let get = |name: Option<&[u8]>, version: Option<(u8, u8)>, flags| {
        let mut interface: *mut CK_INTERFACE = null_mut();
        let name = name.map_or(null_mut(), |name| name.as_ptr().cast_mut());
        let mut version = version.map(|(major, minor)| CK_VERSION { major, minor });
        let version = version.as_mut().map_or(null_mut(), std::ptr::from_mut);
        let rv = call!(module, C_GetInterface, name, version, &raw mut interface, flags);
        // SAFETY: every function list begins with its version.
        (rv == CKR_OK).then(|| unsafe { *(*interface).pFunctionList.cast::<CK_VERSION>() }).map(|v| (v.major, v.minor))
    };
    assert_eq!(get(None, None, 0), Some((3, 2)));
    assert_eq!(get(Some(b"PKCS 11\0"), None, 0), Some((3, 2)));
    for version in [(3, 2), (3, 0), (2, 40)] {
        assert_eq!(get(Some(b"PKCS 11\0"), Some(version), 0), Some(version));
    }
    assert_eq!(get(Some(b"PKCS 11\0"), Some((3, 1)), 0), None);
    assert_eq!(get(Some(b"Vendor\0"), None, 0), None);
    assert_eq!(get(None, None, 1 << 20), None);

    let mut count = 0;
    assert_eq!(call!(module, C_GetInterfaceList, null_mut(), &raw mut count), CKR_OK);
    assert_eq!(count, 3);
    count = 2;
    let mut room = [CK_INTERFACE { pInterfaceName: null_mut(), pFunctionList: null_mut(), flags: 0 }; 3];
    let rv = call!(module, C_GetInterfaceList, room.as_mut_ptr(), &raw mut count);
    assert_eq!((rv, count), (CKR_BUFFER_TOO_SMALL, 3));
    assert_eq!(call!(module, C_GetInterfaceList, room.as_mut_ptr(), &raw mut count), CKR_OK);
}

#[test]
fn initialisation_checks_its_arguments() {
    alone("initialisation_checks_its_arguments", || {
        unsafe extern "C" fn create(_: *mut *mut std::ffi::c_void) -> CK_RV {
            CKR_OK
        }
        unsafe extern "C" fn other(_: *mut std::ffi::c_void) -> CK_RV {
            CKR_OK
        }
        let directory = tempfile::tempdir().unwrap();
        set_directory(directory.path());
        let module = Module::load();
        let start = |mut args: CK_C_INITIALIZE_ARGS| call!(module, C_Initialize, (&raw mut args).cast());
        let mut byte = 0u8;
        let plain = CK_C_INITIALIZE_ARGS { flags: CKF_OS_LOCKING_OK, ..Default::default() };
        assert_eq!(start(CK_C_INITIALIZE_ARGS { pReserved: (&raw mut byte).cast(), ..plain }), CKR_ARGUMENTS_BAD);
        assert_eq!(start(CK_C_INITIALIZE_ARGS { CreateMutex: Some(create), ..plain }), CKR_ARGUMENTS_BAD);
        let callbacks = CK_C_INITIALIZE_ARGS {
            CreateMutex: Some(create),
            DestroyMutex: Some(other),
            LockMutex: Some(other),
            UnlockMutex: Some(other),
            ..Default::default()
        };
        for args in [plain, callbacks, CK_C_INITIALIZE_ARGS::default()] {
            assert_eq!(start(args), CKR_OK);
            assert_eq!(start(args), CKR_CRYPTOKI_ALREADY_INITIALIZED);
            assert_eq!(call!(module, C_Finalize, (&raw mut byte).cast()), CKR_ARGUMENTS_BAD);
            assert_eq!(call!(module, C_Finalize, null_mut()), CKR_OK);
            assert_eq!(call!(module, C_Finalize, null_mut()), CKR_CRYPTOKI_NOT_INITIALIZED);
        }
    });
}

#[test]
fn a_bad_configuration_is_refused_and_explained_on_standard_error() {
    if std::env::var_os("KINKO_CONF").is_some() {
        let module = Module::load();
        assert_eq!(call!(module, C_Initialize, null_mut()), CKR_GENERAL_ERROR);
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("kinko.toml");
    std::fs::write(&file, "[log]\nlevle = \"debug\"\n").unwrap();
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "a_bad_configuration_is_refused_and_explained_on_standard_error", "--nocapture"])
        .env("KINKO_CONF", &file)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
    assert!(text.contains(&format!("{}:2:", file.display())) && text.contains("levle"), "{text}");
    assert_eq!(text.matches("levle").count(), 1, "said more than once: {text}");
}

#[test]
fn sessions_need_the_serial_flag_and_a_token() {
    let shared = &*SHARED;
    let open = |slot, flags| {
        let mut session = 0;
        call!(shared.module, C_OpenSession, slot, flags, null_mut(), None, &raw mut session)
    };
    assert_eq!(open(shared.slot, CKF_RW_SESSION), CKR_SESSION_PARALLEL_NOT_SUPPORTED);
    assert_eq!(open(shared.module.free_slot(), CKF_SERIAL_SESSION), CKR_TOKEN_NOT_RECOGNIZED);
    assert_eq!(open(u64::MAX, CKF_SERIAL_SESSION), CKR_SLOT_ID_INVALID);
    assert_eq!(call!(shared.module, C_CloseAllSessions, u64::MAX), CKR_SLOT_ID_INVALID);
}

#[test]
fn waiting_for_slots_and_parallel_functions_are_answered_as_the_standard_says() {
    let (module, session) = session();
    let mut slot = 0;
    assert_eq!(call!(module, C_WaitForSlotEvent, CKF_DONT_BLOCK, &raw mut slot, null_mut()), CKR_NO_EVENT);
    assert_eq!(call!(module, C_WaitForSlotEvent, 0, &raw mut slot, null_mut()), CKR_FUNCTION_NOT_SUPPORTED);
    assert_eq!(call!(module, C_GetFunctionStatus, session), CKR_FUNCTION_NOT_PARALLEL);
    assert_eq!(call!(module, C_CancelFunction, session), CKR_FUNCTION_NOT_PARALLEL);
}
