//! Sessions on a cluster.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use hsm_types::wire::{Function, Repeat, Reply, Request, encode_mechanism};
use hsm_types::{AttributeType, Mechanism, ObjectId, Rv, Template};
use zeroize::Zeroizing;

use crate::cluster::{Cluster, Failure, accepted};
use crate::error::Error;
use crate::login::Login;

/// Whether a session may write token objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// `CKF_RW_SESSION` not set.
    ReadOnly,
    /// `CKF_RW_SESSION`.
    ReadWrite,
}

/// An attribute's value, or why there is none.
pub type Revealed = Result<Zeroizing<Vec<u8>>, Rv>;

/// One session. It survives the death of its HSM: the next call opens it anew on another one. What it had there
/// (session objects, operations in the middle) is gone.
pub struct Session {
    cluster: Arc<Cluster>,
    access: Access,
    bound: Mutex<Option<Bound>>,
}

/// Where a session is open.
struct Bound {
    generation: u64,
    number: u64,
    /// Operations that were begun and have taken no data yet: they can be begun again elsewhere.
    begun: Vec<(Kind, Request)>,
}

/// The kinds of operation, one of each at a time.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Encrypt,
    Decrypt,
    Digest,
    Sign,
    Verify,
}

impl Kind {
    const fn of(function: Function) -> Option<Self> {
        use Function as F;
        match function {
            F::EncryptInit | F::Encrypt | F::EncryptUpdate | F::EncryptFinal => Some(Self::Encrypt),
            F::DecryptInit | F::Decrypt | F::DecryptUpdate | F::DecryptFinal => Some(Self::Decrypt),
            F::DigestInit | F::Digest | F::DigestUpdate | F::DigestKey | F::DigestFinal => Some(Self::Digest),
            F::SignInit | F::Sign | F::SignUpdate | F::SignFinal => Some(Self::Sign),
            F::VerifyInit | F::Verify | F::VerifyUpdate | F::VerifyFinal => Some(Self::Verify),
            _ => None,
        }
    }

    const fn begins(function: Function) -> bool {
        use Function as F;
        matches!(function, F::EncryptInit | F::DecryptInit | F::DigestInit | F::SignInit | F::VerifyInit)
    }
}

impl Session {
    pub(crate) fn open(cluster: Arc<Cluster>, access: Access) -> Result<Self, Error> {
        let session = Self { cluster, access, bound: Mutex::new(None) };
        let mut lost = String::new();
        for _ in 0..session.cluster.tries() {
            match session.bind() {
                Ok(bound) => {
                    *session.bound.lock()? = Some(bound);
                    session.cluster.sessions.fetch_add(1, Ordering::AcqRel);
                    return Ok(session);
                }
                Err(Failure::NotSent(Error::SessionClosed)) => {}
                Err(Failure::NotSent(error)) => return Err(error),
                Err(Failure::Lost(why)) => lost = why,
            }
        }
        Err(Error::Unreachable(lost))
    }

    /// Opens the session on the HSM that is spoken to now, and logs in there if it is a new one.
    fn bind(&self) -> Result<Bound, Failure> {
        let mut request = Request::default();
        request.function = Function::OpenSession.code();
        request.number = u64::from(self.access == Access::ReadWrite);
        let (reply, generation) = self.cluster.exchange(None, &request)?;
        let number = accepted(reply).map_err(Failure::NotSent)?.number;
        self.cluster.login.renew(&self.cluster, number, generation)?;
        Ok(Bound { generation, number, begun: Vec::new() })
    }

    /// One call: on the session's HSM, or, when that is dead, on another one.
    fn call(&self, function: Function, fill: impl FnOnce(&mut Request)) -> Result<(Reply, u64), Error> {
        let mut request = Request::default();
        request.function = function.code();
        fill(&mut request);
        let mut place = self.bound.lock()?;
        let mut lost = "it answered nothing".to_owned();
        for _ in 0..self.cluster.tries() {
            let bound = place.as_mut().ok_or(Error::SessionClosed)?;
            request.session = bound.number;
            match self.cluster.exchange(Some(bound.generation), &request) {
                Ok((reply, generation)) => {
                    note_operation(bound, function, request, &reply);
                    return accepted(reply).map(|reply| (reply, generation));
                }
                // Another thread's call found the HSM dead.
                Err(Failure::NotSent(Error::SessionClosed)) => {}
                Err(Failure::NotSent(error)) => return Err(error),
                Err(Failure::Lost(why)) if function.repeat() == Repeat::No => {
                    return Err(Error::OutcomeUnknown(why));
                }
                Err(Failure::Lost(why)) => lost = why,
            }
            match self.rebind(bound, function) {
                Ok(()) | Err(Failure::NotSent(Error::SessionClosed)) => {}
                Err(Failure::NotSent(error)) => return Err(error),
                Err(Failure::Lost(why)) => lost = why,
            }
        }
        Err(Error::Unreachable(lost))
    }

    /// Opens the session on another HSM, and begins there again what a call is about to go on with.
    fn rebind(&self, bound: &mut Bound, function: Function) -> Result<(), Failure> {
        let renewed = self.bind()?;
        bound.generation = renewed.generation;
        bound.number = renewed.number;
        let begun = std::mem::take(&mut bound.begun);
        for (kind, mut request) in begun {
            if Kind::begins(function) && Kind::of(function) == Some(kind) {
                continue;
            }
            request.session = bound.number;
            let (reply, _) = self.cluster.exchange(Some(bound.generation), &request)?;
            // A key that died with its session cannot begin again: the call then says that nothing is running.
            if reply.rv == 0 {
                bound.begun.push((kind, request));
            }
        }
        Ok(())
    }

    /// Closes the session.
    ///
    /// # Errors
    /// [`Error::SessionClosed`] when it is closed already. An HSM that is gone has closed it by itself.
    pub fn close(&self) -> Result<(), Error> {
        let bound = self.bound.lock()?.take().ok_or(Error::SessionClosed)?;
        let mut request = Request::default();
        request.function = Function::CloseSession.code();
        request.session = bound.number;
        if self.cluster.sessions.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.cluster.login.forget()?;
        }
        match self.cluster.exchange(Some(bound.generation), &request) {
            Ok(_) | Err(Failure::NotSent(_) | Failure::Lost(_)) => Ok(()),
        }
    }

    /// The session's state, `CKS_…`.
    ///
    /// # Errors
    /// The HSM's; [`Error::Unreachable`].
    pub fn state(&self) -> Result<u64, Error> {
        Ok(self.call(Function::SessionInfo, |_| ())?.0.number)
    }

    /// Read-only or read/write.
    #[must_use]
    pub const fn access(&self) -> Access {
        self.access
    }

    /// Logs in; `user` is `CKU_…`.
    ///
    /// # Errors
    /// The HSM's; [`Error::OutcomeUnknown`] is not repeated: it may have cost a strike.
    pub fn login(&self, user: u64, name: Option<&[u8]>, password: &[u8]) -> Result<(), Error> {
        /// `CKU_CONTEXT_SPECIFIC`: the password of one operation, not a login.
        const CONTEXT_SPECIFIC: u64 = 2;
        let filled = Login::request(0, user, name, password);
        let (_, generation) = self.call(Function::Login, |request| *request = filled)?;
        if user == CONTEXT_SPECIFIC {
            return Ok(());
        }
        self.cluster.login.note(user, name, password, generation)
    }

    /// Logs out.
    ///
    /// # Errors
    /// The HSM's.
    pub fn logout(&self) -> Result<(), Error> {
        let done = self.call(Function::Logout, |_| ());
        self.cluster.login.forget()?;
        done.map(drop)
    }

    /// Changes the password of whoever is logged in.
    ///
    /// # Errors
    /// The HSM's.
    pub fn set_pin(&self, old: &[u8], new: &[u8]) -> Result<(), Error> {
        self.call(Function::SetPin, |request| {
            request.data = old.to_vec();
            request.more = Some(new.to_vec());
        })?;
        let password = new.iter().position(|byte| *byte == b':').and_then(|colon| new.get(colon.saturating_add(1)..));
        self.cluster.login.password_changed(password.unwrap_or(new))
    }

    /// A call without an answer.
    ///
    /// # Errors
    /// The HSM's.
    pub fn tell(&self, function: Function, fill: impl FnOnce(&mut Request)) -> Result<(), Error> {
        self.call(function, fill).map(drop)
    }

    /// A call that is answered with a number.
    ///
    /// # Errors
    /// The HSM's.
    pub fn number(&self, function: Function, fill: impl FnOnce(&mut Request)) -> Result<u64, Error> {
        Ok(self.call(function, fill)?.0.number)
    }

    /// A call that is answered with objects.
    ///
    /// # Errors
    /// The HSM's.
    pub fn objects(&self, function: Function, fill: impl FnOnce(&mut Request)) -> Result<Vec<ObjectId>, Error> {
        Ok(self.call(function, fill)?.0.objects.iter().copied().map(ObjectId).collect())
    }

    /// A call that is answered with one object.
    ///
    /// # Errors
    /// The HSM's.
    pub fn made(&self, function: Function, fill: impl FnOnce(&mut Request)) -> Result<ObjectId, Error> {
        self.objects(function, fill)?.first().copied().ok_or(Error::Protocol("the new object's handle is missing"))
    }

    /// A call with an output: writes it and returns its length; the length alone if there is no output.
    ///
    /// # Errors
    /// The HSM's. `CKR_BUFFER_TOO_SMALL` comes as [`Error::Refused`] with the length needed.
    pub fn output(
        &self,
        function: Function,
        output: Option<&mut [u8]>,
        fill: impl FnOnce(&mut Request),
    ) -> Result<usize, Error> {
        let room = output.as_deref().map(|room| u64::try_from(room.len()).unwrap_or(u64::MAX));
        let (reply, _) = self.call(function, |request| {
            fill(request);
            request.room = room;
        })?;
        let Some(output) = output else {
            return usize::try_from(reply.number).map_err(|_| Error::Protocol("the length is impossible"));
        };
        let written = reply.data.len();
        output
            .get_mut(..written)
            .ok_or(Error::Protocol("the output is longer than the room for it"))?
            .copy_from_slice(&reply.data);
        Ok(written)
    }

    /// Attributes of an object, in the order asked.
    ///
    /// # Errors
    /// The HSM's.
    pub fn attributes(&self, object: ObjectId, wanted: &[AttributeType]) -> Result<Vec<Revealed>, Error> {
        let (mut reply, _) = self.call(Function::Attributes, |request| {
            request.objects = vec![object.0];
            request.numbers = wanted.iter().map(|attribute| attribute.0).collect();
        })?;
        if reply.attributes.len() != wanted.len() {
            return Err(Error::Protocol("the number of attributes is not the one asked for"));
        }
        let attributes = std::mem::take(&mut reply.attributes);
        Ok(attributes
            .into_iter()
            .map(|mut attribute| match attribute.rv {
                0 => Ok(Zeroizing::new(std::mem::take(&mut attribute.value))),
                rv => Err(Rv(rv)),
            })
            .collect())
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // Already closed is fine.
        let _ = self.close();
    }
}

impl Fill for Request {
    fn mechanism(&mut self, mechanism: &Mechanism) -> &mut Self {
        self.mechanism = Some(encode_mechanism(mechanism));
        self
    }

    fn object(&mut self, object: ObjectId) -> &mut Self {
        self.objects.push(object.0);
        self
    }

    fn template(&mut self, template: &Template) -> &mut Self {
        self.templates.push(template.encode().to_vec());
        self
    }
}

/// Puts PKCS#11's things into a request.
pub trait Fill {
    /// The mechanism.
    fn mechanism(&mut self, mechanism: &Mechanism) -> &mut Self;
    /// One more object.
    fn object(&mut self, object: ObjectId) -> &mut Self;
    /// One more template.
    fn template(&mut self, template: &Template) -> &mut Self;
}

/// Remembers an operation that was begun; forgets one that has taken data or has ended.
fn note_operation(bound: &mut Bound, function: Function, request: Request, reply: &Reply) {
    let Some(kind) = Kind::of(function) else { return };
    // A question for a length, and an output that was too small, leave the operation as it is.
    let question = request.room.is_none()
        && matches!(function, Function::Encrypt | Function::Decrypt | Function::Digest | Function::Sign);
    if question || Rv(reply.rv) == Rv::BUFFER_TOO_SMALL {
        return;
    }
    if Kind::begins(function) {
        if reply.rv == 0 {
            bound.begun.retain(|(other, _)| *other != kind);
            bound.begun.push((kind, request));
        }
    } else {
        bound.begun.retain(|(other, _)| *other != kind);
    }
}
