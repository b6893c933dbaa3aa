//! Key generation (PKCS#11 v3.2 section 5.18.1 and 5.18.2).

use std::sync::Arc;

use hsm_types::{AttributeType as A, Mechanism, ObjectClass, ObjectId, Template};

use super::object::add_check_value;
use super::{Session, made_key_type, offered};
use crate::error::Error;
use crate::key;
use crate::login::Login;
use crate::mechanism::MechanismDef;
use crate::object::rule::Origin;
use crate::object::{factory, policy};
use crate::token::Action;

impl Session {
    /// `C_GenerateKey`.
    ///
    /// # Errors
    /// [`Error::MechanismInvalid`]; the rule of the attribute table that the template breaks.
    pub fn generate_key(&self, mechanism: &Mechanism, template: Template) -> Result<ObjectId, Error> {
        let login = self.enter()?;
        let (definition, generate) = offered(mechanism.mechanism, |ops| ops.generate_key)?;
        let mut attributes = self.draft_generated(definition, ObjectClass::SECRET_KEY, login.as_ref(), template)?;
        policy::check_new(self.token.policy(), Origin::Generate, &attributes)?;
        let made = generate(&mechanism.params, &attributes, self.token.rng())?;
        finish(&mut attributes, &made, definition)?;
        let id = self.token.add(self.number, login.as_ref(), vec![attributes])?;
        let id = id.first().copied().ok_or(Error::Crypto("a key was not made"))?;
        self.note(login.as_ref(), id, definition);
        Ok(id)
    }

    /// `C_GenerateKeyPair`: the public and the private key. Both are kept, or none.
    ///
    /// # Errors
    /// [`Error::MechanismInvalid`]; the rule of the attribute table that a template breaks.
    pub fn generate_key_pair(
        &self,
        mechanism: &Mechanism,
        public: Template,
        private: Template,
    ) -> Result<(ObjectId, ObjectId), Error> {
        let login = self.enter()?;
        let (definition, generate) = offered(mechanism.mechanism, |ops| ops.generate_key_pair)?;
        let mut public = self.draft_generated(definition, ObjectClass::PUBLIC_KEY, login.as_ref(), public)?;
        let mut private = self.draft_generated(definition, ObjectClass::PRIVATE_KEY, login.as_ref(), private)?;
        policy::check_new(self.token.policy(), Origin::Generate, &public)?;
        policy::check_new(self.token.policy(), Origin::Generate, &private)?;
        policy::check_new_pair(self.token.policy(), &public, &private)?;
        let (made_public, made_private) = generate(&mechanism.params, &public, &private)?;
        finish(&mut public, &made_public, definition)?;
        finish(&mut private, &made_private, definition)?;
        let ids = self.token.add(self.number, login.as_ref(), vec![public, private])?;
        let [public, private] = ids.as_slice() else { return Err(Error::Crypto("a key pair was not made")) };
        self.note(login.as_ref(), *public, definition);
        self.note(login.as_ref(), *private, definition);
        Ok((*public, *private))
    }

    fn draft_generated(
        &self,
        definition: &MechanismDef,
        class: ObjectClass,
        login: Option<&Arc<Login>>,
        mut template: Template,
    ) -> Result<Template, Error> {
        const RULE: &str = "the mechanism makes keys of another class or type";
        factory::imply(&mut template, A::CLASS, class.0, RULE)?;
        let key_type = made_key_type(definition, &template).ok_or(Error::MechanismInvalid(definition.id))?;
        factory::imply(&mut template, A::KEY_TYPE, key_type.0, RULE)?;
        let attributes = factory::draft(Origin::Generate, Login::caller(login), template)?;
        self.admit(login, &attributes)?;
        Ok(attributes)
    }

    fn note(&self, login: Option<&Arc<Login>>, id: ObjectId, definition: &MechanismDef) {
        self.token.record(login, Action::GenerateKey, Some(id), Some(definition.id));
    }
}

/// Puts the components that the mechanism made into the object.
fn finish(attributes: &mut Template, made: &Template, definition: &MechanismDef) -> Result<(), Error> {
    for (attribute, value) in made.iter() {
        attributes.set(attribute, value);
    }
    let check = attributes.remove(A::CHECK_VALUE);
    key::complete(attributes)?;
    if check.is_none_or(|check| !check.is_empty()) {
        add_check_value(attributes, None)?;
    }
    factory::stamp(attributes, Origin::Generate, Some(definition.id), None);
    Ok(())
}
