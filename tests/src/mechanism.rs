//! Mechanisms with their parameters, owned, and their C form for the length of one call.

use std::ptr;

use cryptoki_sys::{
    CK_ECDH1_DERIVE_PARAMS, CK_GCM_PARAMS, CK_MECHANISM, CK_MECHANISM_TYPE, CK_RSA_PKCS_OAEP_PARAMS, CK_ULONG,
    CKD_NULL, CKG_MGF1_SHA256, CKM_AES_GCM, CKM_ECDH1_DERIVE, CKM_RSA_PKCS_OAEP, CKM_SHA256, CKZ_DATA_SPECIFIED,
};

/// A mechanism and its parameter.
#[derive(Clone, Debug)]
pub struct Mechanism {
    id: CK_MECHANISM_TYPE,
    parameter: Parameter,
}

#[derive(Clone, Debug)]
enum Parameter {
    Bytes(Vec<u8>),
    Gcm { iv: Vec<u8> },
    Oaep { hash: CK_MECHANISM_TYPE, mgf: CK_ULONG },
    Ecdh1 { public: Vec<u8> },
}

impl Mechanism {
    /// A mechanism without a parameter.
    #[must_use]
    pub fn plain(id: CK_MECHANISM_TYPE) -> Self {
        Self::with_bytes(id, &[])
    }

    /// A mechanism whose parameter is a string of bytes, such as an IV.
    #[must_use]
    pub fn with_bytes(id: CK_MECHANISM_TYPE, parameter: &[u8]) -> Self {
        Self { id, parameter: Parameter::Bytes(parameter.to_vec()) }
    }

    /// `CKM_AES_GCM` with this IV, no associated data and a tag of 128 bits.
    #[must_use]
    pub fn gcm(iv: &[u8]) -> Self {
        Self { id: CKM_AES_GCM, parameter: Parameter::Gcm { iv: iv.to_vec() } }
    }

    /// `CKM_RSA_PKCS_OAEP` with SHA-256, MGF1 with SHA-256, and no label.
    #[must_use]
    pub fn oaep() -> Self {
        Self { id: CKM_RSA_PKCS_OAEP, parameter: Parameter::Oaep { hash: CKM_SHA256, mgf: CKG_MGF1_SHA256 } }
    }

    /// `CKM_ECDH1_DERIVE` without a KDF, against this public point.
    #[must_use]
    pub fn ecdh(public: &[u8]) -> Self {
        Self { id: CKM_ECDH1_DERIVE, parameter: Parameter::Ecdh1 { public: public.to_vec() } }
    }

    /// Lends the C form to `call`.
    pub(crate) fn lend<R>(&self, call: impl FnOnce(*mut CK_MECHANISM) -> R) -> R {
        match &self.parameter {
            Parameter::Bytes(bytes) if bytes.is_empty() => lend(self.id, ptr::null_mut::<u8>(), 0, call),
            Parameter::Bytes(bytes) => lend(self.id, bytes.as_ptr().cast_mut(), bytes.len(), call),
            Parameter::Gcm { iv } => lend_struct(self.id, gcm_params(iv), call),
            Parameter::Oaep { hash, mgf } => lend_struct(self.id, oaep_params(*hash, *mgf), call),
            Parameter::Ecdh1 { public } => lend_struct(self.id, ecdh1_params(public), call),
        }
    }
}

fn lend<P, R>(id: CK_MECHANISM_TYPE, at: *mut P, length: usize, call: impl FnOnce(*mut CK_MECHANISM) -> R) -> R {
    let mut mechanism = CK_MECHANISM { mechanism: id, pParameter: at.cast(), ulParameterLen: length as CK_ULONG };
    call(&raw mut mechanism)
}

fn lend_struct<P, R>(id: CK_MECHANISM_TYPE, mut parameter: P, call: impl FnOnce(*mut CK_MECHANISM) -> R) -> R {
    lend(id, &raw mut parameter, size_of::<P>(), call)
}

fn gcm_params(iv: &[u8]) -> CK_GCM_PARAMS {
    CK_GCM_PARAMS {
        pIv: iv.as_ptr().cast_mut(),
        ulIvLen: iv.len() as CK_ULONG,
        ulIvBits: iv.len() as CK_ULONG * 8,
        pAAD: ptr::null_mut(),
        ulAADLen: 0,
        ulTagBits: 128,
    }
}

fn oaep_params(hash: CK_MECHANISM_TYPE, mgf: CK_ULONG) -> CK_RSA_PKCS_OAEP_PARAMS {
    CK_RSA_PKCS_OAEP_PARAMS {
        hashAlg: hash,
        mgf,
        source: CKZ_DATA_SPECIFIED,
        pSourceData: ptr::null_mut(),
        ulSourceDataLen: 0,
    }
}

fn ecdh1_params(public: &[u8]) -> CK_ECDH1_DERIVE_PARAMS {
    CK_ECDH1_DERIVE_PARAMS {
        kdf: CKD_NULL,
        ulSharedDataLen: 0,
        pSharedData: ptr::null_mut(),
        ulPublicDataLen: public.len() as CK_ULONG,
        pPublicData: public.as_ptr().cast_mut(),
    }
}
