//! Objects (PKCS#11 v3.2 section 5.7).

use std::sync::Arc;

use hsm_types::{AttributeType as A, ObjectId, Template};

use super::{Access, Session};
use crate::error::{Error, HandleRole};
use crate::key::{self, Key};
use crate::login::Login;
use crate::object::policy::{self, Copying};
use crate::object::rule::Origin;
use crate::object::{Object, factory};
use crate::token::Action;

/// A readable view of an object: it stays readable, whatever becomes of the object meanwhile.
pub struct ObjectView(Arc<Object>);

impl ObjectView {
    /// The value of an attribute as a caller may see it.
    ///
    /// # Errors
    /// [`Error::AttributeSensitive`], [`Error::AttributeTypeInvalid`].
    pub fn attribute(&self, attribute: A) -> Result<&[u8], Error> {
        self.0.reveal(attribute)
    }
}

impl Session {
    /// `C_CreateObject`.
    ///
    /// # Errors
    /// The rule of the attribute table that the template breaks.
    pub fn create_object(&self, template: Template) -> Result<ObjectId, Error> {
        let login = self.enter()?;
        let mut attributes = factory::draft(Origin::Create, Login::caller(login.as_ref()), template)?;
        self.admit(login.as_ref(), &attributes)?;
        if attributes.contains(A::KEY_TYPE) {
            prepare_key(&mut attributes)?;
            policy::check_new(self.token.policy(), Origin::Create, &attributes)?;
        }
        factory::stamp(&mut attributes, Origin::Create, None, None);
        self.add(login.as_ref(), Action::CreateObject, attributes)
    }

    /// `C_CopyObject`.
    ///
    /// # Errors
    /// [`Error::ActionProhibited`] when `CKA_COPYABLE` is false; the rule that the template breaks.
    pub fn copy_object(&self, source: ObjectId, template: &Template) -> Result<ObjectId, Error> {
        let login = self.enter()?;
        let object = self.visible(source, login.as_ref())?;
        if !object.is(A::COPYABLE) {
            return Err(Error::ActionProhibited("CKA_COPYABLE is false"));
        }
        if object.is(A::PRIVATE) && template.bool(A::PRIVATE) == Some(false) {
            return Err(Error::TemplateInconsistent {
                attribute: A::PRIVATE,
                rule: "a copy of a private object is private",
            });
        }
        let caller = Login::caller(login.as_ref());
        let mut attributes = factory::change(object.attributes(), template, self.token.policy(), caller, Copying::Yes)?;
        attributes.remove(A::UNIQUE_ID);
        self.admit(login.as_ref(), &attributes)?;
        self.add(login.as_ref(), Action::CopyObject, attributes)
    }

    /// `C_DestroyObject`. Running operations that use the object end.
    ///
    /// # Errors
    /// [`Error::ActionProhibited`] when `CKA_DESTROYABLE` is false; [`Error::SessionReadOnly`] for a
    /// token object.
    pub fn destroy_object(&self, id: ObjectId) -> Result<(), Error> {
        let login = self.enter()?;
        let object = self.visible(id, login.as_ref())?;
        if !object.is(A::DESTROYABLE) {
            return Err(Error::ActionProhibited("CKA_DESTROYABLE is false"));
        }
        if id.is_session_object() {
            self.token.session_objects().destroy(id)?;
        } else {
            self.writable()?;
            self.token.destroy(id)?;
        }
        self.token.record(login.as_ref(), Action::DestroyObject, Some(id), None);
        Ok(())
    }

    /// `C_GetObjectSize`: bytes of the object's attributes, encoded.
    ///
    /// # Errors
    /// [`Error::HandleInvalid`].
    pub fn object_size(&self, id: ObjectId) -> Result<u64, Error> {
        let login = self.enter()?;
        let size = self.visible(id, login.as_ref())?.attributes().encode().len();
        Ok(u64::try_from(size).unwrap_or(u64::MAX))
    }

    /// The object, for `C_GetAttributeValue`.
    ///
    /// # Errors
    /// [`Error::HandleInvalid`].
    pub fn object(&self, id: ObjectId) -> Result<ObjectView, Error> {
        let login = self.enter()?;
        self.visible(id, login.as_ref()).map(ObjectView)
    }

    /// `C_SetAttributeValue`: all attributes of the template, or none.
    ///
    /// # Errors
    /// [`Error::ActionProhibited`] when `CKA_MODIFIABLE` is false; the rule that the template breaks.
    pub fn set_attributes(&self, id: ObjectId, template: &Template) -> Result<(), Error> {
        let login = self.enter()?;
        let caller = Login::caller(login.as_ref());
        let policy = self.token.policy();
        let change = |object: &Object| {
            if !object.is(A::MODIFIABLE) {
                return Err(Error::ActionProhibited("CKA_MODIFIABLE is false"));
            }
            factory::change(object.attributes(), template, policy, caller, Copying::No)
        };
        if id.is_session_object() {
            self.visible(id, login.as_ref())?;
            return self.token.session_objects().change(id, &change);
        }
        self.visible(id, login.as_ref())?;
        self.writable()?;
        self.token.change(id, login.as_ref(), &change)?;
        self.token.record(login.as_ref(), Action::SetAttributes, Some(id), None);
        Ok(())
    }

    /// An object that the session sees.
    pub(super) fn visible(&self, id: ObjectId, login: Option<&Arc<Login>>) -> Result<Arc<Object>, Error> {
        self.token.object(id, login)?.ok_or(Error::HandleInvalid(HandleRole::Object))
    }

    /// Checks that this session may make an object with these attributes.
    pub(super) fn admit(&self, login: Option<&Arc<Login>>, attributes: &Template) -> Result<(), Error> {
        if attributes.bool(A::TOKEN) == Some(true) {
            self.writable()?;
        }
        if attributes.bool(A::PRIVATE) == Some(true) && Login::user(login).is_none() {
            return Err(Error::UserNotLoggedIn);
        }
        Ok(())
    }

    /// Keeps a new object, in the token or in the session.
    pub(super) fn add(
        &self,
        login: Option<&Arc<Login>>,
        action: Action,
        attributes: Template,
    ) -> Result<ObjectId, Error> {
        let ids = self.token.add(self.number, login, vec![attributes])?;
        let id = ids.first().copied().ok_or(Error::Crypto("an object was not made"))?;
        self.token.record(login, action, Some(id), None);
        Ok(id)
    }

    fn writable(&self) -> Result<(), Error> {
        match self.access {
            Access::ReadWrite => Ok(()),
            Access::ReadOnly => Err(Error::SessionReadOnly),
        }
    }
}

/// Checks the components of a key that came from outside and adds what follows from them.
pub(super) fn prepare_key(attributes: &mut Template) -> Result<(), Error> {
    let length = attributes.remove(A::VALUE_LEN);
    let check = attributes.remove(A::CHECK_VALUE);
    key::complete(attributes)?;
    Key::from_attributes(attributes)?;
    if length.is_some_and(|length| attributes.get(A::VALUE_LEN) != Some(length.as_slice())) {
        return Err(Error::TemplateInconsistent { attribute: A::VALUE_LEN, rule: "it is not the length of the value" });
    }
    add_check_value(attributes, check.as_ref().map(|check| check.as_slice()))
}

/// Adds `CKA_CHECK_VALUE`, or compares the one that the caller gave. An empty one asks for none.
pub(super) fn add_check_value(attributes: &mut Template, given: Option<&[u8]>) -> Result<(), Error> {
    let Some(actual) = key::check_value(attributes) else { return Ok(()) };
    match given {
        Some([]) => {}
        Some(given) if given != actual => {
            return Err(Error::AttributeValueInvalid {
                attribute: A::CHECK_VALUE,
                rule: "it is not the check value of this key",
            });
        }
        _ => attributes.set(A::CHECK_VALUE, actual),
    }
    Ok(())
}
