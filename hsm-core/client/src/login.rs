//! The login, kept so that it can be renewed once when an HSM dies.

use std::sync::Mutex;

use hsm_types::wire::{Function, Request};
use zeroize::Zeroizing;

use crate::cluster::{Cluster, Failure, accepted};
use crate::error::Error;

/// Who is logged in, and how that was proven. Belongs to all sessions of the process.
#[derive(Default)]
pub(crate) struct Login(Mutex<Option<Proof>>);

struct Proof {
    user: u64,
    name: Option<Vec<u8>>,
    password: Zeroizing<Vec<u8>>,
    /// The generation of connections that it is logged in on.
    generation: u64,
}

impl Login {
    /// A request to log in.
    pub(crate) fn request(session: u64, user: u64, name: Option<&[u8]>, password: &[u8]) -> Request {
        let mut request = Request::default();
        request.function = Function::Login.code();
        request.session = session;
        request.number = user;
        request.more = name.map(<[u8]>::to_vec);
        request.data = password.to_vec();
        request
    }

    /// Notes a login that succeeded.
    pub(crate) fn note(&self, user: u64, name: Option<&[u8]>, password: &[u8], generation: u64) -> Result<(), Error> {
        let proof =
            Proof { user, name: name.map(<[u8]>::to_vec), password: Zeroizing::new(password.to_vec()), generation };
        *self.0.lock()? = Some(proof);
        Ok(())
    }

    /// Forgets the login.
    pub(crate) fn forget(&self) -> Result<(), Error> {
        self.0.lock()?.take();
        Ok(())
    }

    /// The password has been changed by its owner.
    pub(crate) fn password_changed(&self, password: &[u8]) -> Result<(), Error> {
        if let Some(proof) = self.0.lock()?.as_mut() {
            proof.password = Zeroizing::new(password.to_vec());
        }
        Ok(())
    }

    /// Logs in again on another HSM, once. A login that is refused is forgotten, so that a changed password costs one
    /// strike at most.
    pub(crate) fn renew(&self, cluster: &Cluster, session: u64, generation: u64) -> Result<(), Failure> {
        // Held during the exchange: the other sessions wait, and find the login renewed.
        let mut proof = self.0.lock().map_err(|_| Failure::NotSent(Error::Poisoned))?;
        let Some(known) = proof.as_mut().filter(|known| known.generation != generation) else { return Ok(()) };
        let request = Self::request(session, known.user, known.name.as_deref(), &known.password);
        let (reply, _) = cluster.exchange(Some(generation), &request)?;
        match accepted(reply) {
            Ok(_) => known.generation = generation,
            Err(error) => {
                log::warn!("the login could not be renewed on another HSM: {error}");
                *proof = None;
            }
        }
        Ok(())
    }
}
