//! What signing and verifying share: the data, the hash, and the mechanism that they come to.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::ValueEnum;
use hsm_types::{Mechanism, MechanismType as M, Params};

use crate::failure::Failure;

/// The data, and how it is hashed.
#[derive(clap::Args)]
pub struct DataOptions {
    /// Selects the key: key-reference=0x…, or attr.<name>=<value> …
    #[arg(long, num_args = 1.., required = true)]
    pub key_filter: Vec<String>,
    /// The hash of the signature
    #[arg(long)]
    hash_function: Hash,
    /// The data in base64
    #[arg(long, required_unless_present = "data_path", conflicts_with = "data_path")]
    data: Option<String>,
    /// A file with the data
    #[arg(long)]
    data_path: Option<PathBuf>,
    /// Whether the data is yet to be hashed
    #[arg(long, default_value = "raw")]
    data_type: DataType,
}

/// What PSS takes besides.
#[derive(clap::Args)]
pub struct PssOptions {
    /// The mask generation function; its hash is the signature's
    #[arg(long)]
    mgf: Mgf,
    /// Bytes of salt
    #[arg(long)]
    salt_length: u64,
}

/// Whether data is yet to be hashed.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum DataType {
    /// It is.
    Raw,
    /// It is a digest.
    Digest,
}

/// A hash function.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "lower")]
enum Hash {
    Sha1,
    Sha224,
    Sha256,
    Sha384,
    Sha512,
}

/// A mask generation function.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Mgf {
    #[value(name = "mgf1-sha1")]
    Sha1,
    #[value(name = "mgf1-sha224")]
    Sha224,
    #[value(name = "mgf1-sha256")]
    Sha256,
    #[value(name = "mgf1-sha384")]
    Sha384,
    #[value(name = "mgf1-sha512")]
    Sha512,
}

/// What PKCS#11 has for a hash.
struct Facts {
    hash: M,
    ecdsa: M,
    rsa_pkcs: M,
    rsa_pkcs_pss: M,
    /// `CKG_MGF1_…`.
    mgf: u64,
    /// What comes before a digest in a PKCS#1 signature (RFC 8017 section 9.2).
    digest_info: &'static [u8],
}

const SHA1: Facts = Facts {
    hash: M::SHA_1,
    ecdsa: M::ECDSA_SHA1,
    rsa_pkcs: M::SHA1_RSA_PKCS,
    rsa_pkcs_pss: M::SHA1_RSA_PKCS_PSS,
    mgf: 1,
    digest_info: b"\x30\x21\x30\x09\x06\x05\x2b\x0e\x03\x02\x1a\x05\x00\x04\x14",
};
const SHA224: Facts = Facts {
    hash: M::SHA224,
    ecdsa: M::ECDSA_SHA224,
    rsa_pkcs: M::SHA224_RSA_PKCS,
    rsa_pkcs_pss: M::SHA224_RSA_PKCS_PSS,
    mgf: 5,
    digest_info: b"\x30\x2d\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x04\x05\x00\x04\x1c",
};
const SHA256: Facts = Facts {
    hash: M::SHA256,
    ecdsa: M::ECDSA_SHA256,
    rsa_pkcs: M::SHA256_RSA_PKCS,
    rsa_pkcs_pss: M::SHA256_RSA_PKCS_PSS,
    mgf: 2,
    digest_info: b"\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20",
};
const SHA384: Facts = Facts {
    hash: M::SHA384,
    ecdsa: M::ECDSA_SHA384,
    rsa_pkcs: M::SHA384_RSA_PKCS,
    rsa_pkcs_pss: M::SHA384_RSA_PKCS_PSS,
    mgf: 3,
    digest_info: b"\x30\x41\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x02\x05\x00\x04\x30",
};
const SHA512: Facts = Facts {
    hash: M::SHA512,
    ecdsa: M::ECDSA_SHA512,
    rsa_pkcs: M::SHA512_RSA_PKCS,
    rsa_pkcs_pss: M::SHA512_RSA_PKCS_PSS,
    mgf: 4,
    digest_info: b"\x30\x51\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x03\x05\x00\x04\x40",
};

impl Hash {
    const fn facts(self) -> &'static Facts {
        match self {
            Self::Sha1 => &SHA1,
            Self::Sha224 => &SHA224,
            Self::Sha256 => &SHA256,
            Self::Sha384 => &SHA384,
            Self::Sha512 => &SHA512,
        }
    }
}

impl Mgf {
    const fn facts(self) -> &'static Facts {
        match self {
            Self::Sha1 => &SHA1,
            Self::Sha224 => &SHA224,
            Self::Sha256 => &SHA256,
            Self::Sha384 => &SHA384,
            Self::Sha512 => &SHA512,
        }
    }
}

/// A mechanism, and the data that it is given.
pub type Work = (Mechanism, Vec<u8>);

impl DataOptions {
    /// ECDSA.
    pub fn ecdsa(&self) -> Result<Work, Failure> {
        let mechanism = self.either(self.hash_function.facts().ecdsa, M::ECDSA);
        Ok((Mechanism { mechanism, params: Params::None }, self.data()?))
    }

    /// RSA as in PKCS#1 version 1.5.
    pub fn rsa_pkcs(&self) -> Result<Work, Failure> {
        let facts = self.hash_function.facts();
        let mechanism = Mechanism { mechanism: self.either(facts.rsa_pkcs, M::RSA_PKCS), params: Params::None };
        let data = match self.data_type {
            DataType::Raw => self.data()?,
            DataType::Digest => [facts.digest_info, &self.data()?].concat(),
        };
        Ok((mechanism, data))
    }

    /// RSA with PSS.
    pub fn rsa_pkcs_pss(&self, pss: &PssOptions) -> Result<Work, Failure> {
        let facts = self.hash_function.facts();
        let params = Params::Pss { hash: facts.hash, mgf: pss.mgf.facts().mgf, salt_len: pss.salt_length };
        let mechanism = self.either(facts.rsa_pkcs_pss, M::RSA_PKCS_PSS);
        Ok((Mechanism { mechanism, params }, self.data()?))
    }

    const fn either(&self, raw: M, digest: M) -> M {
        match self.data_type {
            DataType::Raw => raw,
            DataType::Digest => digest,
        }
    }

    fn data(&self) -> Result<Vec<u8>, Failure> {
        bytes("--data", self.data.as_deref(), self.data_path.as_deref())
    }
}

/// What was given in base64, or in a file.
///
/// # Errors
/// [`Failure::Input`] for text that is no base64; [`Failure::File`].
pub fn bytes(option: &str, given: Option<&str>, path: Option<&Path>) -> Result<Vec<u8>, Failure> {
    match (given, path) {
        (Some(text), _) => {
            STANDARD.decode(text).map_err(|error| Failure::Input(format!("{option} is not base64: {error}")))
        }
        (None, Some(path)) => std::fs::read(path).map_err(|error| Failure::file(path.display(), error)),
        (None, None) => Err(Failure::Input(format!("{option} or {option}-path is missing"))),
    }
}

/// Base64, as signatures are shown.
pub fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}
