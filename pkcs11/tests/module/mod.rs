//! Loads the shared library by its path, as a host program does, and speaks C to it.
#![allow(dead_code, reason = "each test file uses a part")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::ptr::{null, null_mut};

use cryptoki_sys::*;

pub const SO_PIN: &[u8] = b"so-password";
pub const USER_PIN: &[u8] = b"user-password";

/// The name of the variable that tells a test that it is alone in its process.
const ALONE: &str = "KINKO_TEST_ALONE";

/// The loaded library. Calls go through its newest function list.
pub struct Module {
    pub library: libloading::Library,
    pub functions: &'static CK_FUNCTION_LIST_3_2,
}

/// Calls a function of the list: `call!(module, C_Login, session, CKU_USER, …)`.
#[macro_export]
macro_rules! call {
    // The arguments become variables first, so that none of them is evaluated as unsafe code.
    (@ $function:ident [$($value:ident)*] $arg:expr $(, $rest:expr)*) => {{
        let value = $arg;
        $crate::call!(@ $function [$($value)* value] $($rest),*)
    }};
    (@ $function:ident [$($value:ident)*]) => {
        // SAFETY: the test passes what the function's contract asks for, or what it must refuse without touching it.
        unsafe { $function($($value),*) }
    };
    ($module:expr, $name:ident $(, $arg:expr)* $(,)?) => {
        {
            let function = $module.functions.$name.unwrap();
            $crate::call!(@ function [] $($arg),*)
        }
    };
}

impl Module {
    /// Loads the library; it is not initialised.
    pub fn load() -> Self {
        let path = path();
        // SAFETY: loading our own library runs no code of it.
        let library = unsafe { libloading::Library::new(&path) }.unwrap_or_else(|error| panic!("{path:?}: {error}"));
        let mut interface: *mut CK_INTERFACE = null_mut();
        let mut version = CK_VERSION { major: 3, minor: 2 };
        // SAFETY: the symbol has the type that the standard gives it.
        let get = unsafe {
            library.get::<unsafe extern "C" fn(*mut u8, *mut CK_VERSION, *mut *mut CK_INTERFACE, CK_FLAGS) -> CK_RV>(
                b"C_GetInterface",
            )
        }
        .unwrap();
        // SAFETY: null is the standard's own interface; the others are locals.
        assert_eq!(unsafe { get(null_mut(), &raw mut version, &raw mut interface, 0) }, CKR_OK);
        // SAFETY: the library's interfaces are statics.
        let functions = unsafe { &*(*interface).pFunctionList.cast::<CK_FUNCTION_LIST_3_2>() };
        Self { library, functions }
    }

    pub fn initialize(&self) {
        assert_eq!(call!(self, C_Initialize, null_mut()), CKR_OK);
    }

    /// Initialises the library over a new folder with one token in slot 0; returns the token's slot.
    pub fn initialize_with_token(&self, directory: &Path) -> CK_SLOT_ID {
        set_directory(directory);
        self.initialize();
        let slot = self.free_slot();
        let mut label = [b' '; 32];
        label[..4].copy_from_slice(b"test");
        let pin = SO_PIN.to_vec();
        let rv = call!(self, C_InitToken, slot, pin.as_ptr().cast_mut(), pin.len() as CK_ULONG, label.as_mut_ptr());
        assert_eq!(rv, CKR_OK);
        let session = self.open_session(slot);
        self.login(session, CKU_SO, SO_PIN);
        let pin = USER_PIN.to_vec();
        assert_eq!(call!(self, C_InitPIN, session, pin.as_ptr().cast_mut(), pin.len() as CK_ULONG), CKR_OK);
        assert_eq!(call!(self, C_CloseSession, session), CKR_OK);
        slot
    }

    pub fn slots(&self) -> Vec<CK_SLOT_ID> {
        let mut slots = [0; 64];
        let mut count = 64;
        assert_eq!(call!(self, C_GetSlotList, CK_TRUE, slots.as_mut_ptr(), &raw mut count), CKR_OK);
        slots[..count as usize].to_vec()
    }

    pub fn free_slot(&self) -> CK_SLOT_ID {
        *self.slots().last().unwrap()
    }

    pub fn open_session(&self, slot: CK_SLOT_ID) -> CK_SESSION_HANDLE {
        let mut session = 0;
        let flags = CKF_SERIAL_SESSION | CKF_RW_SESSION;
        assert_eq!(call!(self, C_OpenSession, slot, flags, null_mut(), None, &raw mut session), CKR_OK);
        session
    }

    pub fn login(&self, session: CK_SESSION_HANDLE, user: CK_USER_TYPE, pin: &[u8]) {
        let rv = call!(self, C_Login, session, user, pin.as_ptr().cast_mut(), pin.len() as CK_ULONG);
        assert!(rv == CKR_OK || rv == CKR_USER_ALREADY_LOGGED_IN, "{rv:#x}");
    }

    /// Makes an AES key for everything.
    pub fn aes_key(&self, session: CK_SESSION_HANDLE) -> CK_OBJECT_HANDLE {
        let mut mechanism = mechanism(CKM_AES_KEY_GEN);
        let (mut len, mut yes, mut no) = (32u64, CK_TRUE, CK_FALSE);
        let mut template = [
            attribute(CKA_VALUE_LEN, &mut len),
            attribute(CKA_ENCRYPT, &mut yes),
            attribute(CKA_DECRYPT, &mut yes),
            attribute(CKA_TOKEN, &mut no),
        ];
        let mut key = 0;
        let rv = call!(self, C_GenerateKey, session, &raw mut mechanism, template.as_mut_ptr(), 4, &raw mut key);
        assert_eq!(rv, CKR_OK);
        key
    }

    /// A digest in one part, as a sign of life.
    pub fn sha256(&self, session: CK_SESSION_HANDLE, data: &[u8]) -> Result<[u8; 32], CK_RV> {
        let mut mechanism = mechanism(CKM_SHA256);
        let rv = call!(self, C_DigestInit, session, &raw mut mechanism);
        if rv != CKR_OK {
            return Err(rv);
        }
        let (mut digest, mut len) = ([0; 32], 32);
        let data_len = data.len() as CK_ULONG;
        let rv = call!(self, C_Digest, session, data.as_ptr().cast_mut(), data_len, digest.as_mut_ptr(), &raw mut len);
        if rv == CKR_OK { Ok(digest) } else { Err(rv) }
    }

    /// Every function of the list with its place in it.
    pub fn all_functions(&self) -> impl Iterator<Item = AnyFunction> {
        let words = size_of::<CK_FUNCTION_LIST_3_2>() / size_of::<usize>();
        let start = std::ptr::from_ref(self.functions).cast::<AnyFunction>();
        // SAFETY: after the version (one word with its padding) the list is function pointers only, none of them null.
        (1..words).map(move |index| unsafe { *start.add(index) })
    }

    /// Whether `function` is the one of this name.
    pub fn is(&self, function: AnyFunction, name: &[u8]) -> bool {
        // SAFETY: only the address is looked at.
        let symbol = unsafe { self.library.get::<*const ()>(name) }.unwrap();
        // SAFETY: as above.
        std::ptr::eq(function as *const (), unsafe { symbol.try_as_raw_ptr().unwrap() }.cast())
    }
}

/// A C function called with more arguments than it has: the C ABI of this machine lets it ignore
/// the rest.
pub type AnyFunction = unsafe extern "C" fn(u64, u64, u64, u64, u64, u64, u64, u64, u64, u64) -> CK_RV;

pub fn mechanism(kind: CK_MECHANISM_TYPE) -> CK_MECHANISM {
    CK_MECHANISM { mechanism: kind, pParameter: null_mut(), ulParameterLen: 0 }
}

pub fn mechanism_with<T: ?Sized>(kind: CK_MECHANISM_TYPE, parameter: &mut T) -> CK_MECHANISM {
    let len = size_of_val(parameter) as CK_ULONG;
    CK_MECHANISM { mechanism: kind, pParameter: std::ptr::from_mut(parameter).cast(), ulParameterLen: len }
}

pub fn attribute<T: ?Sized>(kind: CK_ATTRIBUTE_TYPE, value: &mut T) -> CK_ATTRIBUTE {
    let len = size_of_val(value) as CK_ULONG;
    CK_ATTRIBUTE { type_: kind, pValue: std::ptr::from_mut(value).cast(), ulValueLen: len }
}

pub fn set_directory(directory: &Path) {
    // SAFETY: called before the library is initialised, while no other thread of the test reads the environment.
    unsafe { std::env::set_var("KINKO_DIR", directory) };
}

/// Runs a test in a process of its own: the library's state is one per process, and forks and exits
/// must not meet other tests.
pub fn alone(name: &str, test: impl FnOnce()) {
    if std::env::var_os(ALONE).is_some() {
        return test();
    }
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture", "--test-threads=1"])
        .env(ALONE, "1")
        .env("KINKO_MODULE", path())
        .output()
        .unwrap();
    let text = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
    assert!(output.status.success(), "{name}: {}\n{text}", output.status);
    assert!(text.contains("1 passed"), "{name} is not the test's name\n{text}");
}

/// Forks; the child runs `child` and exits with success if it returns. Returns how the child ended.
pub fn in_child(child: impl FnOnce()) -> Ended {
    // SAFETY: the child only uses the library, and ends with _exit. A deadlock in it ends with the alarm.
    let pid = unsafe { libc::fork() };
    if pid == 0 {
        // SAFETY: kills this child if it hangs.
        unsafe { libc::alarm(60) };
        let finished = std::panic::catch_unwind(std::panic::AssertUnwindSafe(child)).is_ok();
        // SAFETY: ends the child without the clean-up of the test harness.
        unsafe { libc::_exit(if finished { 0 } else { 1 }) };
    }
    let mut status = 0;
    // SAFETY: our own child.
    assert_eq!(unsafe { libc::waitpid(pid, &raw mut status, 0) }, pid);
    if libc::WIFEXITED(status) { Ended::Exit(libc::WEXITSTATUS(status)) } else { Ended::Signal(libc::WTERMSIG(status)) }
}

#[derive(Debug, PartialEq, Eq)]
pub enum Ended {
    Exit(i32),
    Signal(i32),
}

pub const WELL: Ended = Ended::Exit(0);

/// The library of this build, brought up to date unless `KINKO_MODULE` names one.
fn path() -> PathBuf {
    if let Some(path) = std::env::var_os("KINKO_MODULE") {
        return path.into();
    }
    // target/<profile>/deps/<this test>
    let test = std::env::current_exe().unwrap();
    let folder = test.parent().and_then(Path::parent).unwrap();
    let profile = match folder.file_name().and_then(|name| name.to_str()) {
        Some("debug") => "dev",
        Some(name) => name,
        None => "release",
    };
    let built = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--package", "kinko-pkcs11", "--profile", profile])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status()
        .unwrap();
    assert!(built.success(), "the library does not build");
    folder.join("libkinko_pkcs11.so")
}

/// A null pointer of any type, where inference needs help.
pub fn none<T>() -> *mut T {
    null::<T>().cast_mut()
}
