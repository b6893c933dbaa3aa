//! Managing users: what an administrator does, and a user's change of the own password.

use std::sync::Arc;

use super::{Action, Token};
use crate::authenticate::ChangedBy;
use crate::error::Error;
use crate::lockout::Standing;
use crate::login::Login;
use crate::store::Scope;
use crate::user::{Role, User, UserSummary};

impl Token {
    /// All users, by role and name.
    pub(crate) fn users(&self) -> Result<Vec<UserSummary>, Error> {
        let accounts = self.accounts(&self.barrier)?;
        let mut users = Vec::new();
        for entry in self.store.user_entries()? {
            let Some(User { id, name, role, .. }) = User::open(&self.barrier, &entry)? else { continue };
            users.push(UserSummary { name, role, locked: accounts.standing(id)? == Standing::Locked });
        }
        users.sort_unstable_by(|a, b| (a.role.code(), &a.name).cmp(&(b.role.code(), &b.name)));
        Ok(users)
    }

    pub(crate) fn create_user(&self, login: &Login, role: Role, name: &str, password: &[u8]) -> Result<(), Error> {
        let created = is_admin(login).and_then(|()| {
            check_password(password)?;
            self.accounts(&self.barrier)?.create_user(role, name, password, login.master_key()).map(drop)
        });
        self.finish(name, Action::CreateUser, created)
    }

    pub(crate) fn delete_user(&self, login: &Login, role: Role, name: &str) -> Result<(), Error> {
        let deleted = is_admin(login).and_then(|()| {
            if is_own(login, role, name) {
                return Err(Error::FunctionRejected("an administrator cannot delete the own account"));
            }
            let accounts = self.accounts(&self.barrier)?;
            let user = accounts.find_user(role, name)?.ok_or(Error::UserPinNotInitialized)?;
            accounts.delete_user(&user, &|user| self.owns_nothing(login, user))
        });
        self.finish(name, Action::DeleteUser, deleted)
    }

    pub(crate) fn change_password(
        &self,
        login: &Arc<Login>,
        role: Role,
        name: &str,
        password: &[u8],
    ) -> Result<(), Error> {
        let changed = match (is_own(login, role, name), login.role()) {
            (true, _) => self.change_own_password(login, password),
            (false, Role::Admin) => self.change_others_password(login, role, name, password),
            (false, _) => Err(Error::FunctionRejected("only an administrator changes another user's password")),
        };
        self.finish(name, Action::SetPassword, changed)
    }

    fn change_others_password(&self, login: &Login, role: Role, name: &str, password: &[u8]) -> Result<(), Error> {
        check_password(password)?;
        let accounts = self.accounts(&self.barrier)?;
        let user = accounts.find_user(role, name)?.ok_or(Error::UserPinNotInitialized)?;
        accounts.set_password(&user, password, login.master_key(), ChangedBy::Admin).map(drop)
    }

    fn change_own_password(&self, login: &Arc<Login>, password: &[u8]) -> Result<(), Error> {
        check_password(password)?;
        let accounts = self.accounts(&self.barrier)?;
        // The login's own record is as old as the login: an earlier change of the password has moved the epoch.
        let user = accounts.user(login.account().id)?.filter(|user| login.stands_at(user.epoch));
        let user = user.ok_or(Error::UserNotLoggedIn)?;
        self.keep_login(Some(login), &user, || {
            accounts.set_password(&user, password, login.master_key(), ChangedBy::Owner)
        })?;
        self.end_private_operations()
    }

    /// Runs a change of the user's own password, which the login is to outlive: it is told of the epoch to come
    /// before the change can be noticed.
    pub(super) fn keep_login(
        &self,
        login: Option<&Arc<Login>>,
        user: &User,
        change: impl FnOnce() -> Result<User, Error>,
    ) -> Result<(), Error> {
        let previous = login.map(|login| login.expect_epoch(user.epoch + 1));
        let changed = change();
        if changed.is_err()
            && let (Some(login), Some(previous)) = (login, previous)
        {
            login.expect_epoch(previous);
        }
        changed.map(drop)
    }

    /// Refuses a user who owns objects in the token. Whoever is deleted with keys would take them along.
    fn owns_nothing(&self, admin: &Login, user: &User) -> Result<(), Error> {
        let all = admin.barrier().keyring().token_of_all(Scope::Private(user.id))?;
        match self.store.search_page(&[all], None, 1)?.is_empty() {
            true => Ok(()),
            false => Err(Error::FunctionRejected("the user owns keys or other objects: delete them first")),
        }
    }

    /// Takes in what was done and writes it, or that it was refused, to the audit log.
    fn finish(&self, name: &str, action: Action, done: Result<(), Error>) -> Result<(), Error> {
        self.note(name, action, done.as_ref().err());
        self.refresh()?;
        done
    }
}

fn is_admin(login: &Login) -> Result<(), Error> {
    match login.role() {
        Role::Admin => Ok(()),
        Role::CryptoUser => Err(Error::FunctionRejected("only an administrator manages users")),
    }
}

fn is_own(login: &Login, role: Role, name: &str) -> bool {
    login.role() == role && login.account().name == name
}

fn check_password(password: &[u8]) -> Result<(), Error> {
    match password.contains(&b':') {
        true => Err(Error::PinInvalid("a colon would end the user's name at the next login")),
        false => Ok(()),
    }
}
