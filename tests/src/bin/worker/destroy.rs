//! Destroys everything that the user can see.

use kinko_tests::{Object, Session};

use crate::{library, say};

/// Destroys every object of the token.
pub fn all(label: &str) {
    let library = library();
    let session = library.user_session(library.slot_of(label).expect("the token"));
    for object in found(&session) {
        session.destroy(object).expect("C_DestroyObject");
    }
    assert_eq!(found(&session), []);
    say("destroyed");
}

fn found(session: &Session) -> Vec<Object> {
    session.find(&[]).expect("a search")
}
