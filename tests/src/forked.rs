//! A forked child of the test process, as a host program that forks makes it.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::FromRawFd;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Forks, runs `body` in the child, and returns what it returned there.
///
/// The child ends with `_exit`, so that nothing of the test harness runs twice. The test fails if
/// `body` panics or if a signal ends the child.
pub fn in_child(body: impl FnOnce() -> Vec<u8>) -> Vec<u8> {
    let mut ends = [0; 2];
    // SAFETY: `ends` has room for the two descriptors.
    assert_eq!(unsafe { libc::pipe(ends.as_mut_ptr()) }, 0, "a pipe");
    // SAFETY: the descriptors were just made and belong to nobody else.
    let [mut read, mut write] = ends.map(|fd| unsafe { File::from_raw_fd(fd) });
    // SAFETY: the caller is a test process of its own, in which only this thread holds locks.
    let child = unsafe { libc::fork() };
    assert!(child >= 0, "fork");
    if child == 0 {
        drop(read);
        let status = match catch_unwind(AssertUnwindSafe(body)) {
            Ok(bytes) => i32::from(write.write_all(&bytes).is_err()),
            Err(_) => 101,
        };
        // SAFETY: ends this process at once, as it must not run the parent's cleanup.
        unsafe { libc::_exit(status) }
    }
    drop(write);
    let mut bytes = Vec::new();
    read.read_to_end(&mut bytes).expect("the child's answer");
    let mut status = 0;
    // SAFETY: `status` is a live place; `child` is this process's own child.
    assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child, "waitpid");
    assert!(libc::WIFEXITED(status), "signal {} ended the child", libc::WTERMSIG(status));
    assert_eq!(libc::WEXITSTATUS(status), 0, "the child failed");
    bytes
}
