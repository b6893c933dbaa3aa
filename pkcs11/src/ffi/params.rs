//! `CK_MECHANISM` and the parameter structures behind it: one small decoder for each.
//!
//! A decoder checks pointers and lengths and copies; what the numbers mean is the mechanism's
//! business in the core. A mechanism without a decoder here takes raw bytes (an initialisation
//! vector) or nothing.

use core::ffi::c_void;
use core::slice;

use cryptoki_sys::{
    CK_AES_CTR_PARAMS, CK_ECDH1_DERIVE_PARAMS, CK_GCM_PARAMS, CK_MAC_GENERAL_PARAMS, CK_MECHANISM,
    CK_RSA_PKCS_OAEP_PARAMS, CK_RSA_PKCS_PSS_PARAMS, CK_ULONG, CKZ_DATA_SPECIFIED,
};
use hsm_types::{Mechanism, MechanismType, Params};
use zeroize::Zeroizing;

use super::buffer::{self, checked_len};
use crate::error::Error;

/// Reads the caller's mechanism; null is `None`.
///
/// # Errors
/// [`hsm_core::Error::MechanismParamInvalid`] when the parameter is not the mechanism's structure.
///
/// # Safety
/// If `at` is not null, a `CK_MECHANISM` is readable there, its parameter is readable for its
/// length, and so are the buffers that the parameter structure of this mechanism points to.
pub(crate) unsafe fn mechanism(at: *const CK_MECHANISM) -> Result<Option<Mechanism>, Error> {
    // SAFETY: this function's contract.
    let Some(given) = (unsafe { buffer::read(at) }) else { return Ok(None) };
    let mechanism = MechanismType(given.mechanism);
    let parameter = Parameter::new(given.pParameter, given.ulParameterLen)?;
    // SAFETY: the parameter is readable and matches the mechanism by this function's contract.
    let params = unsafe { decoder(mechanism)(parameter) }?;
    Ok(Some(Mechanism { mechanism, params }))
}

/// Turns a parameter into [`Params`]. Unsafe to call: the parameter must be readable, and so must be
/// what the structure in it points to.
type Decoder = unsafe fn(Parameter) -> Result<Params, Error>;

/// The table: which structure a mechanism's parameter is.
const fn decoder(mechanism: MechanismType) -> Decoder {
    match mechanism {
        MechanismType::AES_CTR => aes_ctr,
        MechanismType::AES_GCM => gcm,
        MechanismType::RSA_PKCS_PSS
        | MechanismType::SHA1_RSA_PKCS_PSS
        | MechanismType::SHA224_RSA_PKCS_PSS
        | MechanismType::SHA256_RSA_PKCS_PSS
        | MechanismType::SHA384_RSA_PKCS_PSS
        | MechanismType::SHA512_RSA_PKCS_PSS
        | MechanismType::SHA3_224_RSA_PKCS_PSS
        | MechanismType::SHA3_256_RSA_PKCS_PSS
        | MechanismType::SHA3_384_RSA_PKCS_PSS
        | MechanismType::SHA3_512_RSA_PKCS_PSS => pss,
        MechanismType::RSA_PKCS_OAEP => oaep,
        MechanismType::ECDH1_DERIVE | MechanismType::ECDH1_COFACTOR_DERIVE => ecdh1,
        MechanismType::AES_CMAC_GENERAL
        | MechanismType::AES_MAC_GENERAL
        | MechanismType::SHA_1_HMAC_GENERAL
        | MechanismType::SHA224_HMAC_GENERAL
        | MechanismType::SHA256_HMAC_GENERAL
        | MechanismType::SHA384_HMAC_GENERAL
        | MechanismType::SHA512_HMAC_GENERAL
        | MechanismType::SHA512_224_HMAC_GENERAL
        | MechanismType::SHA512_256_HMAC_GENERAL
        | MechanismType::SHA3_224_HMAC_GENERAL
        | MechanismType::SHA3_256_HMAC_GENERAL
        | MechanismType::SHA3_384_HMAC_GENERAL
        | MechanismType::SHA3_512_HMAC_GENERAL => mac_general,
        _ => raw,
    }
}

/// `pParameter` and `ulParameterLen`; the length is possible for the pointer.
#[derive(Clone, Copy)]
struct Parameter {
    start: *const c_void,
    len: usize,
}

impl Parameter {
    fn new(start: *const c_void, len: CK_ULONG) -> Result<Self, Error> {
        let len = checked_len(start, len).map_err(|_| invalid("the parameter's length is impossible"))?;
        Ok(Self { start, len })
    }

    /// The parameter as the structure that it must be.
    ///
    /// # Safety
    /// The parameter is readable, and every pattern of bytes is a valid `T`.
    unsafe fn structure<T: Copy>(self, wrong_len: &'static str) -> Result<T, Error> {
        if self.len != size_of::<T>() {
            return Err(invalid(wrong_len));
        }
        // SAFETY: `len` is the size of a `T`, so the pointer is non-null (`checked_len`) and readable for it by the contract.
        Ok(unsafe { self.start.cast::<T>().read_unaligned() })
    }
}

/// Bytes that a parameter or a structure in it points to.
///
/// # Safety
/// If `start` is not null, `len` bytes there are readable.
unsafe fn bytes(start: *const u8, len: CK_ULONG, impossible: &'static str) -> Result<Vec<u8>, Error> {
    let len = checked_len(start, len).map_err(|_| invalid(impossible))?;
    if len == 0 {
        return Ok(Vec::new());
    }
    // SAFETY: non-null and of possible length (`checked_len`), readable by this function's contract; copied at once.
    Ok(unsafe { slice::from_raw_parts(start, len) }.to_vec())
}

fn invalid(rule: &'static str) -> Error {
    hsm_core::Error::MechanismParamInvalid(rule).into()
}

/// # Safety
/// See [`Decoder`].
unsafe fn raw(parameter: Parameter) -> Result<Params, Error> {
    if parameter.len == 0 {
        return Ok(Params::None);
    }
    let len = CK_ULONG::try_from(parameter.len).map_err(|_| invalid("the parameter's length is impossible"))?;
    // SAFETY: the parameter is readable by the decoder's contract.
    Ok(Params::Bytes(unsafe { bytes(parameter.start.cast(), len, "the parameter's length is impossible") }?))
}

/// # Safety
/// See [`Decoder`].
unsafe fn aes_ctr(parameter: Parameter) -> Result<Params, Error> {
    // SAFETY: readable by the decoder's contract; numbers and bytes take every pattern.
    let given: CK_AES_CTR_PARAMS = unsafe { parameter.structure("not a CK_AES_CTR_PARAMS") }?;
    Ok(Params::AesCtr { counter_bits: given.ulCounterBits, counter_block: given.cb })
}

/// `CK_GCM_PARAMS` as the header files of PKCS#11 v2.40 had it, without `ulIvBits`; the text of the
/// standard has the field, and both are in use.
#[repr(C)]
#[derive(Clone, Copy)]
struct GcmParamsWithoutIvBits {
    iv: *const u8,
    iv_len: CK_ULONG,
    aad: *const u8,
    aad_len: CK_ULONG,
    tag_bits: CK_ULONG,
}

/// # Safety
/// See [`Decoder`].
unsafe fn gcm(parameter: Parameter) -> Result<Params, Error> {
    let given = if parameter.len == size_of::<GcmParamsWithoutIvBits>() {
        // SAFETY: readable by the decoder's contract; numbers and pointers take every pattern.
        unsafe { parameter.structure::<GcmParamsWithoutIvBits>("not a CK_GCM_PARAMS") }?
    } else {
        // SAFETY: as above.
        let given: CK_GCM_PARAMS = unsafe { parameter.structure("not a CK_GCM_PARAMS") }?;
        if given.ulIvBits != 0 && Some(given.ulIvBits) != given.ulIvLen.checked_mul(8) {
            return Err(invalid("ulIvBits is neither 0 nor eight times ulIvLen"));
        }
        GcmParamsWithoutIvBits {
            iv: given.pIv,
            iv_len: given.ulIvLen,
            aad: given.pAAD,
            aad_len: given.ulAADLen,
            tag_bits: given.ulTagBits,
        }
    };
    // SAFETY: the structure's buffers are readable by the decoder's contract.
    let iv = unsafe { bytes(given.iv, given.iv_len, "pIv is null or ulIvLen impossible") }?;
    // SAFETY: as above.
    let aad = unsafe { bytes(given.aad, given.aad_len, "pAAD is null or ulAADLen impossible") }?;
    Ok(Params::Gcm { iv, aad, tag_bits: given.tag_bits })
}

/// # Safety
/// See [`Decoder`].
unsafe fn pss(parameter: Parameter) -> Result<Params, Error> {
    // SAFETY: readable by the decoder's contract; numbers take every pattern.
    let given: CK_RSA_PKCS_PSS_PARAMS = unsafe { parameter.structure("not a CK_RSA_PKCS_PSS_PARAMS") }?;
    Ok(Params::Pss { hash: MechanismType(given.hashAlg), mgf: given.mgf, salt_len: given.sLen })
}

/// # Safety
/// See [`Decoder`].
unsafe fn oaep(parameter: Parameter) -> Result<Params, Error> {
    // SAFETY: readable by the decoder's contract; numbers and pointers take every pattern.
    let given: CK_RSA_PKCS_OAEP_PARAMS = unsafe { parameter.structure("not a CK_RSA_PKCS_OAEP_PARAMS") }?;
    // Callers without a label often leave the source out too.
    let no_source = given.source == 0 && given.ulSourceDataLen == 0;
    if given.source != CKZ_DATA_SPECIFIED && !no_source {
        return Err(invalid("source is not CKZ_DATA_SPECIFIED"));
    }
    let label = given.pSourceData.cast_const().cast();
    // SAFETY: the structure's buffer is readable by the decoder's contract.
    let label = unsafe { bytes(label, given.ulSourceDataLen, "pSourceData is null or ulSourceDataLen impossible") }?;
    Ok(Params::Oaep { hash: MechanismType(given.hashAlg), mgf: given.mgf, label })
}

/// # Safety
/// See [`Decoder`].
unsafe fn ecdh1(parameter: Parameter) -> Result<Params, Error> {
    // SAFETY: readable by the decoder's contract; numbers and pointers take every pattern.
    let given: CK_ECDH1_DERIVE_PARAMS = unsafe { parameter.structure("not a CK_ECDH1_DERIVE_PARAMS") }?;
    // SAFETY: the structure's buffers are readable by the decoder's contract.
    let shared_data = unsafe {
        bytes(given.pSharedData, given.ulSharedDataLen, "pSharedData is null or ulSharedDataLen impossible")
    }?;
    // SAFETY: as above.
    let public_data = unsafe {
        bytes(given.pPublicData, given.ulPublicDataLen, "pPublicData is null or ulPublicDataLen impossible")
    }?;
    Ok(Params::Ecdh1 { kdf: given.kdf, shared_data: Zeroizing::new(shared_data), public_data })
}

/// # Safety
/// See [`Decoder`].
unsafe fn mac_general(parameter: Parameter) -> Result<Params, Error> {
    // SAFETY: readable by the decoder's contract; a number takes every pattern.
    let len: CK_MAC_GENERAL_PARAMS = unsafe { parameter.structure("not a CK_MAC_GENERAL_PARAMS") }?;
    Ok(Params::MacGeneral(len))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode<T>(kind: MechanismType, parameter: &T, len: usize) -> Result<Params, Error> {
        let given = CK_MECHANISM {
            mechanism: kind.0,
            pParameter: core::ptr::from_ref(parameter).cast_mut().cast(),
            ulParameterLen: len as CK_ULONG,
        };
        // SAFETY: the mechanism and everything it points to are live locals of the caller.
        unsafe { mechanism(&raw const given) }.map(|mechanism| mechanism.unwrap().params)
    }

    fn gcm_params(iv: &mut [u8; 12], iv_bits: CK_ULONG) -> CK_GCM_PARAMS {
        CK_GCM_PARAMS {
            pIv: iv.as_mut_ptr(),
            ulIvLen: 12,
            ulIvBits: iv_bits,
            pAAD: core::ptr::null_mut(),
            ulAADLen: 0,
            ulTagBits: 128,
        }
    }

    #[test]
    fn gcm_parameters_decode_in_both_layouts_in_use() {
        let mut iv = [7u8; 12];
        let expected = Params::Gcm { iv: iv.to_vec(), aad: Vec::new(), tag_bits: 128 };
        for iv_bits in [0, 96] {
            let given = gcm_params(&mut iv, iv_bits);
            assert_eq!(decode(MechanismType::AES_GCM, &given, 48).unwrap(), expected);
        }
        let short =
            GcmParamsWithoutIvBits { iv: iv.as_ptr(), iv_len: 12, aad: core::ptr::null(), aad_len: 0, tag_bits: 128 };
        assert_eq!(decode(MechanismType::AES_GCM, &short, 40).unwrap(), expected);
        assert!(decode(MechanismType::AES_GCM, &gcm_params(&mut iv, 128), 48).is_err());
    }

    #[test]
    fn a_parameter_of_another_length_than_its_structure_is_refused() {
        let zeros = [0u64; 32];
        for kind in [
            MechanismType::AES_CTR,
            MechanismType::AES_GCM,
            MechanismType::SHA256_RSA_PKCS_PSS,
            MechanismType::RSA_PKCS_OAEP,
            MechanismType::ECDH1_DERIVE,
            MechanismType::SHA256_HMAC_GENERAL,
        ] {
            for len in [0, 1, 7, 9, 23, 25, 39, 41, 47, 49, 255] {
                let error = decode(kind, &zeros, len).unwrap_err();
                assert_eq!(error.rv(), hsm_types::Rv::MECHANISM_PARAM_INVALID, "{kind} {len}");
            }
        }
    }

    #[test]
    fn null_with_a_length_inside_a_structure_is_refused() {
        let given = CK_ECDH1_DERIVE_PARAMS {
            kdf: 1,
            ulSharedDataLen: 0,
            pSharedData: core::ptr::null_mut(),
            ulPublicDataLen: 65,
            pPublicData: core::ptr::null_mut(),
        };
        assert!(decode(MechanismType::ECDH1_DERIVE, &given, size_of_val(&given)).is_err());
    }

    #[test]
    fn oaep_without_a_label_may_leave_the_source_out() {
        let mut given = CK_RSA_PKCS_OAEP_PARAMS {
            hashAlg: MechanismType::SHA256.0,
            mgf: 2,
            source: 0,
            pSourceData: core::ptr::null_mut(),
            ulSourceDataLen: 0,
        };
        assert!(decode(MechanismType::RSA_PKCS_OAEP, &given, size_of_val(&given)).is_ok());
        given.source = 2;
        assert!(decode(MechanismType::RSA_PKCS_OAEP, &given, size_of_val(&given)).is_err());
    }

    #[test]
    fn an_unaligned_structure_decodes() {
        let mut memory = [0u8; 33];
        memory[1] = 128;
        let given = CK_MECHANISM {
            mechanism: MechanismType::AES_CTR.0,
            pParameter: memory[1..].as_mut_ptr().cast(),
            ulParameterLen: 24,
        };
        // SAFETY: 24 bytes from the second byte of `memory` are readable.
        let decoded = unsafe { mechanism(&raw const given) }.unwrap().unwrap();
        assert_eq!(decoded.params, Params::AesCtr { counter_bits: 128, counter_block: [0; 16] });
    }

    #[test]
    fn raw_bytes_are_an_initialisation_vector_and_nothing_is_none() {
        assert_eq!(decode(MechanismType::AES_CBC, &[3u8; 16], 16).unwrap(), Params::Bytes(vec![3; 16]));
        assert_eq!(decode(MechanismType::AES_ECB, &0u8, 0).unwrap(), Params::None);
    }
}
