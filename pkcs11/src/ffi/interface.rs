//! `C_GetFunctionList`, `C_GetInterfaceList`, `C_GetInterface`: how a host finds the functions.

use core::ffi::{CStr, c_char};

use cryptoki_sys::{CK_FLAGS, CK_INTERFACE, CK_UTF8CHAR, CK_VERSION};

use super::buffer;
use super::entry::{FUNCTIONS_2_40, FUNCTIONS_3_0, FUNCTIONS_3_2};
use crate::error::Error;

/// The name of the standard's own interface.
const NAME: &CStr = c"PKCS 11";

/// `CKF_INTERFACE_FORK_SAFE` is not among them: it promises that a child goes on with its parent's
/// sessions and logins. Here a child starts afresh with `C_Initialize`, and its parent does not
/// notice.
const FLAGS: CK_FLAGS = 0;

/// An interface and the version of its function list.
struct Offered {
    version: CK_VERSION,
    interface: CK_INTERFACE,
}

// SAFETY: the pointers lead to statics that are never written.
unsafe impl Sync for Offered {}

impl Offered {
    const fn new<T>(major: u8, minor: u8, functions: &'static T) -> Self {
        Self {
            version: CK_VERSION { major, minor },
            interface: CK_INTERFACE {
                pInterfaceName: NAME.as_ptr().cast_mut().cast(),
                pFunctionList: core::ptr::from_ref(functions).cast_mut().cast(),
                flags: FLAGS,
            },
        }
    }
}

/// Newest first: the first one is the default.
static INTERFACES: [Offered; 3] =
    [Offered::new(3, 2, &FUNCTIONS_3_2), Offered::new(3, 0, &FUNCTIONS_3_0), Offered::new(2, 40, &FUNCTIONS_2_40)];

/// All interfaces, newest first.
pub(crate) fn all() -> [CK_INTERFACE; 3] {
    INTERFACES.each_ref().map(|offered| offered.interface)
}

/// The interface of this name, version and flags; null for either is the default.
///
/// # Errors
/// [`Error::NoSuchInterface`].
///
/// # Safety
/// `name` is null or a zero-terminated string; `version` is null or readable.
pub(crate) unsafe fn find(
    name: *const CK_UTF8CHAR,
    version: *const CK_VERSION,
    flags: CK_FLAGS,
) -> Result<*mut CK_INTERFACE, Error> {
    // SAFETY: this function's contract.
    let named_otherwise = !name.is_null() && unsafe { CStr::from_ptr(name.cast::<c_char>()) } != NAME;
    // SAFETY: this function's contract.
    let version = unsafe { buffer::read(version) };
    let fits = |offered: &&Offered| {
        version.is_none_or(|version| (version.major, version.minor) == (offered.version.major, offered.version.minor))
            && flags & !offered.interface.flags == 0
    };
    let found = if named_otherwise { None } else { INTERFACES.iter().find(fits) };
    found.map(|offered| core::ptr::from_ref(&offered.interface).cast_mut()).ok_or(Error::NoSuchInterface)
}
