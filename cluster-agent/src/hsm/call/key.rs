//! Key management and random numbers (PKCS#11 v3.2 sections 5.18 and 5.19).

use hsm_core::{Error, Session};
use hsm_types::wire::{Function, MAX_OUTPUT, Reply, Request};

use super::{mechanism, object_at, output, template_at};

pub(super) fn perform(
    session: &Session,
    function: Function,
    request: &mut Request,
    reply: &mut Reply,
) -> Result<(), Error> {
    use Function as F;
    match function {
        F::GenerateKey => {
            reply.objects.push(session.generate_key(&mechanism(request)?, template_at(request, 0)?)?.0);
        }
        F::GenerateKeyPair => {
            let (public, private) = (template_at(request, 0)?, template_at(request, 1)?);
            let (public, private) = session.generate_key_pair(&mechanism(request)?, public, private)?;
            reply.objects.extend([public.0, private.0]);
        }
        F::WrapKey => {
            let (wrapping, key) = (object_at(request, 0)?, object_at(request, 1)?);
            let mechanism = mechanism(request)?;
            return output(request.room, reply, |room| session.wrap_key(&mechanism, wrapping, key, room));
        }
        F::UnwrapKey => {
            let template = template_at(request, 0)?;
            let key = session.unwrap_key(&mechanism(request)?, object_at(request, 0)?, &request.data, template)?;
            reply.objects.push(key.0);
        }
        F::DeriveKey => {
            let template = template_at(request, 0)?;
            reply.objects.push(session.derive_key(&mechanism(request)?, object_at(request, 0)?, template)?.0);
        }
        F::SeedRandom => session.seed_random(&request.data)?,
        _ => {
            if request.number > MAX_OUTPUT {
                return Err(Error::ArgumentsBad("that many random bytes do not fit into one answer"));
            }
            reply.data.resize(usize::try_from(request.number).unwrap_or(0), 0);
            session.generate_random(&mut reply.data)?;
        }
    }
    Ok(())
}
