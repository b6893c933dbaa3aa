//! A changed byte anywhere in the store is an error that names the record, never a wrong value.

use std::fs;

use kinko_tests::{Rig, USER_PIN, alone};

use crate::model::{Dice, Model};

/// How many bytes are changed, one at a time, spread over the whole store.
const POINTS: u64 = 60;

/// What a worker lists, if it gets to the end of its list.
fn listing(rig: &Rig, pin: &str) -> Option<Vec<String>> {
    let (mut said, status) = rig.worker(&["churn", "whole", "0", "0", pin]).finish();
    assert!(matches!(status.code(), Some(0 | 101)), "a damaged store ended the process: {status}");
    said.sort();
    status.success().then_some(said)
}

#[test]
fn a_changed_byte_is_never_a_wrong_value() {
    alone(|rig| {
        let library = rig.library();
        let _ = library.new_token("whole");
        library.finalize().expect("C_Finalize");
        let mut model = Model::new(USER_PIN);
        let (said, status) = rig.worker(&["churn", "whole", "7", "60", USER_PIN]).finish();
        said.iter().for_each(|line| model.hear(line));
        assert!(status.success(), "{status}");
        let pin = model.pins[0].clone();
        let expected = listing(rig, &pin).expect("a whole store");
        let mut dice = Dice::thrown();
        println!("{dice:?}");
        let mut noticed = 0;
        for _ in 0..POINTS {
            let files = rig.stored_files();
            let kept: Vec<(_, Vec<u8>)> =
                files.into_iter().map(|file| (file.clone(), fs::read(&file).expect("a stored file"))).collect();
            let total: u64 = kept.iter().map(|(_, bytes)| bytes.len() as u64).sum();
            let mut at = dice.below(total);
            for (file, bytes) in &kept {
                if at < bytes.len() as u64 {
                    let mut changed = bytes.clone();
                    changed[at as usize] ^= 1 << dice.below(8);
                    fs::write(file, changed).expect("a changed file");
                    break;
                }
                at -= bytes.len() as u64;
            }
            match listing(rig, &pin) {
                Some(listed) => assert_eq!(listed, expected, "{dice:?}"),
                None => noticed += 1,
            }
            for file in rig.stored_files() {
                fs::remove_file(file).expect("a stored file");
            }
            kept.iter().for_each(|(file, bytes)| fs::write(file, bytes).expect("the file as it was"));
        }
        assert!(noticed > 0, "no change was noticed");
        assert_eq!(listing(rig, &pin), Some(expected), "the store as it was");
    });
}
