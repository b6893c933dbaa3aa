//! A mechanism with its parameters, as a caller names it.

use zeroize::Zeroizing;

use crate::mechanism_type::MechanismType;

/// A mechanism and its decoded parameters (`CK_MECHANISM`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mechanism {
    /// Which mechanism.
    pub mechanism: MechanismType,
    /// Its parameters.
    pub params: Params,
}

/// The parameters of a mechanism, one variant per parameter structure of PKCS#11.
///
/// Hash and MGF numbers are the caller's and unchecked: each mechanism refuses those it does not
/// know with `CKR_MECHANISM_PARAM_INVALID`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Params {
    /// No parameter was given.
    None,
    /// Raw bytes: an initialisation vector (AES-CBC, key wrap).
    Bytes(Vec<u8>),
    /// `CK_AES_CTR_PARAMS`.
    AesCtr {
        /// Width of the counter within the block, in bits (1–128).
        counter_bits: u64,
        /// The first counter block.
        counter_block: [u8; 16],
    },
    /// `CK_GCM_PARAMS`.
    Gcm {
        /// The nonce.
        iv: Vec<u8>,
        /// Additional authenticated data.
        aad: Vec<u8>,
        /// Length of the tag in bits.
        tag_bits: u64,
    },
    /// `CK_RSA_PKCS_PSS_PARAMS`.
    Pss {
        /// The hash of the message.
        hash: MechanismType,
        /// `CKG_MGF1_…`.
        mgf: u64,
        /// Salt length in bytes.
        salt_len: u64,
    },
    /// `CK_RSA_PKCS_OAEP_PARAMS`.
    Oaep {
        /// The hash of the label.
        hash: MechanismType,
        /// `CKG_MGF1_…`.
        mgf: u64,
        /// The label (`pSourceData`).
        label: Vec<u8>,
    },
    /// `CK_ECDH1_DERIVE_PARAMS`.
    Ecdh1 {
        /// `CKD_…`.
        kdf: u64,
        /// Shared data for the key derivation function.
        shared_data: Zeroizing<Vec<u8>>,
        /// The other party's public point, raw or in a DER OCTET STRING.
        public_data: Vec<u8>,
    },
    /// `CK_MAC_GENERAL_PARAMS`: length of the MAC in bytes.
    MacGeneral(u64),
}

/// What a mechanism can do on a token (`CK_MECHANISM_INFO`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MechanismInfo {
    /// Smallest key, in the unit that the mechanism defines (bits for RSA and EC, bytes for AES).
    pub min_key_size: u64,
    /// Largest key, in the same unit.
    pub max_key_size: u64,
    /// `CKF_…` flags.
    pub flags: u64,
}
