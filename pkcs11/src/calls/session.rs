//! PKCS#11 v3.2 section 5.6: sessions and logins.

use std::sync::Arc;

use hsm_types::SlotId;

use crate::backend::SessionBackend;
use crate::error::Error;
use crate::library::Library;
use hsm_core::{Access, UserType};

/// `C_OpenSession`.
pub(crate) fn open(library: &Library, slot: SlotId, access: Access) -> Result<u64, Error> {
    let session = library.token(slot)?.open_session(access)?;
    let inserted = library.sessions().insert(slot, Arc::clone(&session));
    if inserted.is_err() {
        // Another thread finalised meanwhile; the token must not count a session nobody can close.
        let _ = session.close();
    }
    inserted
}

/// `C_CloseSession`.
pub(crate) fn close(library: &Library, handle: u64) -> Result<(), Error> {
    Ok(library.sessions().remove(handle)?.close()?)
}

/// `C_CloseAllSessions`. All are closed even if one says an error; the first error is returned.
pub(crate) fn close_all(library: &Library, slot: SlotId) -> Result<(), Error> {
    library.check_slot(slot)?;
    let mut outcome = Ok(());
    for session in library.sessions().remove_slot(slot)? {
        let closed = session.close();
        if outcome.is_ok() {
            outcome = closed;
        }
    }
    Ok(outcome?)
}

/// `C_Login`: the PIN is `name:password`, or the password of the default user.
pub(crate) fn login(session: &dyn SessionBackend, user: UserType, pin: &[u8]) -> Result<(), Error> {
    let (name, password) = split_name(pin);
    Ok(session.login(user, name, password)?)
}

/// `C_LoginUser`: an empty name is the default user.
pub(crate) fn login_user(session: &dyn SessionBackend, user: UserType, pin: &[u8], name: &[u8]) -> Result<(), Error> {
    Ok(session.login(user, Some(name).filter(|name| !name.is_empty()), pin)?)
}

/// Cuts at the first colon: names have none, passwords may.
fn split_name(pin: &[u8]) -> (Option<&[u8]>, &[u8]) {
    match pin.iter().position(|byte| *byte == b':').and_then(|colon| pin.split_at_checked(colon)) {
        Some((name, [_colon, password @ ..])) => (Some(name), password),
        _ => (None, pin),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pin_is_cut_at_its_first_colon_only() {
        assert_eq!(split_name(b"alice:pass:word"), (Some(b"alice".as_slice()), b"pass:word".as_slice()));
        assert_eq!(split_name(b"1234"), (None, b"1234".as_slice()));
        assert_eq!(split_name(b"alice:"), (Some(b"alice".as_slice()), b"".as_slice()));
        assert_eq!(split_name(b""), (None, b"".as_slice()));
    }
}
