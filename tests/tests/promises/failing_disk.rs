//! I/O errors: a write or a sync that fails is an error of the call, and the store stays good.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, ExitStatus};

use kinko_tests::client::succeed;
use kinko_tests::{Rig, USER_PIN, Worker, alone};

use crate::model::{Dice, Model};

/// The calls of one short run. Enough to meet a write of every kind.
const OPERATIONS: &str = "12";
/// How many points of failure are tried, spread over all that a run has.
const POINTS: u64 = 30;

fn build_shim(rig: &Rig) -> PathBuf {
    let shim = rig.dir().join("failing_disk.so");
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/failing_disk.c");
    succeed(Command::new("cc").args(["-O1", "-shared", "-fPIC", "-o"]).arg(&shim).args([source, "-ldl"]));
    shim
}

struct Disk<'r> {
    rig: &'r Rig,
    shim: PathBuf,
}

impl Disk<'_> {
    /// One short run on a disk whose call number `at` fails, and how many calls there were.
    fn run(&self, model: &mut Model, run: u64, at: u64, failure: &[(&str, String)]) -> (ExitStatus, u64) {
        let run = run.to_string();
        let mut arguments = vec!["churn", "failing", &run, OPERATIONS];
        arguments.extend(model.pins.iter().map(String::as_str));
        let counted = self.rig.dir().join("calls");
        let mut command = self.rig.worker_command(&arguments);
        command.env("LD_PRELOAD", &self.shim).env("FAIL_BELOW", self.rig.dir().join("tokens"));
        command.env("FAIL_AT", at.to_string()).env("FAIL_COUNT", &counted).envs(failure.iter().cloned());
        let (said, status) = Worker::start(&mut command).finish();
        said.iter().for_each(|line| model.hear(line));
        let calls = fs::read_to_string(counted).expect("the count");
        (status, calls.parse().expect("a number"))
    }

    /// What is there without any failure must be what was acknowledged.
    fn check(&self, model: &mut Model) {
        let mut arguments = vec!["churn", "failing", "0", "0"];
        arguments.extend(model.pins.iter().map(String::as_str));
        let (said, status) = self.rig.worker(&arguments).finish();
        said.iter().for_each(|line| model.hear(line));
        assert!(status.success(), "re-opened: {status}");
    }
}

#[test]
fn a_failing_write_or_sync_is_an_error_and_the_store_stays_good() {
    alone(|rig| {
        let library = rig.library();
        let _ = library.new_token("failing");
        library.finalize().expect("C_Finalize");
        let disk = Disk { rig, shim: build_shim(rig) };
        let (mut model, mut dice) = (Model::new(USER_PIN), Dice::thrown());
        println!("{dice:?}");
        let (status, calls) = disk.run(&mut model, 1, 0, &[("FAIL_WITH", libc::EIO.to_string())]);
        assert!(status.success() && model.refused.is_empty(), "a disk that does not fail: {status}");
        assert!(calls > 12, "only {calls} writes and syncs: the store does not sync what it acknowledges");
        for run in 2..POINTS + 2 {
            let mut failure = vec![("FAIL_WITH", [libc::EIO, libc::ENOSPC][run as usize % 2].to_string())];
            if dice.below(2) == 0 {
                failure.push(("FAIL_ON", "forever".into()));
            }
            let at = 1 + dice.below(calls);
            let (status, _) = disk.run(&mut model, run, at, &failure);
            // 101: the run ended early because its login or its listing was refused.
            assert!(matches!(status.code(), Some(0 | 101)), "call {at}, {failure:?}: {status}");
            disk.check(&mut model);
        }
        let expected = ["CKR_DEVICE_MEMORY", "CKR_DEVICE_ERROR"];
        let other: Vec<_> = model.refused.iter().filter(|rv| !expected.contains(&rv.as_str())).collect();
        assert!(other.is_empty() && !model.refused.is_empty(), "{other:?}");
    });
}
