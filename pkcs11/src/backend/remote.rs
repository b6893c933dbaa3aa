//! A cluster of HSMs, through the HSM protocol.

use std::sync::Arc;

use hsm_client::{Cluster, Fill as _, Session};
use hsm_core::{Access, Error, SessionInfo, TokenInfo, UserType};
use hsm_types::wire::{Function, MAX_OUTPUT};
use hsm_types::{AttributeType, Mechanism, MechanismInfo, MechanismType, ObjectId, Rv, Template};

use super::{Attributes, SessionBackend, TokenBackend};

/// A cluster.
pub(crate) struct RemoteToken(pub(crate) Arc<Cluster>);

/// The client's error in the core's words: what the library itself acts on keeps its variant.
fn core(error: hsm_client::Error) -> Error {
    match error {
        hsm_client::Error::Refused { rv: Rv::BUFFER_TOO_SMALL, needed, .. } => Error::BufferTooSmall { needed },
        other => Error::Remote { rv: other.rv(), message: other.to_string() },
    }
}

impl TokenBackend for RemoteToken {
    fn info(&self) -> Result<TokenInfo, Error> {
        /// `CK_UNAVAILABLE_INFORMATION`.
        const UNAVAILABLE: u64 = u64::MAX;
        let token = self.0.token_info().map_err(core)?;
        let version = |text: &str| text.parse().unwrap_or(0);
        Ok(TokenInfo {
            label: fixed(&token.label),
            manufacturer: "Kinko",
            model: "Kinko cluster",
            serial: fixed(&token.serial),
            flags: token.flags,
            max_session_count: token.max_sessions,
            session_count: token.sessions,
            max_rw_session_count: token.max_sessions,
            rw_session_count: token.rw_sessions,
            max_pin_len: token.max_pin,
            min_pin_len: token.min_pin,
            total_public_memory: UNAVAILABLE,
            free_public_memory: UNAVAILABLE,
            total_private_memory: UNAVAILABLE,
            free_private_memory: UNAVAILABLE,
            hardware_version: (0, 0),
            firmware_version: (version(env!("CARGO_PKG_VERSION_MAJOR")), version(env!("CARGO_PKG_VERSION_MINOR"))),
            utc_time: fixed(&token.utc_time),
        })
    }

    fn mechanisms(&self) -> Result<Vec<MechanismType>, Error> {
        Ok(self.0.mechanisms().map_err(core)?.into_iter().map(|(mechanism, _)| mechanism).collect())
    }

    fn mechanism_info(&self, wanted: MechanismType) -> Result<MechanismInfo, Error> {
        let mechanisms = self.0.mechanisms().map_err(core)?;
        let found = mechanisms.into_iter().find(|(mechanism, _)| *mechanism == wanted);
        found.map(|(_, info)| info).ok_or(Error::MechanismInvalid(wanted))
    }

    fn open_session(self: Arc<Self>, access: Access) -> Result<Arc<dyn SessionBackend>, Error> {
        let access = match access {
            Access::ReadOnly => hsm_client::Access::ReadOnly,
            Access::ReadWrite => hsm_client::Access::ReadWrite,
        };
        Ok(Arc::new(self.0.open_session(access).map_err(core)?))
    }
}

/// Text of a fixed length; what is missing is blank.
fn fixed<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut field = [b' '; N];
    for (to, from) in field.iter_mut().zip(bytes) {
        *to = *from;
    }
    field
}

const fn user_number(user: UserType) -> u64 {
    match user {
        UserType::So => 0,
        UserType::User => 1,
        UserType::ContextSpecific => 2,
    }
}

/// The calls that start an operation with a key.
macro_rules! inits {
    ($($name:ident => $function:ident;)*) => {
        $( fn $name(&self, mechanism: &Mechanism, key: ObjectId) -> Result<(), Error> {
            self.tell(Function::$function, |request| { request.mechanism(mechanism).object(key); }).map_err(core)
        } )*
    };
}

/// The calls with one input and one output.
macro_rules! outputs {
    ($($name:ident => $function:ident;)*) => {
        $( fn $name(&self, data: &[u8], output: Option<&mut [u8]>) -> Result<usize, Error> {
            self.output(Function::$function, output, |request| request.data = data.to_vec()).map_err(core)
        } )*
    };
}

/// The calls with an output alone.
macro_rules! finals {
    ($($name:ident => $function:ident;)*) => {
        $( fn $name(&self, output: Option<&mut [u8]>) -> Result<usize, Error> {
            self.output(Function::$function, output, |_| ()).map_err(core)
        } )*
    };
}

/// The calls that hand over bytes.
macro_rules! inputs {
    ($($name:ident => $function:ident;)*) => {
        $( fn $name(&self, data: &[u8]) -> Result<(), Error> {
            self.tell(Function::$function, |request| request.data = data.to_vec()).map_err(core)
        } )*
    };
}

impl SessionBackend for Session {
    inits! { encrypt_init => EncryptInit; decrypt_init => DecryptInit; sign_init => SignInit; verify_init => VerifyInit; }
    outputs! {
        encrypt => Encrypt; encrypt_update => EncryptUpdate; decrypt => Decrypt; decrypt_update => DecryptUpdate;
        digest => Digest; sign => Sign;
    }
    finals! {
        encrypt_final => EncryptFinal; decrypt_final => DecryptFinal; digest_final => DigestFinal;
        sign_final => SignFinal;
    }
    inputs! {
        digest_update => DigestUpdate; sign_update => SignUpdate; verify_update => VerifyUpdate;
        seed_random => SeedRandom; init_pin => InitPin;
    }

    fn info(&self) -> Result<SessionInfo, Error> {
        let access = match self.access() {
            hsm_client::Access::ReadOnly => Access::ReadOnly,
            hsm_client::Access::ReadWrite => Access::ReadWrite,
        };
        Ok(SessionInfo { state: self.state().map_err(core)?, access })
    }

    fn close(&self) -> Result<(), Error> {
        Self::close(self).map_err(core)
    }

    fn cancel(&self, flags: u64) -> Result<(), Error> {
        self.tell(Function::Cancel, |request| request.number = flags).map_err(core)
    }

    fn login(&self, user: UserType, name: Option<&[u8]>, pin: &[u8]) -> Result<(), Error> {
        Self::login(self, user_number(user), name, pin).map_err(core)
    }

    fn logout(&self) -> Result<(), Error> {
        Self::logout(self).map_err(core)
    }

    fn set_pin(&self, old: &[u8], new: &[u8]) -> Result<(), Error> {
        Self::set_pin(self, old, new).map_err(core)
    }

    fn create_object(&self, template: Template) -> Result<ObjectId, Error> {
        self.made(Function::CreateObject, |request| {
            request.template(&template);
        })
        .map_err(core)
    }

    fn copy_object(&self, source: ObjectId, template: &Template) -> Result<ObjectId, Error> {
        self.made(Function::CopyObject, |request| {
            request.object(source).template(template);
        })
        .map_err(core)
    }

    fn destroy_object(&self, object: ObjectId) -> Result<(), Error> {
        self.tell(Function::DestroyObject, |request| {
            request.object(object);
        })
        .map_err(core)
    }

    fn object_size(&self, object: ObjectId) -> Result<u64, Error> {
        self.number(Function::ObjectSize, |request| {
            request.object(object);
        })
        .map_err(core)
    }

    fn attributes(&self, object: ObjectId, wanted: &[AttributeType]) -> Result<Attributes, Error> {
        let revealed = Self::attributes(self, object, wanted).map_err(core)?;
        let values = wanted.iter().zip(revealed).map(|(&attribute, revealed)| {
            let value = revealed.map_err(|rv| match rv {
                Rv::ATTRIBUTE_SENSITIVE => Error::AttributeSensitive(attribute),
                _ => Error::AttributeTypeInvalid(attribute),
            });
            (attribute, value)
        });
        Ok(Attributes::Values(values.collect()))
    }

    fn set_attributes(&self, object: ObjectId, template: &Template) -> Result<(), Error> {
        self.tell(Function::SetAttributes, |request| {
            request.object(object).template(template);
        })
        .map_err(core)
    }

    fn find_init(&self, template: &Template) -> Result<(), Error> {
        self.tell(Function::FindInit, |request| {
            request.template(template);
        })
        .map_err(core)
    }

    fn find(&self, most: usize) -> Result<Vec<ObjectId>, Error> {
        let most = u64::try_from(most).unwrap_or(u64::MAX);
        let found = self.objects(Function::Find, |request| request.number = most).map_err(core)?;
        if u64::try_from(found.len()).unwrap_or(u64::MAX) > most {
            return Err(core(hsm_client::Error::Protocol("more objects were found than asked for")));
        }
        Ok(found)
    }

    fn find_final(&self) -> Result<(), Error> {
        self.tell(Function::FindFinal, |_| ()).map_err(core)
    }

    fn digest_init(&self, mechanism: &Mechanism) -> Result<(), Error> {
        self.tell(Function::DigestInit, |request| {
            request.mechanism(mechanism);
        })
        .map_err(core)
    }

    fn digest_key(&self, key: ObjectId) -> Result<(), Error> {
        self.tell(Function::DigestKey, |request| {
            request.object(key);
        })
        .map_err(core)
    }

    fn verify(&self, data: &[u8], signature: &[u8]) -> Result<(), Error> {
        let filled = self.tell(Function::Verify, |request| {
            request.data = data.to_vec();
            request.more = Some(signature.to_vec());
        });
        filled.map_err(core)
    }

    fn verify_final(&self, signature: &[u8]) -> Result<(), Error> {
        self.tell(Function::VerifyFinal, |request| request.more = Some(signature.to_vec())).map_err(core)
    }

    fn generate_key(&self, mechanism: &Mechanism, template: Template) -> Result<ObjectId, Error> {
        let made = self.made(Function::GenerateKey, |request| {
            request.mechanism(mechanism).template(&template);
        });
        made.map_err(core)
    }

    fn generate_key_pair(
        &self,
        mechanism: &Mechanism,
        public: Template,
        private: Template,
    ) -> Result<(ObjectId, ObjectId), Error> {
        let made = self.objects(Function::GenerateKeyPair, |request| {
            request.mechanism(mechanism).template(&public).template(&private);
        });
        match made.map_err(core)?.as_slice() {
            &[public, private] => Ok((public, private)),
            _ => Err(core(hsm_client::Error::Protocol("the new pair's handles are missing"))),
        }
    }

    fn wrap_key(
        &self,
        mechanism: &Mechanism,
        wrapping: ObjectId,
        key: ObjectId,
        output: Option<&mut [u8]>,
    ) -> Result<usize, Error> {
        let wrapped = self.output(Function::WrapKey, output, |request| {
            request.mechanism(mechanism).object(wrapping).object(key);
        });
        wrapped.map_err(core)
    }

    fn unwrap_key(
        &self,
        mechanism: &Mechanism,
        unwrapping: ObjectId,
        wrapped: &[u8],
        template: Template,
    ) -> Result<ObjectId, Error> {
        let made = self.made(Function::UnwrapKey, |request| {
            request.mechanism(mechanism).object(unwrapping).template(&template);
            request.data = wrapped.to_vec();
        });
        made.map_err(core)
    }

    fn derive_key(&self, mechanism: &Mechanism, base: ObjectId, template: Template) -> Result<ObjectId, Error> {
        let made = self.made(Function::DeriveKey, |request| {
            request.mechanism(mechanism).object(base).template(&template);
        });
        made.map_err(core)
    }

    fn generate_random(&self, bytes: &mut [u8]) -> Result<(), Error> {
        let most = usize::try_from(MAX_OUTPUT).unwrap_or(usize::MAX);
        for part in bytes.chunks_mut(most) {
            let wanted = part.len();
            let number = u64::try_from(wanted).unwrap_or(u64::MAX);
            let filled = self.output(Function::GenerateRandom, Some(part), |request| request.number = number);
            if filled.map_err(core)? != wanted {
                return Err(core(hsm_client::Error::Protocol("too few random bytes")));
            }
        }
        Ok(())
    }
}
