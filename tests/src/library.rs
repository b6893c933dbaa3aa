//! A module loaded into this process, called through its C ABI.

use std::ffi::c_void;
use std::path::Path;
use std::ptr;

use cryptoki_sys::{
    CK_C_GetFunctionList, CK_C_INITIALIZE_ARGS, CK_FALSE, CK_FUNCTION_LIST, CK_FUNCTION_LIST_PTR, CK_RV, CK_SLOT_ID,
    CK_TOKEN_INFO, CK_ULONG, CK_USER_TYPE, CKF_OS_LOCKING_OK, CKF_TOKEN_INITIALIZED, CKU_SO, CKU_USER,
};
use hsm_types::Rv;

use crate::{Access, SO_PIN, Session, USER_PIN};

/// Calls one function of the list and turns its answer into a `Result`.
macro_rules! call {
    ($library:expr, $function:ident($($argument:expr),* $(,)?)) => {{
        let function = $library.functions().$function.expect(stringify!($function));
        // SAFETY: the module's own function; every pointer is to a live value of this frame, with its true length.
        $crate::library::check(unsafe { function($($argument),*) })
    }};
}
pub(crate) use call;

pub(crate) fn check(rv: CK_RV) -> Result<(), Rv> {
    match Rv(rv) {
        Rv::OK => Ok(()),
        rv => Err(rv),
    }
}

/// Who logs in.
#[derive(Clone, Copy, Debug)]
pub enum User {
    /// The security officer.
    So,
    /// The user.
    User,
}

impl User {
    pub(crate) fn code(self) -> CK_USER_TYPE {
        match self {
            Self::So => CKU_SO,
            Self::User => CKU_USER,
        }
    }
}

/// A loaded module. Dropping it unloads the shared object, without `C_Finalize`.
pub struct Library {
    functions: CK_FUNCTION_LIST,
    _object: libloading::Library,
}

impl Library {
    /// Loads the shared object and takes its 2.40 function list.
    #[must_use]
    pub fn load(path: &Path) -> Self {
        // SAFETY: the module under test; its initialisers run here as they would in any host program.
        let object = unsafe { libloading::Library::new(path) }.expect("the module loads");
        // SAFETY: the signature is the standard's.
        let entry = unsafe { object.get::<CK_C_GetFunctionList>(b"C_GetFunctionList\0") }.expect("C_GetFunctionList");
        let entry = entry.expect("C_GetFunctionList");
        let mut list: CK_FUNCTION_LIST_PTR = ptr::null_mut();
        // SAFETY: `list` is a live place for one pointer.
        check(unsafe { entry(&raw mut list) }).expect("C_GetFunctionList");
        // SAFETY: a list that C_GetFunctionList returned is valid as long as the module is loaded.
        let functions = unsafe { *list };
        Self { functions, _object: object }
    }

    /// The module's functions.
    #[must_use]
    pub fn functions(&self) -> &CK_FUNCTION_LIST {
        &self.functions
    }

    /// `C_Initialize`, with the operating system's locks.
    ///
    /// # Errors
    /// What the module answers.
    pub fn initialize(&self) -> Result<(), Rv> {
        let mut arguments = CK_C_INITIALIZE_ARGS {
            CreateMutex: None,
            DestroyMutex: None,
            LockMutex: None,
            UnlockMutex: None,
            flags: CKF_OS_LOCKING_OK,
            pReserved: ptr::null_mut(),
        };
        call!(self, C_Initialize((&raw mut arguments).cast::<c_void>()))
    }

    /// `C_Finalize`.
    ///
    /// # Errors
    /// What the module answers.
    pub fn finalize(&self) -> Result<(), Rv> {
        call!(self, C_Finalize(ptr::null_mut()))
    }

    /// `C_GetSlotList`: every slot, with a token or without.
    ///
    /// # Errors
    /// What the module answers.
    pub fn slots(&self) -> Result<Vec<CK_SLOT_ID>, Rv> {
        let mut count: CK_ULONG = 0;
        call!(self, C_GetSlotList(CK_FALSE, ptr::null_mut(), &raw mut count))?;
        let mut slots = vec![0; count as usize + 8];
        count = slots.len() as CK_ULONG;
        call!(self, C_GetSlotList(CK_FALSE, slots.as_mut_ptr(), &raw mut count))?;
        slots.truncate(count as usize);
        Ok(slots)
    }

    /// `C_GetTokenInfo`.
    ///
    /// # Errors
    /// What the module answers.
    pub fn token_info(&self, slot: CK_SLOT_ID) -> Result<CK_TOKEN_INFO, Rv> {
        // SAFETY: plain numbers and bytes, for which zero is a value.
        let mut info: CK_TOKEN_INFO = unsafe { std::mem::zeroed() };
        call!(self, C_GetTokenInfo(slot, &raw mut info))?;
        Ok(info)
    }

    /// The slot of the token with this label, if the module shows one.
    #[must_use]
    pub fn slot_of(&self, label: &str) -> Option<CK_SLOT_ID> {
        self.slots().expect("the slots").into_iter().find(|slot| self.label(*slot).as_deref() == Some(label))
    }

    /// The label of the initialised token in this slot.
    #[must_use]
    pub fn label(&self, slot: CK_SLOT_ID) -> Option<String> {
        let info = self.token_info(slot).ok().filter(|info| info.flags & CKF_TOKEN_INITIALIZED != 0)?;
        Some(String::from_utf8_lossy(&info.label).trim_end().to_owned())
    }

    /// The slot that holds no token yet.
    #[must_use]
    pub fn free_slot(&self) -> CK_SLOT_ID {
        let mut slots = self.slots().expect("the slots").into_iter();
        slots.find(|slot| self.label(*slot).is_none()).expect("a free slot is always shown")
    }

    /// `C_InitToken`.
    ///
    /// # Errors
    /// What the module answers.
    pub fn init_token(&self, slot: CK_SLOT_ID, so_pin: &str, label: &str) -> Result<(), Rv> {
        let mut padded = format!("{label:32}").into_bytes();
        let pin = so_pin.as_ptr().cast_mut();
        call!(self, C_InitToken(slot, pin, so_pin.len() as CK_ULONG, padded.as_mut_ptr()))
    }

    /// Makes a token in the free slot with the tests' PINs, and returns its slot.
    #[must_use]
    pub fn new_token(&self, label: &str) -> CK_SLOT_ID {
        self.init_token(self.free_slot(), SO_PIN, label).expect("C_InitToken");
        let slot = self.slot_of(label).expect("the new token is shown");
        self.set_user_pin(slot, USER_PIN);
        slot
    }

    /// The SO sets the user's PIN, which also unlocks the user.
    pub fn set_user_pin(&self, slot: CK_SLOT_ID, pin: &str) {
        let session = self.open(slot, Access::ReadWrite).expect("a session");
        session.login(User::So, SO_PIN).expect("the SO logs in");
        session.init_pin(pin).expect("C_InitPIN");
        session.logout().expect("C_Logout");
    }

    /// `C_OpenSession`.
    ///
    /// # Errors
    /// What the module answers.
    pub fn open(&self, slot: CK_SLOT_ID, access: Access) -> Result<Session<'_>, Rv> {
        Session::open(self, slot, access)
    }

    /// A read-write session in which the user is logged in.
    #[must_use]
    pub fn user_session(&self, slot: CK_SLOT_ID) -> Session<'_> {
        let session = self.open(slot, Access::ReadWrite).expect("a session");
        session.login(User::User, USER_PIN).expect("the user logs in");
        session
    }
}
