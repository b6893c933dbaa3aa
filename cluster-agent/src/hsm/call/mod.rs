//! From requests to calls on the core, one file per kind.

mod admin;
mod cryptography;
mod key;
mod object;
mod session;

use hsm_core::Error;
use hsm_types::wire::{Function, MAX_OUTPUT, Reply, Request, decode_mechanism};
use hsm_types::{Mechanism, ObjectId, Template};

use super::client::Client;

/// Performs a request. Every request has an answer.
pub(super) fn answer(client: &Client, request: &mut Request) -> Reply {
    let mut reply = Reply::default();
    let Some(function) = Function::of_code(request.function) else {
        refuse(&mut reply, &Error::FunctionNotSupported("a function of a newer version of the protocol"));
        return reply;
    };
    if let Err(error) = perform(client, function, request, &mut reply) {
        tracing::debug!(function = function.name(), rv = %error.rv(), %error, "refused");
        reply = Reply::default();
        refuse(&mut reply, &error);
    }
    reply
}

fn refuse(reply: &mut Reply, error: &Error) {
    reply.rv = error.rv().0;
    reply.message = error.to_string();
    if let Error::BufferTooSmall { needed } = error {
        reply.number = number(*needed);
    }
}

fn perform(client: &Client, function: Function, request: &mut Request, reply: &mut Reply) -> Result<(), Error> {
    use Function as F;
    match function {
        F::Hello => Err(Error::ArgumentsBad("hello was said already")),
        F::TokenInfo
        | F::Mechanisms
        | F::OpenSession
        | F::CloseSession
        | F::SessionInfo
        | F::Login
        | F::Logout
        | F::InitPin
        | F::SetPin
        | F::Cancel => session::perform(client, function, request, reply),
        F::CreateObject
        | F::CopyObject
        | F::DestroyObject
        | F::ObjectSize
        | F::Attributes
        | F::SetAttributes
        | F::FindInit
        | F::Find
        | F::FindFinal => object::perform(&*client.session(request.session)?, function, request, reply),
        F::GenerateKey
        | F::GenerateKeyPair
        | F::WrapKey
        | F::UnwrapKey
        | F::DeriveKey
        | F::SeedRandom
        | F::GenerateRandom => key::perform(&*client.session(request.session)?, function, request, reply),
        F::Users | F::CreateUser | F::DeleteUser | F::ChangePassword | F::Activate => {
            admin::perform(client, function, request, reply)
        }
        _ => cryptography::perform(&*client.session(request.session)?, function, request, reply),
    }
}

fn mechanism(request: &Request) -> Result<Mechanism, Error> {
    let bytes = request.mechanism.as_deref().ok_or(Error::ArgumentsBad("the mechanism is missing"))?;
    decode_mechanism(bytes).map_err(|_| Error::ArgumentsBad("the mechanism cannot be read"))
}

fn object_at(request: &Request, index: usize) -> Result<ObjectId, Error> {
    let object = request.objects.get(index).copied();
    object.map(ObjectId).ok_or(Error::ArgumentsBad("an object is missing"))
}

fn template_at(request: &Request, index: usize) -> Result<Template, Error> {
    let bytes = request.templates.get(index).ok_or(Error::ArgumentsBad("a template is missing"))?;
    Template::decode(bytes).map_err(|_| Error::ArgumentsBad("a template cannot be read"))
}

fn more(request: &Request) -> Result<&[u8], Error> {
    request.more.as_deref().ok_or(Error::ArgumentsBad("the second input is missing"))
}

/// Runs a call with an output: into as much room as the caller has, or for the length alone.
fn output(
    room: Option<u64>,
    reply: &mut Reply,
    call: impl FnOnce(Option<&mut [u8]>) -> Result<usize, Error>,
) -> Result<(), Error> {
    let Some(room) = room else {
        reply.number = number(call(None)?);
        return Ok(());
    };
    let room = usize::try_from(room.min(MAX_OUTPUT)).map_err(|_| Error::ArgumentsBad("the room is impossible"))?;
    reply.data.resize(room, 0);
    let written = call(Some(&mut reply.data))?;
    reply.data.truncate(written);
    Ok(())
}

fn number(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}
