//! Nothing lost: what was acknowledged survives `kill -9` at any point, and nothing is half there.

use std::time::Duration;

use kinko_tests::{Rig, USER_PIN, alone};

use crate::model::{Dice, Model};

/// How many processes are killed.
const KILLS: u64 = 2000;
/// The least that Argon2id may cost: a login for each kill is most of this test's time.
const CHEAP_LOGINS: &str = "[token]\nkdf_memory_kib = 19456\nkdf_passes = 2\n";

#[test]
fn every_acknowledged_call_survives_a_kill() {
    alone(|rig| {
        rig.configure(CHEAP_LOGINS);
        let library = rig.library();
        let _ = library.new_token("churned");
        let mut dice = Dice::thrown();
        println!("{dice:?}");
        let mut model = Model::new(USER_PIN);
        for round in 1..=KILLS {
            killed_somewhere(rig, &mut model, &mut dice, round);
        }
        let last = churn(rig, &model, 0, 0).finish();
        last.0.iter().for_each(|line| model.hear(line));
        assert!(last.1.success(), "{:?}", last.0);
        assert_eq!(model.refused, [""; 0]);
        assert!(model.acknowledged > 10_000, "only {} calls were acknowledged", model.acknowledged);
    });
}

fn churn(rig: &Rig, model: &Model, run: u64, operations: u64) -> kinko_tests::Worker {
    let (run, operations) = (run.to_string(), operations.to_string());
    let mut arguments = vec!["churn", "churned", &run, &operations];
    arguments.extend(model.pins.iter().map(String::as_str));
    rig.worker(&arguments)
}

/// Lets a worker work, kills it after a random number of its words, and hears what it had said.
fn killed_somewhere(rig: &Rig, model: &mut Model, dice: &mut Dice, round: u64) {
    let mut worker = churn(rig, model, round, 10_000);
    // One in ten dies in its first moments: while it opens the store, logs in or lists.
    let words = if dice.below(10) == 0 { 0 } else { model.present as u64 + 2 + dice.below(40) };
    for _ in 0..words {
        model.hear(&worker.line().expect("the worker works until it is killed"));
    }
    dice.spin(Duration::from_millis(if words == 0 { 250 } else { 3 }));
    worker.kill();
    let (said, status) = worker.finish();
    assert!(status.code().is_none(), "the worker ended by itself: {status}, {said:?}");
    said.iter().for_each(|line| model.hear(line));
}
