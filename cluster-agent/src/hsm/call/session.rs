//! Tokens, sessions and logins (PKCS#11 v3.2 sections 5.5 and 5.6).

use hsm_core::{Access, Error, UserType};
use hsm_types::wire::{Function, Reply, Request, TokenInfoReply};

use super::{Client, more, number};

pub(super) fn perform(
    client: &Client,
    function: Function,
    request: &mut Request,
    reply: &mut Reply,
) -> Result<(), Error> {
    use Function as F;
    match function {
        F::TokenInfo => {
            reply.token = Some(describe(client)?);
            Ok(())
        }
        F::Mechanisms => {
            let token = client.token()?;
            for mechanism in token.mechanisms() {
                let info = token.mechanism_info(mechanism)?;
                reply.numbers.extend([mechanism.0, info.min_key_size, info.max_key_size, info.flags]);
            }
            Ok(())
        }
        F::OpenSession => {
            let access = if request.number == 0 { Access::ReadOnly } else { Access::ReadWrite };
            reply.number = client.open_session(access)?;
            Ok(())
        }
        F::CloseSession => {
            reply.number = number(client.close_session(request.session)?);
            Ok(())
        }
        _ => on_session(client, function, request, reply),
    }
}

fn on_session(client: &Client, function: Function, request: &mut Request, reply: &mut Reply) -> Result<(), Error> {
    use Function as F;
    let session = client.session(request.session)?;
    match function {
        F::SessionInfo => {
            reply.number = session.info()?.state;
            Ok(())
        }
        F::Login => session.login(user_type(request.number)?, request.more.as_deref(), &request.data),
        F::Logout => session.logout(),
        F::InitPin => session.init_pin(&request.data),
        F::SetPin => session.set_pin(&request.data, more(request)?),
        _ => session.cancel(request.number),
    }
}

/// A cluster has no default user: its users have names, and passwords from the beginning. Programs that look for this
/// flag before they log in would otherwise not try.
const CKF_USER_PIN_INITIALIZED: u64 = 1 << 3;

/// `CKU_…`.
const fn user_type(number: u64) -> Result<UserType, Error> {
    match number {
        0 => Ok(UserType::So),
        1 => Ok(UserType::User),
        2 => Ok(UserType::ContextSpecific),
        _ => Err(Error::UserTypeInvalid),
    }
}

fn describe(client: &Client) -> Result<TokenInfoReply, Error> {
    let info = client.token()?.info()?;
    Ok(TokenInfoReply {
        label: info.label.to_vec(),
        serial: info.serial.to_vec(),
        flags: info.flags | CKF_USER_PIN_INITIALIZED,
        max_sessions: number(client.sessions_at_most()),
        sessions: info.session_count,
        rw_sessions: info.rw_session_count,
        max_pin: info.max_pin_len,
        min_pin: info.min_pin_len,
        utc_time: info.utc_time.to_vec(),
    })
}
