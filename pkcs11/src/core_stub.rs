//! Stands in for the core's facade until that exists.
#![allow(missing_docs, unused, dead_code, clippy::all)]

use std::path::PathBuf;
use std::sync::Arc;

use hsm_core::Error;
use hsm_types::{AttributeType, Mechanism, MechanismInfo, MechanismType, ObjectId, SlotId, Template};

type R<T> = Result<T, Error>;
const NOT_YET: Error = Error::FunctionNotSupported("the core is not there yet");

pub struct Settings {
    pub directory: PathBuf,
}
impl Settings {
    pub fn default_for(directory: PathBuf) -> Self {
        Self { directory }
    }
}
pub struct TokenDirectory;
pub enum Slot {
    Free,
    Token(Arc<Token>),
}
impl TokenDirectory {
    pub fn open(settings: Settings) -> R<Self> {
        Ok(Self)
    }
    pub fn path(&self, id: SlotId) -> PathBuf {
        PathBuf::new()
    }
    pub fn slots(&self) -> R<Vec<SlotId>> {
        Ok(vec![SlotId(0)])
    }
    pub fn slot(&self, id: SlotId) -> R<Slot> {
        if id == SlotId(0) { Ok(Slot::Free) } else { Err(Error::SlotIdInvalid) }
    }
    pub fn initialize(&self, id: SlotId, so_pin: &[u8], label: &[u8; 32]) -> R<()> {
        Err(NOT_YET)
    }
}
pub struct TokenInfo {
    pub label: [u8; 32],
    pub manufacturer: &'static str,
    pub model: &'static str,
    pub serial: [u8; 16],
    pub flags: u64,
    pub max_session_count: u64,
    pub session_count: u64,
    pub max_rw_session_count: u64,
    pub rw_session_count: u64,
    pub max_pin_len: u64,
    pub min_pin_len: u64,
    pub total_public_memory: u64,
    pub free_public_memory: u64,
    pub total_private_memory: u64,
    pub free_private_memory: u64,
    pub hardware_version: (u8, u8),
    pub firmware_version: (u8, u8),
    pub utc_time: [u8; 16],
}
pub struct Token;
impl Token {
    pub fn info(&self) -> R<TokenInfo> {
        Err(NOT_YET)
    }
    pub fn mechanisms(&self) -> Vec<MechanismType> {
        Vec::new()
    }
    pub fn mechanism_info(&self, m: MechanismType) -> R<MechanismInfo> {
        Err(NOT_YET)
    }
    pub fn open_session(self: &Arc<Self>, access: Access) -> R<Arc<Session>> {
        Err(NOT_YET)
    }
}
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Access {
    ReadOnly,
    ReadWrite,
}
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum UserType {
    So,
    User,
    ContextSpecific,
}
pub struct SessionInfo {
    pub state: u64,
    pub access: Access,
}
pub struct ObjectView;
impl ObjectView {
    pub fn attribute(&self, attribute: AttributeType) -> R<&[u8]> {
        Err(NOT_YET)
    }
}
pub struct Session;
type Out<'a> = Option<&'a mut [u8]>;
impl Session {
    pub fn info(&self) -> R<SessionInfo> {
        Err(NOT_YET)
    }
    pub fn close(&self) -> R<()> {
        Err(NOT_YET)
    }
    pub fn login(&self, user: UserType, name: Option<&[u8]>, pin: &[u8]) -> R<()> {
        Err(NOT_YET)
    }
    pub fn logout(&self) -> R<()> {
        Err(NOT_YET)
    }
    pub fn init_pin(&self, pin: &[u8]) -> R<()> {
        Err(NOT_YET)
    }
    pub fn set_pin(&self, old: &[u8], new: &[u8]) -> R<()> {
        Err(NOT_YET)
    }
    pub fn create_object(&self, t: Template) -> R<ObjectId> {
        Err(NOT_YET)
    }
    pub fn copy_object(&self, o: ObjectId, t: &Template) -> R<ObjectId> {
        Err(NOT_YET)
    }
    pub fn destroy_object(&self, o: ObjectId) -> R<()> {
        Err(NOT_YET)
    }
    pub fn object_size(&self, o: ObjectId) -> R<u64> {
        Err(NOT_YET)
    }
    pub fn object(&self, o: ObjectId) -> R<ObjectView> {
        Err(NOT_YET)
    }
    pub fn set_attributes(&self, o: ObjectId, t: &Template) -> R<()> {
        Err(NOT_YET)
    }
    pub fn find_init(&self, t: &Template) -> R<()> {
        Err(NOT_YET)
    }
    pub fn find(&self, max: usize) -> R<Vec<ObjectId>> {
        Err(NOT_YET)
    }
    pub fn find_final(&self) -> R<()> {
        Err(NOT_YET)
    }
    pub fn encrypt_init(&self, m: &Mechanism, k: ObjectId) -> R<()> {
        Err(NOT_YET)
    }
    pub fn encrypt(&self, data: &[u8], out: Out<'_>) -> R<usize> {
        Err(NOT_YET)
    }
    pub fn encrypt_update(&self, data: &[u8], out: Out<'_>) -> R<usize> {
        Err(NOT_YET)
    }
    pub fn encrypt_final(&self, out: Out<'_>) -> R<usize> {
        Err(NOT_YET)
    }
    pub fn decrypt_init(&self, m: &Mechanism, k: ObjectId) -> R<()> {
        Err(NOT_YET)
    }
    pub fn decrypt(&self, data: &[u8], out: Out<'_>) -> R<usize> {
        Err(NOT_YET)
    }
    pub fn decrypt_update(&self, data: &[u8], out: Out<'_>) -> R<usize> {
        Err(NOT_YET)
    }
    pub fn decrypt_final(&self, out: Out<'_>) -> R<usize> {
        Err(NOT_YET)
    }
    pub fn digest_init(&self, m: &Mechanism) -> R<()> {
        Err(NOT_YET)
    }
    pub fn digest(&self, data: &[u8], out: Out<'_>) -> R<usize> {
        Err(NOT_YET)
    }
    pub fn digest_update(&self, data: &[u8]) -> R<()> {
        Err(NOT_YET)
    }
    pub fn digest_key(&self, k: ObjectId) -> R<()> {
        Err(NOT_YET)
    }
    pub fn digest_final(&self, out: Out<'_>) -> R<usize> {
        Err(NOT_YET)
    }
    pub fn sign_init(&self, m: &Mechanism, k: ObjectId) -> R<()> {
        Err(NOT_YET)
    }
    pub fn sign(&self, data: &[u8], out: Out<'_>) -> R<usize> {
        Err(NOT_YET)
    }
    pub fn sign_update(&self, data: &[u8]) -> R<()> {
        Err(NOT_YET)
    }
    pub fn sign_final(&self, out: Out<'_>) -> R<usize> {
        Err(NOT_YET)
    }
    pub fn verify_init(&self, m: &Mechanism, k: ObjectId) -> R<()> {
        Err(NOT_YET)
    }
    pub fn verify(&self, data: &[u8], signature: &[u8]) -> R<()> {
        Err(NOT_YET)
    }
    pub fn verify_update(&self, data: &[u8]) -> R<()> {
        Err(NOT_YET)
    }
    pub fn verify_final(&self, signature: &[u8]) -> R<()> {
        Err(NOT_YET)
    }
    pub fn generate_key(&self, m: &Mechanism, t: Template) -> R<ObjectId> {
        Err(NOT_YET)
    }
    pub fn generate_key_pair(&self, m: &Mechanism, public: Template, private: Template) -> R<(ObjectId, ObjectId)> {
        Err(NOT_YET)
    }
    pub fn wrap_key(&self, m: &Mechanism, w: ObjectId, k: ObjectId, out: Out<'_>) -> R<usize> {
        Err(NOT_YET)
    }
    pub fn unwrap_key(&self, m: &Mechanism, u: ObjectId, wrapped: &[u8], t: Template) -> R<ObjectId> {
        Err(NOT_YET)
    }
    pub fn derive_key(&self, m: &Mechanism, b: ObjectId, t: Template) -> R<ObjectId> {
        Err(NOT_YET)
    }
    pub fn seed_random(&self, seed: &[u8]) -> R<()> {
        Err(NOT_YET)
    }
    pub fn generate_random(&self, out: &mut [u8]) -> R<()> {
        Err(NOT_YET)
    }
    pub fn cancel(&self, flags: u64) -> R<()> {
        Err(NOT_YET)
    }
}

/// Stands in for `hsm_core::store::fork`.
pub mod fork {
    pub fn before_fork() {}
    pub fn after_fork_parent() {}
    pub fn after_fork_child() {}
    pub fn close_inherited() {}
}
