//! What is said about the whole token, in its `meta` record.
//!
//! Content, 59 bytes: layout version (1), label (32, blank-padded), serial number (16), time of
//! initialisation (8, seconds since 1970, most significant first), extraction policy (1: 0 strict,
//! 1 compatible), password policy (1: 0 `pkcs11`, 1 `cloudhsm`).

use crate::error::Error;
use crate::object::policy::ExtractionPolicy;
use crate::store::{Barrier, RecordKey, SqliteStore};
use crate::user::PasswordPolicy;

/// The `meta` record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenMeta {
    /// Blank-padded UTF-8.
    pub label: [u8; 32],
    /// Random hexadecimal digits, new with every initialisation.
    pub serial: [u8; 16],
    /// When the token was initialised, in seconds since 1970.
    pub initialized: u64,
    /// How strictly keys are kept from being extracted.
    pub extraction_policy: ExtractionPolicy,
    /// What passwords have to look like.
    pub password_policy: PasswordPolicy,
}

const LAYOUT: u8 = 1;

impl TokenMeta {
    /// The record's content.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = vec![LAYOUT];
        out.extend_from_slice(&self.label);
        out.extend_from_slice(&self.serial);
        out.extend_from_slice(&self.initialized.to_be_bytes());
        out.push(match self.extraction_policy {
            ExtractionPolicy::Strict => 0,
            ExtractionPolicy::Compatible => 1,
        });
        out.push(match self.password_policy {
            PasswordPolicy::Pkcs11 => 0,
            PasswordPolicy::CloudHsm => 1,
        });
        out
    }

    /// Reads what [`encode`](Self::encode) wrote.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (&layout, rest) = bytes.split_first()?;
        let (label, rest) = rest.split_first_chunk::<32>()?;
        let (serial, rest) = rest.split_first_chunk::<16>()?;
        let (initialized, rest) = rest.split_first_chunk::<8>()?;
        let (extraction_policy, password_policy) = match (layout, rest) {
            (LAYOUT, [extraction, password]) => (*extraction, *password),
            _ => return None,
        };
        Some(Self {
            label: *label,
            serial: *serial,
            initialized: u64::from_be_bytes(*initialized),
            extraction_policy: match extraction_policy {
                0 => ExtractionPolicy::Strict,
                1 => ExtractionPolicy::Compatible,
                _ => return None,
            },
            password_policy: match password_policy {
                0 => PasswordPolicy::Pkcs11,
                1 => PasswordPolicy::CloudHsm,
                _ => return None,
            },
        })
    }
}

/// Reads the record from a store.
pub(super) fn read(store: &SqliteStore, barrier: &Barrier) -> Result<TokenMeta, Error> {
    let damaged = || Error::Damaged { record: RecordKey::Meta.to_string() };
    let entry = store.lookup(&RecordKey::Meta)?.ok_or_else(damaged)?;
    TokenMeta::decode(&barrier.open(&entry)?.plain).ok_or_else(damaged)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn meta_reads_back_and_a_cut_or_longer_one_does_not() {
        let meta = TokenMeta {
            label: *b"a token                         ",
            serial: *b"0123456789abcdef",
            initialized: 1_790_000_000,
            extraction_policy: ExtractionPolicy::Compatible,
            password_policy: PasswordPolicy::CloudHsm,
        };
        let bytes = meta.encode();
        assert_eq!(bytes.len(), 59);
        assert_eq!(TokenMeta::decode(&bytes), Some(meta));
        assert_eq!(TokenMeta::decode(&bytes[..58]), None);
        assert_eq!(TokenMeta::decode(&[&bytes[..], &[0]].concat()), None);
    }
}
