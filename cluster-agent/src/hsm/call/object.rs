//! Objects (PKCS#11 v3.2 section 5.7).

use hsm_core::{Error, Session};
use hsm_types::AttributeType;
use hsm_types::wire::{AttributeReply, Function, Reply, Request};

use super::{object_at, template_at};

/// Most objects in one answer: a search goes on with the next call.
const FOUND_AT_ONCE: u64 = 65_536;

pub(super) fn perform(
    session: &Session,
    function: Function,
    request: &mut Request,
    reply: &mut Reply,
) -> Result<(), Error> {
    use Function as F;
    match function {
        F::CreateObject => reply.objects.push(session.create_object(template_at(request, 0)?)?.0),
        F::CopyObject => {
            reply.objects.push(session.copy_object(object_at(request, 0)?, &template_at(request, 0)?)?.0);
        }
        F::DestroyObject => session.destroy_object(object_at(request, 0)?)?,
        F::ObjectSize => reply.number = session.object_size(object_at(request, 0)?)?,
        F::Attributes => reveal(session, request, reply)?,
        F::SetAttributes => session.set_attributes(object_at(request, 0)?, &template_at(request, 0)?)?,
        F::FindInit => session.find_init(&template_at(request, 0)?)?,
        F::Find => {
            let most = usize::try_from(request.number.min(FOUND_AT_ONCE)).unwrap_or(usize::MAX);
            reply.objects.extend(session.find(most)?.into_iter().map(|object| object.0));
        }
        _ => session.find_final()?,
    }
    Ok(())
}

fn reveal(session: &Session, request: &Request, reply: &mut Reply) -> Result<(), Error> {
    let object = session.object(object_at(request, 0)?)?;
    for attribute in &request.numbers {
        let mut revealed = AttributeReply::default();
        match object.attribute(AttributeType(*attribute)) {
            Ok(value) => revealed.value = value.to_vec(),
            Err(error) => revealed.rv = error.rv().0,
        }
        reply.attributes.push(revealed);
    }
    Ok(())
}
