//! CMAC: `CKM_AES_CMAC` and `CKM_AES_CMAC_GENERAL`.

use std::sync::Arc;

use hsm_types::{KeyType, MechanismType, Params};

use super::mac::{Mac, MacOperation};
use super::{KeySizes, MechanismDef, Ops, params};
use crate::crypto::aes::BLOCK;
use crate::crypto::cmac::CmacContext;
use crate::error::Error;
use crate::key::Key;

/// `CKM_AES_CMAC`.
pub(super) static AES_CMAC: MechanismDef = MechanismDef {
    id: MechanismType::AES_CMAC,
    spec: "PKCS#11 v3.1, AES CMAC; NIST SP 800-38B",
    key_types: &[KeyType::AES],
    key_sizes: KeySizes::Bytes { min: 16, max: 32 },
    ops: Ops {
        sign: Some(|params, key| Ok(Box::new(whole(params, key)?))),
        verify: Some(|params, key| Ok(Box::new(whole(params, key)?))),
        ..Ops::NONE
    },
};

/// `CKM_AES_CMAC_GENERAL`.
pub(super) static AES_CMAC_GENERAL: MechanismDef = MechanismDef {
    id: MechanismType::AES_CMAC_GENERAL,
    spec: "PKCS#11 v3.1, AES CMAC; NIST SP 800-38B",
    key_types: &[KeyType::AES],
    key_sizes: KeySizes::Bytes { min: 16, max: 32 },
    ops: Ops {
        sign: Some(|params, key| Ok(Box::new(general(params, key)?))),
        verify: Some(|params, key| Ok(Box::new(general(params, key)?))),
        ..Ops::NONE
    },
};

struct Cmac(Arc<Key>);

fn whole(params: &Params, key: &Arc<Key>) -> Result<MacOperation<Cmac>, Error> {
    params::none(params)?;
    new(key, BLOCK)
}

fn general(params: &Params, key: &Arc<Key>) -> Result<MacOperation<Cmac>, Error> {
    new(key, params::mac_len(params, BLOCK)?)
}

fn new(key: &Arc<Key>, len: usize) -> Result<MacOperation<Cmac>, Error> {
    key.aes()?.cipher()?;
    Ok(MacOperation::new(Cmac(Arc::clone(key)), len))
}

impl Mac for Cmac {
    type Context = CmacContext;
    type Tag = [u8; BLOCK];

    fn start(&self) -> Result<CmacContext, Error> {
        Ok(CmacContext::new(self.0.aes()?.cipher()?))
    }

    fn add(context: &mut CmacContext, data: &[u8]) {
        context.update(data);
    }

    fn end(context: CmacContext) -> [u8; BLOCK] {
        context.finish()
    }
}
