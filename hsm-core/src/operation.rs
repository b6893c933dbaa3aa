//! Running operations: PKCS#11's rules on when an operation ends and how long output may be
//! (v3.2 section 5.2), kept once for all mechanisms.

use std::sync::Arc;

use zeroize::Zeroizing;

use crate::error::Error;
use crate::mechanism::{Cipher, Digester, Signer, Verifier};
use crate::object::Object;

/// An operation that a session runs, with what it depends on.
pub struct Running<T: ?Sized> {
    /// Tells this operation from others of the session.
    number: u64,
    /// The key, if the operation has one.
    key: Option<Arc<Object>>,
    /// Keys that the operation took in after it began.
    taken_in: Vec<Arc<Object>>,
    /// The login during which the operation began, if its key is a private object.
    login: Option<u64>,
    /// Whether a part was processed: single-part calls are then out of order.
    in_parts: bool,
    /// Whether the key still wants the user's password for this operation (`CKA_ALWAYS_AUTHENTICATE`).
    awaits_password: bool,
    work: Box<T>,
}

/// A call's effect on the operation that it belongs to.
pub enum Step {
    /// The operation goes on (a length query, a part).
    Continues(usize),
    /// The operation is over.
    Ends(usize),
}

/// What decides whether an operation may go on; the token answers it.
pub trait Standing {
    /// The number of the current login; it changes with every login and logout.
    fn login_epoch(&self) -> u64;
}

impl<T: ?Sized> Running<T> {
    /// An operation without a key.
    pub const fn keyless(work: Box<T>) -> Self {
        Self { number: 0, key: None, taken_in: Vec::new(), login: None, in_parts: false, awaits_password: false, work }
    }

    /// An operation with a key. `login` is the login that a private key belongs to; `number` is new in
    /// the session.
    pub fn with_key(work: Box<T>, key: Arc<Object>, login: Option<u64>, number: u64) -> Self {
        let awaits_password = key.always_authenticate();
        let taken_in = Vec::new();
        Self { number, key: Some(key), taken_in, login, in_parts: false, awaits_password, work }
    }

    /// Notes that the operation took in a private key after it began (`C_DigestKey`).
    pub fn depends_on(&mut self, key: Arc<Object>, login: Option<u64>) {
        self.taken_in.push(key);
        self.login = self.login.or(login);
    }

    /// Notes that the user gave the password that the key wants for the operation of this number.
    pub const fn authenticated(&mut self, number: u64) {
        if self.number == number {
            self.awaits_password = false;
        }
    }

    /// The operation's number, if it waits for the user's password and could go on with it.
    pub fn awaits_password(&self, standing: &dyn Standing) -> Option<u64> {
        (self.awaits_password && self.stands(standing)).then_some(self.number)
    }

    /// Whether the operation uses a private object, which a logout takes away.
    pub const fn is_private(&self) -> bool {
        self.login.is_some()
    }

    /// Whether the operation could still go on; one that could not makes room for the next.
    pub fn stands(&self, standing: &dyn Standing) -> bool {
        self.foundation(standing).is_ok()
    }

    /// Checks that nothing the operation stands on has gone: its login, its key.
    fn foundation(&self, standing: &dyn Standing) -> Result<(), Error> {
        if self.login.is_some_and(|login| login != standing.login_epoch()) {
            return Err(Error::UserNotLoggedIn);
        }
        if self.key.iter().chain(&self.taken_in).any(|key| key.is_gone()) {
            return Err(Error::OperationNotInitialized);
        }
        Ok(())
    }

    /// The same, and that the key's own password was given.
    fn check(&self, standing: &dyn Standing) -> Result<(), Error> {
        self.foundation(standing)?;
        if self.awaits_password { Err(Error::UserNotLoggedIn) } else { Ok(()) }
    }
}

/// Runs one call on the operation in `slot`, and ends the operation as section 5.2 demands: always,
/// except on a length query, a buffer that is too small, a part that succeeds, or a call out of order.
///
/// # Errors
/// [`Error::OperationNotInitialized`] without an operation; what `call` returns.
pub fn advance<T: ?Sized>(
    slot: &mut Option<Running<T>>,
    standing: &dyn Standing,
    call: impl FnOnce(&mut Running<T>) -> Result<Step, Error>,
) -> Result<usize, Error> {
    let running = slot.as_mut().ok_or(Error::OperationNotInitialized)?;
    let outcome = running.check(standing).and_then(|()| call(running));
    match outcome {
        Ok(Step::Continues(length)) => Ok(length),
        Ok(Step::Ends(length)) => {
            *slot = None;
            Ok(length)
        }
        Err(error @ (Error::BufferTooSmall { .. } | Error::OperationActive)) => Err(error),
        Err(error) => {
            *slot = None;
            Err(error)
        }
    }
}

impl Running<dyn Cipher> {
    /// `C_Encrypt`, `C_Decrypt`.
    ///
    /// # Errors
    /// [`Error::OperationActive`] after parts; what the mechanism finds wrong.
    pub fn process(&mut self, input: &[u8], output: Option<&mut [u8]>) -> Result<Step, Error> {
        if self.in_parts {
            return Err(Error::OperationActive);
        }
        let most = self.work.process_len(input.len());
        match output {
            None => Ok(Step::Continues(most)),
            Some(output) if output.len() >= most => self.work.process(input, output).map(Step::Ends),
            // The result can be shorter than the bound (padding): try before refusing.
            Some(output) => {
                let mut whole = Zeroizing::new(vec![0; most]);
                let length = self.work.process(input, &mut whole)?;
                deliver(whole.get(..length).unwrap_or_default(), output).map(Step::Ends)
            }
        }
    }

    /// `C_EncryptUpdate`, `C_DecryptUpdate`.
    ///
    /// # Errors
    /// [`Error::FunctionNotSupported`] for a mechanism without parts; what the mechanism finds wrong.
    pub fn update(&mut self, input: &[u8], output: Option<&mut [u8]>) -> Result<Step, Error> {
        let needed = self.work.update_len(input.len()).ok_or(SINGLE_PART)?;
        let Some(output) = output else { return Ok(Step::Continues(needed)) };
        if output.len() < needed {
            return Err(Error::BufferTooSmall { needed });
        }
        self.in_parts = true;
        self.work.update(input, output).map(Step::Continues)
    }

    /// `C_EncryptFinal`, `C_DecryptFinal`.
    ///
    /// # Errors
    /// [`Error::FunctionNotSupported`] for a mechanism without parts; what the mechanism finds wrong.
    pub fn finish(&mut self, output: Option<&mut [u8]>) -> Result<Step, Error> {
        self.work.update_len(0).ok_or(SINGLE_PART)?;
        let needed = self.work.finish_len()?;
        let Some(output) = output else { return Ok(Step::Continues(needed)) };
        if output.len() < needed {
            return Err(Error::BufferTooSmall { needed });
        }
        self.work.finish(output).map(Step::Ends)
    }
}

impl Running<dyn Signer> {
    /// `C_Sign`.
    ///
    /// # Errors
    /// [`Error::OperationActive`] after parts; what the mechanism finds wrong.
    pub fn sign(&mut self, data: &[u8], signature: Option<&mut [u8]>) -> Result<Step, Error> {
        if self.in_parts {
            return Err(Error::OperationActive);
        }
        match room(self.work.signature_len(), signature)? {
            Room::Query(length) => Ok(Step::Continues(length)),
            Room::Buffer(signature) => self.work.sign(data, signature).map(Step::Ends),
        }
    }

    /// `C_SignUpdate`.
    ///
    /// # Errors
    /// [`Error::FunctionNotSupported`] for a mechanism without parts; what the mechanism finds wrong.
    pub fn update(&mut self, data: &[u8]) -> Result<Step, Error> {
        if !self.work.is_multi_part() {
            return Err(SINGLE_PART);
        }
        self.in_parts = true;
        self.work.update(data).map(|()| Step::Continues(0))
    }

    /// `C_SignFinal`.
    ///
    /// # Errors
    /// [`Error::FunctionNotSupported`] for a mechanism without parts; what the mechanism finds wrong.
    pub fn finish(&mut self, signature: Option<&mut [u8]>) -> Result<Step, Error> {
        if !self.work.is_multi_part() {
            return Err(SINGLE_PART);
        }
        match room(self.work.signature_len(), signature)? {
            Room::Query(length) => Ok(Step::Continues(length)),
            Room::Buffer(signature) => self.work.finish(signature).map(Step::Ends),
        }
    }
}

impl Running<dyn Verifier> {
    /// `C_Verify`.
    ///
    /// # Errors
    /// [`Error::OperationActive`] after parts; [`Error::SignatureInvalid`] or
    /// [`Error::SignatureLenRange`] for a signature that does not verify.
    pub fn verify(&mut self, data: &[u8], signature: &[u8]) -> Result<Step, Error> {
        if self.in_parts {
            return Err(Error::OperationActive);
        }
        self.work.verify(data, signature).map(|()| Step::Ends(0))
    }

    /// `C_VerifyUpdate`.
    ///
    /// # Errors
    /// [`Error::FunctionNotSupported`] for a mechanism without parts.
    pub fn update(&mut self, data: &[u8]) -> Result<Step, Error> {
        if !self.work.is_multi_part() {
            return Err(SINGLE_PART);
        }
        self.in_parts = true;
        self.work.update(data).map(|()| Step::Continues(0))
    }

    /// `C_VerifyFinal`.
    ///
    /// # Errors
    /// As [`verify`](Self::verify).
    pub fn finish(&mut self, signature: &[u8]) -> Result<Step, Error> {
        if !self.work.is_multi_part() {
            return Err(SINGLE_PART);
        }
        self.work.finish(signature).map(|()| Step::Ends(0))
    }
}

impl Running<dyn Digester> {
    /// `C_Digest`.
    ///
    /// # Errors
    /// [`Error::OperationActive`] after parts; [`Error::BufferTooSmall`].
    pub fn digest(&mut self, data: &[u8], digest: Option<&mut [u8]>) -> Result<Step, Error> {
        if self.in_parts {
            return Err(Error::OperationActive);
        }
        match room(self.work.digest_len(), digest)? {
            Room::Query(length) => Ok(Step::Continues(length)),
            Room::Buffer(digest) => {
                self.work.update(data);
                self.work.finish(digest);
                Ok(Step::Ends(self.work.digest_len()))
            }
        }
    }

    /// `C_DigestUpdate`, `C_DigestKey`.
    pub fn update(&mut self, data: &[u8]) -> Step {
        self.in_parts = true;
        self.work.update(data);
        Step::Continues(0)
    }

    /// `C_DigestFinal`.
    ///
    /// # Errors
    /// [`Error::BufferTooSmall`].
    pub fn finish(&mut self, digest: Option<&mut [u8]>) -> Result<Step, Error> {
        match room(self.work.digest_len(), digest)? {
            Room::Query(length) => Ok(Step::Continues(length)),
            Room::Buffer(digest) => {
                self.work.finish(digest);
                Ok(Step::Ends(self.work.digest_len()))
            }
        }
    }
}

/// Hands a whole result to the caller: the length on a query, the bytes when they fit.
///
/// # Errors
/// [`Error::BufferTooSmall`].
pub fn answer(result: &[u8], output: Option<&mut [u8]>) -> Result<usize, Error> {
    match output {
        None => Ok(result.len()),
        Some(output) => deliver(result, output),
    }
}

const SINGLE_PART: Error = Error::FunctionNotSupported("the mechanism works on whole messages only");

enum Room<'a> {
    Query(usize),
    Buffer(&'a mut [u8]),
}

fn room(needed: usize, output: Option<&mut [u8]>) -> Result<Room<'_>, Error> {
    match output {
        None => Ok(Room::Query(needed)),
        Some(output) if output.len() >= needed => Ok(Room::Buffer(output)),
        Some(_) => Err(Error::BufferTooSmall { needed }),
    }
}

fn deliver(result: &[u8], output: &mut [u8]) -> Result<usize, Error> {
    let room = output.get_mut(..result.len()).ok_or(Error::BufferTooSmall { needed: result.len() })?;
    room.copy_from_slice(result);
    Ok(result.len())
}
