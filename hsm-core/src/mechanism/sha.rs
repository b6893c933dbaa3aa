//! Digests: `CKM_SHA_1`, `CKM_SHA224` to `CKM_SHA512`, `CKM_SHA3_256` to `CKM_SHA3_512`.

use hsm_types::{MechanismType, Params};

use super::{Digester, KeySizes, MechanismDef, Ops, params};
use crate::crypto::digest::{Context, Hash, Sha3};
use crate::error::Error;

macro_rules! digest {
    ($($id:ident: $hash:expr, $spec:literal;)*) => { $(
        #[doc = concat!("`CKM_", stringify!($id), "`.")]
        pub(super) static $id: MechanismDef = MechanismDef {
            id: MechanismType::$id,
            spec: $spec,
            key_types: &[],
            key_sizes: KeySizes::None,
            ops: Ops { digest: Some(|params| new(params, $hash.len(), || $hash.context())), ..Ops::NONE },
        };
    )* };
}

digest! {
    SHA_1: Hash::Sha1, "PKCS#11 v3.1, SHA-1; FIPS 180-4";
    SHA224: Hash::Sha224, "PKCS#11 v3.1, SHA-224; FIPS 180-4";
    SHA256: Hash::Sha256, "PKCS#11 v3.1, SHA-256; FIPS 180-4";
    SHA384: Hash::Sha384, "PKCS#11 v3.1, SHA-384; FIPS 180-4";
    SHA512: Hash::Sha512, "PKCS#11 v3.1, SHA-512; FIPS 180-4";
    SHA3_256: Sha3::Sha3_256, "PKCS#11 v3.1, SHA3-256; FIPS 202";
    SHA3_384: Sha3::Sha3_384, "PKCS#11 v3.1, SHA3-384; FIPS 202";
    SHA3_512: Sha3::Sha3_512, "PKCS#11 v3.1, SHA3-512; FIPS 202";
}

struct Digest {
    len: usize,
    start: fn() -> Context,
    context: Context,
}

fn new(params: &Params, len: usize, start: fn() -> Context) -> Result<Box<dyn Digester>, Error> {
    params::none(params)?;
    Ok(Box::new(Digest { len, start, context: start() }))
}

impl Digester for Digest {
    fn digest_len(&self) -> usize {
        self.len
    }

    fn update(&mut self, data: &[u8]) {
        self.context.update(data);
    }

    fn finish(&mut self, output: &mut [u8]) {
        let context = core::mem::replace(&mut self.context, (self.start)());
        for (to, from) in output.iter_mut().zip(context.finish().as_ref()) {
            *to = *from;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{SPLITS, cases, mechanism, message};
    use super::*;

    fn digest(new: super::super::NewDigester, data: &[u8], split: &[usize]) -> Vec<u8> {
        let mut digester = new(&Params::None).unwrap();
        let mut rest = data;
        for length in split {
            let (part, tail) = rest.split_at((*length).min(rest.len()));
            digester.update(part);
            rest = tail;
        }
        digester.update(rest);
        let mut output = vec![0; digester.digest_len()];
        digester.finish(&mut output);
        output
    }

    #[test]
    fn digests_are_those_of_the_standard() {
        for case in cases(include_str!("../../../tests/vectors/digests.txt")) {
            let new = mechanism(&case).ops.digest.unwrap();
            assert_eq!(digest(new, &case.bytes("message"), &[]), case.bytes("digest"), "{:?}", case.text("mechanism"));
        }
    }

    #[test]
    fn a_digest_in_parts_is_the_digest_of_the_whole() {
        for def in super::super::MECHANISMS {
            let Some(new) = def.ops.digest else { continue };
            for split in SPLITS {
                assert_eq!(digest(new, &message(131), split), digest(new, &message(131), &[]), "{}", def.id);
            }
        }
    }
}
