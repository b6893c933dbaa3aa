//! HMAC: `CKM_SHA_1_HMAC` and its relatives, whole and cut to a length (`_GENERAL`).

use std::sync::Arc;

use hsm_types::{KeyType, MechanismType, Params};

use super::mac::{Mac, MacOperation};
use super::{KeySizes, MechanismDef, Ops, params};
use crate::crypto::digest::Hash;
use crate::crypto::hmac::{Context, Tag};
use crate::error::Error;
use crate::key::{Key, MAX_SECRET_SIZE};

macro_rules! hmac {
    ($($hash:ident, $key_type:ident: $whole:ident, $general:ident;)*) => { $(
        hmac!(@row $whole, $key_type, |params: &Params, key| {
            params::none(params)?;
            Ok(Box::new(new(Hash::$hash, key, Hash::$hash.len())?))
        });
        hmac!(@row $general, $key_type, |params: &Params, key| {
            Ok(Box::new(new(Hash::$hash, key, params::mac_len(params, Hash::$hash.len())?)?))
        });
    )* };
    (@row $id:ident, $key_type:ident, $new:expr) => {
        #[doc = concat!("`CKM_", stringify!($id), "`.")]
        pub(super) static $id: MechanismDef = MechanismDef {
            id: MechanismType::$id,
            spec: "PKCS#11 v3.1, HMAC mechanisms; FIPS 198-1",
            key_types: &[KeyType::GENERIC_SECRET, KeyType::$key_type],
            key_sizes: KeySizes::Bytes { min: 1, max: MAX_SECRET_SIZE },
            ops: Ops { sign: Some($new), verify: Some($new), ..Ops::NONE },
        };
    };
}

hmac! {
    Sha1, SHA_1_HMAC: SHA_1_HMAC, SHA_1_HMAC_GENERAL;
    Sha224, SHA224_HMAC: SHA224_HMAC, SHA224_HMAC_GENERAL;
    Sha256, SHA256_HMAC: SHA256_HMAC, SHA256_HMAC_GENERAL;
    Sha384, SHA384_HMAC: SHA384_HMAC, SHA384_HMAC_GENERAL;
    Sha512, SHA512_HMAC: SHA512_HMAC, SHA512_HMAC_GENERAL;
}

struct Hmac {
    hash: Hash,
    key: Arc<Key>,
}

fn new(hash: Hash, key: &Arc<Key>, len: usize) -> Result<MacOperation<Hmac>, Error> {
    key.secret()?;
    Ok(MacOperation::new(Hmac { hash, key: Arc::clone(key) }, len))
}

impl Mac for Hmac {
    type Context = Context;
    type Tag = Tag;

    fn start(&self) -> Result<Context, Error> {
        Ok(self.key.secret()?.hmac(self.hash).context())
    }

    fn add(context: &mut Context, data: &[u8]) {
        context.update(data);
    }

    fn end(context: Context) -> Tag {
        context.finish()
    }

    fn whole(&self, data: &[u8]) -> Result<Tag, Error> {
        Ok(self.key.secret()?.hmac(self.hash).tag(data))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{MACS, cases, mechanism, secret, sign};
    use super::*;
    use crate::error::Error;

    #[test]
    fn macs_are_those_of_the_standards() {
        for case in cases(MACS) {
            let def = mechanism(&case);
            let key = secret(def.key_types[0], &case.bytes("key"));
            let mac = case.bytes("mac");
            let params = match case.text("mechanism") {
                Some(name) if name.ends_with("GENERAL") => Params::MacGeneral(mac.len() as u64),
                _ => Params::None,
            };
            let made = sign(&mut *def.ops.sign.unwrap()(&params, &key).unwrap(), &case.bytes("message")).unwrap();
            assert_eq!(made, mac, "{}", def.id);
            def.ops.verify.unwrap()(&params, &key).unwrap().verify(&case.bytes("message"), &mac).unwrap();
        }
    }

    #[test]
    fn a_generic_secret_and_the_hmac_key_type_give_the_same_mac() {
        let mac = |key_type| {
            let key = secret(key_type, b"one byte would do");
            sign(&mut *SHA256_HMAC.ops.sign.unwrap()(&Params::None, &key).unwrap(), b"data").unwrap()
        };
        assert_eq!(mac(KeyType::GENERIC_SECRET), mac(KeyType::SHA256_HMAC));
    }

    #[test]
    fn a_mac_of_another_length_is_refused_by_its_length() {
        let key = secret(KeyType::GENERIC_SECRET, b"k");
        let mac = sign(&mut *SHA256_HMAC.ops.sign.unwrap()(&Params::None, &key).unwrap(), b"data").unwrap();
        let mut verifier = SHA256_HMAC_GENERAL.ops.verify.unwrap()(&Params::MacGeneral(8), &key).unwrap();
        assert!(matches!(verifier.verify(b"data", &mac), Err(Error::SignatureLenRange)));
        verifier.verify(b"data", &mac[..8]).unwrap();
    }
}
