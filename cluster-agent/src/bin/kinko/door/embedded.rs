//! A token on this machine, opened in this process.

use std::cell::RefCell;
use std::sync::Arc;

use hsm_core::{Error, Role, Session, Token, UserType};
use hsm_types::{AttributeType, Mechanism, ObjectId, Template};

use super::{Account, Door};
use crate::failure::Failure;
use crate::role;

/// A session on a token of this machine.
pub struct Embedded {
    session: Arc<Session>,
    login: RefCell<Option<(Role, String)>>,
}

impl Embedded {
    /// Opens a read/write session.
    pub fn open(token: &Arc<Token>) -> Result<Self, Failure> {
        Ok(Self { session: token.open_session(hsm_core::Access::ReadWrite)?, login: RefCell::default() })
    }
}

impl Door for Embedded {
    fn login(&self, role: Role, name: &str, password: &[u8]) -> Result<(), Failure> {
        let user_type = match role {
            Role::Admin => UserType::So,
            Role::CryptoUser => UserType::User,
        };
        self.session.login(user_type, Some(name.as_bytes()), password).map_err(Failure::Login)?;
        *self.login.borrow_mut() = Some((role, name.to_owned()));
        Ok(())
    }

    fn logout(&self) -> Result<(), Failure> {
        *self.login.borrow_mut() = None;
        Ok(self.session.logout()?)
    }

    fn who(&self) -> Option<(Role, String)> {
        self.login.borrow().clone()
    }

    fn users(&self) -> Result<Vec<Account>, Failure> {
        let users = self.session.users()?.into_iter();
        Ok(users.map(|user| Account { name: user.name, role: role::name(user.role), locked: user.locked }).collect())
    }

    fn activate(&self, _password: &[u8]) -> Result<(), Failure> {
        Err(Failure::Input("this is a token, not a cluster: `token init` makes one with its administrator".to_owned()))
    }

    fn create_user(&self, role: Role, name: &str, password: &[u8]) -> Result<(), Failure> {
        Ok(self.session.create_user(role, name, password)?)
    }

    fn delete_user(&self, role: Role, name: &str) -> Result<(), Failure> {
        Ok(self.session.delete_user(role, name)?)
    }

    fn change_password(&self, role: Role, name: &str, password: &[u8]) -> Result<(), Failure> {
        Ok(self.session.change_password(role, name, password)?)
    }

    fn find(&self, template: &Template) -> Result<Vec<ObjectId>, Failure> {
        self.session.find_init(template)?;
        let found = self.session.find(usize::MAX);
        self.session.find_final()?;
        Ok(found?)
    }

    fn attributes(&self, object: ObjectId, wanted: &[AttributeType]) -> Result<Option<Template>, Failure> {
        let view = match self.session.object(object) {
            Ok(view) => view,
            Err(Error::HandleInvalid(_)) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let mut attributes = Template::new();
        for attribute in wanted {
            match view.attribute(*attribute) {
                Ok(value) => attributes.set(*attribute, value),
                Err(Error::AttributeSensitive(_) | Error::AttributeTypeInvalid(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Some(attributes))
    }

    fn destroy(&self, object: ObjectId) -> Result<(), Failure> {
        Ok(self.session.destroy_object(object)?)
    }

    fn generate_key(&self, mechanism: &Mechanism, template: Template) -> Result<ObjectId, Failure> {
        Ok(self.session.generate_key(mechanism, template)?)
    }

    fn generate_key_pair(
        &self,
        mechanism: &Mechanism,
        public: Template,
        private: Template,
    ) -> Result<(ObjectId, ObjectId), Failure> {
        Ok(self.session.generate_key_pair(mechanism, public, private)?)
    }

    fn sign(&self, mechanism: &Mechanism, key: ObjectId, data: &[u8]) -> Result<Vec<u8>, Failure> {
        self.session.sign_init(mechanism, key)?;
        let mut signature = vec![0; self.session.sign(data, None)?];
        let length = self.session.sign(data, Some(&mut signature))?;
        signature.truncate(length);
        Ok(signature)
    }

    fn verify(&self, mechanism: &Mechanism, key: ObjectId, data: &[u8], signature: &[u8]) -> Result<(), Failure> {
        self.session.verify_init(mechanism, key)?;
        self.session.verify(data, signature).map_err(|error| match error {
            Error::SignatureInvalid | Error::SignatureLenRange => Failure::Signature,
            error => error.into(),
        })
    }
}
