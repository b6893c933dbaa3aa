//! Wrong logins.

use std::thread;

use kinko_tests::{Access, Rv, Session, User};

use crate::{library, say, wait_for_go};

/// Each of `threads` threads guesses `each` times, all starting together; one line per answer.
pub fn many(label: &str, threads: u64, each: u64) {
    let library = library();
    let slot = library.slot_of(label).expect("the token");
    let sessions: Vec<Session> =
        (0..threads).map(|_| library.open(slot, Access::ReadOnly).expect("a session")).collect();
    say("ready");
    wait_for_go();
    thread::scope(|scope| {
        for (thread, session) in sessions.iter().enumerate() {
            scope.spawn(move || {
                for guess in 0..each {
                    let answer = session.login(User::User, &format!("wrong-{thread}-{guess}"));
                    say(&name(answer));
                }
            });
        }
    });
}

/// More guesses than any account allows.
const ENOUGH: usize = 50;

/// Guesses until the account is locked, saying `try` before each guess and its answer after it.
pub fn until_locked(label: &str) {
    let library = library();
    let slot = library.slot_of(label).expect("the token");
    let session = library.open(slot, Access::ReadOnly).expect("a session");
    for _ in 0..ENOUGH {
        say("try");
        let answer = session.login(User::User, "wrong");
        say(&name(answer));
        if answer == Err(Rv::PIN_LOCKED) {
            return;
        }
    }
}

fn name(answer: Result<(), Rv>) -> String {
    answer.err().unwrap_or(Rv::OK).to_string()
}
