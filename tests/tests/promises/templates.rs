//! Keys that several promises are tested with.

use cryptoki_sys::{
    CK_ATTRIBUTE_TYPE, CKA_CLASS, CKA_DECRYPT, CKA_DERIVE, CKA_EC_PARAMS, CKA_ENCRYPT, CKA_EXTRACTABLE, CKA_KEY_TYPE,
    CKA_MODULUS_BITS, CKA_PRIVATE, CKA_SENSITIVE, CKA_SIGN, CKA_TOKEN, CKA_UNWRAP, CKA_VALUE, CKA_VALUE_LEN,
    CKA_VERIFY, CKA_WRAP, CKK_AES, CKK_GENERIC_SECRET, CKM_AES_KEY_GEN, CKM_EC_KEY_PAIR_GEN,
    CKM_GENERIC_SECRET_KEY_GEN, CKM_RSA_PKCS_KEY_PAIR_GEN, CKO_SECRET_KEY,
};
use kinko_tests::attribute::{bytes, no, number, yes};
use kinko_tests::{Attribute, Mechanism, Object, Rv, Session};

/// The object identifier of P-256, in DER.
pub const P256: [u8; 10] = [0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07];

/// Every usage that a key can have.
const USAGES: [CK_ATTRIBUTE_TYPE; 7] =
    [CKA_ENCRYPT, CKA_DECRYPT, CKA_SIGN, CKA_VERIFY, CKA_WRAP, CKA_UNWRAP, CKA_DERIVE];

/// The usages of a secret key: those named are true, all others false.
pub fn only(usages: &[CK_ATTRIBUTE_TYPE]) -> Vec<Attribute> {
    USAGES.iter().map(|usage| if usages.contains(usage) { yes(*usage) } else { no(*usage) }).collect()
}

/// An AES-256 session key with exactly these usages, and with more attributes.
pub fn aes(session: &Session, usages: &[CK_ATTRIBUTE_TYPE], more: &[Attribute]) -> Result<Object, Rv> {
    let template = [&only(usages)[..], &[number(CKA_VALUE_LEN, 32)], more].concat();
    session.generate(&Mechanism::plain(CKM_AES_KEY_GEN), &template)
}

/// A sensitive AES key with a value that the test knows.
pub fn known_aes(
    session: &Session,
    value: &[u8],
    usages: &[CK_ATTRIBUTE_TYPE],
    more: &[Attribute],
) -> Result<Object, Rv> {
    let key = [number(CKA_CLASS, CKO_SECRET_KEY), number(CKA_KEY_TYPE, CKK_AES), bytes(CKA_VALUE, value)];
    session.create(&[&key[..], &only(usages), &[yes(CKA_SENSITIVE)], more].concat())
}

/// A generic secret of 32 bytes that signs and verifies.
pub fn hmac_key(session: &Session, more: &[Attribute]) -> Result<Object, Rv> {
    let template = [&only(&[CKA_SIGN, CKA_VERIFY])[..], &[number(CKA_VALUE_LEN, 32)], more].concat();
    session.generate(&Mechanism::plain(CKM_GENERIC_SECRET_KEY_GEN), &template)
}

/// A P-256 pair with these usages of the private key.
pub fn ec_pair(session: &Session, usages: &[CK_ATTRIBUTE_TYPE], more: &[Attribute]) -> Result<(Object, Object), Rv> {
    let usages: Vec<Attribute> = usages.iter().map(|usage| yes(*usage)).collect();
    let public = [bytes(CKA_EC_PARAMS, P256), yes(CKA_VERIFY)];
    session.generate_pair(&Mechanism::plain(CKM_EC_KEY_PAIR_GEN), &public, &[&usages[..], more].concat())
}

/// An RSA-2048 pair with these usages of the public and of the private key, and no others.
pub fn rsa_pair(
    session: &Session,
    public: &[CK_ATTRIBUTE_TYPE],
    private: &[CK_ATTRIBUTE_TYPE],
    more: &[Attribute],
) -> Result<(Object, Object), Rv> {
    let pick = |all: &[CK_ATTRIBUTE_TYPE], wanted: &[CK_ATTRIBUTE_TYPE]| -> Vec<Attribute> {
        all.iter().map(|usage| if wanted.contains(usage) { yes(*usage) } else { no(*usage) }).collect()
    };
    let public = pick(&[CKA_ENCRYPT, CKA_VERIFY, CKA_WRAP], public);
    let private = pick(&[CKA_DECRYPT, CKA_SIGN, CKA_UNWRAP], private);
    let size = [number(CKA_MODULUS_BITS, 2048)];
    let mechanism = Mechanism::plain(CKM_RSA_PKCS_KEY_PAIR_GEN);
    session.generate_pair(&mechanism, &[&public[..], &size].concat(), &[&private[..], more].concat())
}

/// The template of a secret key that comes out of unwrapping or derivation.
pub fn secret(key_type: u64, more: &[Attribute]) -> Vec<Attribute> {
    [&[number(CKA_CLASS, CKO_SECRET_KEY), number(CKA_KEY_TYPE, key_type)], more].concat()
}

/// The template of a generic secret of 32 bytes, readable if the token lets it be.
pub fn readable_secret() -> Vec<Attribute> {
    secret(CKK_GENERIC_SECRET, &[no(CKA_SENSITIVE), yes(CKA_EXTRACTABLE), number(CKA_VALUE_LEN, 32)])
}

/// Attributes of a private token object.
pub fn stored() -> [Attribute; 2] {
    [yes(CKA_TOKEN), yes(CKA_PRIVATE)]
}
