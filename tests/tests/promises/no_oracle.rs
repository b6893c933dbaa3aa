//! No oracle, no leak: sensitive values never come out, and what has ended does not go on.

use cryptoki_sys::{
    CK_ATTRIBUTE_TYPE, CKA_CLASS, CKA_COEFFICIENT, CKA_DECRYPT, CKA_DERIVE, CKA_EC_POINT, CKA_ENCRYPT, CKA_EXPONENT_1,
    CKA_EXPONENT_2, CKA_EXTRACTABLE, CKA_KEY_TYPE, CKA_PRIME_1, CKA_PRIME_2, CKA_PRIVATE_EXPONENT, CKA_SENSITIVE,
    CKA_SIGN, CKA_UNWRAP, CKA_VALUE, CKA_VERIFY, CKA_WRAP, CKK_GENERIC_SECRET, CKM_AES_CBC, CKM_AES_ECB,
    CKM_AES_KEY_WRAP, CKM_SHA256, CKM_SHA256_HMAC, CKO_SECRET_KEY,
};
use kinko_tests::attribute::{bytes, no, number, yes};
use kinko_tests::{Access, Attribute, Library, Mechanism, Object, Operation, Rig, Rv, Session, alone};

use crate::templates::{aes, ec_pair, hmac_key, known_aes, readable_secret, rsa_pair, stored};

/// The attributes that hold secret values.
const SECRETS: [CK_ATTRIBUTE_TYPE; 7] =
    [CKA_VALUE, CKA_PRIVATE_EXPONENT, CKA_PRIME_1, CKA_PRIME_2, CKA_EXPONENT_1, CKA_EXPONENT_2, CKA_COEFFICIENT];

fn ecb() -> Mechanism {
    Mechanism::plain(CKM_AES_ECB)
}

fn hmac() -> Mechanism {
    Mechanism::plain(CKM_SHA256_HMAC)
}

/// One key of every kind that has secret values, sensitive, with `more`.
fn sensitive_keys(session: &Session, more: &[Attribute]) -> Vec<(&'static str, Object)> {
    let more = [&[yes(CKA_SENSITIVE)], more].concat();
    vec![
        ("AES", aes(session, &[CKA_ENCRYPT, CKA_DECRYPT], &more).expect("an AES key")),
        ("generic secret", hmac_key(session, &more).expect("a generic secret")),
        ("EC private", ec_pair(session, &[CKA_SIGN, CKA_DERIVE], &more).expect("an EC pair").1),
        ("RSA private", rsa_pair(session, &[CKA_VERIFY], &[CKA_SIGN], &more).expect("an RSA pair").1),
    ]
}

#[test]
fn no_sensitive_attribute_is_readable() {
    alone(|rig| {
        let library = rig.library();
        let session = library.user_session(library.new_token("read"));
        for extractable in [yes(CKA_EXTRACTABLE), no(CKA_EXTRACTABLE)] {
            for (kind, key) in sensitive_keys(&session, &[extractable]) {
                for attribute in SECRETS {
                    let (answer, buffer) = session.probe(key, attribute);
                    let expected = [Err(Rv::ATTRIBUTE_SENSITIVE), Err(Rv::ATTRIBUTE_TYPE_INVALID)];
                    assert!(expected.contains(&answer), "{kind} {attribute:#x}: {answer:?}");
                    assert!(buffer.iter().all(|byte| *byte == 0), "{kind} {attribute:#x} touched the buffer");
                }
            }
        }
    });
}

#[test]
fn an_unextractable_key_that_is_not_sensitive_is_not_readable_either() {
    alone(|rig| {
        let library = rig.library();
        let session = library.user_session(library.new_token("unextractable"));
        let key = hmac_key(&session, &[no(CKA_SENSITIVE), no(CKA_EXTRACTABLE)]).expect("a key");
        assert_eq!(session.attribute(key, CKA_VALUE), Err(Rv::ATTRIBUTE_SENSITIVE));
    });
}

#[test]
fn no_sensitive_attribute_is_made_readable() {
    alone(|rig| {
        let library = rig.library();
        let session = library.user_session(library.new_token("weaken"));
        for (kind, key) in sensitive_keys(&session, &[no(CKA_EXTRACTABLE)]) {
            for weaker in [no(CKA_SENSITIVE), yes(CKA_EXTRACTABLE)] {
                let refused = [Rv::ATTRIBUTE_READ_ONLY, Rv::TEMPLATE_INCONSISTENT];
                let set = session.set(key, std::slice::from_ref(&weaker)).expect_err("a weaker attribute");
                assert!(refused.contains(&set), "{kind}: {set}");
                let copy = session.copy(key, &[weaker]).expect_err("a weaker copy");
                assert!(refused.contains(&copy), "{kind}: {copy}");
            }
            let copy = session.copy(key, &[]).expect("a plain copy");
            assert_eq!(session.attribute(copy, CKA_SENSITIVE), Ok(vec![1]), "{kind}");
            assert_eq!(session.attribute(copy, CKA_EXTRACTABLE), Ok(vec![0]), "{kind}");
        }
    });
}

#[test]
fn an_unextractable_key_is_never_wrapped() {
    alone(|rig| {
        let library = rig.library();
        let session = library.user_session(library.new_token("wrap"));
        let wrapping = aes(&session, &[CKA_WRAP, CKA_UNWRAP], &[]).expect("a wrapping key");
        for (kind, key) in sensitive_keys(&session, &[no(CKA_EXTRACTABLE)]) {
            let answer = session.wrap(&Mechanism::plain(CKM_AES_KEY_WRAP), wrapping, key);
            assert_eq!(answer, Err(Rv::KEY_UNEXTRACTABLE), "{kind}");
        }
    });
}

/// Calls every function that takes a key and returns bytes, and looks for the key in what comes out.
#[test]
fn no_output_holds_the_bytes_of_a_sensitive_key() {
    alone(|rig| {
        let library = rig.library();
        let slot = library.new_token("bytes");
        let session = library.user_session(slot);
        let value = session.random(32).expect("C_GenerateRandom");
        let key = known_aes(&session, &value, &[CKA_ENCRYPT, CKA_DECRYPT], &stored()).expect("a key");
        let mut outputs = vec![
            session.encrypt(&ecb(), key, &[0; 32]),
            session.decrypt(&ecb(), key, &[0; 32]),
            session.encrypt(&Mechanism::with_bytes(CKM_AES_CBC, &[0; 16]), key, &[0; 32]),
            session.encrypt(&Mechanism::gcm(&[1; 12]), key, &[0; 32]),
            session.digest_start(&Mechanism::plain(CKM_SHA256)).and_then(|()| {
                // Digesting a key may be refused; then there is no state to ask for either.
                let _ = session.digest_key(key);
                let state = session.operation_state();
                let _ = session.digest_final();
                state
            }),
        ];
        outputs.extend((0..0x800_u64).chain(0x4000_0000..0x4000_0700).map(|kind| Ok(session.probe(key, kind).1)));
        let leaked = |output: &[u8]| value.windows(8).any(|part| output.windows(8).any(|seen| seen == part));
        for (number, output) in outputs.iter().enumerate() {
            assert!(!output.as_ref().is_ok_and(|bytes| leaked(bytes)), "output {number} holds bytes of the key");
        }
        for file in rig.stored_files() {
            let stored = std::fs::read(&file).expect("a stored file");
            assert!(!leaked(&stored), "{} holds bytes of the key", file.display());
        }
    });
}

#[test]
fn a_search_does_not_confirm_a_guessed_value() {
    alone(|rig| {
        let library = rig.library();
        let session = library.user_session(library.new_token("guess"));
        let value = session.random(32).expect("C_GenerateRandom");
        known_aes(&session, &value, &[CKA_ENCRYPT], &[]).expect("a key");
        assert_eq!(session.find(&[bytes(CKA_VALUE, &value)]).unwrap_or_default(), []);
    });
}

#[test]
fn a_derived_secret_obeys_its_own_template() {
    alone(|rig| {
        let library = rig.library();
        let session = library.user_session(library.new_token("derive"));
        let (public, private) = ec_pair(&session, &[CKA_DERIVE], &[]).expect("an EC pair");
        let point = session.attribute(public, CKA_EC_POINT).expect("the public point");
        let template = [number(CKA_CLASS, CKO_SECRET_KEY), number(CKA_KEY_TYPE, CKK_GENERIC_SECRET)];
        let closed = [&template[..], &[yes(CKA_SENSITIVE), no(CKA_EXTRACTABLE)]].concat();
        let secret = session.derive(&Mechanism::ecdh(&point), private, &closed).expect("C_DeriveKey");
        assert_eq!(session.attribute(secret, CKA_VALUE), Err(Rv::ATTRIBUTE_SENSITIVE));
        let open = session.derive(&Mechanism::ecdh(&point), private, &readable_secret()).expect("C_DeriveKey");
        assert_eq!(session.attribute(open, CKA_VALUE).map(|value| value.len()), Ok(32));
    });
}

/// A running operation of each kind: how it starts and how it goes on.
struct Running<'s, 'l> {
    session: &'s Session<'l>,
    aes: Object,
    hmac: Object,
}

impl Running<'_, '_> {
    const KINDS: [&'static str; 6] = ["sign", "verify", "encrypt", "decrypt", "digest key", "find"];

    fn start(&self, kind: &str) {
        let started = match kind {
            "sign" => self.session.start(Operation::Sign, &hmac(), self.hmac),
            "verify" => self.session.start(Operation::Verify, &hmac(), self.hmac),
            "encrypt" => self.session.start(Operation::Encrypt, &ecb(), self.aes),
            "decrypt" => self.session.start(Operation::Decrypt, &ecb(), self.aes),
            "digest key" => {
                let digest = self.session.digest_start(&Mechanism::plain(CKM_SHA256));
                digest.and_then(|()| self.session.digest_key(self.hmac))
            }
            _ => self.session.find_start(&[]),
        };
        started.unwrap_or_else(|rv| panic!("{kind}: {rv}"));
    }

    /// Whether the operation still gives anything.
    fn goes_on(&self, kind: &str) -> bool {
        match kind {
            "sign" => self.session.run(Operation::Sign, &[0; 16]).is_ok(),
            // A verdict on a signature, be it the right one or not, is what must not be given.
            "verify" => matches!(
                self.session.run(Operation::Verify, &[0; 16]),
                Ok(_) | Err(Rv::SIGNATURE_INVALID | Rv::SIGNATURE_LEN_RANGE)
            ),
            "encrypt" => self.session.run(Operation::Encrypt, &[0; 16]).is_ok(),
            "decrypt" => self.session.run(Operation::Decrypt, &[0; 16]).is_ok(),
            "digest key" => self.session.digest_final().is_ok(),
            _ => self.session.find_next(10).is_ok_and(|found| !found.is_empty()),
        }
    }
}

/// Starts each kind of operation on stored keys, lets `end` happen, and sees that it has ended it.
fn ends_operations(rig: &Rig, end: impl Fn(&Library, u64, &Rig), kinds: &[&str]) {
    let library = rig.library();
    let slot = library.new_token("ended");
    for kind in kinds {
        let session = library.user_session(slot);
        let aes = aes(&session, &[CKA_ENCRYPT, CKA_DECRYPT], &stored()).expect("an AES key");
        // Not sensitive: some tokens digest no sensitive key, and the promise is about the ending.
        let open = [&[no(CKA_SENSITIVE), yes(CKA_EXTRACTABLE)], &stored()[..]].concat();
        let hmac = hmac_key(&session, &open).expect("a generic secret");
        let running = Running { session: &session, aes, hmac };
        running.start(kind);
        assert!(running.goes_on(kind), "{kind} works");
        if *kind == "find" {
            // The search above is still open; a search of its own for the promise.
            drop(session);
            let session = library.user_session(slot);
            let running = Running { session: &session, aes, hmac };
            running.start(kind);
            end(&library, slot, rig);
            assert!(!running.goes_on(kind), "{kind} goes on");
            continue;
        }
        running.start(kind);
        end(&library, slot, rig);
        assert!(!running.goes_on(kind), "{kind} goes on");
    }
}

#[test]
fn logout_ends_running_operations() {
    alone(|rig| {
        let logout = |library: &Library, slot, _: &Rig| {
            library.open(slot, Access::ReadOnly).expect("a session").logout().expect("C_Logout");
        };
        ends_operations(rig, logout, &Running::KINDS);
    });
}

#[test]
fn logging_in_again_does_not_revive_an_operation() {
    alone(|rig| {
        let relogin = |library: &Library, slot, _: &Rig| {
            let session = library.open(slot, Access::ReadOnly).expect("a session");
            session.logout().expect("C_Logout");
            session.login(kinko_tests::User::User, kinko_tests::USER_PIN).expect("the user logs in");
        };
        ends_operations(rig, relogin, &Running::KINDS);
    });
}

#[test]
fn a_lock_by_another_process_ends_running_operations() {
    alone(|rig| {
        let lock = |_: &Library, _, rig: &Rig| {
            let (said, _) = rig.worker(&["guess-on", "ended"]).finish();
            assert_eq!(said.last().map(String::as_str), Some("CKR_PIN_LOCKED"));
        };
        ends_operations(rig, lock, &["sign"]);
    });
}

#[test]
fn destroying_the_key_ends_running_operations() {
    alone(|rig| {
        let destroy = |library: &Library, slot, _: &Rig| {
            let session = library.open(slot, Access::ReadWrite).expect("a session");
            for object in session.find(&[]).expect("a search") {
                session.destroy(object).expect("C_DestroyObject");
            }
        };
        ends_operations(rig, destroy, &["sign", "verify", "encrypt", "decrypt"]);
    });
}

#[test]
fn destroying_the_key_in_another_process_ends_running_operations() {
    alone(|rig| {
        let destroy = |_: &Library, _, rig: &Rig| {
            let (said, status) = rig.worker(&["destroy-all", "ended"]).finish();
            assert!(status.success(), "{status}: {said:?}");
        };
        ends_operations(rig, destroy, &["sign", "encrypt"]);
    });
}
