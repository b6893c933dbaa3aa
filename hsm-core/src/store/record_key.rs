//! What a record is called: its key, and the key's one text form.

use core::fmt;

use hsm_types::{ObjectId, UserId};

use crate::crypto::seal::sha256;

/// The key of a record.
///
/// The text form (`Display`, [`parse`](Self::parse)) is what is stored and what is authenticated with the record, so
/// a record that was moved to another key does not open. Identifiers are 16 lower-case hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RecordKey {
    /// `meta`: what is said about the whole token.
    Meta,
    /// `user/<id>`: an account.
    User(UserId),
    /// `name/<blind>`: which account a name belongs to. The name itself is not in the key.
    Name([u8; 16]),
    /// `strike/<id>`: an account's counter of attempts.
    Strike(UserId),
    /// `obj/<bb>/<id>`: an object. `bb` is the first byte of the SHA-256 of the id's 8 bytes (most significant
    /// first): it spreads objects over 256 buckets, so that an engine can be loaded bucket by bucket.
    Object(ObjectId),
    /// `node/<id>`: a process or an HSM that is present.
    Node(u64),
    /// `op/<hsm>/<lane>`: the id of the last batch that came through this lane.
    Operation {
        /// Who proposes.
        hsm: u64,
        /// Which of the proposer's lanes; a lane has one proposal in flight.
        lane: u32,
    },
}

impl RecordKey {
    /// Reads the text form. `None` for anything that [`Display`](fmt::Display) does not write.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (kind, rest) = text.split_once('/').unwrap_or((text, ""));
        let key = match kind {
            "meta" => Self::Meta,
            "user" => Self::User(UserId(hex_u64(rest)?)),
            "name" => Self::Name(u128::from_str_radix(rest, 16).ok()?.to_be_bytes()),
            "strike" => Self::Strike(UserId(hex_u64(rest)?)),
            "obj" => Self::Object(ObjectId(hex_u64(rest.split_once('/')?.1)?)),
            "node" => Self::Node(hex_u64(rest)?),
            "op" => {
                let (hsm, lane) = rest.split_once('/')?;
                Self::Operation { hsm: hex_u64(hsm)?, lane: u32::from_str_radix(lane, 16).ok()? }
            }
            _ => return None,
        };
        // One key has one text: what only looks like one (a sign, capitals, a wrong bucket) is none.
        (key.to_string() == text).then_some(key)
    }
}

impl fmt::Display for RecordKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Meta => f.write_str("meta"),
            Self::User(id) => write!(f, "user/{id}"),
            Self::Name(blind) => write!(f, "name/{:032x}", u128::from_be_bytes(*blind)),
            Self::Strike(id) => write!(f, "strike/{id}"),
            Self::Object(id) => write!(f, "obj/{:02x}/{id}", bucket(*id)),
            Self::Node(id) => write!(f, "node/{id:016x}"),
            Self::Operation { hsm, lane } => write!(f, "op/{hsm:016x}/{lane:08x}"),
        }
    }
}

fn bucket(id: ObjectId) -> u8 {
    let [first, ..] = sha256(&id.0.to_be_bytes());
    first
}

fn hex_u64(text: &str) -> Option<u64> {
    u64::from_str_radix(text, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_reads_back_from_its_text() {
        let keys = [
            RecordKey::Meta,
            RecordKey::User(UserId(7)),
            RecordKey::Name([0xab; 16]),
            RecordKey::Strike(UserId(u64::MAX)),
            RecordKey::Object(ObjectId(0x0123_4567_89ab_cdef)),
            RecordKey::Node(1),
            RecordKey::Operation { hsm: 2, lane: 3 },
        ];
        for key in keys {
            assert_eq!(RecordKey::parse(&key.to_string()), Some(key));
        }
    }

    #[test]
    fn text_that_no_key_prints_is_no_key() {
        let object = RecordKey::Object(ObjectId(1)).to_string();
        let wrong_bucket = object.replacen("obj/", "obj/x", 1);
        for text in ["", "meta/", "user/7", "user/+000000000000007", "user/000000000000000A", "other/1", &wrong_bucket]
        {
            assert_eq!(RecordKey::parse(text), None, "{text}");
        }
    }
}
