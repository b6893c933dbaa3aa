//! Users: their records, the rules for names and passwords, and how the master key is wrapped for each.

use hsm_types::UserId;

use crate::clock::Clock;
use crate::crypto::kdf::{self, KdfCost, Salt, password_key};
use crate::crypto::rng::{Rng, random_u64};
use crate::crypto::seal::{OVERHEAD, SealingKey};
use crate::crypto::secret::LockedKey;
use crate::error::Error;
use crate::store::barrier::{Barrier, RecordKind};
use crate::store::journal::{Batch, Entry, RecordKey, Revision, Sealed};

/// What a user may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Manages users and the token; PKCS#11's security officer.
    Admin,
    /// Has keys and uses them; PKCS#11's normal user.
    CryptoUser,
}

/// What everybody may know of a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserSummary {
    /// Unique among the users of a role.
    pub name: String,
    /// What the user may do.
    pub role: Role,
    /// Whether wrong attempts have locked the account.
    pub locked: bool,
}

/// A user as stored. The master key inside is wrapped, so this is no secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Random, never reused.
    pub id: UserId,
    /// Unique among the users of a role.
    pub name: String,
    /// What the user may do.
    pub role: Role,
    /// Whether the account can be logged in to.
    pub state: UserState,
    /// Grows with every password change, lock and unlock. A login made at another epoch has ended.
    pub epoch: u64,
    /// When the user was created, in seconds since 1970.
    pub created: u64,
    /// When the password was last set, in seconds since 1970.
    pub changed: u64,
    /// The revision of the record that this was read from; 0 for one not yet written.
    pub revision: Revision,
    password: Password,
}

/// Whether an account can be logged in to.
///
/// The counter of attempts decides; the state follows it, so that running logins learn of a lock by the epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserState {
    /// It can.
    Active,
    /// Five wrong attempts were made.
    Locked,
}

/// Which passwords may be set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PasswordPolicy {
    /// 4 to 255 bytes of any value.
    #[default]
    Pkcs11,
    /// 7 to 32 ASCII letters and digits, as CloudHSM demands.
    CloudHsm,
}

/// Makes user records: what it takes to create a user or to set a password.
#[derive(Clone, Copy)]
pub struct UserWriter<'a> {
    /// Seals the records.
    pub barrier: &'a Barrier,
    /// Where salts, nonces and ids come from.
    pub rng: &'a dyn Rng,
    /// What time it is.
    pub clock: &'a dyn Clock,
    /// Which passwords may be set.
    pub policy: PasswordPolicy,
    /// What a guess at a new password costs.
    pub cost: KdfCost,
}

/// The master key, wrapped under a password.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Password {
    cost: KdfCost,
    salt: Salt,
    /// The user's epoch when the password was set.
    epoch: u64,
    wrapped: [u8; WRAPPED],
}

const WRAPPED: usize = LockedKey::LEN + OVERHEAD;
/// The longest user name, in bytes.
pub const MAX_NAME: usize = 31;
/// The number of the key derivation in a user record: Argon2id, version 0x13.
const ARGON2ID: u8 = 1;

impl Role {
    /// The byte that stands for it in records.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Admin => 1,
            Self::CryptoUser => 2,
        }
    }

    const fn from_code(code: u8) -> Option<Self> {
        match code {
            1 => Some(Self::Admin),
            2 => Some(Self::CryptoUser),
            _ => None,
        }
    }
}

impl PasswordPolicy {
    /// How long a password may be, in bytes.
    #[must_use]
    pub const fn lengths(self) -> core::ops::RangeInclusive<usize> {
        match self {
            Self::Pkcs11 => 4..=255,
            Self::CloudHsm => 7..=32,
        }
    }

    /// Checks a new password.
    ///
    /// # Errors
    /// [`Error::PinLenRange`], [`Error::PinInvalid`].
    pub fn check(self, password: &[u8]) -> Result<(), Error> {
        if !self.lengths().contains(&password.len()) {
            return Err(Error::PinLenRange);
        }
        match self {
            Self::CloudHsm if !password.iter().all(u8::is_ascii_alphanumeric) => {
                Err(Error::PinInvalid("it may hold letters and digits only"))
            }
            _ => Ok(()),
        }
    }
}

/// Checks the name of a new user: 1 to 31 printable ASCII characters without a colon, which separates name and
/// password in a PIN.
///
/// # Errors
/// [`Error::ArgumentsBad`].
pub fn check_name(name: &str) -> Result<(), Error> {
    if name.is_empty() || name.len() > MAX_NAME {
        return Err(Error::ArgumentsBad("a user name has 1 to 31 characters"));
    }
    match name.bytes().all(|byte| matches!(byte, b' '..=b'~') && byte != b':') {
        true => Ok(()),
        false => Err(Error::ArgumentsBad("a user name is printable ASCII without a colon")),
    }
}

impl UserWriter<'_> {
    /// Adds a new user to a batch: the record, the name and a strike counter at 0, none of which may exist.
    ///
    /// # Errors
    /// As [`check_name`] and [`PasswordPolicy::check`]; failures of the library.
    pub fn add(
        &self,
        batch: &mut Batch,
        (role, name): (Role, &str),
        password: &[u8],
        master: &LockedKey,
    ) -> Result<User, Error> {
        let user = self.new_user((role, name), password, master)?;
        batch.create(self.name_key(&user), self.seal_name(&user)?);
        self.add_account(batch, &user)?;
        Ok(user)
    }

    /// Adds record and counter of a user whose name record the caller writes.
    pub(crate) fn add_account(&self, batch: &mut Batch, user: &User) -> Result<(), Error> {
        batch.create(RecordKey::User(user.id), self.seal(user)?);
        batch.create(RecordKey::Strike(user.id), self.seal_strikes(user.id, 0)?);
        Ok(())
    }

    pub(crate) fn new_user(
        &self,
        (role, name): (Role, &str),
        password: &[u8],
        master: &LockedKey,
    ) -> Result<User, Error> {
        check_name(name)?;
        let now = self.clock.now();
        let mut user = User {
            id: self.random_id()?,
            name: name.to_owned(),
            role,
            state: UserState::Active,
            epoch: 0,
            created: now,
            changed: now,
            revision: Revision(0),
            password: Password { cost: self.cost, salt: Salt::default(), epoch: 0, wrapped: [0; WRAPPED] },
        };
        self.renew(&mut user, &self.prepare(password)?, master)?;
        Ok(user)
    }

    /// Checks a new password and derives its key, which takes long.
    pub(crate) fn prepare(&self, password: &[u8]) -> Result<PreparedPassword, Error> {
        self.policy.check(password)?;
        let salt = kdf::random_salt(self.rng)?;
        Ok(PreparedPassword { cost: self.cost, salt, key: password_key(password, &salt, self.cost)? })
    }

    /// Gives a user a new password: the next epoch, active.
    pub(crate) fn renew(&self, user: &mut User, new: &PreparedPassword, master: &LockedKey) -> Result<(), Error> {
        user.epoch += 1;
        user.state = UserState::Active;
        user.changed = self.clock.now();
        let mut wrapped = Vec::new();
        let associated = wrap_data(user, user.epoch);
        SealingKey::new(&new.key)?.seal(self.rng, &associated, master.expose()?, &mut wrapped)?;
        let wrapped = wrapped.try_into().map_err(|_| Error::Crypto("a wrapped key has another length"))?;
        user.password = Password { cost: new.cost, salt: new.salt, epoch: user.epoch, wrapped };
        Ok(())
    }

    pub(crate) fn seal(&self, user: &User) -> Result<Sealed, Error> {
        self.barrier.seal(self.rng, &RecordKey::User(user.id), RecordKind::User, &encode(user), Vec::new())
    }

    pub(crate) fn seal_name(&self, user: &User) -> Result<Sealed, Error> {
        let id = user.id.0.to_le_bytes();
        self.barrier.seal(self.rng, &self.name_key(user), RecordKind::Name, &id, Vec::new())
    }

    pub(crate) fn seal_strikes(&self, user: UserId, count: u32) -> Result<Sealed, Error> {
        let count = count.to_le_bytes();
        self.barrier.seal(self.rng, &RecordKey::Strike(user), RecordKind::Strike, &count, Vec::new())
    }

    pub(crate) fn name_key(&self, user: &User) -> RecordKey {
        RecordKey::Name(self.barrier.keyring().blind_name(user.role, &user.name))
    }

    fn random_id(&self) -> Result<UserId, Error> {
        // 0 and all ones are scopes of the index.
        loop {
            match random_u64(self.rng)? {
                0 | u64::MAX => {}
                id => return Ok(UserId(id)),
            }
        }
    }
}

/// A checked new password and its key.
pub(crate) struct PreparedPassword {
    cost: KdfCost,
    salt: Salt,
    key: LockedKey,
}

impl User {
    /// Opens a user record; `None` for the tombstone of a deleted user.
    pub(crate) fn open(barrier: &Barrier, entry: &Entry) -> Result<Option<Self>, Error> {
        let opened = barrier.open(entry)?;
        let RecordKey::User(id) = entry.key else {
            return Err(damaged(entry));
        };
        match opened.kind {
            RecordKind::User => decode(id, entry.revision, &opened.plain).map(Some).ok_or_else(|| damaged(entry)),
            _ => Ok(None),
        }
    }

    /// Unwraps the master key, which takes long. `None` when the password is wrong.
    pub(crate) fn unwrap_master(&self, password: &[u8]) -> Result<Option<LockedKey>, Error> {
        let key = SealingKey::new(&password_key(password, &self.password.salt, self.password.cost)?)?;
        let Ok(master) = key.open(&wrap_data(self, self.password.epoch), &self.password.wrapped) else {
            return Ok(None);
        };
        let unwrapped = LockedKey::from_fn(|bytes| {
            let right_length = master.len() == bytes.len();
            right_length
                .then(|| bytes.copy_from_slice(&master))
                .ok_or(Error::Crypto("a wrapped key has another length"))
        })?;
        Ok(Some(unwrapped))
    }
}

/// The count in a strike record; `None` for the tombstone of a deleted user.
pub(crate) fn open_strikes(barrier: &Barrier, entry: &Entry) -> Result<Option<u32>, Error> {
    let opened = barrier.open(entry)?;
    match (opened.kind, opened.plain.as_slice().try_into()) {
        (RecordKind::Strike, Ok(count)) => Ok(Some(u32::from_le_bytes(count))),
        (RecordKind::Strike, Err(_)) => Err(damaged(entry)),
        _ => Ok(None),
    }
}

/// The user that a name record names; `None` for the tombstone of a name that is free again.
pub(crate) fn open_name(barrier: &Barrier, entry: &Entry) -> Result<Option<UserId>, Error> {
    let opened = barrier.open(entry)?;
    match (opened.kind, opened.plain.as_slice().try_into()) {
        (RecordKind::Name, Ok(id)) => Ok(Some(UserId(u64::from_le_bytes(id)))),
        (RecordKind::Name, Err(_)) => Err(damaged(entry)),
        _ => Ok(None),
    }
}

pub(crate) fn damaged(entry: &Entry) -> Error {
    Error::Damaged { record: entry.key.to_string() }
}

/// What a wrapped master key is bound to: it opens for this user, role, name and password only.
fn wrap_data(user: &User, epoch: u64) -> Vec<u8> {
    let parts: [&[u8]; 5] = [
        b"kinko master key 1",
        &user.id.0.to_le_bytes(),
        &[user.role.code()],
        &epoch.to_le_bytes(),
        user.name.as_bytes(),
    ];
    parts.concat()
}

/// The content of a user record; `docs/storage-format.md` has the table.
fn encode(user: &User) -> Vec<u8> {
    let Password { cost, salt, epoch, wrapped } = &user.password;
    let state = match user.state {
        UserState::Active => 0,
        UserState::Locked => 1,
    };
    let parts: [&[u8]; 13] = [
        &[user.role.code(), state],
        &user.epoch.to_le_bytes(),
        &user.created.to_le_bytes(),
        &user.changed.to_le_bytes(),
        &[ARGON2ID],
        &cost.memory_kib().to_le_bytes(),
        &cost.passes().to_le_bytes(),
        &cost.lanes().to_le_bytes(),
        salt,
        &epoch.to_le_bytes(),
        wrapped,
        &[u8::try_from(user.name.len()).unwrap_or(u8::MAX)],
        user.name.as_bytes(),
    ];
    parts.concat()
}

/// `None` for a content that no version wrote, a cost below the floor among it.
fn decode(id: UserId, revision: Revision, bytes: &[u8]) -> Option<User> {
    let mut fields = Fields(bytes);
    let role = Role::from_code(fields.byte()?)?;
    let state = match fields.byte()? {
        0 => UserState::Active,
        1 => UserState::Locked,
        _ => return None,
    };
    let [epoch, created, changed] = [fields.u64()?, fields.u64()?, fields.u64()?];
    if fields.byte()? != ARGON2ID {
        return None;
    }
    let cost = KdfCost::new(fields.u32()?, fields.u32()?, fields.u32()?)?;
    let password = Password { cost, salt: fields.take()?, epoch: fields.u64()?, wrapped: fields.take()? };
    let length = usize::from(fields.byte()?);
    let name = String::from_utf8(fields.0.to_vec()).ok().filter(|name| name.len() == length)?;
    check_name(&name).ok()?;
    Some(User { id, name, role, state, epoch, created, changed, revision, password })
}

/// Fixed-size fields from the front of a record; numbers least significant byte first.
struct Fields<'b>(&'b [u8]);

impl Fields<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (field, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*field)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take().map(|[byte]| byte)
    }

    fn u32(&mut self) -> Option<u32> {
        self.take().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.take().map(u64::from_le_bytes)
    }
}
