//! A cluster, through the HSM protocol.

use std::cell::{OnceCell, RefCell};
use std::sync::Arc;

use hsm_client::{Access, Cluster, Error, Fill as _, Session};
use hsm_core::Role;
use hsm_types::wire::{Function, Request};
use hsm_types::{AttributeType, Mechanism, ObjectId, Rv, Template};

use super::{Account, Door};
use crate::failure::Failure;

/// Most bytes of a signature: RSA-4096 has 512, ML-DSA-87 has 4627.
const LONGEST_SIGNATURE: usize = 8192;

/// Objects asked for at once.
const PAGE: u64 = 4096;

/// A session on a cluster, opened at the first command that needs one.
pub struct Remote {
    cluster: Arc<Cluster>,
    session: OnceCell<Session>,
    login: RefCell<Option<(Role, String)>>,
}

impl Remote {
    /// Connects to nothing yet.
    pub const fn new(cluster: Arc<Cluster>) -> Self {
        Self { cluster, session: OnceCell::new(), login: RefCell::new(None) }
    }

    fn session(&self) -> Result<&Session, Error> {
        if let Some(session) = self.session.get() {
            return Ok(session);
        }
        let session = self.cluster.open_session(Access::ReadWrite)?;
        Ok(self.session.get_or_init(|| session))
    }

    fn about_user(&self, function: Function, role: Role, name: &str, password: &[u8]) -> Result<(), Failure> {
        let told = self.session()?.tell(function, |request| {
            request.number = number(role);
            request.more = Some(name.as_bytes().to_vec());
            request.data = password.to_vec();
        });
        Ok(told?)
    }
}

/// The number of a role on the wire; `CKU_SO` and `CKU_USER` have the same ones.
const fn number(role: Role) -> u64 {
    match role {
        Role::Admin => 0,
        Role::CryptoUser => 1,
    }
}

const fn role_name(number: u32) -> &'static str {
    match number {
        0 => "admin",
        1 => "crypto-user",
        _ => "unactivated-admin",
    }
}

impl Door for Remote {
    fn login(&self, role: Role, name: &str, password: &[u8]) -> Result<(), Failure> {
        self.session()?.login(number(role), Some(name.as_bytes()), password).map_err(Failure::ClusterLogin)?;
        *self.login.borrow_mut() = Some((role, name.to_owned()));
        Ok(())
    }

    fn logout(&self) -> Result<(), Failure> {
        *self.login.borrow_mut() = None;
        Ok(self.session()?.logout()?)
    }

    fn who(&self) -> Option<(Role, String)> {
        self.login.borrow().clone()
    }

    fn users(&self) -> Result<Vec<Account>, Failure> {
        let users = self.cluster.users()?.into_iter();
        Ok(users.map(|user| Account { name: user.name, role: role_name(user.role), locked: user.locked }).collect())
    }

    fn activate(&self, password: &[u8]) -> Result<(), Failure> {
        Ok(self.cluster.activate(password)?)
    }

    fn create_user(&self, role: Role, name: &str, password: &[u8]) -> Result<(), Failure> {
        self.about_user(Function::CreateUser, role, name, password)
    }

    fn delete_user(&self, role: Role, name: &str) -> Result<(), Failure> {
        self.about_user(Function::DeleteUser, role, name, &[])
    }

    fn change_password(&self, role: Role, name: &str, password: &[u8]) -> Result<(), Failure> {
        self.about_user(Function::ChangePassword, role, name, password)
    }

    fn find(&self, template: &Template) -> Result<Vec<ObjectId>, Failure> {
        let session = self.session()?;
        session.tell(Function::FindInit, |request| fill(request.template(template)))?;
        let mut found = Vec::new();
        loop {
            let page = session.objects(Function::Find, |request| request.number = PAGE)?;
            if page.is_empty() {
                break;
            }
            found.extend(page);
        }
        session.tell(Function::FindFinal, |_| ())?;
        Ok(found)
    }

    fn attributes(&self, object: ObjectId, wanted: &[AttributeType]) -> Result<Option<Template>, Failure> {
        let revealed = match self.session()?.attributes(object, wanted) {
            Ok(revealed) => revealed,
            Err(error) if error.rv() == Rv::OBJECT_HANDLE_INVALID => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let mut attributes = Template::new();
        for (attribute, value) in wanted.iter().zip(revealed) {
            if let Ok(value) = value {
                attributes.set(*attribute, value.as_slice());
            }
        }
        Ok(Some(attributes))
    }

    fn destroy(&self, object: ObjectId) -> Result<(), Failure> {
        Ok(self.session()?.tell(Function::DestroyObject, |request| fill(request.object(object)))?)
    }

    fn generate_key(&self, mechanism: &Mechanism, template: Template) -> Result<ObjectId, Failure> {
        let ask = |request: &mut Request| fill(request.mechanism(mechanism).template(&template));
        Ok(self.session()?.made(Function::GenerateKey, ask)?)
    }

    fn generate_key_pair(
        &self,
        mechanism: &Mechanism,
        public: Template,
        private: Template,
    ) -> Result<(ObjectId, ObjectId), Failure> {
        let ask = |request: &mut Request| fill(request.mechanism(mechanism).template(&public).template(&private));
        match self.session()?.objects(Function::GenerateKeyPair, ask)?.as_slice() {
            &[public, private] => Ok((public, private)),
            _ => Err(Error::Protocol("the new pair's handles are missing").into()),
        }
    }

    fn sign(&self, mechanism: &Mechanism, key: ObjectId, data: &[u8]) -> Result<Vec<u8>, Failure> {
        let session = self.session()?;
        session.tell(Function::SignInit, |request| fill(request.mechanism(mechanism).object(key)))?;
        let mut signature = vec![0; LONGEST_SIGNATURE];
        let length = session.output(Function::Sign, Some(&mut signature), |request| request.data = data.to_vec())?;
        signature.truncate(length);
        Ok(signature)
    }

    fn verify(&self, mechanism: &Mechanism, key: ObjectId, data: &[u8], signature: &[u8]) -> Result<(), Failure> {
        let session = self.session()?;
        session.tell(Function::VerifyInit, |request| fill(request.mechanism(mechanism).object(key)))?;
        let verified = session.tell(Function::Verify, |request| {
            request.data = data.to_vec();
            request.more = Some(signature.to_vec());
        });
        verified.map_err(|error| match error.rv() {
            Rv::SIGNATURE_INVALID | Rv::SIGNATURE_LEN_RANGE => Failure::Signature,
            _ => error.into(),
        })
    }
}

/// The request is filled when this is called.
const fn fill(_request: &mut Request) {}
