//! Checks of mechanism parameters that several families share.

use hsm_types::{MechanismType, Params};

use crate::crypto::digest::Hash;
use crate::error::Error;

/// Refuses a parameter for a mechanism that has none.
pub(super) fn none(params: &Params) -> Result<(), Error> {
    match params {
        Params::None => Ok(()),
        Params::Bytes(bytes) if bytes.is_empty() => Ok(()),
        _ => Err(Error::MechanismParamInvalid("the mechanism takes no parameter")),
    }
}

/// The initialisation vector of a block mode.
pub(super) fn iv(params: &Params) -> Result<[u8; 16], Error> {
    const RULE: Error = Error::MechanismParamInvalid("the parameter is an initialisation vector of 16 bytes");
    match params {
        Params::Bytes(iv) => iv.as_slice().try_into().map_err(|_| RULE),
        _ => Err(RULE),
    }
}

/// The length of a `_GENERAL` mechanism's MAC: at least one byte, at most the whole one.
pub(super) fn mac_len(params: &Params, whole: usize) -> Result<usize, Error> {
    const RULE: Error = Error::MechanismParamInvalid("the parameter is a length, from 1 to that of the whole MAC");
    match params {
        Params::MacGeneral(len) => usize::try_from(*len).ok().filter(|len| (1..=whole).contains(len)).ok_or(RULE),
        _ => Err(RULE),
    }
}

/// The hash that a parameter names.
pub(super) fn hash(mechanism: MechanismType) -> Result<Hash, Error> {
    match mechanism {
        MechanismType::SHA_1 => Ok(Hash::Sha1),
        MechanismType::SHA224 => Ok(Hash::Sha224),
        MechanismType::SHA256 => Ok(Hash::Sha256),
        MechanismType::SHA384 => Ok(Hash::Sha384),
        MechanismType::SHA512 => Ok(Hash::Sha512),
        _ => Err(Error::MechanismParamInvalid("the hash is none of SHA-1, SHA-224, SHA-256, SHA-384, SHA-512")),
    }
}

/// The hash of a mask generation function (`CKG_MGF1_…`, PKCS#11 v3.1 section 6.1.7).
pub(super) fn mgf(mgf: u64) -> Result<Hash, Error> {
    match mgf {
        1 => Ok(Hash::Sha1),
        2 => Ok(Hash::Sha256),
        3 => Ok(Hash::Sha384),
        4 => Ok(Hash::Sha512),
        5 => Ok(Hash::Sha224),
        _ => Err(Error::MechanismParamInvalid("the mask generation function is not MGF1 with a SHA-1 or SHA-2 hash")),
    }
}
