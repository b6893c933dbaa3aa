//! The vectors of `docs/storage-format.md`, which another program computed from that page.

use std::collections::HashMap;

use hsm_types::{AttributeType, ObjectId, Template};

use super::barrier::Barrier;
use super::journal::{Batch, Entry, RecordKey, Revision, Sealed, Write};
use super::keyring::Keyring;
use crate::clock::Clock;
use crate::crypto::kdf::{KdfCost, derive, password_key};
use crate::crypto::rng::Rng;
use crate::crypto::secret::LockedKey;
use crate::error::Error;
use crate::object::record;
use crate::user::{PasswordPolicy, Role, UserWriter};

const PAGE: &str = include_str!("../../../docs/storage-format.md");
const STORE: [u8; 16] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];
const MASTER: [u8; 32] = [0x42; 32];

/// 00 01 02 ... from the start, whenever it is asked.
struct Counting;

impl Rng for Counting {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), Error> {
        bytes.iter_mut().zip(0..).for_each(|(byte, number)| *byte = number);
        Ok(())
    }
}

struct Then;

impl Clock for Then {
    fn now(&self) -> u64 {
        1_700_000_000
    }
}

/// The page's vectors by name.
fn vectors() -> HashMap<&'static str, &'static str> {
    let block = PAGE.split("```\n").find(|block| block.starts_with("open-seal-key")).unwrap();
    block.lines().map(|line| line.split_once(' ').unwrap()).map(|(name, value)| (name, value.trim())).collect()
}

fn barrier() -> Barrier {
    Barrier::new(Keyring::new(&STORE).unwrap())
}

fn tokens(value: &Sealed) -> String {
    value.search.iter().map(|token| hex::encode(token.0)).collect()
}

#[test]
fn the_open_keys_are_those_of_the_page() {
    let vectors = vectors();
    for (info, name) in [("kinko open seal 1", "open-seal-key"), ("kinko open index 1", "open-index-key")] {
        let key = derive(&STORE, &STORE, info.as_bytes()).unwrap();
        assert_eq!(hex::encode(key.expose().unwrap()), vectors[name]);
    }
}

#[test]
fn an_object_is_sealed_as_on_the_page() {
    let vectors = vectors();
    let id = ObjectId(0x0123_4567_89ab_cdef);
    let mut attributes = Template::new();
    attributes.set_ulong(AttributeType::CLASS, 0);
    attributes.set_bool(AttributeType::PRIVATE, false);
    attributes.set(AttributeType::LABEL, *b"a label");
    let value = record::seal(&barrier(), &Counting, id, None, &attributes).unwrap();
    let key = RecordKey::Object(id);
    assert_eq!(key.to_string(), vectors["object-key"]);
    assert_eq!(tokens(&value), vectors["object-tokens"]);
    assert_eq!(hex::encode(&value.bytes), vectors["object-sealed"]);
    let opened = barrier().open(&Entry { key, revision: Revision(1), value }).unwrap();
    assert_eq!(hex::encode(&opened.plain), vectors["object-content"]);
}

#[test]
fn a_user_is_sealed_as_on_the_page() {
    let vectors = vectors();
    let key = password_key(b"password", &STORE, KdfCost::FLOOR).unwrap();
    assert_eq!(hex::encode(key.expose().unwrap()), vectors["password-key"]);

    let master = LockedKey::from_fn(|bytes| {
        *bytes = MASTER;
        Ok(())
    });
    let barrier = barrier();
    let policy = PasswordPolicy::Pkcs11;
    let writer = UserWriter { barrier: &barrier, rng: &Counting, clock: &Then, policy, cost: KdfCost::FLOOR };
    let mut batch = Batch::new();
    let user = writer.add(&mut batch, (Role::CryptoUser, "alice"), b"password", &master.unwrap()).unwrap();
    assert_eq!(user.id.to_string(), vectors["user-id"]);

    let written: HashMap<String, Sealed> = batch.writes.into_iter().map(put).collect();
    let id = user.id;
    let named = [
        (RecordKey::User(id).to_string(), "user-sealed"),
        (vectors["name-key"].to_owned(), "name-sealed"),
        (RecordKey::Strike(id).to_string(), "strike-sealed"),
    ];
    for (key, name) in named {
        assert_eq!(hex::encode(&written[&key].bytes), vectors[name], "{name}");
    }
    let value = written[&RecordKey::User(id).to_string()].clone();
    let opened = barrier.open(&Entry { key: RecordKey::User(id), revision: Revision(1), value }).unwrap();
    assert_eq!(hex::encode(&opened.plain), vectors["user-content"]);
}

fn put(write: Write) -> (String, Sealed) {
    match write {
        Write::Put(key, value) => (key.to_string(), value),
        Write::Remove(key) => panic!("{key} is removed"),
    }
}

#[test]
fn the_pages_audit_line_is_the_first_line_of_a_chain() {
    let block = PAGE.split("```\n").find(|block| block.starts_with("{\"sequence\":1,")).unwrap();
    let (line, hash) = block.trim_end().split_once('\n').unwrap();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(crate::audit::AuditLog::FILE);
    let zeros = "0".repeat(64);
    let second = line.replace("\"sequence\":1,", "\"sequence\":2,").replace(&zeros, hash);
    std::fs::write(&path, format!("{line}\n{second}\n")).unwrap();
    assert_eq!(crate::audit::verify(&path), Ok(2));
}
