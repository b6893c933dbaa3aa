//! Two processes with eight threads each work on one token at once, without a lost update.

use std::collections::BTreeSet;

use cryptoki_sys::{CKA_CLASS, CKA_ID, CKA_LABEL, CKO_SECRET_KEY};
use kinko_tests::attribute::number;
use kinko_tests::{Session, Worker, alone};

#[test]
fn no_update_is_lost() {
    alone(|rig| {
        let library = rig.library();
        let slot = library.new_token("busy");
        let watching = library.user_session(slot);
        let mut workers: Vec<Worker> = (0..2).map(|_| rig.worker(&["update", "busy", "8", "12"])).collect();
        workers.iter_mut().for_each(|worker| worker.expect("ready"));
        workers.iter_mut().for_each(|worker| worker.say("go"));
        let mut expected = BTreeSet::new();
        for worker in workers {
            let (said, status) = worker.finish();
            assert!(status.success(), "{status}: {said:?}");
            expected.extend(said.iter().filter_map(|line| line.strip_prefix("left ").map(str::to_owned)));
        }
        assert_eq!(expected.len(), 2 * 8 * 6);
        assert_eq!(held(&watching), expected, "seen by a process that was there all the time");
        drop(watching);
        library.finalize().expect("C_Finalize");
        library.initialize().expect("C_Initialize");
        assert_eq!(held(&library.user_session(slot)), expected, "seen after a restart");
    });
}

fn held(session: &Session) -> BTreeSet<String> {
    let keys = session.find(&[number(CKA_CLASS, CKO_SECRET_KEY)]).expect("a search");
    let text = |key, kind| String::from_utf8(session.attribute(key, kind).expect("an attribute")).expect("text");
    keys.into_iter().map(|key| format!("{} {}", text(key, CKA_LABEL), text(key, CKA_ID))).collect()
}
