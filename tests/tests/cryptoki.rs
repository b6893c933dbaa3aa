//! The Rust `cryptoki` crate, as an application that was written against other tokens uses it.

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error, RvError};
use cryptoki::mechanism::Mechanism;
use cryptoki::mechanism::aead::GcmParams;
use cryptoki::mechanism::elliptic_curve::{EcKdf, Ecdh1DeriveParams};
use cryptoki::mechanism::rsa::{PkcsMgfType, PkcsOaepParams, PkcsOaepSource};
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::{Session, UserType};
use cryptoki::slot::Slot;
use cryptoki::types::AuthPin;
use kinko_tests::{Rig, SO_PIN, USER_PIN, alone};

const P256: [u8; 10] = [0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07];

fn pin(text: &str) -> AuthPin {
    AuthPin::new(text.into())
}

fn initialized(rig: &Rig) -> Pkcs11 {
    let pkcs11 = Pkcs11::new(rig.module().path()).expect("the module loads");
    pkcs11.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)).expect("C_Initialize");
    pkcs11
}

fn new_token(pkcs11: &Pkcs11, label: &str) -> Slot {
    let free = *pkcs11.get_all_slots().expect("the slots").last().expect("a free slot");
    pkcs11.init_token(free, &pin(SO_PIN), label).expect("C_InitToken");
    let slot = find_token(pkcs11, label);
    let session = pkcs11.open_rw_session(slot).expect("a session");
    session.login(UserType::So, Some(&pin(SO_PIN))).expect("the SO logs in");
    session.init_pin(&pin(USER_PIN)).expect("C_InitPIN");
    slot
}

fn find_token(pkcs11: &Pkcs11, label: &str) -> Slot {
    let slots = pkcs11.get_slots_with_initialized_token().expect("the slots");
    let labelled = |slot: &Slot| pkcs11.get_token_info(*slot).expect("C_GetTokenInfo").label() == label;
    slots.into_iter().find(labelled).expect("the token")
}

/// Runs `body` in a process of its own, with a user logged in to a new token.
fn logged_in(rig: &Rig, body: impl FnOnce(&Session)) {
    let pkcs11 = initialized(rig);
    let slot = new_token(&pkcs11, "cryptoki");
    let session = pkcs11.open_rw_session(slot).expect("a session");
    session.login(UserType::User, Some(&pin(USER_PIN))).expect("the user logs in");
    body(&session);
    drop(session);
    pkcs11.finalize().expect("C_Finalize");
}

fn value(session: &Session, object: ObjectHandle, kind: AttributeType) -> Vec<u8> {
    match session.get_attributes(object, &[kind]).expect("C_GetAttributeValue").remove(0) {
        Attribute::Value(bytes) | Attribute::EcPoint(bytes) => bytes,
        other => panic!("not what was asked for: {other:?}"),
    }
}

fn rsa_pair(session: &Session) -> (ObjectHandle, ObjectHandle) {
    let public = [Attribute::Token(true), Attribute::ModulusBits(2048.into()), Attribute::Label(b"rsa".to_vec())];
    let private = [Attribute::Token(true), Attribute::Sign(true), Attribute::Label(b"rsa".to_vec())];
    session.generate_key_pair(&Mechanism::RsaPkcsKeyPairGen, &public, &private).expect("an RSA pair")
}

fn ec_pair(session: &Session) -> (ObjectHandle, ObjectHandle) {
    let public = [Attribute::EcParams(P256.to_vec()), Attribute::Verify(true)];
    let private = [Attribute::Sign(true), Attribute::Derive(true), Attribute::Sensitive(true)];
    session.generate_key_pair(&Mechanism::EccKeyPairGen, &public, &private).expect("an EC pair")
}

#[test]
fn a_token_is_initialised_and_described() {
    alone(|rig| {
        let pkcs11 = initialized(rig);
        let slot = new_token(&pkcs11, "described");
        let info = pkcs11.get_token_info(slot).expect("C_GetTokenInfo");
        assert!(info.token_initialized() && info.user_pin_initialized() && info.login_required() && info.rng());
        let mechanisms = pkcs11.get_mechanism_list(slot).expect("C_GetMechanismList");
        for mechanism in mechanisms {
            pkcs11.get_mechanism_info(slot, mechanism).expect("every listed mechanism is described");
        }
    });
}

#[test]
fn logins_and_their_errors() {
    alone(|rig| {
        let pkcs11 = initialized(rig);
        let slot = new_token(&pkcs11, "logins");
        let session = pkcs11.open_rw_session(slot).expect("a session");
        let wrong = session.login(UserType::User, Some(&pin("not-the-pin")));
        assert!(matches!(wrong, Err(Error::Pkcs11(RvError::PinIncorrect, _))), "{wrong:?}");
        session.login(UserType::User, Some(&pin(USER_PIN))).expect("the user logs in");
        let again = session.login(UserType::User, Some(&pin(USER_PIN)));
        assert!(matches!(again, Err(Error::Pkcs11(RvError::UserAlreadyLoggedIn, _))), "{again:?}");
        session.logout().expect("C_Logout");
        let again = session.logout();
        assert!(matches!(again, Err(Error::Pkcs11(RvError::UserNotLoggedIn, _))), "{again:?}");
    });
}

#[test]
fn objects_are_found_by_template() {
    alone(|rig| {
        logged_in(rig, |session| {
            let (public, private) = rsa_pair(session);
            let by_label = session.find_objects(&[Attribute::Label(b"rsa".to_vec())]).expect("a search");
            assert_eq!(by_label.len(), 2);
            let class = Attribute::Class(ObjectClass::PRIVATE_KEY);
            assert_eq!(session.find_objects(&[class, Attribute::Sign(true)]).expect("a search"), [private]);
            let class = Attribute::Class(ObjectClass::PUBLIC_KEY);
            assert_eq!(session.find_objects(&[class]).expect("a search"), [public]);
            let nothing = session.find_objects(&[Attribute::Label(b"no such".to_vec())]).expect("a search");
            assert_eq!(nothing, []);
        });
    });
}

#[test]
fn signatures_verify_and_wrong_ones_do_not() {
    alone(|rig| {
        logged_in(rig, |session| {
            let rsa = rsa_pair(session);
            let ec = ec_pair(session);
            for (mechanism, (public, private)) in [(Mechanism::Sha256RsaPkcs, rsa), (Mechanism::Ecdsa, ec)] {
                let message = [0x5a; 32];
                let mut signature = session.sign(&mechanism, private, &message).expect("C_Sign");
                session.verify(&mechanism, public, &message, &signature).expect("C_Verify");
                signature[10] ^= 1;
                let refused = session.verify(&mechanism, public, &message, &signature);
                assert!(matches!(refused, Err(Error::Pkcs11(RvError::SignatureInvalid, _))), "{refused:?}");
            }
        });
    });
}

#[test]
fn a_multi_part_signature_equals_the_single_part_one() {
    alone(|rig| {
        logged_in(rig, |session| {
            let (_, private) = rsa_pair(session);
            let whole = session.sign(&Mechanism::Sha256RsaPkcs, private, b"one, two").expect("C_Sign");
            session.sign_init(&Mechanism::Sha256RsaPkcs, private).expect("C_SignInit");
            session.sign_update(b"one, ").expect("C_SignUpdate");
            session.sign_update(b"two").expect("C_SignUpdate");
            assert_eq!(session.sign_final().expect("C_SignFinal"), whole);
        });
    });
}

fn gcm(iv: &mut [u8; 12]) -> Mechanism<'_> {
    Mechanism::AesGcm(GcmParams::new(iv, b"bound", 128.into()).expect("GCM parameters"))
}

fn aes_key(session: &Session, usage: &[Attribute]) -> ObjectHandle {
    let template = [&[Attribute::ValueLen(32.into())], usage].concat();
    session.generate_key(&Mechanism::AesKeyGen, &template).expect("C_GenerateKey")
}

#[test]
fn a_key_is_wrapped_and_unwrapped() {
    alone(|rig| {
        logged_in(rig, |session| {
            let only_wraps = [Attribute::Encrypt(false), Attribute::Decrypt(false)];
            let wraps = [&[Attribute::Wrap(true), Attribute::Unwrap(true)], &only_wraps[..]].concat();
            let wrapping = aes_key(session, &wraps);
            let usage = [Attribute::Encrypt(true), Attribute::Decrypt(true), Attribute::Wrap(false)];
            let key =
                aes_key(session, &[&usage[..], &[Attribute::Unwrap(false), Attribute::Extractable(true)]].concat());
            let wrapped = session.wrap_key(&Mechanism::AesKeyWrap, wrapping, key).expect("C_WrapKey");
            let class = [Attribute::Class(ObjectClass::SECRET_KEY), Attribute::KeyType(KeyType::AES)];
            let template = [&class[..], &usage, &[Attribute::Unwrap(false)]].concat();
            let again = session.unwrap_key(&Mechanism::AesKeyWrap, wrapping, &wrapped, &template).expect("C_UnwrapKey");
            let block = session.encrypt(&Mechanism::AesEcb, key, &[3; 16]).expect("C_Encrypt");
            assert_eq!(session.decrypt(&Mechanism::AesEcb, again, &block).expect("C_Decrypt"), [3; 16]);
        });
    });
}

#[test]
fn a_key_is_wrapped_under_rsa_oaep() {
    alone(|rig| {
        logged_in(rig, |session| {
            let public = [Attribute::ModulusBits(2048.into()), Attribute::Wrap(true), Attribute::Encrypt(false)];
            let private = [Attribute::Unwrap(true), Attribute::Decrypt(false)];
            let pair = session.generate_key_pair(&Mechanism::RsaPkcsKeyPairGen, &public, &private);
            let (wrapping, unwrapping) = pair.expect("an RSA pair");
            let usage = [Attribute::Encrypt(true), Attribute::Extractable(true), Attribute::Wrap(false)];
            let key = aes_key(session, &[&usage[..], &[Attribute::Unwrap(false)]].concat());
            let hash = cryptoki::mechanism::MechanismType::SHA1;
            let oaep = || PkcsOaepParams::new(hash, PkcsMgfType::MGF1_SHA1, PkcsOaepSource::empty());
            let wrapped = session.wrap_key(&Mechanism::RsaPkcsOaep(oaep()), wrapping, key).expect("C_WrapKey");
            let class = [Attribute::Class(ObjectClass::SECRET_KEY), Attribute::KeyType(KeyType::AES)];
            let template = [&class[..], &[Attribute::Encrypt(true), Attribute::Unwrap(false)]].concat();
            let mechanism = Mechanism::RsaPkcsOaep(oaep());
            let again = session.unwrap_key(&mechanism, unwrapping, &wrapped, &template).expect("C_UnwrapKey");
            let encrypt = |key| session.encrypt(&Mechanism::AesEcb, key, &[3; 16]).expect("C_Encrypt");
            assert_eq!(encrypt(key), encrypt(again));
        });
    });
}

#[test]
fn both_sides_derive_one_secret() {
    alone(|rig| {
        logged_in(rig, |session| {
            let (one, other) = (ec_pair(session), ec_pair(session));
            let derive = |private, public| {
                let point = value(session, public, AttributeType::EcPoint);
                let mechanism = Mechanism::Ecdh1Derive(Ecdh1DeriveParams::new(EcKdf::null(), &point));
                let class = [Attribute::Class(ObjectClass::SECRET_KEY), Attribute::KeyType(KeyType::GENERIC_SECRET)];
                let open = [Attribute::Sensitive(false), Attribute::Extractable(true), Attribute::ValueLen(32.into())];
                let secret = session.derive_key(&mechanism, private, &[&class[..], &open].concat());
                value(session, secret.expect("C_DeriveKey"), AttributeType::Value)
            };
            let secret = derive(one.1, other.0);
            assert_eq!(secret.len(), 32);
            assert_eq!(secret, derive(other.1, one.0));
        });
    });
}

#[test]
fn gcm_seals_and_refuses_a_changed_text() {
    alone(|rig| {
        logged_in(rig, |session| {
            let key = aes_key(session, &[Attribute::Encrypt(true), Attribute::Decrypt(true), Attribute::Wrap(false)]);
            let mut sealed = session.encrypt(&gcm(&mut [9; 12]), key, b"a message").expect("C_Encrypt");
            assert_eq!(sealed.len(), 9 + 16);
            assert_eq!(session.decrypt(&gcm(&mut [9; 12]), key, &sealed).expect("C_Decrypt"), b"a message");
            sealed[3] ^= 1;
            let refused = session.decrypt(&gcm(&mut [9; 12]), key, &sealed);
            let code = matches!(refused, Err(Error::Pkcs11(RvError::EncryptedDataInvalid, _)));
            assert!(code || !rig.module().is_kinko() && refused.is_err(), "{refused:?}");
        });
    });
}

#[test]
fn digests_are_the_known_ones() {
    alone(|rig| {
        logged_in(rig, |session| {
            let digest = session.digest(&Mechanism::Sha256, b"abc").expect("C_Digest");
            assert_eq!(hex::encode(digest), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
            session.digest_init(&Mechanism::Sha1).expect("C_DigestInit");
            session.digest_update(b"a").expect("C_DigestUpdate");
            session.digest_update(b"bc").expect("C_DigestUpdate");
            let digest = session.digest_final().expect("C_DigestFinal");
            assert_eq!(hex::encode(digest), "a9993e364706816aba3e25717850c26c9cd0d89d");
        });
    });
}

#[test]
fn keys_outlive_the_session_and_the_library() {
    alone(|rig| {
        logged_in(rig, |session| {
            rsa_pair(session);
        });
        let pkcs11 = initialized(rig);
        let session = pkcs11.open_ro_session(find_token(&pkcs11, "cryptoki")).expect("a session");
        session.login(UserType::User, Some(&pin(USER_PIN))).expect("the user logs in");
        let class = Attribute::Class(ObjectClass::PRIVATE_KEY);
        let found = session.find_objects(&[class, Attribute::Label(b"rsa".to_vec())]).expect("a search");
        session.sign(&Mechanism::Sha256RsaPkcs, found[0], b"again").expect("C_Sign");
    });
}
