//! Mechanisms as bytes: type (8 bytes), kind of parameter (1), then the parameter's fields.
//! Numbers are 8 bytes, least significant first; byte strings have their length before them.

use zeroize::Zeroizing;

use crate::{Mechanism, MechanismType, Params};

/// Bytes that are no mechanism.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAMechanism;

impl core::fmt::Display for NotAMechanism {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("the bytes are no mechanism")
    }
}

impl core::error::Error for NotAMechanism {}

const NONE: u8 = 0;
const BYTES: u8 = 1;
const AES_CTR: u8 = 2;
const GCM: u8 = 3;
const PSS: u8 = 4;
const OAEP: u8 = 5;
const ECDH1: u8 = 6;
const MAC_GENERAL: u8 = 7;

/// A mechanism's bytes.
#[must_use]
pub fn encode_mechanism(mechanism: &Mechanism) -> Vec<u8> {
    let mut out = Writer(mechanism.mechanism.0.to_le_bytes().to_vec());
    match &mechanism.params {
        Params::None => out.kind(NONE),
        Params::Bytes(bytes) => out.kind(BYTES).bytes(bytes),
        Params::AesCtr { counter_bits, counter_block } => out.kind(AES_CTR).number(*counter_bits).bytes(counter_block),
        Params::Gcm { iv, aad, tag_bits } => out.kind(GCM).bytes(iv).bytes(aad).number(*tag_bits),
        Params::Pss { hash, mgf, salt_len } => out.kind(PSS).number(hash.0).number(*mgf).number(*salt_len),
        Params::Oaep { hash, mgf, label } => out.kind(OAEP).number(hash.0).number(*mgf).bytes(label),
        Params::Ecdh1 { kdf, shared_data, public_data } => {
            out.kind(ECDH1).number(*kdf).bytes(shared_data).bytes(public_data)
        }
        Params::MacGeneral(length) => out.kind(MAC_GENERAL).number(*length),
    };
    out.0
}

/// Reads what [`encode_mechanism`] wrote.
///
/// # Errors
/// [`NotAMechanism`] for anything else.
pub fn decode_mechanism(bytes: &[u8]) -> Result<Mechanism, NotAMechanism> {
    let mut fields = Reader(bytes);
    let mechanism = MechanismType(fields.number()?);
    let params = match fields.kind()? {
        NONE => Params::None,
        BYTES => Params::Bytes(fields.bytes()?.to_vec()),
        AES_CTR => Params::AesCtr {
            counter_bits: fields.number()?,
            counter_block: fields.bytes()?.try_into().map_err(|_| NotAMechanism)?,
        },
        GCM => Params::Gcm { iv: fields.bytes()?.to_vec(), aad: fields.bytes()?.to_vec(), tag_bits: fields.number()? },
        PSS => Params::Pss { hash: MechanismType(fields.number()?), mgf: fields.number()?, salt_len: fields.number()? },
        OAEP => Params::Oaep {
            hash: MechanismType(fields.number()?),
            mgf: fields.number()?,
            label: fields.bytes()?.to_vec(),
        },
        ECDH1 => Params::Ecdh1 {
            kdf: fields.number()?,
            shared_data: Zeroizing::new(fields.bytes()?.to_vec()),
            public_data: fields.bytes()?.to_vec(),
        },
        MAC_GENERAL => Params::MacGeneral(fields.number()?),
        _ => return Err(NotAMechanism),
    };
    if fields.0.is_empty() { Ok(Mechanism { mechanism, params }) } else { Err(NotAMechanism) }
}

struct Writer(Vec<u8>);

impl Writer {
    fn kind(&mut self, kind: u8) -> &mut Self {
        self.0.push(kind);
        self
    }

    fn number(&mut self, number: u64) -> &mut Self {
        self.0.extend_from_slice(&number.to_le_bytes());
        self
    }

    fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.number(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        self.0.extend_from_slice(bytes);
        self
    }
}

struct Reader<'b>(&'b [u8]);

impl<'b> Reader<'b> {
    fn kind(&mut self) -> Result<u8, NotAMechanism> {
        let (kind, rest) = self.0.split_first().ok_or(NotAMechanism)?;
        self.0 = rest;
        Ok(*kind)
    }

    fn number(&mut self) -> Result<u64, NotAMechanism> {
        let (number, rest) = self.0.split_first_chunk().ok_or(NotAMechanism)?;
        self.0 = rest;
        Ok(u64::from_le_bytes(*number))
    }

    fn bytes(&mut self) -> Result<&'b [u8], NotAMechanism> {
        let length = usize::try_from(self.number()?).map_err(|_| NotAMechanism)?;
        let (bytes, rest) = self.0.split_at_checked(length).ok_or(NotAMechanism)?;
        self.0 = rest;
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples() -> Vec<Mechanism> {
        let params = [
            Params::None,
            Params::Bytes(vec![7; 16]),
            Params::AesCtr { counter_bits: 64, counter_block: [3; 16] },
            Params::Gcm { iv: vec![1; 12], aad: vec![2; 5], tag_bits: 128 },
            Params::Pss { hash: MechanismType(0x250), mgf: 2, salt_len: 32 },
            Params::Oaep { hash: MechanismType(0x250), mgf: 2, label: vec![9] },
            Params::Ecdh1 { kdf: 1, shared_data: Zeroizing::new(vec![4; 3]), public_data: vec![5; 65] },
            Params::MacGeneral(8),
        ];
        params.into_iter().map(|params| Mechanism { mechanism: MechanismType(0x1087), params }).collect()
    }

    #[test]
    fn every_kind_of_parameter_reads_back() {
        for mechanism in samples() {
            assert_eq!(decode_mechanism(&encode_mechanism(&mechanism)), Ok(mechanism));
        }
    }

    #[test]
    fn a_cut_or_longer_mechanism_is_none() {
        for mechanism in samples() {
            let bytes = encode_mechanism(&mechanism);
            for length in 0..bytes.len() {
                assert_eq!(decode_mechanism(&bytes[..length]), Err(NotAMechanism));
            }
            assert_eq!(decode_mechanism(&[&bytes[..], &[0]].concat()), Err(NotAMechanism));
        }
    }
}
