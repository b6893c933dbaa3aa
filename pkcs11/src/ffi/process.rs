//! The process-wide library, and what happens to it at a fork.
//!
//! The library is found through one atomic pointer, never through a lock: a forked child may find
//! every lock of its parent held by a thread that does not exist any more.

use core::ffi::c_int;
use core::ptr;
use core::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, Ordering};
use std::panic::catch_unwind;

use crate::config::Sources;
use crate::error::Error;
use crate::library::{Library, Origin};
use hsm_core::store::fork;

/// The library of this process, or, in a child before its `C_Initialize`, that of an ancestor.
/// Null or a leaked box: what it once pointed to is never freed.
static CURRENT: AtomicPtr<Library> = AtomicPtr::new(ptr::null_mut());

/// The library, for every call but `C_Initialize`.
///
/// # Errors
/// [`Error::NotInitialized`], also in a child of the process that initialised it.
pub(crate) fn library() -> Result<&'static Library, Error> {
    let library = current().ok_or(Error::NotInitialized)?;
    // The order matters in a child: nothing but the mark may be looked at there.
    if library.is_of_this_process() && library.is_running() { Ok(library) } else { Err(Error::NotInitialized) }
}

/// `C_Initialize`: starts this process's library, and makes it first if there is none.
///
/// # Errors
/// As [`Library::start`].
pub(crate) fn initialize() -> Result<(), Error> {
    own()?.start()
}

/// The library of this process, running or not.
fn own() -> Result<&'static Library, Error> {
    loop {
        let found = current();
        let origin = match found {
            Some(library) if library.is_of_this_process() => return Ok(library),
            Some(_) => Origin::Forked,
            None => Origin::First,
        };
        let made = Box::into_raw(Box::new(Library::new(origin)));
        let found = found.map_or(ptr::null_mut(), |library| ptr::from_ref(library).cast_mut());
        if CURRENT.compare_exchange(found, made, Ordering::AcqRel, Ordering::Acquire).is_err() {
            // Another thread was first, so nobody else has seen ours.
            // SAFETY: `made` comes from `Box::into_raw` above and was not published.
            drop(unsafe { Box::from_raw(made) });
        }
    }
}

fn current() -> Option<&'static Library> {
    let library = CURRENT.load(Ordering::Acquire);
    // SAFETY: `CURRENT` holds null or a pointer from `Box::into_raw` in `own`, which is never freed once it is published; a
    // `Library` is only ever used through shared references.
    unsafe { library.as_ref() }
}

/// Registers the handlers that keep the store whole across a fork; once per process tree, since
/// children inherit them. They are never taken back: the library cannot be unmapped (`build.rs`).
///
/// # Errors
/// [`Error::System`] when the C library has no memory for them.
pub(crate) fn register_fork_handlers() -> Result<(), Error> {
    static REGISTERED: AtomicBool = AtomicBool::new(false);
    if REGISTERED.swap(true, Ordering::AcqRel) {
        return Ok(());
    }
    // SAFETY: the three handlers are functions of this library, which stays mapped until the process ends.
    let refused: c_int =
        unsafe { libc::pthread_atfork(Some(before_fork), Some(after_fork_parent), Some(after_fork_child)) };
    if refused == 0 {
        return Ok(());
    }
    REGISTERED.store(false, Ordering::Release);
    Err(Error::System("the fork handlers could not be registered"))
}

// A panic must not leave a handler: it would abort the host's fork. What a handler fails to do shows
// as an error in the calls that follow.

extern "C" fn before_fork() {
    drop(catch_unwind(fork::before_fork));
}

extern "C" fn after_fork_parent() {
    drop(catch_unwind(fork::after_fork_parent));
}

extern "C" fn after_fork_child() {
    drop(catch_unwind(fork::after_fork_child));
}

/// Where the settings come from, nowhere at all for a program with more rights than its caller.
pub(crate) fn configuration_sources() -> Sources {
    if is_privileged() {
        Sources::new(|_| None, None)
    } else {
        Sources::new(|name| std::env::var_os(name), std::env::home_dir())
    }
}

/// Whether the kernel started this program with other rights than its caller's (set-uid, set-gid,
/// capabilities of the file).
fn is_privileged() -> bool {
    // SAFETY: getauxval reads a table that the kernel made at start; any argument is allowed.
    let secure = unsafe { libc::getauxval(libc::AT_SECURE) };
    secure != 0
}

/// Tells the process that made it from that process's children.
pub(crate) struct ProcessMark(Mark);

enum Mark {
    /// A page that the kernel empties in every child, however the child was made. 1 in the maker.
    Page(&'static AtomicU32),
    /// The maker's process id, where the kernel has no such pages (before Linux 4.14).
    Pid(u32),
}

impl ProcessMark {
    /// A mark that holds in this process only.
    pub(crate) fn of_this_process() -> Self {
        match wiped_on_fork() {
            Some(page) => {
                page.store(1, Ordering::Release);
                Self(Mark::Page(page))
            }
            None => Self(Mark::Pid(std::process::id())),
        }
    }

    /// Whether this is the process that made the mark.
    pub(crate) fn holds(&self) -> bool {
        match self.0 {
            Mark::Page(page) => page.load(Ordering::Acquire) == 1,
            Mark::Pid(pid) => std::process::id() == pid,
        }
    }
}

impl Drop for ProcessMark {
    fn drop(&mut self) {
        if let Mark::Page(page) = self.0 {
            let page = ptr::from_ref(page).cast_mut().cast();
            // SAFETY: the page is a mapping of its own made by `wiped_on_fork`, and `self` was the only user of it.
            unsafe { libc::munmap(page, MARK_LEN) };
        }
    }
}

/// The kernel rounds up to a whole page.
const MARK_LEN: usize = size_of::<AtomicU32>();

/// A zeroed page that is zeroed again in every child of this process.
fn wiped_on_fork() -> Option<&'static AtomicU32> {
    let (protection, kind) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
    // SAFETY: a new anonymous mapping at an address of the kernel's choice touches no existing memory.
    let page = unsafe { libc::mmap(ptr::null_mut(), MARK_LEN, protection, kind, -1, 0) };
    if page == libc::MAP_FAILED {
        return None;
    }
    // SAFETY: `page` is the mapping just made, MARK_LEN bytes long before rounding; the advice changes only what children see.
    let refused = unsafe { libc::madvise(page, MARK_LEN, libc::MADV_WIPEONFORK) };
    if refused != 0 {
        // SAFETY: `page` is the mapping just made and nothing refers to it.
        unsafe { libc::munmap(page, MARK_LEN) };
        return None;
    }
    // SAFETY: `page` is page-aligned, zeroed (a valid AtomicU32), and unmapped only by the drop of its one ProcessMark.
    unsafe { page.cast::<AtomicU32>().as_ref() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_holds_in_the_process_that_made_it_and_not_in_its_child() {
        let mark = ProcessMark::of_this_process();
        assert!(mark.holds());
        // SAFETY: the child calls only the mark's check and _exit.
        let child = unsafe { libc::fork() };
        if child == 0 {
            let code = c_int::from(mark.holds());
            // SAFETY: ends the child at once, without the test harness's clean-up.
            unsafe { libc::_exit(code) };
        }
        let mut status = 0;
        // SAFETY: `child` is our child and `status` is a local.
        unsafe { libc::waitpid(child, &raw mut status, 0) };
        assert!(libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0, "the child's mark held");
        assert!(mark.holds());
    }
}
