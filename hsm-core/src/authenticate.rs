//! Accounts: logging in with counted attempts, and managing users.
//!
//! A wrong password counts before it is looked at: the attempt is written durably, then the check runs, and a right
//! password takes the count back. The journal's preconditions make that exact over threads, processes and nodes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use hsm_types::UserId;

use crate::crypto::secret::LockedKey;
use crate::error::Error;
use crate::lockout::{Event, LockoutPolicy, Standing, Verdict};
use crate::store::journal::{Batch, Entry, Journal, Outcome, RecordKey, Revision};
use crate::store::login_lock::{LoginLocks, PresenceGuard};
use crate::user::{self, Role, User, UserState, UserWriter};

/// The accounts of one token. Cheap to make: it borrows everything.
#[derive(Clone, Copy)]
pub struct Accounts<'a> {
    /// Where the records are.
    pub journal: &'a dyn Journal,
    /// Locks between processes.
    pub locks: &'a LoginLocks,
    /// Makes and seals the records.
    pub writer: UserWriter<'a>,
}

/// A login whose password was right.
pub struct Authenticated {
    /// The user, as of the login. The login ends when the stored epoch differs from this one's.
    pub user: User,
    /// The store's master key.
    pub master_key: Arc<LockedKey>,
    /// Tells other processes of the login. Keep it until logout. `None` where the system has no such locks.
    pub presence: Option<PresenceGuard>,
}

/// Who changes a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangedBy {
    /// An admin: unlocks the account.
    Admin,
    /// The user, whose old password was verified by [`Accounts::authenticate`] just now.
    Owner,
}

/// The lockout of every account.
const POLICY: LockoutPolicy = LockoutPolicy::FIVE;
/// How long one write waits for others.
const PATIENCE: Duration = Duration::from_secs(10);

impl Accounts<'_> {
    /// Logs a user in.
    ///
    /// Counts the attempt, then checks the password. At five counted attempts the account is locked, whatever the
    /// password. Attempts for one user queue up over all processes of this host.
    ///
    /// # Errors
    /// [`Error::UserPinNotInitialized`] without such a user, [`Error::PinIncorrect`], [`Error::PinLocked`], failures of
    /// the store: a login that cannot be counted is not checked.
    pub fn authenticate(&self, role: Role, name: &str, password: &[u8]) -> Result<Authenticated, Error> {
        let found = self.find_user(role, name)?.ok_or(Error::UserPinNotInitialized)?;
        let _turn = self.locks.take_turn(found.id);
        let (user, counted) = self.count(found.id)?;
        match user.unwrap_master(password)? {
            Some(master) => {
                // Announced before the count is taken back: a password change that does not see us yet is refused by
                // that write, or its own write refuses ours.
                let presence = self.announce(user.id);
                self.clear(&user, counted)?;
                Ok(Authenticated { user, master_key: Arc::new(master), presence })
            }
            None => {
                self.lock_after(&user, counted);
                Err(Error::PinIncorrect)
            }
        }
    }

    /// The user of this role with this name.
    ///
    /// # Errors
    /// Failures of the store; [`Error::Damaged`].
    pub fn find_user(&self, role: Role, name: &str) -> Result<Option<User>, Error> {
        let key = RecordKey::Name(self.writer.barrier.keyring().blind_name(role, name));
        let [entry] = self.read([key])?;
        let Some(entry) = entry else {
            return Ok(None);
        };
        let Some(id) = user::open_name(self.writer.barrier, &entry)? else {
            return Ok(None);
        };
        // The name's blind form is short: another name must not answer for it.
        Ok(self.user(id)?.filter(|user| user.role == role && user.name == name))
    }

    /// The user with this id.
    ///
    /// # Errors
    /// Failures of the store; [`Error::Damaged`].
    pub fn user(&self, id: UserId) -> Result<Option<User>, Error> {
        let [entry] = self.read([RecordKey::User(id)])?;
        entry.map_or(Ok(None), |entry| User::open(self.writer.barrier, &entry))
    }

    /// How many attempts are counted for a user; 0 for a user that does not exist.
    ///
    /// # Errors
    /// Failures of the store; [`Error::Damaged`].
    pub fn strike_state(&self, user: UserId) -> Result<u32, Error> {
        let [entry] = self.read([RecordKey::Strike(user)])?;
        let count = entry.map_or(Ok(None), |entry| user::open_strikes(self.writer.barrier, &entry))?;
        Ok(count.unwrap_or(0))
    }

    /// How a user's account stands.
    ///
    /// # Errors
    /// As [`strike_state`](Self::strike_state).
    pub fn standing(&self, user: UserId) -> Result<Standing, Error> {
        self.strike_state(user).map(|count| POLICY.standing(count))
    }

    /// Creates a user.
    ///
    /// # Errors
    /// [`Error::FunctionRejected`] when the role has a user of that name; as [`UserWriter::add`]; failures of the
    /// store.
    pub fn create_user(&self, role: Role, name: &str, password: &[u8], master: &LockedKey) -> Result<User, Error> {
        let mut user = self.writer.new_user((role, name), password, master)?;
        let key = self.writer.name_key(&user);
        loop {
            let mut batch = Batch::new();
            match self.read([key])? {
                [Some(entry)] if user::open_name(self.writer.barrier, &entry)?.is_some() => {
                    return Err(Error::FunctionRejected("a user of this name exists"));
                }
                // A tombstone: the name is free again.
                [Some(entry)] => batch.replace(key, entry.revision, self.writer.seal_name(&user)?),
                [None] => batch.create(key, self.writer.seal_name(&user)?),
            }
            self.writer.add_account(&mut batch, &user)?;
            if let Outcome::Committed(revision) = self.propose(&batch)? {
                user.revision = revision;
                return Ok(user);
            }
        }
    }

    /// Sets a user's password, which ends the user's running logins. By an admin it also unlocks the account.
    ///
    /// # Errors
    /// [`Error::UserInUse`] while the user is logged in elsewhere; [`Error::PinLocked`] for an owner
    /// whose account is locked, [`Error::UserNotLoggedIn`] for one whose login has ended;
    /// [`Error::UserPinNotInitialized`] for a deleted user; as [`PasswordPolicy::check`](user::PasswordPolicy::check).
    pub fn set_password(&self, user: &User, password: &[u8], master: &LockedKey, by: ChangedBy) -> Result<User, Error> {
        self.check_unused(user.id)?;
        let new = self.writer.prepare(password)?;
        loop {
            // Read first: every login writes the counter, so one that the check misses refuses the batch.
            let (mut current, strikes) = self.account(user.id)?;
            self.check_unused(user.id)?;
            let mut batch = Batch::new();
            match by {
                ChangedBy::Admin => {
                    batch.replace(strikes.key(), strikes.revision, self.writer.seal_strikes(user.id, 0)?);
                }
                ChangedBy::Owner if POLICY.standing(strikes.count) == Standing::Locked => return Err(Error::PinLocked),
                ChangedBy::Owner if current.epoch != user.epoch => return Err(Error::UserNotLoggedIn),
                ChangedBy::Owner => batch.require(strikes.key(), strikes.revision),
            }
            self.writer.renew(&mut current, &new, master)?;
            batch.replace(RecordKey::User(user.id), current.revision, self.writer.seal(&current)?);
            if let Outcome::Committed(revision) = self.propose(&batch)? {
                current.revision = revision;
                return Ok(current);
            }
        }
    }

    /// Deletes a user, which ends the user's running logins where they were not seen. `may_go` says whether the user
    /// owns nothing that has to stay: a login after it was asked makes the deletion ask again.
    ///
    /// # Errors
    /// [`Error::UserInUse`] while the user is logged in elsewhere; what `may_go` says;
    /// [`Error::UserPinNotInitialized`] for a deleted user; failures of the store.
    pub fn delete_user(&self, user: &User, may_go: &dyn Fn(&User) -> Result<(), Error>) -> Result<(), Error> {
        let keys = [RecordKey::User(user.id), RecordKey::Strike(user.id), self.writer.name_key(user)];
        loop {
            self.account(user.id)?;
            // Read first: every login writes the counter, so one that the checks below miss refuses the batch.
            let entries = self.read(keys)?;
            self.check_unused(user.id)?;
            may_go(user)?;
            let mut batch = Batch::new();
            for entry in entries.into_iter().flatten() {
                let tombstone = self.writer.barrier.seal_tombstone(self.writer.rng, &entry.key)?;
                batch.replace(entry.key, entry.revision, tombstone);
            }
            if let Outcome::Committed(_) = self.propose(&batch)? {
                self.locks.forget(user.id);
                return Ok(());
            }
        }
    }

    fn check_unused(&self, user: UserId) -> Result<(), Error> {
        match self.locks.is_present_elsewhere(user) {
            Ok(true) => Err(Error::UserInUse),
            Ok(false) => Ok(()),
            // Where there are no locks, the new epoch still ends the other logins.
            Err(error) => {
                log::warn!("logins of user {user} elsewhere are not seen: {error}");
                Ok(())
            }
        }
    }

    fn announce(&self, user: UserId) -> Option<PresenceGuard> {
        let announced = self.locks.announce(user);
        announced.inspect_err(|error| log::warn!("other programs do not see the login of user {user}: {error}")).ok()
    }

    /// Counts an attempt. Returns only when the count is durable.
    fn count(&self, id: UserId) -> Result<(User, Strikes), Error> {
        loop {
            let (user, mut strikes) = self.account(id)?;
            let Verdict::Write(count) = POLICY.judge(strikes.count, Event::Attempt) else {
                // Whoever counted the fifth may have died before it could say so.
                self.lock_after(&user, strikes);
                return Err(Error::PinLocked);
            };
            let mut batch = Batch::new();
            batch.replace(strikes.key(), strikes.revision, self.writer.seal_strikes(id, count)?);
            // The password that is checked is the one that was there when the attempt was counted.
            batch.require(RecordKey::User(id), user.revision);
            if let Outcome::Committed(revision) = self.propose(&batch)? {
                strikes.count = count;
                strikes.revision = revision;
                return Ok((user, strikes));
            }
        }
    }

    /// Takes the count back after a right password.
    fn clear(&self, user: &User, counted: Strikes) -> Result<(), Error> {
        let mut strikes = counted;
        loop {
            let mut batch = Batch::new();
            batch.replace(strikes.key(), strikes.revision, self.writer.seal_strikes(user.id, 0)?);
            batch.require(RecordKey::User(user.id), user.revision);
            if let Outcome::Committed(_) = self.propose(&batch)? {
                return Ok(());
            }
            let (now, current) = self.account(user.id)?;
            if POLICY.standing(current.count) == Standing::Locked && current.revision != counted.revision {
                return Err(Error::PinLocked);
            }
            if now.revision != user.revision {
                // The password was changed meanwhile: what was checked is the old one.
                return Err(Error::PinIncorrect);
            }
            strikes = current;
        }
    }

    /// Ends the logins of an account whose fifth attempt was wrong, by its epoch.
    ///
    /// The count alone keeps everybody out, so a failure here delays only what other processes do with running logins
    /// until the next attempt.
    fn lock_after(&self, user: &User, strikes: Strikes) {
        if POLICY.judge(strikes.count, Event::Wrong) != Verdict::Locked || user.state == UserState::Locked {
            return;
        }
        let mut locked = user.clone();
        locked.state = UserState::Locked;
        locked.epoch += 1;
        let written = self.writer.seal(&locked).and_then(|sealed| {
            let mut batch = Batch::new();
            batch.replace(RecordKey::User(user.id), user.revision, sealed);
            // A right login or an admin may have come in between: then there is nothing to lock.
            batch.require(strikes.key(), strikes.revision);
            self.propose(&batch)
        });
        if let Err(error) = written {
            log::warn!("running logins of locked user {} end later: {error}", user.id);
        }
    }

    /// A user that exists, and its counter, at one revision.
    fn account(&self, id: UserId) -> Result<(User, Strikes), Error> {
        let [user, strikes] = self.read([RecordKey::User(id), RecordKey::Strike(id)])?;
        let user = user.map_or(Ok(None), |entry| User::open(self.writer.barrier, &entry))?;
        let user = user.ok_or(Error::UserPinNotInitialized)?;
        // An account without a counter must not be an account without a limit.
        let missing = || Error::Damaged { record: RecordKey::Strike(id).to_string() };
        let entry = strikes.ok_or_else(missing)?;
        let count = user::open_strikes(self.writer.barrier, &entry)?.ok_or_else(missing)?;
        Ok((user, Strikes { user: id, count, revision: entry.revision }))
    }

    fn read<const N: usize>(&self, keys: [RecordKey; N]) -> Result<[Option<Entry>; N], Error> {
        let (_, entries) = self.journal.read(&keys, deadline())?;
        entries.try_into().map_err(|_| Error::Store("the journal answered for other records".into()))
    }

    fn propose(&self, batch: &Batch) -> Result<Outcome, Error> {
        Ok(self.journal.propose(batch, deadline())?)
    }
}

/// A counter of attempts as read.
#[derive(Clone, Copy, Debug)]
struct Strikes {
    user: UserId,
    count: u32,
    revision: Revision,
}

impl Strikes {
    const fn key(&self) -> RecordKey {
        RecordKey::Strike(self.user)
    }
}

fn deadline() -> Instant {
    Instant::now() + PATIENCE
}

#[cfg(test)]
mod tests;
