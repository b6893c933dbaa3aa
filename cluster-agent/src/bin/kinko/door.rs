//! The one way from a command to an HSM.

mod embedded;
mod remote;

use hsm_core::Role;
use hsm_types::{AttributeType, Mechanism, ObjectId, Template};

use crate::failure::Failure;

pub use embedded::Embedded;
pub use remote::Remote;

/// A user, as a list shows it.
pub struct Account {
    pub name: String,
    /// `admin`, `crypto-user`, or `unactivated-admin` before a cluster is activated.
    pub role: &'static str,
    pub locked: bool,
}

/// An HSM, or a cluster of them, as the commands see it. One login at a time.
pub trait Door {
    /// Logs a user in.
    fn login(&self, role: Role, name: &str, password: &[u8]) -> Result<(), Failure>;
    /// Logs out.
    fn logout(&self) -> Result<(), Failure>;
    /// Who is logged in through this door.
    fn who(&self) -> Option<(Role, String)>;

    /// All users, by role and name. Needs no login.
    fn users(&self) -> Result<Vec<Account>, Failure>;
    /// Gives a cluster that waits for it its first administrator's password.
    fn activate(&self, password: &[u8]) -> Result<(), Failure>;
    /// Creates a user; for an administrator.
    fn create_user(&self, role: Role, name: &str, password: &[u8]) -> Result<(), Failure>;
    /// Deletes a user; for an administrator.
    fn delete_user(&self, role: Role, name: &str) -> Result<(), Failure>;
    /// Sets a password, the own one or, for an administrator, anybody's.
    fn change_password(&self, role: Role, name: &str, password: &[u8]) -> Result<(), Failure>;

    /// The objects that match a template.
    fn find(&self, template: &Template) -> Result<Vec<ObjectId>, Failure>;
    /// Those of the attributes that the object has and that may be seen. `None` without such an object.
    fn attributes(&self, object: ObjectId, wanted: &[AttributeType]) -> Result<Option<Template>, Failure>;
    /// Destroys an object.
    fn destroy(&self, object: ObjectId) -> Result<(), Failure>;
    /// Generates a secret key.
    fn generate_key(&self, mechanism: &Mechanism, template: Template) -> Result<ObjectId, Failure>;
    /// Generates a key pair: the public and the private key.
    fn generate_key_pair(
        &self,
        mechanism: &Mechanism,
        public: Template,
        private: Template,
    ) -> Result<(ObjectId, ObjectId), Failure>;

    /// Signs data.
    fn sign(&self, mechanism: &Mechanism, key: ObjectId, data: &[u8]) -> Result<Vec<u8>, Failure>;
    /// Verifies a signature: [`Failure::Signature`] when it is not one.
    fn verify(&self, mechanism: &Mechanism, key: ObjectId, data: &[u8], signature: &[u8]) -> Result<(), Failure>;
}
