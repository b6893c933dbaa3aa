//! What stands behind a slot: a token in this process, or a cluster of HSMs. Entry points do not know which.

mod embedded;
mod remote;

use std::sync::Arc;

use hsm_core::{Access, Error, ObjectView, SessionInfo, TokenInfo, UserType};
use hsm_types::{AttributeType, Mechanism, MechanismInfo, MechanismType, ObjectId, Template};
use zeroize::Zeroizing;

pub(crate) use remote::RemoteToken;

/// A token.
pub(crate) trait TokenBackend: Send + Sync {
    /// `C_GetTokenInfo`.
    fn info(&self) -> Result<TokenInfo, Error>;
    /// `C_GetMechanismList`.
    fn mechanisms(&self) -> Result<Vec<MechanismType>, Error>;
    /// `C_GetMechanismInfo`.
    fn mechanism_info(&self, mechanism: MechanismType) -> Result<MechanismInfo, Error>;
    /// `C_OpenSession`.
    fn open_session(self: Arc<Self>, access: Access) -> Result<Arc<dyn SessionBackend>, Error>;
}

/// An attribute's value, or why there is none.
pub(crate) type Revealed = Result<Zeroizing<Vec<u8>>, Error>;

/// Attributes of an object.
pub(crate) enum Attributes {
    /// The object itself.
    View(ObjectView),
    /// The attributes that were asked for, and their values or why there are none.
    Values(Vec<(AttributeType, Revealed)>),
}

impl Attributes {
    /// The value of an attribute that was asked for.
    ///
    /// # Errors
    /// [`Error::AttributeSensitive`], [`Error::AttributeTypeInvalid`].
    pub(crate) fn value(&self, attribute: AttributeType) -> Result<&[u8], Error> {
        match self {
            Self::View(view) => view.attribute(attribute),
            Self::Values(values) => match values.iter().find(|(kind, _)| *kind == attribute) {
                Some((_, Ok(value))) => Ok(value),
                Some((_, Err(Error::AttributeSensitive(_)))) => Err(Error::AttributeSensitive(attribute)),
                _ => Err(Error::AttributeTypeInvalid(attribute)),
            },
        }
    }
}

macro_rules! session_backend {
    ($( $(#[doc = $doc:literal])* fn $name:ident(&self $(, $arg:ident: $ty:ty)*) -> $out:ty; )*) => {
        /// A session: the methods of [`hsm_core::Session`], whose documentation has their errors.
        pub(crate) trait SessionBackend: Send + Sync {
            $( $(#[doc = $doc])* fn $name(&self $(, $arg: $ty)*) -> Result<$out, Error>; )*
            /// `C_GetAttributeValue`.
            fn attributes(&self, object: ObjectId, wanted: &[AttributeType]) -> Result<Attributes, Error>;
        }

        impl SessionBackend for hsm_core::Session {
            $( fn $name(&self $(, $arg: $ty)*) -> Result<$out, Error> { Self::$name(self $(, $arg)*) } )*

            fn attributes(&self, object: ObjectId, _wanted: &[AttributeType]) -> Result<Attributes, Error> {
                self.object(object).map(Attributes::View)
            }
        }
    };
}

session_backend! {
    /// `C_GetSessionInfo`.
    fn info(&self) -> SessionInfo;
    /// `C_CloseSession`.
    fn close(&self) -> ();
    /// `C_SessionCancel`.
    fn cancel(&self, flags: u64) -> ();
    /// `C_Login`, `C_LoginUser`.
    fn login(&self, user: UserType, name: Option<&[u8]>, pin: &[u8]) -> ();
    /// `C_Logout`.
    fn logout(&self) -> ();
    /// `C_InitPIN`.
    fn init_pin(&self, pin: &[u8]) -> ();
    /// `C_SetPIN`.
    fn set_pin(&self, old: &[u8], new: &[u8]) -> ();
    /// `C_CreateObject`.
    fn create_object(&self, template: Template) -> ObjectId;
    /// `C_CopyObject`.
    fn copy_object(&self, source: ObjectId, template: &Template) -> ObjectId;
    /// `C_DestroyObject`.
    fn destroy_object(&self, object: ObjectId) -> ();
    /// `C_GetObjectSize`.
    fn object_size(&self, object: ObjectId) -> u64;
    /// `C_SetAttributeValue`.
    fn set_attributes(&self, object: ObjectId, template: &Template) -> ();
    /// `C_FindObjectsInit`.
    fn find_init(&self, template: &Template) -> ();
    /// `C_FindObjects`.
    fn find(&self, most: usize) -> Vec<ObjectId>;
    /// `C_FindObjectsFinal`.
    fn find_final(&self) -> ();
    /// `C_EncryptInit`.
    fn encrypt_init(&self, mechanism: &Mechanism, key: ObjectId) -> ();
    /// `C_Encrypt`.
    fn encrypt(&self, data: &[u8], output: Option<&mut [u8]>) -> usize;
    /// `C_EncryptUpdate`.
    fn encrypt_update(&self, part: &[u8], output: Option<&mut [u8]>) -> usize;
    /// `C_EncryptFinal`.
    fn encrypt_final(&self, output: Option<&mut [u8]>) -> usize;
    /// `C_DecryptInit`.
    fn decrypt_init(&self, mechanism: &Mechanism, key: ObjectId) -> ();
    /// `C_Decrypt`.
    fn decrypt(&self, data: &[u8], output: Option<&mut [u8]>) -> usize;
    /// `C_DecryptUpdate`.
    fn decrypt_update(&self, part: &[u8], output: Option<&mut [u8]>) -> usize;
    /// `C_DecryptFinal`.
    fn decrypt_final(&self, output: Option<&mut [u8]>) -> usize;
    /// `C_DigestInit`.
    fn digest_init(&self, mechanism: &Mechanism) -> ();
    /// `C_Digest`.
    fn digest(&self, data: &[u8], output: Option<&mut [u8]>) -> usize;
    /// `C_DigestUpdate`.
    fn digest_update(&self, part: &[u8]) -> ();
    /// `C_DigestKey`.
    fn digest_key(&self, key: ObjectId) -> ();
    /// `C_DigestFinal`.
    fn digest_final(&self, output: Option<&mut [u8]>) -> usize;
    /// `C_SignInit`.
    fn sign_init(&self, mechanism: &Mechanism, key: ObjectId) -> ();
    /// `C_Sign`.
    fn sign(&self, data: &[u8], output: Option<&mut [u8]>) -> usize;
    /// `C_SignUpdate`.
    fn sign_update(&self, part: &[u8]) -> ();
    /// `C_SignFinal`.
    fn sign_final(&self, output: Option<&mut [u8]>) -> usize;
    /// `C_VerifyInit`.
    fn verify_init(&self, mechanism: &Mechanism, key: ObjectId) -> ();
    /// `C_Verify`.
    fn verify(&self, data: &[u8], signature: &[u8]) -> ();
    /// `C_VerifyUpdate`.
    fn verify_update(&self, part: &[u8]) -> ();
    /// `C_VerifyFinal`.
    fn verify_final(&self, signature: &[u8]) -> ();
    /// `C_GenerateKey`.
    fn generate_key(&self, mechanism: &Mechanism, template: Template) -> ObjectId;
    /// `C_GenerateKeyPair`: the public key, then the private one.
    fn generate_key_pair(&self, mechanism: &Mechanism, public: Template, private: Template) -> (ObjectId, ObjectId);
    /// `C_WrapKey`.
    fn wrap_key(&self, mechanism: &Mechanism, wrapping: ObjectId, key: ObjectId, output: Option<&mut [u8]>) -> usize;
    /// `C_UnwrapKey`.
    fn unwrap_key(&self, mechanism: &Mechanism, unwrapping: ObjectId, wrapped: &[u8], template: Template) -> ObjectId;
    /// `C_DeriveKey`.
    fn derive_key(&self, mechanism: &Mechanism, base: ObjectId, template: Template) -> ObjectId;
    /// `C_SeedRandom`.
    fn seed_random(&self, seed: &[u8]) -> ();
    /// `C_GenerateRandom`.
    fn generate_random(&self, bytes: &mut [u8]) -> ();
}
