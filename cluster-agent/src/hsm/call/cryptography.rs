//! Encryption, digests, signatures (PKCS#11 v3.2 sections 5.8 to 5.16).

use hsm_core::{Error, Session};
use hsm_types::wire::{Function, Reply, Request};

use super::{mechanism, more, object_at, output};

pub(super) fn perform(
    session: &Session,
    function: Function,
    request: &mut Request,
    reply: &mut Reply,
) -> Result<(), Error> {
    use Function as F;
    let (data, room) = (request.data.as_slice(), request.room);
    match function {
        F::EncryptInit => session.encrypt_init(&mechanism(request)?, object_at(request, 0)?),
        F::Encrypt => output(room, reply, |room| session.encrypt(data, room)),
        F::EncryptUpdate => output(room, reply, |room| session.encrypt_update(data, room)),
        F::EncryptFinal => output(room, reply, |room| session.encrypt_final(room)),
        F::DecryptInit => session.decrypt_init(&mechanism(request)?, object_at(request, 0)?),
        F::Decrypt => output(room, reply, |room| session.decrypt(data, room)),
        F::DecryptUpdate => output(room, reply, |room| session.decrypt_update(data, room)),
        F::DecryptFinal => output(room, reply, |room| session.decrypt_final(room)),
        F::DigestInit => session.digest_init(&mechanism(request)?),
        F::Digest => output(room, reply, |room| session.digest(data, room)),
        F::DigestUpdate => session.digest_update(data),
        F::DigestKey => session.digest_key(object_at(request, 0)?),
        F::DigestFinal => output(room, reply, |room| session.digest_final(room)),
        F::SignInit => session.sign_init(&mechanism(request)?, object_at(request, 0)?),
        F::Sign => output(room, reply, |room| session.sign(data, room)),
        F::SignUpdate => session.sign_update(data),
        F::SignFinal => output(room, reply, |room| session.sign_final(room)),
        F::VerifyInit => session.verify_init(&mechanism(request)?, object_at(request, 0)?),
        F::Verify => session.verify(data, more(request)?),
        F::VerifyUpdate => session.verify_update(data),
        F::VerifyFinal => session.verify_final(more(request)?),
        other => Err(Error::FunctionNotSupported(other.name())),
    }
}
