//! Wrapping, unwrapping and derivation (PKCS#11 v3.2 sections 5.18.3–5.18.5).

use std::sync::Arc;

use hsm_types::{AttributeType as A, Mechanism, MechanismType, ObjectClass, ObjectId, Template};
use zeroize::Zeroizing;

use super::object::{add_check_value, prepare_key};
use super::{Session, offered};
use crate::crypto::digest::Hash;
use crate::error::{Error, HandleRole};
use crate::key;
use crate::login::Login;
use crate::object::rule::Origin;
use crate::object::{Kind, Object, factory, pkcs8, policy};
use crate::operation::answer;
use crate::token::Action;

impl Session {
    /// `C_WrapKey`. Returns the bytes written, or needed if `output` is `None`.
    ///
    /// # Errors
    /// [`Error::KeyUnextractable`], [`Error::KeyNotWrappable`] naming the policy's rule; the
    /// mechanism's and the keys'.
    pub fn wrap_key(
        &self,
        mechanism: &Mechanism,
        wrapping: ObjectId,
        key: ObjectId,
        output: Option<&mut [u8]>,
    ) -> Result<usize, Error> {
        let login = self.enter()?;
        let (definition, wrap) = offered(mechanism.mechanism, |ops| ops.wrap)?;
        let wrapping = self.usable_key(login.as_ref(), definition, wrapping, A::WRAP, HandleRole::WrappingKey)?;
        let key = self.token.object(key, login.as_ref())?.ok_or(Error::HandleInvalid(HandleRole::Key))?;
        let plain = wrappable(&key)?;
        policy::check_wrap(self.token.policy(), wrapping.attributes(), key.attributes())?;
        let wrapped = wrap(&mechanism.params, wrapping.key(HandleRole::WrappingKey)?, &plain)?;
        let written = output.is_some();
        let length = answer(&wrapped, output)?;
        if written {
            self.token.record(login.as_ref(), Action::WrapKey, Some(key.id()), Some(definition.id));
        }
        Ok(length)
    }

    /// `C_UnwrapKey`.
    ///
    /// # Errors
    /// [`Error::WrappedKeyInvalid`] whatever is wrong with the wrapped key; the rule that the
    /// template breaks.
    pub fn unwrap_key(
        &self,
        mechanism: &Mechanism,
        unwrapping: ObjectId,
        wrapped: &[u8],
        mut template: Template,
    ) -> Result<ObjectId, Error> {
        let login = self.enter()?;
        let (definition, unwrap) = offered(mechanism.mechanism, |ops| ops.unwrap)?;
        let unwrapping =
            self.usable_key(login.as_ref(), definition, unwrapping, A::UNWRAP, HandleRole::UnwrappingKey)?;
        uses_at_once(&unwrapping)?;
        if let Some(stored) = unwrapping.attributes().get(A::UNWRAP_TEMPLATE) {
            factory::enforce(&mut template, stored)?;
        }
        policy::keep_trust(self.token.policy(), unwrapping.attributes(), &mut template)?;
        let mut attributes = self.draft_secret(Origin::Unwrap, login.as_ref(), template)?;
        let plain = unwrap(&mechanism.params, unwrapping.key(HandleRole::UnwrappingKey)?, wrapped)?;
        let plain = conceal_length(mechanism.mechanism, &attributes, plain);
        fill(&mut attributes, &plain)?;
        prepare_key(&mut attributes).map_err(|error| match error {
            // What was wrapped is nobody's business: a wrong value is a wrong wrapping.
            Error::AttributeValueInvalid { attribute, .. } if attribute != A::CHECK_VALUE => Error::WrappedKeyInvalid,
            Error::TemplateIncomplete(_) | Error::CurveNotSupported => Error::WrappedKeyInvalid,
            other => other,
        })?;
        factory::stamp(&mut attributes, Origin::Unwrap, None, None);
        self.add(login.as_ref(), Action::UnwrapKey, attributes)
    }

    /// `C_DeriveKey`.
    ///
    /// # Errors
    /// The mechanism's and the base key's; the rule that the template breaks.
    pub fn derive_key(&self, mechanism: &Mechanism, base: ObjectId, mut template: Template) -> Result<ObjectId, Error> {
        let login = self.enter()?;
        let (definition, derive) = offered(mechanism.mechanism, |ops| ops.derive)?;
        let base = self.usable_key(login.as_ref(), definition, base, A::DERIVE, HandleRole::Key)?;
        uses_at_once(&base)?;
        if let Some(stored) = base.attributes().get(A::DERIVE_TEMPLATE) {
            factory::enforce(&mut template, stored)?;
        }
        template.set_default(A::CLASS, ObjectClass::SECRET_KEY.0.to_le_bytes());
        let mut attributes = self.draft_secret(Origin::Derive, login.as_ref(), template)?;
        let length = derived_length(&attributes)?;
        let value = derive(&mechanism.params, base.key(HandleRole::Key)?, length)?;
        let check = attributes.remove(A::CHECK_VALUE);
        attributes.set(A::VALUE, value.as_slice());
        attributes.remove(A::VALUE_LEN);
        key::complete(&mut attributes)?;
        key::Key::from_attributes(&attributes)?;
        add_check_value(&mut attributes, check.as_ref().map(|check| check.as_slice()))?;
        factory::stamp(&mut attributes, Origin::Derive, None, Some(base.attributes()));
        self.add(login.as_ref(), Action::DeriveKey, attributes)
    }

    fn draft_secret(&self, origin: Origin, login: Option<&Arc<Login>>, template: Template) -> Result<Template, Error> {
        let possible = match (origin, template.class()) {
            (_, None) => return Err(Error::TemplateIncomplete(A::CLASS)),
            (Origin::Derive, class) => class == Some(ObjectClass::SECRET_KEY),
            (_, class) => matches!(class, Some(ObjectClass::SECRET_KEY | ObjectClass::PRIVATE_KEY)),
        };
        if !possible {
            return Err(Error::TemplateInconsistent { attribute: A::CLASS, rule: "this call makes no such object" });
        }
        if !template.contains(A::KEY_TYPE) {
            return Err(Error::TemplateIncomplete(A::KEY_TYPE));
        }
        let attributes = factory::draft(origin, Login::caller(login), template)?;
        policy::check_new(self.token.policy(), origin, &attributes)?;
        self.admit(login, &attributes)?;
        Ok(attributes)
    }
}

/// A key that wants the password for each use cannot be used by a call that leaves no time to give it.
fn uses_at_once(key: &Object) -> Result<(), Error> {
    if key.always_authenticate() { Err(Error::UserNotLoggedIn) } else { Ok(()) }
}

/// The bytes of a key that wrapping encrypts.
fn wrappable(key: &Object) -> Result<Zeroizing<Vec<u8>>, Error> {
    match key.attributes().class() {
        Some(ObjectClass::SECRET_KEY) => {
            let value = key.attributes().get(A::VALUE).ok_or(Error::HandleInvalid(HandleRole::Key))?;
            Ok(Zeroizing::new(value.to_vec()))
        }
        Some(ObjectClass::PRIVATE_KEY) => pkcs8::encode_private_key(key.attributes()),
        Some(ObjectClass::PUBLIC_KEY) => Err(Error::KeyNotWrappable("public keys are not secret")),
        _ => Err(Error::HandleInvalid(HandleRole::Key)),
    }
}

/// Puts unwrapped bytes into the attributes of a key.
fn fill(attributes: &mut Template, plain: &[u8]) -> Result<(), Error> {
    match (attributes.class(), attributes.key_type()) {
        (Some(ObjectClass::PRIVATE_KEY), Some(key_type)) => {
            for (attribute, value) in pkcs8::decode_private_key(key_type, plain)?.iter() {
                attributes.set(attribute, value);
            }
        }
        _ => attributes.set(A::VALUE, plain),
    }
    Ok(())
}

/// Hides whether a PKCS#1 v1.5 wrapping held a secret key of a possible length.
///
/// The mechanism already answers a bad padding with a random-looking plaintext. A length that the key
/// type cannot have would still tell a bad padding from a good one, so it becomes a key too: one that
/// depends on the plaintext, is the same each time, and is of no use to anybody.
fn conceal_length(mechanism: MechanismType, attributes: &Template, plain: Zeroizing<Vec<u8>>) -> Zeroizing<Vec<u8>> {
    if mechanism != MechanismType::RSA_PKCS {
        return plain;
    }
    let substitute = Zeroizing::new(Hash::Sha256.digest(&plain).as_ref().to_vec());
    match (Kind::of(attributes), plain.len()) {
        (Ok(Kind::Aes), 16 | 24 | 32) | (Ok(Kind::Generic), 1..) => plain,
        (Ok(Kind::Aes | Kind::Generic), _) => substitute,
        _ => plain,
    }
}

/// How long a derived key is: what the template says; AES keys cannot guess.
fn derived_length(attributes: &Template) -> Result<Option<usize>, Error> {
    let Some(length) = attributes.ulong(A::VALUE_LEN) else {
        return match Kind::of(attributes)? {
            Kind::Aes => Err(Error::TemplateIncomplete(A::VALUE_LEN)),
            _ => Ok(None),
        };
    };
    match usize::try_from(length) {
        Ok(length) if length > 0 && length <= factory::MAX_OBJECT_BYTES => Ok(Some(length)),
        _ => Err(Error::AttributeValueInvalid { attribute: A::VALUE_LEN, rule: "it is a length in bytes, not 0" }),
    }
}
