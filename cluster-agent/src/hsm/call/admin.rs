//! Users and activation: what PKCS#11 has no functions for.

use hsm_core::{Access, Error, Role};
use hsm_types::wire::{Function, Reply, Request, UserReply};

use super::{Client, more};

/// The role of the one user that a cluster has before it is activated.
const UNACTIVATED_ADMIN: u32 = 2;

pub(super) fn perform(
    client: &Client,
    function: Function,
    request: &mut Request,
    reply: &mut Reply,
) -> Result<(), Error> {
    match function {
        Function::Users => list(client, reply),
        Function::Activate => client.activate(&request.data),
        _ => {
            let session = client.session(request.session)?;
            let role = role(request.number)?;
            let name =
                std::str::from_utf8(more(request)?).map_err(|_| Error::ArgumentsBad("the user's name is no UTF-8"))?;
            match function {
                Function::CreateUser => session.create_user(role, name, &request.data),
                Function::DeleteUser => session.delete_user(role, name),
                _ => session.change_password(role, name, &request.data),
            }
        }
    }
}

fn list(client: &Client, reply: &mut Reply) -> Result<(), Error> {
    let token = match client.token() {
        Ok(token) => token,
        Err(Error::TokenNotPresent) => {
            reply.users.push(UserReply { name: "admin".to_owned(), role: UNACTIVATED_ADMIN, locked: false });
            return Ok(());
        }
        Err(error) => return Err(error),
    };
    // The list needs a session, and no login. A read/write one: an admin may be logged in.
    let session = token.open_session(Access::ReadWrite)?;
    for user in session.users()? {
        let role = match user.role {
            Role::Admin => 0,
            Role::CryptoUser => 1,
        };
        reply.users.push(UserReply { name: user.name, role, locked: user.locked });
    }
    Ok(())
}

const fn role(number: u64) -> Result<Role, Error> {
    match number {
        0 => Ok(Role::Admin),
        1 => Ok(Role::CryptoUser),
        _ => Err(Error::ArgumentsBad("there is no such role")),
    }
}
