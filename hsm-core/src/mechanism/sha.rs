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
