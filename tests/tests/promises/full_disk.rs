//! A full disk: an error is returned, and the store stays good.

use std::fs;
use std::io::Error;
use std::os::unix::process::CommandExt;

use kinko_tests::{Rig, USER_PIN, Worker, alone};

use crate::model::Model;

/// Makes every file of the worker end at `bytes`, so that its store cannot grow beyond it.
fn churn_within(rig: &Rig, model: &Model, run: &str, bytes: u64) -> Worker {
    let mut command = rig.worker_command(&["churn", "full", run, "400", &model.pins[0]]);
    let limit = libc::rlimit { rlim_cur: bytes, rlim_max: bytes };
    let limited = move || {
        // SAFETY: a system call, without a pointer; a refused write is then an error, not a signal.
        unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
        // SAFETY: a system call that reads `limit`.
        if unsafe { libc::setrlimit(libc::RLIMIT_FSIZE, &raw const limit) } == 0 {
            Ok(())
        } else {
            Err(Error::last_os_error())
        }
    };
    // SAFETY: the closure only makes the system calls above, which a forked child may.
    unsafe { command.pre_exec(limited) };
    Worker::start(&mut command)
}

fn largest_file(rig: &Rig) -> u64 {
    let sizes = rig.stored_files().into_iter().map(|file| fs::metadata(file).expect("a stored file").len());
    sizes.max().expect("the store has files")
}

#[test]
fn a_full_disk_is_an_error_and_the_store_stays_good() {
    alone(|rig| {
        let library = rig.library();
        let _ = library.new_token("full");
        library.finalize().expect("C_Finalize");
        let mut model = Model::new(USER_PIN);
        for (run, more) in [16, 40, 100, 200].into_iter().enumerate() {
            let refused_before = model.refused.len();
            let limit = largest_file(rig) + more * 1024;
            let run = (run + 1).to_string();
            let (said, status) = churn_within(rig, &model, &run, limit).finish();
            said.iter().for_each(|line| model.hear(line));
            assert!(status.success(), "within {limit} bytes: {status}: {:?}", said.last());
            assert!(model.refused.len() > refused_before, "{limit} bytes were enough");
            let (said, status) = rig.worker(&["churn", "full", "9", "0", &model.pins[0]]).finish();
            said.iter().for_each(|line| model.hear(line));
            assert!(status.success(), "re-opened: {status}");
        }
        let expected = ["CKR_DEVICE_MEMORY", "CKR_DEVICE_ERROR"];
        let other: Vec<_> = model.refused.iter().filter(|rv| !expected.contains(&rv.as_str())).collect();
        assert!(other.is_empty(), "{other:?}");
        let refused = model.refused.len();
        let (said, status) = rig.worker(&["churn", "full", "99", "50", &model.pins[0]]).finish();
        said.iter().for_each(|line| model.hear(line));
        assert!(status.success() && model.refused.len() == refused, "with room again: {status}");
    });
}
