//! The known attacks on the PKCS#11 API, each by name: the token's default policy refuses them.
//!
//! Clulow 2003; Bortolozzo, Centenaro, Focardi, Steel, "Attacking and Fixing PKCS#11 Security
//! Tokens", CCS 2010; Focardi, Luccio, "A Formally Verified Configuration for Hardware Security
//! Modules in the Cloud", CCS 2021.

use std::collections::BTreeSet;

use cryptoki_sys::{
    CKA_CLASS, CKA_COPYABLE, CKA_DECRYPT, CKA_DERIVE, CKA_ENCRYPT, CKA_EXTRACTABLE, CKA_KEY_TYPE, CKA_MODULUS_BITS,
    CKA_SENSITIVE, CKA_SIGN, CKA_TRUSTED, CKA_UNWRAP, CKA_UNWRAP_TEMPLATE, CKA_VALUE, CKA_VERIFY, CKA_WRAP,
    CKA_WRAP_TEMPLATE, CKA_WRAP_WITH_TRUSTED, CKK_AES, CKK_GENERIC_SECRET, CKM_AES_CBC_PAD, CKM_AES_ECB,
    CKM_AES_KEY_WRAP, CKM_AES_KEY_WRAP_KWP, CKM_CONCATENATE_BASE_AND_DATA, CKM_CONCATENATE_BASE_AND_KEY,
    CKM_CONCATENATE_DATA_AND_BASE, CKM_DES_ECB, CKM_EXTRACT_KEY_FROM_KEY, CKM_RSA_PKCS, CKM_RSA_PKCS_KEY_PAIR_GEN,
    CKM_SHA256, CKM_SHA256_HMAC, CKM_XOR_BASE_AND_DATA, CKO_DATA,
};
use kinko_tests::attribute::{no, number, template, yes};
use kinko_tests::{Attribute, Mechanism, Object, Rv, Session, alone};

use crate::templates::{aes, hmac_key, known_aes, only, readable_secret, rsa_pair, secret};

fn key_wrap() -> Mechanism {
    Mechanism::plain(CKM_AES_KEY_WRAP)
}

fn wrapping_key(session: &Session) -> Object {
    aes(session, &[CKA_WRAP, CKA_UNWRAP], &[]).expect("a wrapping key")
}

fn extractable_key(session: &Session, more: &[Attribute]) -> Object {
    let more = [&[yes(CKA_SENSITIVE), yes(CKA_EXTRACTABLE)], more].concat();
    aes(session, &[CKA_ENCRYPT, CKA_DECRYPT], &more).expect("an extractable key")
}

/// Runs `body` in a process of its own, with a user logged in.
macro_rules! as_user {
    ($session:ident, $body:block) => {
        alone(|rig| {
            let library = rig.library();
            let logged_in = library.user_session(library.new_token("attacked"));
            let $session = &logged_in;
            $body
        })
    };
}

/// Case 1: W wraps K, then W decrypts the blob.
#[test]
fn case_1_no_key_may_both_wrap_and_decrypt() {
    as_user!(session, {
        let both = aes(session, &[CKA_WRAP, CKA_DECRYPT], &[]);
        assert_eq!(both, Err(Rv::TEMPLATE_INCONSISTENT), "generated");
        let both = known_aes(session, &[1; 32], &[CKA_WRAP, CKA_DECRYPT], &[]);
        assert_eq!(both, Err(Rv::TEMPLATE_INCONSISTENT), "created");
        let reverse = aes(session, &[CKA_UNWRAP, CKA_ENCRYPT], &[]);
        assert_eq!(reverse, Err(Rv::TEMPLATE_INCONSISTENT), "unwraps and encrypts");
    });
}

#[test]
fn case_1_no_key_comes_to_both_wrap_and_decrypt() {
    as_user!(session, {
        let refused = [Rv::ATTRIBUTE_READ_ONLY, Rv::TEMPLATE_INCONSISTENT];
        for (has, added) in [(CKA_WRAP, CKA_DECRYPT), (CKA_DECRYPT, CKA_WRAP)] {
            let key = aes(session, &[has], &[]).expect("a key");
            let set = session.set(key, &[yes(added)]).expect_err("set");
            assert!(refused.contains(&set), "{set}");
            let copied = session.copy(key, &[yes(added)]).expect_err("copied");
            assert!(refused.contains(&copied), "{copied}");
            // Giving up one role for the other is the same attack, in two steps.
            let swapped = session.set(key, &[no(has), yes(added)]).expect_err("swapped");
            assert!(refused.contains(&swapped), "{swapped}");
        }
    });
}

#[test]
fn case_1_no_pair_may_wrap_with_one_half_and_decrypt_with_the_other() {
    as_user!(session, {
        let pair = rsa_pair(session, &[CKA_WRAP], &[CKA_DECRYPT], &[]);
        assert_eq!(pair, Err(Rv::TEMPLATE_INCONSISTENT));
    });
}

/// Case 2: K is wrapped, and unwrapped again as a key that can be read.
#[test]
fn case_2_an_unwrapped_key_does_not_become_readable() {
    as_user!(session, {
        let wrapping = wrapping_key(session);
        let key = extractable_key(session, &[]);
        let blob = session.wrap(&key_wrap(), wrapping, key).expect("C_WrapKey");
        let open = secret(CKK_AES, &[no(CKA_SENSITIVE), yes(CKA_EXTRACTABLE)]);
        let again = session.unwrap(&key_wrap(), wrapping, &blob, &[&open[..], &only(&[CKA_ENCRYPT])].concat());
        let value = again.and_then(|again| session.attribute(again, CKA_VALUE));
        assert!(value.is_err(), "the key was read");
    });
}

/// Case 3: the blob is unwrapped as something else.
#[test]
fn case_3_a_blob_is_not_unwrapped_as_another_class() {
    as_user!(session, {
        let wrapping = wrapping_key(session);
        let blob = session.wrap(&key_wrap(), wrapping, extractable_key(session, &[])).expect("C_WrapKey");
        let data = session.unwrap(&key_wrap(), wrapping, &blob, &[number(CKA_CLASS, CKO_DATA)]);
        let refused = [Rv::TEMPLATE_INCONSISTENT, Rv::ATTRIBUTE_VALUE_INVALID];
        assert!(refused.contains(&data.expect_err("a data object")));
    });
}

#[test]
fn case_3_a_private_key_is_not_unwrapped_as_a_readable_secret() {
    as_user!(session, {
        let wrapping = wrapping_key(session);
        let open = [yes(CKA_EXTRACTABLE), yes(CKA_SENSITIVE)];
        let (_, private) = rsa_pair(session, &[CKA_VERIFY], &[CKA_SIGN], &open).expect("an RSA pair");
        let kwp = Mechanism::plain(CKM_AES_KEY_WRAP_KWP);
        let blob = session.wrap(&kwp, wrapping, private).expect("C_WrapKey");
        let readable = secret(CKK_GENERIC_SECRET, &[no(CKA_SENSITIVE), yes(CKA_EXTRACTABLE)]);
        let value = session.unwrap(&kwp, wrapping, &blob, &readable);
        assert!(value.and_then(|key| session.attribute(key, CKA_VALUE)).is_err(), "the private key was read");
    });
}

/// Case 4: a wrapping key with a known value is imported.
#[test]
fn case_4_an_imported_key_does_not_wrap() {
    as_user!(session, {
        let key = extractable_key(session, &[]);
        let known = known_aes(session, &[1; 32], &[CKA_WRAP], &[]);
        let blob = known.and_then(|known| session.wrap(&key_wrap(), known, key));
        assert!(blob.is_err(), "wrapped under a value that the caller knows");
    });
}

#[test]
fn case_4_a_key_that_wants_a_trusted_wrapping_key_accepts_no_other() {
    as_user!(session, {
        let guarded = extractable_key(session, &[yes(CKA_WRAP_WITH_TRUSTED)]);
        assert_eq!(session.wrap(&key_wrap(), wrapping_key(session), guarded), Err(Rv::KEY_NOT_WRAPPABLE));
    });
}

/// Case 5: the user declares a key of their own trusted.
#[test]
fn case_5_a_user_cannot_set_trusted() {
    as_user!(session, {
        assert_eq!(aes(session, &[CKA_WRAP], &[yes(CKA_TRUSTED)]), Err(Rv::ATTRIBUTE_READ_ONLY), "generated");
        assert_eq!(known_aes(session, &[1; 32], &[], &[yes(CKA_TRUSTED)]), Err(Rv::ATTRIBUTE_READ_ONLY), "created");
        let key = wrapping_key(session);
        assert_eq!(session.set(key, &[yes(CKA_TRUSTED)]), Err(Rv::ATTRIBUTE_READ_ONLY), "set");
        assert_eq!(session.copy(key, &[yes(CKA_TRUSTED)]), Err(Rv::ATTRIBUTE_READ_ONLY), "copied");
    });
}

/// Case 6: wrapping with a weak key or a weak mechanism.
#[test]
fn case_6_weak_wrapping_is_not_offered() {
    as_user!(session, {
        let (wrapping, key) = (wrapping_key(session), extractable_key(session, &[]));
        for weak in [CKM_DES_ECB, CKM_AES_ECB] {
            assert_eq!(session.wrap(&Mechanism::plain(weak), wrapping, key), Err(Rv::MECHANISM_INVALID));
        }
        let size = [number(CKA_MODULUS_BITS, 512), yes(CKA_WRAP)];
        let pair = session.generate_pair(&Mechanism::plain(CKM_RSA_PKCS_KEY_PAIR_GEN), &size, &[yes(CKA_UNWRAP)]);
        let refused = [Rv::KEY_SIZE_RANGE, Rv::ATTRIBUTE_VALUE_INVALID];
        assert!(refused.contains(&pair.expect_err("an RSA key of 512 bits")));
    });
}

/// Case 7: derivation that peels a key byte by byte.
#[test]
fn case_7_no_derivation_peels_a_key() {
    as_user!(session, {
        let key = aes(session, &[CKA_DERIVE], &[yes(CKA_SENSITIVE)]).expect("a base key");
        for peeling in [
            CKM_CONCATENATE_BASE_AND_KEY,
            CKM_CONCATENATE_BASE_AND_DATA,
            CKM_CONCATENATE_DATA_AND_BASE,
            CKM_XOR_BASE_AND_DATA,
            CKM_EXTRACT_KEY_FROM_KEY,
        ] {
            let derived = session.derive(&Mechanism::plain(peeling), key, &readable_secret());
            assert_eq!(derived, Err(Rv::MECHANISM_INVALID), "{peeling:#x}");
        }
    });
}

/// Case 8: a copy with weaker attributes.
#[test]
fn case_8_a_copy_is_never_weaker() {
    as_user!(session, {
        let closed = [yes(CKA_SENSITIVE), no(CKA_EXTRACTABLE), yes(CKA_WRAP_WITH_TRUSTED)];
        let key = aes(session, &[CKA_ENCRYPT], &closed).expect("a key");
        for weaker in [no(CKA_SENSITIVE), yes(CKA_EXTRACTABLE), no(CKA_WRAP_WITH_TRUSTED)] {
            let copy = session.copy(key, std::slice::from_ref(&weaker)).expect_err("a weaker copy");
            assert!([Rv::ATTRIBUTE_READ_ONLY, Rv::TEMPLATE_INCONSISTENT].contains(&copy), "{weaker:?}: {copy}");
        }
        let fixed = aes(session, &[CKA_ENCRYPT], &[no(CKA_COPYABLE)]).expect("a key");
        assert_eq!(session.copy(fixed, &[]), Err(Rv::ACTION_PROHIBITED));
    });
}

/// Case 9: `C_SetAttributeValue` against the bits that only go one way.
#[test]
fn case_9_sticky_bits_stick() {
    as_user!(session, {
        let open = [no(CKA_SENSITIVE), yes(CKA_EXTRACTABLE), no(CKA_WRAP_WITH_TRUSTED)];
        let key = aes(session, &[CKA_ENCRYPT], &open).expect("a key");
        let one_way = [(yes(CKA_SENSITIVE), no(CKA_SENSITIVE)), (no(CKA_EXTRACTABLE), yes(CKA_EXTRACTABLE))];
        let trusted = [(yes(CKA_WRAP_WITH_TRUSTED), no(CKA_WRAP_WITH_TRUSTED))];
        for (there, back) in one_way.into_iter().chain(trusted) {
            session.set(key, &[there]).expect("one way");
            assert_eq!(session.set(key, &[back]), Err(Rv::ATTRIBUTE_READ_ONLY), "and back");
        }
    });
}

/// Case 10: the state of an operation, saved, holds a key.
#[test]
fn case_10_no_operation_state_comes_out() {
    as_user!(session, {
        session.digest_start(&Mechanism::plain(CKM_SHA256)).expect("C_DigestInit");
        let refused = [Rv::FUNCTION_NOT_SUPPORTED, Rv::STATE_UNSAVEABLE];
        assert!(refused.contains(&session.operation_state().expect_err("a saved state")));
    });
}

/// Case 11: one value used as a key of two kinds.
#[test]
fn case_11_a_key_has_one_kind() {
    as_user!(session, {
        let generic = hmac_key(session, &[]).expect("a generic secret");
        let refused = [Rv::KEY_TYPE_INCONSISTENT, Rv::KEY_FUNCTION_NOT_PERMITTED];
        let encrypted = session.encrypt(&Mechanism::plain(CKM_AES_ECB), generic, &[0; 16]);
        assert!(refused.contains(&encrypted.expect_err("AES with a generic secret")));
        let cipher = aes(session, &[CKA_ENCRYPT, CKA_SIGN], &[]).expect("an AES key");
        let signed = session.sign(&Mechanism::plain(CKM_SHA256_HMAC), cipher, b"x");
        assert_eq!(signed, Err(Rv::KEY_TYPE_INCONSISTENT), "HMAC with an AES key");
        let only_signs = aes(session, &[CKA_SIGN], &[]).expect("an AES key");
        let encrypted = session.encrypt(&Mechanism::plain(CKM_AES_ECB), only_signs, &[0; 16]);
        assert_eq!(encrypted, Err(Rv::KEY_FUNCTION_NOT_PERMITTED));
        let other = known_aes(session, &[1; 32], &[], &[number(CKA_KEY_TYPE, CKK_GENERIC_SECRET)]);
        assert!(other.is_err(), "two key types in one template");
    });
}

/// Case 12: the return code tells whether a padding was right.
#[test]
fn case_12_rsa_decryption_is_no_padding_oracle() {
    as_user!(session, {
        let (public, private) = rsa_pair(session, &[CKA_ENCRYPT], &[CKA_DECRYPT], &[]).expect("an RSA pair");
        let rsa = Mechanism::plain(CKM_RSA_PKCS);
        let sealed = session.encrypt(&rsa, public, &[7; 32]).expect("C_Encrypt");
        let answers: BTreeSet<Option<Rv>> =
            changed(&sealed).map(|blob| session.decrypt(&rsa, private, &blob).err()).collect();
        assert_eq!(answers.len(), 1, "{answers:?}");
    });
}

#[test]
fn case_12_rsa_unwrapping_is_no_padding_oracle() {
    as_user!(session, {
        let (public, private) = rsa_pair(session, &[CKA_WRAP], &[CKA_UNWRAP], &[]).expect("an RSA pair");
        let rsa = Mechanism::plain(CKM_RSA_PKCS);
        let blob = session.wrap(&rsa, public, extractable_key(session, &[])).expect("C_WrapKey");
        let template = [secret(CKK_GENERIC_SECRET, &[]), only(&[CKA_SIGN])].concat();
        let answers: BTreeSet<Option<Rv>> =
            changed(&blob).map(|blob| session.unwrap(&rsa, private, &blob, &template).err()).collect();
        assert_eq!(answers.len(), 1, "{answers:?}");
    });
}

#[test]
fn case_12_cbc_decryption_and_unwrapping_give_one_error() {
    as_user!(session, {
        let cbc = Mechanism::with_bytes(CKM_AES_CBC_PAD, &[0; 16]);
        let key = aes(session, &[CKA_ENCRYPT, CKA_DECRYPT], &[]).expect("an AES key");
        let sealed = session.encrypt(&cbc, key, &[7; 40]).expect("C_Encrypt");
        let answers: BTreeSet<Rv> =
            changed(&sealed).filter_map(|blob| session.decrypt(&cbc, key, &blob).err()).collect();
        assert!(answers.iter().all(|rv| *rv == Rv::ENCRYPTED_DATA_INVALID), "{answers:?}");
        let wrapping = wrapping_key(session);
        let kwp = Mechanism::plain(CKM_AES_KEY_WRAP_KWP);
        let blob = session.wrap(&kwp, wrapping, extractable_key(session, &[])).expect("C_WrapKey");
        let template = [secret(CKK_AES, &[]), only(&[CKA_ENCRYPT])].concat();
        let answers: BTreeSet<Option<Rv>> =
            changed(&blob).map(|blob| session.unwrap(&kwp, wrapping, &blob, &template).err()).collect();
        assert_eq!(answers, [Some(Rv::WRAPPED_KEY_INVALID)].into());
    });
}

/// The blob with one bit changed in each byte, one byte at a time; no byte that would change its size class.
fn changed(blob: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    (1..blob.len().min(49)).map(|at| {
        let mut other = blob.to_vec();
        other[at] ^= 1;
        other
    })
}

#[test]
fn a_wrap_template_is_enforced() {
    as_user!(session, {
        let only_signing = template(CKA_WRAP_TEMPLATE, &[yes(CKA_SIGN)]);
        let wrapping = aes(session, &[CKA_WRAP], &[only_signing]).expect("a wrapping key");
        assert_eq!(session.wrap(&key_wrap(), wrapping, extractable_key(session, &[])), Err(Rv::KEY_NOT_WRAPPABLE));
        let signing = hmac_key(session, &[yes(CKA_EXTRACTABLE)]).expect("a key that signs");
        session.wrap(&key_wrap(), wrapping, signing).expect("a key that fits");
    });
}

#[test]
fn an_unwrap_template_is_enforced() {
    as_user!(session, {
        let closed = template(CKA_UNWRAP_TEMPLATE, &[yes(CKA_SENSITIVE), no(CKA_EXTRACTABLE)]);
        let wrapping = aes(session, &[CKA_WRAP, CKA_UNWRAP], &[closed]).expect("a wrapping key");
        let blob = session.wrap(&key_wrap(), wrapping, extractable_key(session, &[])).expect("C_WrapKey");
        let plain = [secret(CKK_AES, &[]), only(&[CKA_ENCRYPT])].concat();
        let key = session.unwrap(&key_wrap(), wrapping, &blob, &plain).expect("C_UnwrapKey");
        assert_eq!(session.attribute(key, CKA_SENSITIVE), Ok(vec![1]));
        assert_eq!(session.attribute(key, CKA_EXTRACTABLE), Ok(vec![0]));
        let against = [plain, vec![yes(CKA_EXTRACTABLE)]].concat();
        assert_eq!(session.unwrap(&key_wrap(), wrapping, &blob, &against), Err(Rv::TEMPLATE_INCONSISTENT));
    });
}

#[test]
fn a_wrapped_key_comes_back_the_same() {
    as_user!(session, {
        let (wrapping, key) = (wrapping_key(session), extractable_key(session, &[]));
        let blob = session.wrap(&key_wrap(), wrapping, key).expect("C_WrapKey");
        let same = [secret(CKK_AES, &[]), only(&[CKA_ENCRYPT])].concat();
        let again = session.unwrap(&key_wrap(), wrapping, &blob, &same).expect("C_UnwrapKey");
        let ecb = Mechanism::plain(CKM_AES_ECB);
        assert_eq!(session.encrypt(&ecb, again, &[5; 16]), session.encrypt(&ecb, key, &[5; 16]));
    });
}
