//! What the families' tests share: vectors, keys, and drivers for whole and split messages.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use hsm_types::{AttributeType, KeyType, MechanismType, ObjectClass, Params, Template};

use super::{Cipher, MechanismDef, Signer, Verifier, find};
use crate::crypto::curve::Curve;
use crate::crypto::der::{self, tag};
use crate::crypto::ed25519;
use crate::error::Error;
use crate::key::Key;
use crate::object::pkcs8;

pub(super) const CIPHERS: &str = include_str!("../../../tests/vectors/ciphers.txt");
pub(super) const MACS: &str = include_str!("../../../tests/vectors/macs.txt");
pub(super) const RSA_2048: &str = include_str!("../../../tests/vectors/rsa_2048.txt");

/// One case of a vector file: lines of `name = value`.
pub(super) struct Case(HashMap<&'static str, &'static str>);

impl Case {
    pub(super) fn text(&self, name: &str) -> Option<&'static str> {
        self.0.get(name).copied()
    }

    pub(super) fn bytes(&self, name: &str) -> Vec<u8> {
        hex::decode(self.0.get(name).unwrap_or_else(|| panic!("the case has no {name}"))).unwrap()
    }

    pub(super) fn number(&self, name: &str) -> u64 {
        self.0[name].parse().unwrap()
    }

    pub(super) fn is_valid(&self) -> bool {
        self.text("result").is_none()
    }
}

/// The cases of a file, which blank lines separate.
pub(super) fn cases(file: &'static str) -> Vec<Case> {
    let is_comment = |line: &&str| line.starts_with('#');
    file.split("\n\n")
        .map(|block| Case(block.lines().filter(|line| !is_comment(line)).map(pair).collect()))
        .filter(|case| !case.0.is_empty())
        .collect()
}

/// The cases of one mechanism; at least one, so that no test passes for want of vectors.
pub(super) fn cases_of(file: &'static str, mechanism: MechanismType) -> Vec<Case> {
    let name = mechanism.name().unwrap().strip_prefix("CKM_").unwrap();
    let found: Vec<_> = cases(file).into_iter().filter(|case| case.text("mechanism") == Some(name)).collect();
    assert!(!found.is_empty(), "no vectors for {name}");
    found
}

/// The mechanism that a case names.
pub(super) fn mechanism(case: &Case) -> &'static MechanismDef {
    let name = case.text("mechanism").unwrap();
    let is_named = |def: &&&MechanismDef| def.id.name().unwrap().strip_prefix("CKM_") == Some(name);
    super::MECHANISMS.iter().find(is_named).unwrap_or_else(|| panic!("no mechanism {name}"))
}

fn pair(line: &'static str) -> (&'static str, &'static str) {
    let (name, value) = line.split_once(" =").unwrap();
    (name, value.trim())
}

/// Attributes of a key.
pub(super) fn attributes(class: ObjectClass, key_type: KeyType, values: &[(AttributeType, &[u8])]) -> Template {
    let mut template = Template::new();
    template.set_ulong(AttributeType::CLASS, class.0);
    template.set_ulong(AttributeType::KEY_TYPE, key_type.0);
    for (attribute, value) in values {
        template.set(*attribute, *value);
    }
    template
}

pub(super) fn secret(key_type: KeyType, value: &[u8]) -> Arc<Key> {
    let attributes = attributes(ObjectClass::SECRET_KEY, key_type, &[(AttributeType::VALUE, value)]);
    Arc::new(Key::from_attributes(&attributes).unwrap())
}

pub(super) fn rsa_public(modulus: &[u8], exponent: &[u8]) -> Result<Arc<Key>, Error> {
    let values = [(AttributeType::MODULUS, modulus), (AttributeType::PUBLIC_EXPONENT, exponent)];
    Key::from_attributes(&attributes(ObjectClass::PUBLIC_KEY, KeyType::RSA, &values)).map(Arc::new)
}

pub(super) fn ec_public(curve: Curve, point: &[u8]) -> Result<Arc<Key>, Error> {
    let values = [(AttributeType::EC_PARAMS, &*curve.ec_params()), (AttributeType::EC_POINT, point)];
    Key::from_attributes(&attributes(ObjectClass::PUBLIC_KEY, KeyType::EC, &values)).map(Arc::new)
}

pub(super) fn ec_private(curve: Curve, scalar: &[u8]) -> Arc<Key> {
    let values = [(AttributeType::EC_PARAMS, &*curve.ec_params()), (AttributeType::VALUE, scalar)];
    Arc::new(Key::from_attributes(&attributes(ObjectClass::PRIVATE_KEY, KeyType::EC, &values)).unwrap())
}

pub(super) fn edwards_public(point: &[u8]) -> Arc<Key> {
    let values = [(AttributeType::EC_PARAMS, &*ed25519::ec_params()), (AttributeType::EC_POINT, point)];
    Arc::new(Key::from_attributes(&attributes(ObjectClass::PUBLIC_KEY, KeyType::EC_EDWARDS, &values)).unwrap())
}

pub(super) fn edwards_private(seed: &[u8]) -> Arc<Key> {
    let values = [(AttributeType::EC_PARAMS, &*ed25519::ec_params()), (AttributeType::VALUE, seed)];
    Arc::new(Key::from_attributes(&attributes(ObjectClass::PRIVATE_KEY, KeyType::EC_EDWARDS, &values)).unwrap())
}

/// A key pair, public and private.
pub(super) struct Pair {
    pub(super) public: Arc<Key>,
    pub(super) private: Arc<Key>,
    /// The private key's attributes.
    pub(super) attributes: Template,
}

/// The RSA key of the vector file.
pub(super) static RSA_PAIR: LazyLock<Pair> = LazyLock::new(|| {
    let attributes = pkcs8::decode_private_key(KeyType::RSA, &cases(RSA_2048)[0].bytes("pkcs8")).unwrap();
    Pair {
        public: rsa_public(
            attributes.get(AttributeType::MODULUS).unwrap(),
            attributes.get(AttributeType::PUBLIC_EXPONENT).unwrap(),
        )
        .unwrap(),
        private: Arc::new(Key::from_attributes(&attributes).unwrap()),
        attributes,
    }
});

/// A fresh key on a curve.
pub(super) fn ec_pair(curve: Curve) -> Pair {
    let mut wanted = Template::new();
    wanted.set(AttributeType::EC_PARAMS, curve.ec_params());
    let generate = find(MechanismType::EC_KEY_PAIR_GEN).unwrap().ops.generate_key_pair.unwrap();
    let (public, mut private) = generate(&Params::None, &wanted, &Template::new()).unwrap();
    private.set_ulong(AttributeType::CLASS, ObjectClass::PRIVATE_KEY.0);
    private.set_ulong(AttributeType::KEY_TYPE, KeyType::EC.0);
    Pair {
        public: ec_public(curve, public.get(AttributeType::EC_POINT).unwrap()).unwrap(),
        private: Arc::new(Key::from_attributes(&private).unwrap()),
        attributes: private,
    }
}

/// A fresh Ed25519 key.
pub(super) fn edwards_pair() -> Pair {
    let mut wanted = Template::new();
    wanted.set(AttributeType::EC_PARAMS, ed25519::ec_params());
    let generate = find(MechanismType::EC_EDWARDS_KEY_PAIR_GEN).unwrap().ops.generate_key_pair.unwrap();
    let (public, mut private) = generate(&Params::None, &wanted, &Template::new()).unwrap();
    private.set_ulong(AttributeType::CLASS, ObjectClass::PRIVATE_KEY.0);
    private.set_ulong(AttributeType::KEY_TYPE, KeyType::EC_EDWARDS.0);
    Pair {
        public: edwards_public(public.get(AttributeType::EC_POINT).unwrap()),
        private: Arc::new(Key::from_attributes(&private).unwrap()),
        attributes: private,
    }
}

/// A curve by the name that vectors use.
pub(super) fn curve(name: &str) -> Curve {
    Curve::from_ec_params(&der::element(tag::PRINTABLE_STRING, &[name.as_bytes()])).unwrap()
}

/// Runs the cipher over a whole message.
pub(super) fn at_once(cipher: &mut dyn Cipher, input: &[u8]) -> Result<Vec<u8>, Error> {
    let mut output = vec![0; cipher.process_len(input.len())];
    let written = cipher.process(input, &mut output)?;
    output.truncate(written);
    Ok(output)
}

/// Runs the cipher over a message in parts of these lengths, the rest at the end.
pub(super) fn in_parts(cipher: &mut dyn Cipher, mut input: &[u8], lengths: &[usize]) -> Result<Vec<u8>, Error> {
    let mut output = Vec::new();
    let mut step = |cipher: &mut dyn Cipher, part: &[u8]| -> Result<(), Error> {
        let mut room = vec![0; cipher.update_len(part.len()).unwrap()];
        let written = cipher.update(part, &mut room)?;
        assert_eq!(written, room.len(), "update_len is exact");
        output.extend_from_slice(&room);
        Ok(())
    };
    for length in lengths {
        let (part, rest) = input.split_at((*length).min(input.len()));
        step(cipher, part)?;
        input = rest;
    }
    step(cipher, input)?;
    let mut room = vec![0; cipher.finish_len()?];
    let written = cipher.finish(&mut room)?;
    assert_eq!(written, room.len(), "finish_len is exact");
    output.extend_from_slice(&room);
    Ok(output)
}

/// Ways to split a message that leave every kind of rest.
pub(super) const SPLITS: [&[usize]; 7] =
    [&[], &[0, 1], &[15, 1, 1], &[16, 16], &[17, 0, 14, 2], &[31, 33], &[1, 1, 1, 1, 1, 1, 1, 1, 1, 64]];

/// Signs a whole message.
pub(super) fn sign(signer: &mut dyn Signer, data: &[u8]) -> Result<Vec<u8>, Error> {
    let mut signature = vec![0; signer.signature_len()];
    let written = signer.sign(data, &mut signature)?;
    assert_eq!(written, signature.len());
    Ok(signature)
}

/// Signs a message in parts of these lengths.
pub(super) fn sign_in_parts(signer: &mut dyn Signer, mut data: &[u8], lengths: &[usize]) -> Result<Vec<u8>, Error> {
    for length in lengths {
        let (part, rest) = data.split_at((*length).min(data.len()));
        signer.update(part)?;
        data = rest;
    }
    signer.update(data)?;
    let mut signature = vec![0; signer.signature_len()];
    let written = signer.finish(&mut signature)?;
    assert_eq!(written, signature.len());
    Ok(signature)
}

/// Verifies a message in parts of these lengths.
pub(super) fn verify_in_parts(
    verifier: &mut dyn Verifier,
    mut data: &[u8],
    lengths: &[usize],
    signature: &[u8],
) -> Result<(), Error> {
    for length in lengths {
        let (part, rest) = data.split_at((*length).min(data.len()));
        verifier.update(part)?;
        data = rest;
    }
    verifier.update(data)?;
    verifier.finish(signature)
}

/// Bytes that differ from each other, for messages.
pub(super) fn message(len: usize) -> Vec<u8> {
    (0..len).map(|at| u8::try_from(at * 7 % 251).unwrap()).collect()
}
