//! A token from the outside: what its facade promises.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::sync::Arc;

use hsm_core::crypto::kdf::KdfCost;
use hsm_core::{Access, Error, Session, Settings, Slot, Token, TokenDirectory, UserType};
use hsm_types::{
    AttributeType as A, KeyType, Mechanism, MechanismType as M, ObjectClass, ObjectId, Params, SlotId, Template,
};

const SO_PIN: &[u8] = b"so-secret";
const PIN: &[u8] = b"user-secret";
const SLOT: SlotId = SlotId(0);

/// A directory with one token and its default user.
struct Fixture {
    directory: tempfile::TempDir,
    tokens: TokenDirectory,
}

impl Fixture {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let tokens = open(&directory);
        tokens.initialize(SLOT, SO_PIN, b"a token                         ").unwrap();
        let fixture = Self { directory, tokens };
        let so = fixture.session(Access::ReadWrite);
        so.login(UserType::So, None, SO_PIN).unwrap();
        so.init_pin(PIN).unwrap();
        so.logout().unwrap();
        fixture
    }

    /// The same directory as another program sees it.
    fn another(&self) -> TokenDirectory {
        open(&self.directory)
    }

    fn session(&self, access: Access) -> Arc<Session> {
        token(&self.tokens).open_session(access).unwrap()
    }

    fn logged_in(&self) -> Arc<Session> {
        log_in(&self.tokens)
    }
}

fn open(directory: &tempfile::TempDir) -> TokenDirectory {
    let settings = Settings { kdf_cost: KdfCost::FLOOR, ..Settings::default_for(directory.path().to_owned()) };
    TokenDirectory::open(settings).unwrap()
}

fn token(tokens: &TokenDirectory) -> Arc<Token> {
    match tokens.slot(SLOT).unwrap() {
        Slot::Token(token) => token,
        Slot::Free => panic!("the slot is free"),
    }
}

fn log_in(tokens: &TokenDirectory) -> Arc<Session> {
    let session = token(tokens).open_session(Access::ReadWrite).unwrap();
    session.login(UserType::User, None, PIN).unwrap();
    session
}

fn plain(mechanism: M) -> Mechanism {
    Mechanism { mechanism, params: Params::None }
}

fn template(pairs: &[(A, &[u8])]) -> Template {
    let mut template = Template::new();
    for (attribute, value) in pairs {
        template.set(*attribute, *value);
    }
    template
}

fn aes_key(session: &Session, extra: &[(A, &[u8])]) -> Result<ObjectId, Error> {
    let mut wanted = template(extra);
    wanted.set_ulong(A::VALUE_LEN, 32);
    session.generate_key(&plain(M::AES_KEY_GEN), wanted)
}

fn rsa_pair(session: &Session, token: &[u8]) -> (ObjectId, ObjectId) {
    let mut public = template(&[(A::TOKEN, token), (A::LABEL, b"pair")]);
    public.set_ulong(A::MODULUS_BITS, 2048);
    let private = template(&[(A::TOKEN, token), (A::LABEL, b"pair")]);
    session.generate_key_pair(&plain(M::RSA_PKCS_KEY_PAIR_GEN), public, private).unwrap()
}

fn find(session: &Session, wanted: &[(A, &[u8])]) -> Vec<ObjectId> {
    session.find_init(&template(wanted)).unwrap();
    let found = session.find(1000).unwrap();
    session.find_final().unwrap();
    found
}

#[test]
fn a_token_key_signs_and_is_found_again_after_a_restart() {
    let fixture = Fixture::new();
    let session = fixture.logged_in();
    let (public, private) = rsa_pair(&session, &[1]);
    let mechanism = plain(M::SHA256_RSA_PKCS);
    session.sign_init(&mechanism, private).unwrap();
    let mut signature = vec![0; 256];
    assert_eq!(session.sign(b"message", Some(&mut signature)).unwrap(), 256);

    let restarted = fixture.another();
    let session = token(&restarted).open_session(Access::ReadOnly).unwrap();
    assert_eq!(find(&session, &[(A::LABEL, b"pair")]), [public], "public objects need no login");
    session.verify_init(&mechanism, public).unwrap();
    session.verify(b"message", &signature).unwrap();
    session.login(UserType::User, None, PIN).unwrap();
    let class = ObjectClass::PRIVATE_KEY.0.to_le_bytes();
    assert_eq!(find(&session, &[(A::CLASS, &class), (A::LABEL, b"pair")]), [private]);
}

#[test]
fn a_destroyed_key_ends_operations_in_every_program() {
    let fixture = Fixture::new();
    let here = fixture.logged_in();
    let (_, private) = rsa_pair(&here, &[1]);
    let elsewhere = fixture.another();
    let there = log_in(&elsewhere);
    there.sign_init(&plain(M::SHA256_RSA_PKCS), private).unwrap();
    here.destroy_object(private).unwrap();
    let mut signature = [0; 256];
    let ended = there.sign(b"message", Some(&mut signature));
    assert!(matches!(ended, Err(Error::OperationNotInitialized)), "{ended:?}");
    assert!(matches!(there.sign_init(&plain(M::SHA256_RSA_PKCS), private), Err(Error::HandleInvalid(_))));
}

#[test]
fn a_logout_ends_operations_on_private_keys() {
    let fixture = Fixture::new();
    let session = fixture.logged_in();
    let other = fixture.session(Access::ReadWrite);
    let (_, private) = rsa_pair(&session, &[1]);
    for session in [&session, &other] {
        session.sign_init(&plain(M::SHA256_RSA_PKCS), private).unwrap();
    }
    session.logout().unwrap();
    for session in [&session, &other] {
        assert!(session.sign(b"message", Some(&mut [0; 256])).is_err());
    }
    assert!(find(&session, &[(A::LABEL, b"pair")]).iter().all(|id| *id != private));
}

#[test]
fn two_programs_changing_one_object_lose_no_update() {
    let fixture = Fixture::new();
    let here = fixture.logged_in();
    let key = aes_key(&here, &[(A::TOKEN, &[1]), (A::LABEL, b"old")]).unwrap();
    let elsewhere = fixture.another();
    let there = log_in(&elsewhere);
    here.set_attributes(key, &template(&[(A::LABEL, b"new")])).unwrap();
    there.set_attributes(key, &template(&[(A::ID, b"id")])).unwrap();
    for session in [&here, &there] {
        let view = session.object(key).unwrap();
        assert_eq!((view.attribute(A::LABEL).unwrap(), view.attribute(A::ID).unwrap()), (&b"new"[..], &b"id"[..]));
    }
    assert_eq!(find(&here, &[(A::LABEL, b"new"), (A::ID, b"id")]), [key]);
    assert!(find(&here, &[(A::LABEL, b"old")]).is_empty());
}

#[test]
fn a_password_changed_by_the_so_elsewhere_is_refused_while_the_user_is_logged_in_and_not_by_this_program() {
    let fixture = Fixture::new();
    let session = fixture.logged_in();
    session.set_pin(PIN, b"another-secret").unwrap();
    assert!(session.info().unwrap().state == 3, "the own login stays");
    session.logout().unwrap();
    assert!(matches!(session.login(UserType::User, None, PIN), Err(Error::PinIncorrect)));
    session.login(UserType::User, None, b"another-secret").unwrap();
}

#[test]
fn named_users_see_their_own_keys_only() {
    let fixture = Fixture::new();
    let so = fixture.session(Access::ReadWrite);
    so.login(UserType::So, None, SO_PIN).unwrap();
    so.init_pin(b"alice:alices-secret").unwrap();
    so.logout().unwrap();
    let session = fixture.logged_in();
    let key = aes_key(&session, &[(A::TOKEN, &[1]), (A::LABEL, b"mine")]).unwrap();
    session.logout().unwrap();
    session.login(UserType::User, Some(b"alice"), b"alices-secret").unwrap();
    assert!(find(&session, &[]).is_empty());
    assert!(matches!(session.object(key), Err(Error::HandleInvalid(_))));
    assert!(matches!(session.destroy_object(key), Err(Error::HandleInvalid(_))));
}

#[test]
fn a_key_may_not_both_wrap_and_decrypt_by_default() {
    let fixture = Fixture::new();
    let session = fixture.logged_in();
    for pair in [[A::WRAP, A::DECRYPT], [A::UNWRAP, A::ENCRYPT], [A::UNWRAP, A::DECRYPT]] {
        let refused = aes_key(&session, &pair.map(|role| (role, &[1_u8][..])));
        assert!(matches!(refused, Err(Error::TemplateInconsistent { .. })), "{pair:?}");
    }
    let wrapping = aes_key(&session, &[(A::WRAP, &[1])]).unwrap();
    let taken_up = session.set_attributes(wrapping, &template(&[(A::DECRYPT, &[1])]));
    assert!(matches!(taken_up, Err(Error::AttributeReadOnly { .. })));
    let copied = session.copy_object(wrapping, &template(&[(A::DECRYPT, &[1]), (A::WRAP, &[0])]));
    assert!(matches!(copied, Err(Error::AttributeReadOnly { .. })));
}

#[test]
fn a_wrapped_key_comes_back_sensitive() {
    let fixture = Fixture::new();
    let session = fixture.logged_in();
    let wrapping = aes_key(&session, &[(A::WRAP, &[1]), (A::UNWRAP, &[1])]).unwrap();
    let key = aes_key(&session, &[(A::EXTRACTABLE, &[1])]).unwrap();
    let mechanism = plain(M::AES_KEY_WRAP);
    let mut wrapped = vec![0; session.wrap_key(&mechanism, wrapping, key, None).unwrap()];
    session.wrap_key(&mechanism, wrapping, key, Some(&mut wrapped)).unwrap();
    let mut wanted = Template::new();
    wanted.set_ulong(A::CLASS, ObjectClass::SECRET_KEY.0);
    wanted.set_ulong(A::KEY_TYPE, KeyType::AES.0);
    let back = session.unwrap_key(&mechanism, wrapping, &wrapped, wanted.clone()).unwrap();
    let view = session.object(back).unwrap();
    assert!(matches!(view.attribute(A::VALUE), Err(Error::AttributeSensitive(_))));
    let originals = session.object(key).unwrap();
    assert_eq!(view.attribute(A::CHECK_VALUE).unwrap(), originals.attribute(A::CHECK_VALUE).unwrap());
    wanted.set_bool(A::SENSITIVE, false);
    let readable = session.unwrap_key(&mechanism, wrapping, &wrapped, wanted);
    assert!(matches!(readable, Err(Error::TemplateInconsistent { .. })));
}

#[test]
fn an_ed25519_key_is_imported_read_and_wrapped_and_always_makes_the_same_signature() {
    let fixture = Fixture::new();
    let session = fixture.logged_in();
    let mut private = template(&[
        (A::EC_PARAMS, b"\x13\x0cedwards25519"),
        (A::VALUE, &[7; 32]),
        (A::SENSITIVE, &[0]),
        (A::EXTRACTABLE, &[1]),
    ]);
    private.set_ulong(A::CLASS, ObjectClass::PRIVATE_KEY.0);
    private.set_ulong(A::KEY_TYPE, KeyType::EC_EDWARDS.0);
    let imported = session.create_object(private).unwrap();
    let view = session.object(imported).unwrap();
    assert_eq!(view.attribute(A::VALUE).unwrap(), [7; 32]);
    assert_eq!(view.attribute(A::EC_PARAMS).unwrap(), [6, 3, 0x2b, 0x65, 0x70]);
    assert_eq!((view.attribute(A::SIGN).unwrap(), view.attribute(A::DERIVE).unwrap()), (&[1][..], &[0][..]));

    let wrapping = aes_key(&session, &[(A::WRAP, &[1]), (A::UNWRAP, &[1])]).unwrap();
    let mechanism = plain(M::AES_KEY_WRAP_KWP);
    let mut wrapped = vec![0; 200];
    let written = session.wrap_key(&mechanism, wrapping, imported, Some(&mut wrapped)).unwrap();
    let mut wanted = Template::new();
    wanted.set_ulong(A::CLASS, ObjectClass::PRIVATE_KEY.0);
    wanted.set_ulong(A::KEY_TYPE, KeyType::EC_EDWARDS.0);
    let unwrapped = session.unwrap_key(&mechanism, wrapping, &wrapped[..written], wanted).unwrap();

    let [first, second] = [imported, unwrapped].map(|key| {
        let mut signature = [0; 64];
        session.sign_init(&plain(M::EDDSA), key).unwrap();
        session.sign_update(b"mess").unwrap();
        session.sign_update(b"age").unwrap();
        assert_eq!(session.sign_final(Some(&mut signature)).unwrap(), 64);
        signature
    });
    assert_eq!(first, second);

    // The point is the end of the public key information.
    let info = view.attribute(A::PUBLIC_KEY_INFO).unwrap();
    let mut public = template(&[(A::EC_PARAMS, &[6, 3, 0x2b, 0x65, 0x70]), (A::EC_POINT, &info[info.len() - 32..])]);
    public.set_ulong(A::CLASS, ObjectClass::PUBLIC_KEY.0);
    public.set_ulong(A::KEY_TYPE, KeyType::EC_EDWARDS.0);
    let public = session.create_object(public).unwrap();
    session.verify_init(&plain(M::EDDSA), public).unwrap();
    session.verify(b"message", &first).unwrap();
    session.verify_init(&plain(M::EDDSA), public).unwrap();
    assert!(matches!(session.verify(b"message", &first[..63]), Err(Error::SignatureLenRange)));
    session.verify_init(&plain(M::EDDSA), public).unwrap();
    assert!(matches!(session.verify(b"massage", &first), Err(Error::SignatureInvalid)));
}

#[test]
fn session_objects_end_with_their_session_and_private_ones_with_the_login() {
    let fixture = Fixture::new();
    let session = fixture.logged_in();
    let other = fixture.session(Access::ReadWrite);
    let key = aes_key(&other, &[]).unwrap();
    session.object(key).unwrap();
    other.close().unwrap();
    assert!(matches!(session.object(key), Err(Error::HandleInvalid(_))));
    let key = aes_key(&session, &[]).unwrap();
    session.logout().unwrap();
    session.login(UserType::User, None, PIN).unwrap();
    assert!(matches!(session.object(key), Err(Error::HandleInvalid(_))));
}

#[test]
fn initialising_anew_needs_the_so_and_takes_everything() {
    let fixture = Fixture::new();
    let session = fixture.logged_in();
    rsa_pair(&session, &[1]);
    let label = b"another                         ";
    assert!(matches!(fixture.tokens.initialize(SLOT, SO_PIN, label), Err(Error::SessionExists)));
    session.close().unwrap();
    assert!(matches!(fixture.tokens.initialize(SLOT, b"wrong", label), Err(Error::PinIncorrect)));
    let elsewhere = fixture.another();
    let there = log_in(&elsewhere);
    fixture.tokens.initialize(SLOT, SO_PIN, label).unwrap();
    assert_eq!(there.info().unwrap().state, 2, "nobody is logged in any more");
    assert!(find(&there, &[]).is_empty());
    assert_eq!(&token(&elsewhere).info().unwrap().label, label);
    assert!(matches!(there.login(UserType::User, None, PIN), Err(Error::UserPinNotInitialized)));
}

#[test]
fn a_token_made_by_another_program_is_seen_at_once_and_a_free_slot_always_shows() {
    let fixture = Fixture::new();
    let elsewhere = fixture.another();
    assert_eq!(elsewhere.slots().unwrap(), [SlotId(0), SlotId(1)]);
    fixture.tokens.initialize(SlotId(1), SO_PIN, b"second                          ").unwrap();
    assert_eq!(elsewhere.slots().unwrap(), [SlotId(0), SlotId(1), SlotId(2)]);
    assert!(matches!(elsewhere.slot(SlotId(1)).unwrap(), Slot::Token(_)));
    assert!(matches!(elsewhere.slot(SlotId(3)), Err(Error::SlotIdInvalid)));
}

#[test]
fn the_audit_log_chains_management_always_and_the_use_of_keys_where_it_is_asked_for() {
    let fixture = Fixture::new();
    let log = fixture.tokens.path(SLOT).join("audit.log");
    let events = || {
        hsm_core::audit::verify(&log).unwrap();
        std::fs::read_to_string(&log).unwrap()
    };
    let session = fixture.logged_in();
    let key = aes_key(&session, &[(A::TOKEN, &[1]), (A::SIGN, &[1])]).unwrap();
    session.sign_init(&plain(M::AES_CMAC), key).unwrap();
    assert!(events().contains("\"generate-key\"") && !events().contains("\"sign\""));
    let settings = Settings {
        audit: hsm_core::AuditScope::Everything,
        kdf_cost: KdfCost::FLOOR,
        ..Settings::default_for(fixture.directory.path().to_owned())
    };
    let elsewhere = TokenDirectory::open(settings).unwrap();
    log_in(&elsewhere).sign_init(&plain(M::AES_CMAC), key).unwrap();
    assert!(events().contains(&format!("\"sign\",\"object\":\"{key}\"")), "{}", events());
    assert!(!events().contains("user-secret"), "a password is in the log");
}

#[test]
fn a_key_does_not_change_its_role_by_leaving_and_coming_back() {
    let fixture = Fixture::new();
    let session = fixture.logged_in();
    let roaming = aes_key(&session, &[(A::WRAP, &[1]), (A::EXTRACTABLE, &[1])]);
    assert!(matches!(roaming, Err(Error::TemplateInconsistent { attribute: A::WRAP, .. })));
    let mut public = template(&[(A::WRAP, &[1])]);
    public.set_ulong(A::MODULUS_BITS, 2048);
    let private = template(&[(A::UNWRAP, &[1]), (A::EXTRACTABLE, &[1])]);
    let pair = session.generate_key_pair(&plain(M::RSA_PKCS_KEY_PAIR_GEN), public, private);
    assert!(matches!(pair, Err(Error::TemplateInconsistent { .. })));
}

#[test]
fn the_compatible_policy_lets_a_key_wrap_and_decrypt_and_keeps_every_other_rule() {
    let fixture = Fixture::new();
    let settings = Settings {
        kdf_cost: KdfCost::FLOOR,
        extraction_policy: hsm_core::object::policy::ExtractionPolicy::Compatible,
        ..Settings::default_for(fixture.directory.path().to_owned())
    };
    let tokens = TokenDirectory::open(settings).unwrap();
    tokens.initialize(SlotId(1), SO_PIN, b"compatible                      ").unwrap();
    let Slot::Token(token) = tokens.slot(SlotId(1)).unwrap() else { panic!("the slot is free") };
    let session = token.open_session(Access::ReadWrite).unwrap();
    session.login(UserType::So, None, SO_PIN).unwrap();
    session.init_pin(PIN).unwrap();
    session.logout().unwrap();
    session.login(UserType::User, None, PIN).unwrap();
    let both = aes_key(&session, &[(A::WRAP, &[1]), (A::DECRYPT, &[1]), (A::EXTRACTABLE, &[1])]).unwrap();
    let target = aes_key(&session, &[(A::EXTRACTABLE, &[1])]).unwrap();
    session.wrap_key(&plain(M::AES_KEY_WRAP), both, target, None).unwrap();
    let mut known = template(&[(A::VALUE, &[7; 32]), (A::WRAP, &[1])]);
    known.set_ulong(A::CLASS, ObjectClass::SECRET_KEY.0);
    known.set_ulong(A::KEY_TYPE, KeyType::AES.0);
    let known = session.create_object(known).unwrap();
    let wrapped = session.wrap_key(&plain(M::AES_KEY_WRAP), known, target, None);
    assert!(matches!(wrapped, Err(Error::KeyNotWrappable(_))), "{wrapped:?}");
}

#[test]
fn a_digest_ends_with_the_login_of_every_key_it_took_in() {
    let fixture = Fixture::new();
    let session = fixture.logged_in();
    let readable = [(A::SENSITIVE, &[0_u8][..]), (A::EXTRACTABLE, &[1])];
    let private = aes_key(&session, &readable).unwrap();
    let public = aes_key(&session, &[&readable[..], &[(A::PRIVATE, &[0])]].concat()).unwrap();
    session.digest_init(&plain(M::SHA256)).unwrap();
    session.digest_key(private).unwrap();
    session.digest_key(public).unwrap();
    session.logout().unwrap();
    assert!(session.digest_final(Some(&mut [0; 32])).is_err());
}

#[test]
fn one_password_is_good_for_one_operation() {
    let fixture = Fixture::new();
    let session = fixture.logged_in();
    let mut public = Template::new();
    public.set_ulong(A::MODULUS_BITS, 2048);
    let private = template(&[(A::ALWAYS_AUTHENTICATE, &[1])]);
    let (_, key) = session.generate_key_pair(&plain(M::RSA_PKCS_KEY_PAIR_GEN), public, private).unwrap();
    let mechanism = plain(M::SHA256_RSA_PKCS);
    session.decrypt_init(&plain(M::RSA_PKCS), key).unwrap();
    session.sign_init(&mechanism, key).unwrap();
    session.login(UserType::ContextSpecific, None, PIN).unwrap();
    session.sign(b"message", Some(&mut [0; 256])).unwrap();
    assert!(matches!(session.decrypt(&[0; 256], Some(&mut [0; 256])), Err(Error::UserNotLoggedIn)));
    session.sign_init(&mechanism, key).unwrap();
    assert!(matches!(session.sign(b"message", Some(&mut [0; 256])), Err(Error::UserNotLoggedIn)));
}

#[test]
fn a_malformed_search_finds_nothing_rather_than_everything() {
    let fixture = Fixture::new();
    let session = fixture.logged_in();
    aes_key(&session, &[(A::TOKEN, &[1])]).unwrap();
    for attribute in [A::TOKEN, A::PRIVATE] {
        let searched = session.find_init(&template(&[(attribute, &1_u64.to_le_bytes())]));
        assert!(matches!(searched, Err(Error::AttributeValueInvalid { .. })));
    }
}

#[test]
fn what_a_trusted_key_unwraps_stays_with_trusted_keys() {
    let fixture = Fixture::new();
    let session = fixture.logged_in();
    let roles = [(A::TOKEN, &[1_u8][..]), (A::PRIVATE, &[0]), (A::WRAP, &[1]), (A::UNWRAP, &[1])];
    let wrapping = aes_key(&session, &roles).unwrap();
    assert!(session.set_attributes(wrapping, &template(&[(A::TRUSTED, &[1])])).is_err(), "a user may not trust");
    session.logout().unwrap();
    session.login(UserType::So, None, SO_PIN).unwrap();
    session.set_attributes(wrapping, &template(&[(A::TRUSTED, &[1])])).unwrap();
    session.logout().unwrap();
    session.login(UserType::User, None, PIN).unwrap();
    let key = aes_key(&session, &[(A::EXTRACTABLE, &[1]), (A::WRAP_WITH_TRUSTED, &[1])]).unwrap();
    let mechanism = plain(M::AES_KEY_WRAP);
    let mut wrapped = [0; 40];
    session.wrap_key(&mechanism, wrapping, key, Some(&mut wrapped)).unwrap();
    let mut wanted = Template::new();
    wanted.set_ulong(A::CLASS, ObjectClass::SECRET_KEY.0);
    wanted.set_ulong(A::KEY_TYPE, KeyType::AES.0);
    let back = session.unwrap_key(&mechanism, wrapping, &wrapped, wanted.clone()).unwrap();
    assert_eq!(session.object(back).unwrap().attribute(A::WRAP_WITH_TRUSTED).unwrap(), [1]);
    wanted.set_bool(A::WRAP_WITH_TRUSTED, false);
    assert!(session.unwrap_key(&mechanism, wrapping, &wrapped, wanted).is_err());
}
