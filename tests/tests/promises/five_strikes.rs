//! Five strikes: at most five wrong passwords are evaluated, however many threads, processes or crashes.

use std::time::Duration;

use cryptoki_sys::{
    CK_FLAGS, CKF_USER_PIN_COUNT_LOW, CKF_USER_PIN_FINAL_TRY, CKF_USER_PIN_LOCKED, CKF_USER_PIN_TO_BE_CHANGED,
};
use kinko_tests::{Access, Library, Rv, USER_PIN, User, Worker, alone};

use crate::model::Dice;

fn flags(library: &Library, label: &str) -> CK_FLAGS {
    let slot = library.slot_of(label).expect("the token");
    let all = CKF_USER_PIN_COUNT_LOW | CKF_USER_PIN_FINAL_TRY | CKF_USER_PIN_LOCKED | CKF_USER_PIN_TO_BE_CHANGED;
    library.token_info(slot).expect("C_GetTokenInfo").flags & all
}

#[test]
fn two_hundred_parallel_guesses_from_four_processes_evaluate_five() {
    alone(|rig| {
        let library = rig.library();
        let slot = library.new_token("guessed");
        let mut workers: Vec<Worker> = (0..4).map(|_| rig.worker(&["guess", "guessed", "10", "5"])).collect();
        workers.iter_mut().for_each(|worker| worker.expect("ready"));
        workers.iter_mut().for_each(|worker| worker.say("go"));
        let answers: Vec<String> = workers.into_iter().flat_map(|worker| worker.finish().0).collect();
        let count = |wanted: &str| answers.iter().filter(|answer| *answer == wanted).count();
        assert_eq!((count("CKR_PIN_INCORRECT"), count("CKR_PIN_LOCKED")), (5, 195), "{answers:?}");
        let session = library.open(slot, Access::ReadOnly).expect("a session");
        assert_eq!(session.login(User::User, USER_PIN), Err(Rv::PIN_LOCKED), "the right password, once locked");
        assert_eq!(flags(&library, "guessed") & CKF_USER_PIN_LOCKED, CKF_USER_PIN_LOCKED);
    });
}

#[test]
fn the_flags_tell_the_truth() {
    alone(|rig| {
        let library = rig.library();
        let slot = library.new_token("flags");
        let session = library.open(slot, Access::ReadOnly).expect("a session");
        assert_eq!(flags(&library, "flags"), 0);
        for guess in 1..=5 {
            assert_eq!(session.login(User::User, "wrong"), Err(Rv::PIN_INCORRECT));
            let now = flags(&library, "flags");
            assert_eq!(now & CKF_USER_PIN_LOCKED != 0, guess == 5, "locked after {guess}: {now:#x}");
            assert_eq!(now & CKF_USER_PIN_FINAL_TRY != 0, guess == 4, "final try after {guess}: {now:#x}");
            assert!(now & CKF_USER_PIN_COUNT_LOW != 0 || guess == 5, "count low after {guess}: {now:#x}");
        }
        assert_eq!(session.login(User::User, "wrong"), Err(Rv::PIN_LOCKED));
    });
}

#[test]
fn a_right_password_resets_the_count() {
    alone(|rig| {
        let library = rig.library();
        let slot = library.new_token("reset");
        let session = library.open(slot, Access::ReadOnly).expect("a session");
        for _ in 0..2 {
            for _ in 0..4 {
                assert_eq!(session.login(User::User, "wrong"), Err(Rv::PIN_INCORRECT));
            }
            assert_ne!(flags(&library, "reset"), 0);
            session.login(User::User, USER_PIN).expect("the fifth is right");
            assert_eq!(flags(&library, "reset"), 0);
            session.logout().expect("C_Logout");
        }
    });
}

#[test]
fn another_process_is_counted_with_this_one() {
    alone(|rig| {
        let library = rig.library();
        let slot = library.new_token("shared");
        let session = library.open(slot, Access::ReadOnly).expect("a session");
        for _ in 0..2 {
            assert_eq!(session.login(User::User, "wrong"), Err(Rv::PIN_INCORRECT));
        }
        let mut worker = rig.worker(&["guess", "shared", "1", "4"]);
        worker.say("go");
        let said = worker.finish().0;
        let incorrect = "CKR_PIN_INCORRECT";
        assert_eq!(said, ["ready", incorrect, incorrect, incorrect, "CKR_PIN_LOCKED"]);
        assert_eq!(session.login(User::User, USER_PIN), Err(Rv::PIN_LOCKED));
    });
}

#[test]
fn only_an_admins_password_change_unlocks() {
    alone(|rig| {
        let library = rig.library();
        let slot = library.new_token("unlock");
        let session = library.open(slot, Access::ReadWrite).expect("a session");
        for _ in 0..5 {
            assert_eq!(session.login(User::User, "wrong"), Err(Rv::PIN_INCORRECT));
        }
        library.finalize().expect("C_Finalize");
        library.initialize().expect("C_Initialize");
        let session = library.open(slot, Access::ReadWrite).expect("a session");
        assert_eq!(session.login(User::User, USER_PIN), Err(Rv::PIN_LOCKED), "after a restart");
        assert_eq!(session.set_pin(USER_PIN, "chosen-by-user"), Err(Rv::PIN_LOCKED), "the user's own change");
        library.set_user_pin(slot, "a-new-pin");
        assert_eq!(flags(&library, "unlock"), 0);
        assert_eq!(session.login(User::User, USER_PIN), Err(Rv::PIN_INCORRECT), "the old password");
        session.login(User::User, "a-new-pin").expect("the new password");
    });
}

#[test]
fn a_wrong_old_password_counts_in_a_password_change() {
    alone(|rig| {
        let library = rig.library();
        let slot = library.new_token("change");
        let session = library.open(slot, Access::ReadWrite).expect("a session");
        for _ in 0..5 {
            assert_eq!(session.set_pin("wrong", "does-not-matter"), Err(Rv::PIN_INCORRECT));
        }
        assert_eq!(session.login(User::User, USER_PIN), Err(Rv::PIN_LOCKED));
    });
}

#[test]
fn the_security_officer_is_counted_too() {
    alone(|rig| {
        let library = rig.library();
        let slot = library.new_token("officer");
        let session = library.open(slot, Access::ReadWrite).expect("a session");
        for _ in 0..5 {
            assert_eq!(session.login(User::So, "wrong"), Err(Rv::PIN_INCORRECT));
        }
        assert_eq!(session.login(User::So, kinko_tests::SO_PIN), Err(Rv::PIN_LOCKED));
        session.login(User::User, USER_PIN).expect("the user is another account");
    });
}

/// Kills guessing processes at random points, most of them between the count and the answer.
#[test]
fn a_kill_never_gives_a_guess_back() {
    alone(|rig| {
        let library = rig.library();
        let slot = library.new_token("killed");
        let mut dice = Dice::thrown();
        for _ in 0..6 {
            let (mut tried, mut answered) = (0, 0);
            loop {
                let mut worker = rig.worker(&["guess-on", "killed"]);
                worker.expect("try");
                dice.spin(Duration::from_millis(250));
                worker.kill();
                let mut said = worker.finish().0;
                said.insert(0, "try".into());
                tried += said.iter().filter(|line| *line == "try").count();
                answered += said.iter().filter(|line| *line == "CKR_PIN_INCORRECT").count();
                assert!(answered <= 5, "{answered} answers, {dice:?}");
                if said.iter().any(|line| line == "CKR_PIN_LOCKED") {
                    break;
                }
                // A process may die before it has counted, so not every try is a strike; but they are few.
                assert!(tried < 100, "{tried} tries and still not locked, {dice:?}");
            }
            let session = library.open(slot, Access::ReadOnly).expect("a session");
            assert_eq!(session.login(User::User, USER_PIN), Err(Rv::PIN_LOCKED), "{dice:?}");
            drop(session);
            library.set_user_pin(slot, USER_PIN);
        }
    });
}
