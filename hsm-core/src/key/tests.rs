//! Promises of prepared keys.

use super::*;
use crate::crypto::curve::Curve;
use crate::crypto::rsa::RsaPrivateKey;
use crate::object::pkcs8;

fn object(class: ObjectClass, key_type: KeyType, values: &[(AttributeType, &[u8])]) -> Template {
    let mut template = Template::new();
    template.set_ulong(AttributeType::CLASS, class.0);
    template.set_ulong(AttributeType::KEY_TYPE, key_type.0);
    for (attribute, value) in values {
        template.set(*attribute, *value);
    }
    template
}

fn rsa_private() -> Template {
    let file = include_str!("../../../tests/vectors/rsa_2048.txt");
    let line = file.lines().find_map(|line| line.strip_prefix("pkcs8 = ")).unwrap();
    pkcs8::decode_private_key(KeyType::RSA, &hex::decode(line).unwrap()).unwrap()
}

fn rsa_public() -> Template {
    let private = rsa_private();
    let values = [AttributeType::MODULUS, AttributeType::PUBLIC_EXPONENT]
        .map(|attribute| (attribute, private.get(attribute).unwrap()));
    object(ObjectClass::PUBLIC_KEY, KeyType::RSA, &values)
}

fn ec_private(curve: Curve) -> Template {
    let key = EcPrivateKey::generate(curve).unwrap();
    let values = [(AttributeType::EC_PARAMS, &*curve.ec_params()), (AttributeType::VALUE, &*key.scalar().unwrap())];
    object(ObjectClass::PRIVATE_KEY, KeyType::EC, &values)
}

fn ec_public(curve: Curve) -> Template {
    let point = EcPrivateKey::generate(curve).unwrap().point().unwrap();
    let values = [(AttributeType::EC_PARAMS, &*curve.ec_params()), (AttributeType::EC_POINT, &*point)];
    object(ObjectClass::PUBLIC_KEY, KeyType::EC, &values)
}

fn edwards_private() -> Template {
    let values: [(AttributeType, &[u8]); 2] =
        [(AttributeType::EC_PARAMS, &ed25519::ec_params()), (AttributeType::VALUE, &[7; 32])];
    object(ObjectClass::PRIVATE_KEY, KeyType::EC_EDWARDS, &values)
}

fn edwards_public() -> Template {
    let key = Ed25519PrivateKey::new(&[7; 32]).unwrap();
    let values = [(AttributeType::EC_PARAMS, &*ed25519::ec_params()), (AttributeType::EC_POINT, key.point())];
    object(ObjectClass::PUBLIC_KEY, KeyType::EC_EDWARDS, &values)
}

fn every_kind() -> Vec<(Template, u32)> {
    vec![
        (object(ObjectClass::SECRET_KEY, KeyType::AES, &[(AttributeType::VALUE, &[1; 24])]), 24),
        (object(ObjectClass::SECRET_KEY, KeyType::GENERIC_SECRET, &[(AttributeType::VALUE, &[1; 3])]), 3),
        (object(ObjectClass::SECRET_KEY, KeyType::SHA512_HMAC, &[(AttributeType::VALUE, &[1; 99])]), 99),
        (rsa_public(), 2048),
        (rsa_private(), 2048),
        (ec_public(Curve::P521), 521),
        (ec_private(Curve::P224), 224),
        (edwards_public(), 255),
        (edwards_private(), 255),
    ]
}

#[test]
fn a_key_knows_its_class_type_and_size() {
    for (attributes, size) in every_kind() {
        let key = Key::from_attributes(&attributes).unwrap();
        assert_eq!(Some(key.class()), attributes.class());
        assert_eq!(Some(key.key_type()), attributes.key_type());
        assert_eq!(key.size(), size);
    }
}

#[test]
fn a_missing_component_is_named() {
    for (attributes, _) in every_kind() {
        let names: Vec<_> = attributes.iter().map(|(attribute, _)| attribute).collect();
        for name in names {
            // PKCS#11 leaves these out; the next test shows what happens then.
            let is_optional = attributes.contains(AttributeType::PRIVATE_EXPONENT)
                && !matches!(name, AttributeType::CLASS | AttributeType::KEY_TYPE | AttributeType::MODULUS)
                && name != AttributeType::PRIVATE_EXPONENT;
            if is_optional {
                continue;
            }
            let mut without = attributes.clone();
            without.remove(name);
            let refused = Key::from_attributes(&without).err();
            assert!(matches!(refused, Some(Error::TemplateIncomplete(missing)) if missing == name), "{refused:?}");
        }
    }
}

#[test]
fn an_rsa_private_key_works_without_its_primes_and_without_the_usual_public_exponent() {
    let mut attributes = rsa_private();
    for attribute in [
        AttributeType::PRIME_1,
        AttributeType::PRIME_2,
        AttributeType::EXPONENT_1,
        AttributeType::EXPONENT_2,
        AttributeType::COEFFICIENT,
    ] {
        attributes.remove(attribute);
        Key::from_attributes(&attributes).unwrap();
    }
    attributes.remove(AttributeType::PUBLIC_EXPONENT);
    complete(&mut attributes).unwrap();
    assert_eq!(attributes.get(AttributeType::PUBLIC_EXPONENT), Some(&[1, 0, 1][..]));
    assert!(attributes.contains(AttributeType::PUBLIC_KEY_INFO));
}

#[test]
fn an_unusual_public_exponent_cannot_be_left_out() {
    let made = RsaPrivateKey::generate(2048, &[1, 0, 15]).unwrap();
    let values: [(AttributeType, &[u8]); 2] =
        [(AttributeType::MODULUS, &made.modulus), (AttributeType::PRIVATE_EXPONENT, &made.private_exponent)];
    let mut attributes = object(ObjectClass::PRIVATE_KEY, KeyType::RSA, &values);
    let refused = Key::from_attributes(&attributes).err();
    assert!(matches!(refused, Some(Error::TemplateIncomplete(AttributeType::PUBLIC_EXPONENT))));
    attributes.set(AttributeType::PUBLIC_EXPONENT, [1, 0, 15]);
    Key::from_attributes(&attributes).unwrap();
    attributes.set(AttributeType::PUBLIC_EXPONENT, [1, 0, 1]);
    let refused = Key::from_attributes(&attributes).err();
    assert!(matches!(refused, Some(Error::AttributeValueInvalid { attribute: AttributeType::PRIVATE_EXPONENT, .. })));
}

#[test]
fn a_changed_component_is_no_key() {
    for attribute in [
        AttributeType::MODULUS,
        AttributeType::PRIVATE_EXPONENT,
        AttributeType::PRIME_1,
        AttributeType::EXPONENT_2,
        AttributeType::COEFFICIENT,
    ] {
        let mut attributes = rsa_private();
        let mut number = attributes.get(attribute).unwrap().to_vec();
        let last = number.len() - 1;
        number[last] ^= 2;
        attributes.set(attribute, number);
        let refused = Key::from_attributes(&attributes).err();
        assert!(matches!(refused, Some(Error::AttributeValueInvalid { .. })), "{attribute}: {refused:?}");
    }
}

#[test]
fn values_that_no_key_has_are_refused_by_name() {
    use AttributeType as A;
    let with = |mut template: Template, attribute, value: &[u8]| {
        template.set(attribute, value);
        template
    };
    let aes = object(ObjectClass::SECRET_KEY, KeyType::AES, &[(A::VALUE, &[1; 16])]);
    let generic = object(ObjectClass::SECRET_KEY, KeyType::GENERIC_SECRET, &[(A::VALUE, &[1; 16])]);
    for (attributes, attribute) in [
        (with(aes.clone(), A::VALUE, &[1; 17]), A::VALUE),
        (with(aes.clone(), A::VALUE_LEN, &17_u64.to_le_bytes()), A::VALUE_LEN),
        (with(generic.clone(), A::VALUE, &[1; MAX_SECRET_LEN + 1]), A::VALUE),
        (with(generic, A::VALUE_LEN, &[16]), A::VALUE_LEN),
        (with(rsa_public(), A::MODULUS, &[0xff; 64]), A::MODULUS),
        (with(rsa_public(), A::MODULUS, &[0xff; 2049]), A::MODULUS),
        (with(rsa_public(), A::MODULUS, &[0xfe; 256]), A::MODULUS),
        (with(rsa_public(), A::PUBLIC_EXPONENT, &[2]), A::PUBLIC_EXPONENT),
        (with(rsa_public(), A::PUBLIC_EXPONENT, &[1]), A::PUBLIC_EXPONENT),
        (with(rsa_public(), A::PUBLIC_EXPONENT, &[0, 0]), A::PUBLIC_EXPONENT),
        (with(rsa_public(), A::PUBLIC_EXPONENT, &[0xff; 33]), A::PUBLIC_EXPONENT),
        (with(rsa_public(), A::MODULUS_BITS, &2047_u64.to_le_bytes()), A::MODULUS_BITS),
        (with(ec_public(Curve::P256), A::EC_POINT, &[4; 65]), A::EC_POINT),
        (with(ec_public(Curve::P256), A::EC_POINT, &[0]), A::EC_POINT),
        (with(ec_private(Curve::P256), A::VALUE, &[0; 32]), A::VALUE),
        (with(ec_private(Curve::P256), A::VALUE, &[0xff; 32]), A::VALUE),
        (with(edwards_public(), A::EC_POINT, &[4; 65]), A::EC_POINT),
        (with(edwards_private(), A::VALUE, &[1; 31]), A::VALUE),
        (with(edwards_private(), A::VALUE, &[1; 64]), A::VALUE),
        (with(aes, A::KEY_TYPE, &KeyType::DES3.0.to_le_bytes()), A::KEY_TYPE),
    ] {
        match Key::from_attributes(&attributes).err() {
            Some(Error::AttributeValueInvalid { attribute: named, .. }) => assert_eq!(named, attribute),
            other => panic!("{attribute}: {other:?}"),
        }
    }
    for unknown in [
        with(ec_public(Curve::P256), A::EC_PARAMS, &[6, 1, 42]),
        with(ec_public(Curve::P256), A::EC_PARAMS, &ed25519::ec_params()),
        with(edwards_public(), A::EC_PARAMS, &Curve::P256.ec_params()),
        with(edwards_private(), A::EC_PARAMS, &Curve::P256.ec_params()),
    ] {
        assert!(matches!(Key::from_attributes(&unknown), Err(Error::CurveNotSupported)));
    }
}

#[test]
fn a_large_public_exponent_is_taken() {
    // 64 bits: over the library's usual limit.
    let mut attributes = rsa_public();
    attributes.set(AttributeType::PUBLIC_EXPONENT, [0xff; 8]);
    Key::from_attributes(&attributes).unwrap();
}

#[test]
fn a_point_is_taken_in_every_form_and_shown_in_one() {
    for curve in Curve::ALL {
        let bare = EcPrivateKey::generate(curve).unwrap().point().unwrap();
        let mut compressed = bare[..1 + curve.len()].to_vec();
        compressed[0] = 2 + (bare[2 * curve.len()] & 1);
        let octets = ec_point(&bare);
        let name = match curve {
            Curve::P224 => &b"\x13\x09secp224r1"[..],
            Curve::P256 => b"\x13\x0aprime256v1",
            Curve::P384 => b"\x13\x09secp384r1",
            Curve::P521 => b"\x13\x09secp521r1",
            Curve::Secp256k1 => b"\x13\x09secp256k1",
        };
        for (params, point) in [(&*curve.ec_params(), &bare), (name, &octets), (name, &compressed)] {
            let values: [(AttributeType, &[u8]); 2] =
                [(AttributeType::EC_PARAMS, params), (AttributeType::EC_POINT, point)];
            let mut attributes = object(ObjectClass::PUBLIC_KEY, KeyType::EC, &values);
            complete(&mut attributes).unwrap();
            assert_eq!(attributes.get(AttributeType::EC_POINT), Some(&*octets), "{curve:?}");
            assert_eq!(attributes.get(AttributeType::EC_PARAMS), Some(&*curve.ec_params()));
        }
    }
}

#[test]
fn an_edwards_point_is_taken_in_every_form_and_shown_in_one() {
    let key = Ed25519PrivateKey::new(&[7; 32]).unwrap();
    let octets = ec_point(key.point());
    let bits = [&[3, 33, 0][..], key.point()].concat();
    for (params, point) in
        [(&*ed25519::ec_params(), key.point()), (b"\x13\x0cedwards25519", &*octets), (b"\x13\x0cedwards25519", &*bits)]
    {
        let values = [(AttributeType::EC_PARAMS, params), (AttributeType::EC_POINT, point)];
        let mut attributes = object(ObjectClass::PUBLIC_KEY, KeyType::EC_EDWARDS, &values);
        complete(&mut attributes).unwrap();
        assert_eq!(attributes.get(AttributeType::EC_POINT), Some(&*octets));
        assert_eq!(attributes.get(AttributeType::EC_PARAMS), Some(&*ed25519::ec_params()));
    }
}

#[test]
fn a_private_and_its_public_edwards_key_have_one_public_key_info() {
    // RFC 8410 section 10.1 with the key of RFC 8032's first test.
    let seed = hex::decode("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60").unwrap();
    let point = hex::decode("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a").unwrap();
    let info = [&hex::decode("302a300506032b6570032100").unwrap()[..], &point].concat();
    let (mut private, mut public) = (edwards_private(), edwards_public());
    private.set(AttributeType::VALUE, seed);
    public.set(AttributeType::EC_POINT, point);
    for attributes in [&mut private, &mut public] {
        complete(attributes).unwrap();
        assert_eq!(attributes.get(AttributeType::PUBLIC_KEY_INFO), Some(&*info));
    }
}

#[test]
fn completing_adds_what_follows_from_the_components() {
    for (mut attributes, size) in every_kind() {
        complete(&mut attributes).unwrap();
        match attributes.class().unwrap() {
            ObjectClass::SECRET_KEY => assert_eq!(attributes.ulong(AttributeType::VALUE_LEN), Some(size.into())),
            ObjectClass::PUBLIC_KEY if attributes.key_type() == Some(KeyType::RSA) => {
                assert_eq!(attributes.ulong(AttributeType::MODULUS_BITS), Some(2048));
            }
            _ => assert!(attributes.contains(AttributeType::PUBLIC_KEY_INFO)),
        }
        let again = attributes.clone();
        complete(&mut attributes).unwrap();
        assert_eq!(attributes, again);
    }
}

#[test]
fn the_public_key_info_is_that_of_another_library() {
    let file = include_str!("../../../tests/vectors/rsa_2048.txt");
    let info = file.lines().find_map(|line| line.strip_prefix("spki = ")).unwrap();
    for mut attributes in [rsa_public(), rsa_private()] {
        complete(&mut attributes).unwrap();
        assert_eq!(hex::encode(attributes.get(AttributeType::PUBLIC_KEY_INFO).unwrap()), info);
    }
}

#[test]
fn a_private_and_its_public_ec_key_have_one_public_key_info() {
    for curve in Curve::ALL {
        let mut private = ec_private(curve);
        let key = EcPrivateKey::new(curve, private.get(AttributeType::VALUE).unwrap()).unwrap();
        let values =
            [(AttributeType::EC_PARAMS, &*curve.ec_params()), (AttributeType::EC_POINT, &*key.point().unwrap())];
        let mut public = object(ObjectClass::PUBLIC_KEY, KeyType::EC, &values);
        complete(&mut private).unwrap();
        complete(&mut public).unwrap();
        assert_eq!(private.get(AttributeType::PUBLIC_KEY_INFO), public.get(AttributeType::PUBLIC_KEY_INFO));
    }
}

#[test]
fn check_values_are_those_of_pkcs11() {
    let aes = object(ObjectClass::SECRET_KEY, KeyType::AES, &[(AttributeType::VALUE, &[0; 16])]);
    assert_eq!(check_value(&aes), Some([0x66, 0xe9, 0x4b]));
    let generic = object(ObjectClass::SECRET_KEY, KeyType::GENERIC_SECRET, &[(AttributeType::VALUE, b"abc")]);
    assert_eq!(check_value(&generic), None, "three bytes of its hash would tell a short one");
    assert_eq!(check_value(&rsa_private()), None);
}

#[test]
fn debug_output_of_a_key_holds_no_component() {
    let aes = object(ObjectClass::SECRET_KEY, KeyType::AES, &[(AttributeType::VALUE, b"0123456789abcdef")]);
    assert_eq!(format!("{:?}", Key::from_attributes(&aes).unwrap()), "Key(CKO_SECRET_KEY, CKK_AES, 16)");
}
