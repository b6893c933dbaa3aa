//! Promises of the whole table.

use std::sync::Arc;

use hsm_types::{KeyType, MechanismType, Params, Template};

use super::testing::{
    RSA_PAIR, SPLITS, at_once, ec_pair, edwards_pair, in_parts, message, secret, sign, sign_in_parts, verify_in_parts,
};
use super::*;
use crate::crypto::curve::Curve;
use crate::crypto::rng::SystemRng;
use crate::error::HandleRole;

/// A parameter that the mechanism takes.
fn good_params(def: &MechanismDef) -> Params {
    let name = def.id.name().unwrap();
    match def.id {
        MechanismType::AES_CBC | MechanismType::AES_CBC_PAD => Params::Bytes(vec![7; 16]),
        MechanismType::AES_CTR => Params::AesCtr { counter_bits: 32, counter_block: [0; 16] },
        MechanismType::AES_GCM => Params::Gcm { iv: vec![7; 12], aad: vec![1, 2], tag_bits: 128 },
        MechanismType::RSA_PKCS_OAEP => Params::Oaep { hash: MechanismType::SHA256, mgf: 1, label: vec![9] },
        MechanismType::RSA_PKCS_PSS => Params::Pss { hash: MechanismType::SHA256, mgf: 2, salt_len: 20 },
        _ if name.ends_with("_PSS") => {
            let hash = [
                ("CKM_SHA1_", MechanismType::SHA_1),
                ("CKM_SHA224_", MechanismType::SHA224),
                ("CKM_SHA256_", MechanismType::SHA256),
                ("CKM_SHA384_", MechanismType::SHA384),
                ("CKM_SHA512_", MechanismType::SHA512),
            ]
            .into_iter()
            .find(|(prefix, _)| name.starts_with(prefix))
            .unwrap()
            .1;
            Params::Pss { hash, mgf: 1, salt_len: 32 }
        }
        MechanismType::ECDH1_DERIVE | MechanismType::ECDH1_COFACTOR_DERIVE => Params::Ecdh1 {
            kdf: 1,
            shared_data: Zeroizing::default(),
            public_data: ec_pair(Curve::P256).public.ec_public().unwrap().point().unwrap(),
        },
        _ if name.ends_with("_GENERAL") => Params::MacGeneral(10),
        _ => Params::None,
    }
}

/// One parameter of each kind.
fn all_params() -> Vec<Params> {
    vec![
        Params::None,
        Params::Bytes(vec![1; 3]),
        Params::AesCtr { counter_bits: 0, counter_block: [0; 16] },
        Params::Gcm { iv: vec![], aad: vec![], tag_bits: 128 },
        Params::Pss { hash: MechanismType::AES_GCM, mgf: 1, salt_len: 20 },
        Params::Oaep { hash: MechanismType::AES_GCM, mgf: 1, label: vec![] },
        Params::Ecdh1 { kdf: 99, shared_data: Zeroizing::default(), public_data: vec![] },
        Params::MacGeneral(0),
        Params::MacGeneral(65),
    ]
}

/// Keys that fit: for encryption and verification, for decryption and signing.
fn keys(def: &MechanismDef) -> (Arc<Key>, Arc<Key>) {
    let secret_of = |key_type| {
        let key = secret(key_type, &message(32));
        (Arc::clone(&key), key)
    };
    match def.key_types[0] {
        KeyType::RSA => (Arc::clone(&RSA_PAIR.public), Arc::clone(&RSA_PAIR.private)),
        KeyType::EC => {
            let pair = ec_pair(Curve::P256);
            (pair.public, pair.private)
        }
        KeyType::EC_EDWARDS => {
            let pair = edwards_pair();
            (pair.public, pair.private)
        }
        key_type => secret_of(key_type),
    }
}

/// A key that no mechanism takes in place of those.
fn wrong_key(def: &MechanismDef) -> Arc<Key> {
    match def.key_types[0] {
        KeyType::AES => secret(KeyType::GENERIC_SECRET, &message(32)),
        _ => secret(KeyType::AES, &message(32)),
    }
}

/// Data that the mechanism takes in one part.
fn good_data(def: &MechanismDef) -> Vec<u8> {
    match def.id {
        MechanismType::AES_ECB | MechanismType::AES_CBC => message(96),
        MechanismType::AES_KEY_WRAP => message(24),
        MechanismType::RSA_PKCS | MechanismType::RSA_X_509 | MechanismType::RSA_PKCS_OAEP => message(40),
        MechanismType::RSA_PKCS_PSS | MechanismType::ECDSA => message(32),
        _ => message(101),
    }
}

#[test]
fn find_finds_every_mechanism_and_no_other() {
    for def in MECHANISMS {
        assert_eq!(find(def.id).unwrap().id, def.id);
        assert!(def.id.name().is_some());
    }
    assert!(find(MechanismType::RSA_9796).is_none());
    assert!(find(MechanismType::VENDOR_DEFINED).is_none());
}

#[test]
fn flags_say_what_is_there() {
    for def in MECHANISMS {
        let flags = def.flags();
        for (flag, is_there) in [
            (0x100, def.ops.encrypt.is_some()),
            (0x200, def.ops.decrypt.is_some()),
            (0x400, def.ops.digest.is_some()),
            (0x800, def.ops.sign.is_some()),
            (0x2000, def.ops.verify.is_some()),
            (0x8000, def.ops.generate_key.is_some()),
            (0x1_0000, def.ops.generate_key_pair.is_some()),
            (0x2_0000, def.ops.wrap.is_some()),
            (0x4_0000, def.ops.unwrap.is_some()),
            (0x8_0000, def.ops.derive.is_some()),
        ] {
            assert_eq!(flags & flag != 0, is_there, "{} {flag:#x}", def.id);
        }
        let is_on_curve = [KeyType::EC, KeyType::EC_EDWARDS].iter().any(|curve| def.key_types.contains(curve));
        assert_eq!(flags & 0x10_0000 != 0, is_on_curve, "{}", def.id);
        assert_ne!(flags & 0xf_ffff, 0, "{} does nothing", def.id);
        let info = def.info();
        assert!(info.min_key_size <= info.max_key_size, "{}", def.id);
        assert_eq!(def.key_sizes == KeySizes::None, def.key_types.is_empty(), "{}", def.id);
    }
}

#[test]
fn what_encrypts_also_decrypts_and_what_signs_also_verifies() {
    for def in MECHANISMS {
        assert_eq!(def.ops.encrypt.is_some(), def.ops.decrypt.is_some(), "{}", def.id);
        assert_eq!(def.ops.sign.is_some(), def.ops.verify.is_some(), "{}", def.id);
        assert!(def.ops.wrap.is_none() || def.ops.unwrap.is_some(), "{}", def.id);
    }
}

#[test]
fn no_mechanism_wraps_under_a_nonce_of_the_callers_or_unwraps_without_integrity() {
    let wraps: Vec<_> = MECHANISMS.iter().filter(|def| def.ops.wrap.is_some()).map(|def| def.id).collect();
    let unwraps: Vec<_> = MECHANISMS.iter().filter(|def| def.ops.unwrap.is_some()).map(|def| def.id).collect();
    let key_wraps = [MechanismType::AES_KEY_WRAP, MechanismType::AES_KEY_WRAP_PAD, MechanismType::AES_KEY_WRAP_KWP];
    let rsa = [MechanismType::RSA_PKCS, MechanismType::RSA_PKCS_OAEP];
    assert_eq!(wraps, [&rsa[..], &key_wraps].concat());
    assert_eq!(unwraps, [&rsa[..], &[MechanismType::AES_GCM], &key_wraps].concat());
}

/// The error of each constructor with this parameter and these keys.
fn constructor_errors(def: &MechanismDef, params: &Params, keys: &(Arc<Key>, Arc<Key>)) -> Vec<Option<Error>> {
    let ops = &def.ops;
    let data = good_data(def);
    [
        ops.encrypt.map(|new| new(params, &keys.0).err()),
        ops.decrypt.map(|new| new(params, &keys.1).err()),
        ops.sign.map(|new| new(params, &keys.1).err()),
        ops.verify.map(|new| new(params, &keys.0).err()),
        ops.digest.map(|new| new(params).err()),
        ops.wrap.map(|wrap| wrap(params, &keys.0, &data).err()),
        ops.unwrap.map(|unwrap| unwrap(params, &keys.1, &data).err()),
        ops.derive.map(|derive| derive(params, &keys.1, None).err()),
        ops.generate_key.map(|generate| generate(params, &Template::new(), &SystemRng).err()),
        ops.generate_key_pair.map(|generate| generate(params, &Template::new(), &Template::new()).err()),
    ]
    .into_iter()
    .flatten()
    .collect()
}

#[test]
fn a_parameter_of_the_wrong_kind_or_value_is_refused_by_every_function() {
    for def in MECHANISMS {
        let keys = if def.key_types.is_empty() {
            (secret(KeyType::AES, &[0; 16]), secret(KeyType::AES, &[0; 16]))
        } else {
            keys(def)
        };
        let good = core::mem::discriminant(&good_params(def));
        for params in all_params() {
            let is_good_none = matches!(params, Params::None)
                && (core::mem::discriminant(&params) == good || def.id == MechanismType::AES_KEY_WRAP);
            if is_good_none {
                continue;
            }
            // 65 bytes are more than any MAC has, and the one-byte MAC of the list is 0.
            for error in constructor_errors(def, &params, &keys) {
                assert!(
                    matches!(error, Some(Error::MechanismParamInvalid(_))),
                    "{} with {params:?}: {error:?}",
                    def.id
                );
            }
        }
    }
}

#[test]
fn a_key_of_the_wrong_kind_is_refused_by_every_function() {
    for def in MECHANISMS {
        if def.key_types.is_empty() || def.ops.generate_key.is_some() || def.ops.generate_key_pair.is_some() {
            continue;
        }
        let wrong = (wrong_key(def), wrong_key(def));
        for error in constructor_errors(def, &good_params(def), &wrong) {
            assert!(matches!(error, Some(Error::KeyTypeInconsistent(_))), "{}: {error:?}", def.id);
        }
        if [KeyType::RSA, KeyType::EC, KeyType::EC_EDWARDS].iter().any(|kind| def.key_types.contains(kind)) {
            let (public, private) = keys(def);
            for error in constructor_errors(def, &good_params(def), &(private, public)) {
                assert!(
                    matches!(error, Some(Error::KeyTypeInconsistent(_))),
                    "{} with swapped keys: {error:?}",
                    def.id
                );
            }
        }
    }
}

#[test]
fn a_wrapping_key_of_the_wrong_kind_is_named_as_such() {
    for def in MECHANISMS {
        if let (Some(wrap), Some(unwrap)) = (def.ops.wrap, def.ops.unwrap) {
            let wrong = wrong_key(def);
            let refused = wrap(&good_params(def), &wrong, &message(32)).err();
            assert!(matches!(refused, Some(Error::KeyTypeInconsistent(HandleRole::WrappingKey))), "{}", def.id);
            let refused = unwrap(&good_params(def), &wrong, &message(32)).err();
            assert!(matches!(refused, Some(Error::KeyTypeInconsistent(HandleRole::UnwrappingKey))), "{}", def.id);
        }
    }
}

#[test]
fn encryption_gives_the_same_in_one_part_and_in_parts_and_decrypts_to_the_data() {
    for def in MECHANISMS {
        let (Some(encrypt), Some(decrypt)) = (def.ops.encrypt, def.ops.decrypt) else { continue };
        let (params, (public, private), data) = (good_params(def), keys(def), good_data(def));
        let mut cipher = encrypt(&params, &public).unwrap();
        let whole = at_once(&mut *cipher, &data).unwrap();
        let decrypted = at_once(&mut *decrypt(&params, &private).unwrap(), &whole).unwrap();
        if def.id == MechanismType::RSA_X_509 {
            assert!(decrypted.ends_with(&data));
        } else {
            assert_eq!(decrypted, data, "{}", def.id);
        }
        if cipher.update_len(1).is_none() {
            assert!(matches!(cipher.update(&data, &mut []), Err(Error::FunctionNotSupported(_))), "{}", def.id);
            continue;
        }
        let again = at_once(&mut *cipher, &data).unwrap();
        assert_eq!(again, whole, "{} twice", def.id);
        for split in SPLITS {
            let parts = in_parts(&mut *encrypt(&params, &public).unwrap(), &data, split).unwrap();
            assert_eq!(parts, whole, "{} encrypted in {split:?}", def.id);
            let parts = in_parts(&mut *decrypt(&params, &private).unwrap(), &whole, split).unwrap();
            assert_eq!(parts, data, "{} decrypted in {split:?}", def.id);
        }
    }
}

#[test]
fn a_signature_verifies_in_one_part_and_in_parts_and_a_changed_one_does_not() {
    for def in MECHANISMS {
        let (Some(new_signer), Some(new_verifier)) = (def.ops.sign, def.ops.verify) else { continue };
        let (params, (public, private), data) = (good_params(def), keys(def), good_data(def));
        let mut signature = sign(&mut *new_signer(&params, &private).unwrap(), &data).unwrap();
        let verify = |data: &[u8], signature: &[u8]| new_verifier(&params, &public).unwrap().verify(data, signature);
        verify(&data, &signature).unwrap();
        if new_signer(&params, &private).unwrap().is_multi_part() {
            for split in SPLITS {
                let parts = sign_in_parts(&mut *new_signer(&params, &private).unwrap(), &data, split).unwrap();
                verify(&data, &parts).unwrap();
                verify_in_parts(&mut *new_verifier(&params, &public).unwrap(), &data, split, &signature).unwrap();
            }
        }
        let mut changed = data.clone();
        changed[0] ^= 1;
        assert!(matches!(verify(&changed, &signature), Err(Error::SignatureInvalid)), "{}: data", def.id);
        for at in [0, signature.len() / 2, signature.len() - 1] {
            signature[at] ^= 1;
            assert!(matches!(verify(&data, &signature), Err(Error::SignatureInvalid)), "{}: byte {at}", def.id);
            signature[at] ^= 1;
        }
        signature.extend([0, 0]);
        assert!(matches!(verify(&data, &signature), Err(Error::SignatureLenRange)), "{}: longer", def.id);
        assert!(matches!(verify(&data, &[]), Err(Error::SignatureLenRange)), "{}: empty", def.id);
        assert!(matches!(verify(&data, &signature[..9]), Err(Error::SignatureLenRange)), "{}: cut", def.id);
    }
}

#[test]
fn a_wrapped_key_unwraps_to_itself_and_a_changed_one_never_does() {
    for def in MECHANISMS {
        let (Some(wrap), Some(unwrap)) = (def.ops.wrap, def.ops.unwrap) else { continue };
        let (params, (public, private)) = (good_params(def), keys(def));
        let key = message(32);
        let mut wrapped = wrap(&params, &public, &key).unwrap();
        assert_eq!(*unwrap(&params, &private, &wrapped).unwrap(), key, "{}", def.id);
        for at in 0..wrapped.len() {
            wrapped[at] ^= 1;
            match unwrap(&params, &private, &wrapped) {
                Ok(other) => assert_ne!(*other, key, "{}: byte {at}", def.id),
                Err(error) => assert!(matches!(error, Error::WrappedKeyInvalid), "{}: {error:?}", def.id),
            }
            wrapped[at] ^= 1;
        }
        for cut in [0, 1, 7, 8, wrapped.len() - 1] {
            let refused = unwrap(&params, &private, &wrapped[..cut]).err();
            assert!(
                matches!(refused, Some(Error::WrappedKeyInvalid | Error::WrappedKeyLenRange)),
                "{} cut to {cut}: {refused:?}",
                def.id
            );
        }
    }
}
