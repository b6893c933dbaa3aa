//! Digests: `CKM_SHA_1`, `CKM_SHA224`, `CKM_SHA256`, `CKM_SHA384`, `CKM_SHA512`.

use hsm_types::{MechanismType, Params};

use super::{Digester, KeySizes, MechanismDef, Ops, params};
use crate::crypto::digest::{Context, Hash};
use crate::error::Error;

macro_rules! digest {
    ($($id:ident: $hash:ident;)*) => { $(
        #[doc = concat!("`CKM_", stringify!($id), "`.")]
        pub(super) static $id: MechanismDef = MechanismDef {
            id: MechanismType::$id,
            spec: "PKCS#11 v3.1, SHA-1 and SHA-2; FIPS 180-4",
            key_types: &[],
            key_sizes: KeySizes::None,
            ops: Ops { digest: Some(|params| new(Hash::$hash, params)), ..Ops::NONE },
        };
    )* };
}

digest! {
    SHA_1: Sha1;
    SHA224: Sha224;
    SHA256: Sha256;
    SHA384: Sha384;
    SHA512: Sha512;
}

struct Digest {
    hash: Hash,
    context: Context,
}

fn new(hash: Hash, params: &Params) -> Result<Box<dyn Digester>, Error> {
    params::none(params)?;
    Ok(Box::new(Digest { hash, context: hash.context() }))
}

impl Digester for Digest {
    fn digest_len(&self) -> usize {
        self.hash.len()
    }

    fn update(&mut self, data: &[u8]) {
        self.context.update(data);
    }

    fn finish(&mut self, output: &mut [u8]) {
        let context = core::mem::replace(&mut self.context, self.hash.context());
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
