//! Bad input gets the standard's return value and, at debug level, one line that names what is wrong.

use std::fs::File;
use std::io::{Read, Seek};
use std::os::fd::AsRawFd;

use cryptoki_sys::{
    CK_ATTRIBUTE_TYPE, CKA_CLASS, CKA_EC_PARAMS, CKA_ENCRYPT, CKA_KEY_TYPE, CKA_LABEL, CKA_LOCAL, CKA_MODULUS_BITS,
    CKA_SENSITIVE, CKA_SIGN, CKA_TOKEN, CKA_VALUE, CKA_VALUE_LEN, CKK_AES, CKM_AES_CBC, CKM_AES_KEY_GEN,
    CKM_EC_KEY_PAIR_GEN, CKM_RSA_PKCS, CKM_RSA_PKCS_KEY_PAIR_GEN, CKO_SECRET_KEY,
};
use kinko_tests::attribute::{bytes, number, yes};
use kinko_tests::{Access, Attribute, Mechanism, Rv, Session, alone};

use crate::templates::{aes, hmac_key};

/// A refused call: what is wrong with it, the expected answer, and what its log line must name.
type Case = (&'static str, fn(&Session) -> Result<(), Rv>, Rv, &'static str);

fn aes_template(more: &[Attribute]) -> Vec<Attribute> {
    [&[number(CKA_CLASS, CKO_SECRET_KEY), number(CKA_KEY_TYPE, CKK_AES)], more].concat()
}

fn generate(session: &Session, more: &[Attribute]) -> Result<(), Rv> {
    session.generate(&Mechanism::plain(CKM_AES_KEY_GEN), more).map(drop)
}

const UNKNOWN: CK_ATTRIBUTE_TYPE = 0x1234;

const CASES: &[Case] = &[
    ("no class", |s| s.create(&[bytes(CKA_VALUE, [1])]).map(drop), Rv::TEMPLATE_INCOMPLETE, "CKA_CLASS"),
    (
        "no key type",
        |s| s.create(&[number(CKA_CLASS, CKO_SECRET_KEY), bytes(CKA_VALUE, [1; 16])]).map(drop),
        Rv::TEMPLATE_INCOMPLETE,
        "CKA_KEY_TYPE",
    ),
    ("no value", |s| s.create(&aes_template(&[])).map(drop), Rv::TEMPLATE_INCOMPLETE, "CKA_VALUE"),
    (
        "an AES key of 17 bytes",
        |s| s.create(&aes_template(&[bytes(CKA_VALUE, [1; 17])])).map(drop),
        Rv::ATTRIBUTE_VALUE_INVALID,
        "CKA_VALUE",
    ),
    ("no length", |s| generate(s, &[]), Rv::TEMPLATE_INCOMPLETE, "CKA_VALUE_LEN"),
    ("a length of 5", |s| generate(s, &[number(CKA_VALUE_LEN, 5)]), Rv::ATTRIBUTE_VALUE_INVALID, "CKA_VALUE_LEN"),
    (
        "a boolean of two bytes",
        |s| generate(s, &[number(CKA_VALUE_LEN, 32), bytes(CKA_ENCRYPT, [1, 1])]),
        Rv::ATTRIBUTE_VALUE_INVALID,
        "CKA_ENCRYPT",
    ),
    (
        "a number of three bytes",
        |s| generate(s, &[bytes(CKA_VALUE_LEN, [1, 2, 3])]),
        Rv::ATTRIBUTE_VALUE_INVALID,
        "CKA_VALUE_LEN",
    ),
    (
        "an attribute that only the token sets",
        |s| generate(s, &[number(CKA_VALUE_LEN, 32), yes(CKA_LOCAL)]),
        Rv::ATTRIBUTE_READ_ONLY,
        "CKA_LOCAL",
    ),
    (
        "an attribute that nobody knows",
        |s| generate(s, &[number(CKA_VALUE_LEN, 32), yes(UNKNOWN)]),
        Rv::ATTRIBUTE_TYPE_INVALID,
        "0x00001234",
    ),
    (
        "an attribute of another class",
        |s| generate(s, &[number(CKA_VALUE_LEN, 32), number(CKA_MODULUS_BITS, 2048)]),
        Rv::TEMPLATE_INCONSISTENT,
        "CKA_MODULUS_BITS",
    ),
    (
        "an attribute given twice with different values",
        |s| generate(s, &[number(CKA_VALUE_LEN, 32), number(CKA_VALUE_LEN, 16)]),
        Rv::TEMPLATE_INCONSISTENT,
        "CKA_VALUE_LEN",
    ),
    (
        "a class that does not fit the mechanism",
        |s| generate(s, &[number(CKA_VALUE_LEN, 32), number(CKA_CLASS, 2)]),
        Rv::TEMPLATE_INCONSISTENT,
        "CKA_CLASS",
    ),
    (
        "an RSA key of 1000 bits",
        |s| {
            let size = [number(CKA_MODULUS_BITS, 1000)];
            s.generate_pair(&Mechanism::plain(CKM_RSA_PKCS_KEY_PAIR_GEN), &size, &[]).map(drop)
        },
        Rv::ATTRIBUTE_VALUE_INVALID,
        "CKA_MODULUS_BITS",
    ),
    (
        "no curve",
        |s| s.generate_pair(&Mechanism::plain(CKM_EC_KEY_PAIR_GEN), &[], &[]).map(drop),
        Rv::TEMPLATE_INCOMPLETE,
        "CKA_EC_PARAMS",
    ),
    (
        "a curve that nobody has",
        |s| {
            let curve = [bytes(CKA_EC_PARAMS, [6, 3, 42, 3, 4])];
            s.generate_pair(&Mechanism::plain(CKM_EC_KEY_PAIR_GEN), &curve, &[]).map(drop)
        },
        Rv::CURVE_NOT_SUPPORTED,
        "curve",
    ),
    (
        "an IV of 15 bytes",
        |s| {
            let key = aes(s, &[CKA_ENCRYPT], &[])?;
            s.encrypt(&Mechanism::with_bytes(CKM_AES_CBC, &[0; 15]), key, &[0; 16]).map(drop)
        },
        Rv::MECHANISM_PARAM_INVALID,
        "parameter",
    ),
    (
        "a mechanism for another key",
        |s| s.sign(&Mechanism::plain(CKM_RSA_PKCS), hmac_key(s, &[])?, b"x").map(drop),
        Rv::KEY_TYPE_INCONSISTENT,
        "type",
    ),
    (
        "a mechanism that nobody has",
        |s| s.sign(&Mechanism::plain(0x7fff_0000), hmac_key(s, &[])?, b"x").map(drop),
        Rv::MECHANISM_INVALID,
        "0x7fff0000",
    ),
    (
        "a usage that the key does not have",
        |s| {
            let key = aes(s, &[CKA_SIGN], &[])?;
            s.encrypt(&Mechanism::with_bytes(CKM_AES_CBC, &[0; 16]), key, &[0; 16]).map(drop)
        },
        Rv::KEY_FUNCTION_NOT_PERMITTED,
        "CKA_ENCRYPT",
    ),
    (
        "data of half a block",
        |s| {
            let key = aes(s, &[CKA_ENCRYPT], &[])?;
            s.encrypt(&Mechanism::with_bytes(CKM_AES_CBC, &[0; 16]), key, &[0; 8]).map(drop)
        },
        Rv::DATA_LEN_RANGE,
        "length",
    ),
    (
        "a change of what cannot change",
        |s| s.set(aes(s, &[CKA_ENCRYPT], &[])?, &[number(CKA_KEY_TYPE, 16)]),
        Rv::ATTRIBUTE_READ_ONLY,
        "CKA_KEY_TYPE",
    ),
    ("a handle that was never given", |s| s.destroy(0x00de_adbe), Rv::OBJECT_HANDLE_INVALID, "object"),
    (
        "an attribute that the object lacks",
        |s| s.attribute(aes(s, &[CKA_ENCRYPT], &[])?, CKA_MODULUS_BITS).map(drop),
        Rv::ATTRIBUTE_TYPE_INVALID,
        "CKA_MODULUS_BITS",
    ),
    (
        "a sensitive value",
        |s| s.attribute(aes(s, &[CKA_ENCRYPT], &[yes(CKA_SENSITIVE)])?, CKA_VALUE).map(drop),
        Rv::ATTRIBUTE_SENSITIVE,
        "CKA_VALUE",
    ),
];

/// Catches what this process writes to standard error.
struct Caught(File);

impl Caught {
    fn new() -> Self {
        Self(tempfile::tempfile().expect("a temporary file"))
    }

    /// Runs `body` and returns what was written meanwhile.
    fn during(&mut self, body: impl FnOnce()) -> String {
        // SAFETY: plain descriptor calls on descriptors that live for the whole test.
        let kept = unsafe { libc::dup(2) };
        // SAFETY: as above.
        unsafe { libc::dup2(self.0.as_raw_fd(), 2) };
        let before = self.0.stream_position().expect("a position");
        body();
        // SAFETY: as above.
        unsafe { libc::dup2(kept, 2) };
        // SAFETY: `kept` is not used again.
        unsafe { libc::close(kept) };
        self.0.seek(std::io::SeekFrom::Start(before)).expect("a position");
        let mut text = String::new();
        self.0.read_to_string(&mut text).expect("text");
        text
    }
}

#[test]
fn a_refused_call_has_the_right_answer_and_one_line_that_says_why() {
    alone(|rig| {
        // SAFETY: this process runs one test on one thread.
        unsafe { std::env::set_var("KINKO_LOG", "debug") };
        let library = rig.library();
        let session = library.user_session(library.new_token("refused"));
        let mut caught = Caught::new();
        let mut wrong = Vec::new();
        for (what, call, expected, named) in CASES {
            let mut answer = Ok(());
            let log = caught.during(|| answer = call(&session));
            if answer != Err(*expected) {
                wrong.push(format!("{what}: {answer:?}, expected {expected}"));
            }
            let saying = log.lines().filter(|line| line.contains(named)).count();
            if saying != 1 && rig.module().is_kinko() {
                wrong.push(format!("{what}: {saying} lines name {named} in {log:?}"));
            }
        }
        assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), CASES.len(), wrong.join("\n"));
    });
}

#[test]
fn no_log_line_holds_a_secret() {
    alone(|rig| {
        // SAFETY: this process runs one test on one thread.
        unsafe { std::env::set_var("KINKO_LOG", "trace") };
        let value = [0x5a; 17];
        let mut caught = Caught::new();
        let log = caught.during(|| {
            let library = rig.library();
            let slot = library.new_token("silent");
            let session = library.open(slot, Access::ReadWrite).expect("a session");
            let _ = session.login(kinko_tests::User::User, "a-wrong-password");
            let _ = session.set_pin("another-wrong-one", "a-new-password");
            session.login(kinko_tests::User::User, kinko_tests::USER_PIN).expect("the user logs in");
            session.create(&aes_template(&[bytes(CKA_VALUE, value)])).expect_err("a bad length");
        });
        let dumps = [hex::encode(value), format!("{value:?}"), String::from_utf8_lossy(&value).into_owned()];
        let pins = [kinko_tests::USER_PIN, kinko_tests::SO_PIN, "a-wrong-password", "another-wrong", "a-new-password"];
        for secret in pins.into_iter().map(str::to_owned).chain(dumps) {
            assert!(!log.contains(&secret), "{secret:?} in the log:\n{log}");
        }
    });
}

#[test]
fn a_read_only_session_writes_no_token_object() {
    alone(|rig| {
        let library = rig.library();
        let slot = library.new_token("read-only");
        let _logged_in = library.user_session(slot);
        let session = library.open(slot, Access::ReadOnly).expect("a session");
        let template = [number(CKA_VALUE_LEN, 32), yes(CKA_TOKEN), bytes(CKA_LABEL, "x")];
        assert_eq!(generate(&session, &template), Err(Rv::SESSION_READ_ONLY));
        generate(&session, &[number(CKA_VALUE_LEN, 32)]).expect("a session object");
    });
}

#[test]
fn nothing_private_without_a_login() {
    alone(|rig| {
        let library = rig.library();
        let slot = library.new_token("public");
        let session = library.open(slot, Access::ReadWrite).expect("a session");
        let template = [number(CKA_VALUE_LEN, 32), yes(cryptoki_sys::CKA_PRIVATE)];
        assert_eq!(generate(&session, &template), Err(Rv::USER_NOT_LOGGED_IN));
    });
}
