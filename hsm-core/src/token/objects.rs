//! Token objects: read through the cache, written through the journal.

use std::sync::Arc;
use std::time::{Duration, Instant};

use hsm_types::{AttributeType as A, ObjectId, Template};

use super::{Token, is_tombstone};
use crate::crypto::rng::random_u64;
use crate::error::{Error, HandleRole};
use crate::login::Login;
use crate::object::{Existence, Object, record, scope_of};
use crate::store::{Batch, Entry, Keyring, Outcome, RecordKey, Scope, SearchToken};
use crate::user::Role;

/// How often a write is tried again after somebody else wrote the same object first.
const ATTEMPTS: u32 = 1000;
/// How long one write may take.
const WRITE_TIME: Duration = Duration::from_secs(30);

impl Token {
    /// The object with this handle, if the caller sees it.
    ///
    /// # Errors
    /// [`Error::Damaged`] for a record that does not open.
    pub(crate) fn object(&self, id: ObjectId, login: Option<&Arc<Login>>) -> Result<Option<Arc<Object>>, Error> {
        let object = if id.is_session_object() {
            self.session_objects.find(id)?
        } else {
            match self.cache.find(id)? {
                Some(object) => Some(object),
                None => self.load(id, login)?,
            }
        };
        Ok(object.filter(|object| sees(login, object)))
    }

    fn load(&self, id: ObjectId, login: Option<&Arc<Login>>) -> Result<Option<Arc<Object>>, Error> {
        let barrier = self.barrier(login);
        for _ in 0..ATTEMPTS {
            let generation = self.cache.generation();
            // After a logout nothing private comes back into memory: it moves the epoch, then the generation.
            if !self.is_current(login) {
                return Ok(None);
            }
            let Some(entry) = self.store.lookup(&RecordKey::Object(id))? else { return Ok(None) };
            let stored = match record::open(barrier, &entry) {
                Ok(Some(stored)) => stored,
                // Nobody without a login can tell a private object from none.
                Ok(None) | Err(Error::UserNotLoggedIn) => return Ok(None),
                Err(error) => return Err(error),
            };
            let kept = self.cache.keep(generation, entry.revision, id, stored.scope, stored.attributes)?;
            if kept.is_some() {
                return Ok(kept);
            }
        }
        Err(Error::Store(format!("object {id} changes faster than it can be read")))
    }

    /// Keeps new objects: token objects in one batch, session objects in memory. All or none.
    ///
    /// # Errors
    /// [`Error::UserNotLoggedIn`] for a secret in the token without a login; the store's.
    pub(crate) fn add(
        &self,
        session: u64,
        login: Option<&Arc<Login>>,
        objects: Vec<Template>,
    ) -> Result<Vec<ObjectId>, Error> {
        let user = Login::user(login);
        let barrier = self.barrier(login);
        let mut batch = Batch::new();
        let mut ids = Vec::with_capacity(objects.len());
        let mut in_session = Vec::new();
        for mut attributes in objects {
            let random = random_u64(self.rng())?;
            let id = match attributes.bool(A::TOKEN) {
                Some(true) => ObjectId::token(random),
                _ => ObjectId::session(random),
            };
            attributes.set(A::UNIQUE_ID, id.to_string());
            ids.push(id);
            if id.is_session_object() {
                let scope = scope_of(&attributes, user);
                in_session.push(Object::new(id, scope, attributes, Arc::new(Existence::default())));
            } else {
                batch.create(RecordKey::Object(id), record::seal(barrier, self.rng(), id, user, &attributes)?);
            }
        }
        if !self.is_current(login) {
            return Err(Error::UserNotLoggedIn);
        }
        if !batch.writes.is_empty() && !self.write(&batch)? {
            return Err(Error::Store("a new object's identifier is taken".to_owned()));
        }
        for object in in_session {
            let id = object.id();
            self.session_objects.insert(session, object)?;
            // A logout or a close that came in between has not seen the object.
            if !self.is_current(login) || !self.is_open(session)? {
                self.session_objects.destroy(id)?;
                return Err(Error::UserNotLoggedIn);
            }
        }
        Ok(ids)
    }

    /// Whether a call's login is still the token's.
    fn is_current(&self, login: Option<&Arc<Login>>) -> bool {
        login.is_none_or(|login| login.epoch() == self.login.epoch())
    }

    /// Changes a token object: `change` sees the newest version and says what becomes of it. It is
    /// asked again when somebody else was faster, so no update is lost.
    ///
    /// # Errors
    /// What `change` returns; [`Error::HandleInvalid`] when the object is gone.
    pub(crate) fn change(
        &self,
        id: ObjectId,
        login: Option<&Arc<Login>>,
        change: &dyn Fn(&Object) -> Result<Template, Error>,
    ) -> Result<(), Error> {
        let barrier = self.barrier(login);
        for _ in 0..ATTEMPTS {
            let entry = self.entry(id)?;
            let stored = record::open(barrier, &entry)?.ok_or(Error::HandleInvalid(HandleRole::Object))?;
            let owner = match stored.scope {
                Scope::Private(owner) => Some(owner),
                Scope::Public | Scope::Shared => None,
            };
            let object = Object::new(id, stored.scope, stored.attributes, Arc::default());
            let attributes = change(&object)?;
            let mut batch = Batch::new();
            let sealed = record::seal(barrier, self.rng(), id, owner, &attributes)?;
            batch.replace(RecordKey::Object(id), entry.revision, sealed);
            if self.write(&batch)? {
                return Ok(());
            }
        }
        Err(Error::Store(format!("object {id} changes faster than it can be written")))
    }

    /// Destroys a token object: what stays is a tombstone without key material.
    ///
    /// # Errors
    /// [`Error::HandleInvalid`] when it is gone already.
    pub(crate) fn destroy(&self, id: ObjectId) -> Result<(), Error> {
        let key = RecordKey::Object(id);
        for _ in 0..ATTEMPTS {
            let entry = self.entry(id)?;
            let mut batch = Batch::new();
            batch.replace(key, entry.revision, self.barrier.seal_tombstone(self.rng(), &key)?);
            if self.write(&batch)? {
                return Ok(());
            }
        }
        Err(Error::Store(format!("object {id} changes faster than it can be destroyed")))
    }

    /// The objects that match a template, in the order of their handles.
    ///
    /// # Errors
    /// [`Error::Damaged`] for a candidate that does not open.
    pub(crate) fn search(&self, template: &Template, login: Option<&Arc<Login>>) -> Result<Vec<ObjectId>, Error> {
        for attribute in [A::TOKEN, A::PRIVATE] {
            if template.contains(attribute) && template.bool(attribute).is_none() {
                return Err(Error::AttributeValueInvalid { attribute, rule: "it is a CK_BBOOL: one byte, 0 or 1" });
            }
        }
        let wanted_token = template.bool(A::TOKEN);
        let mut found = Vec::new();
        if wanted_token != Some(true) {
            found = self.session_objects.select(|object| sees(login, object) && matches(object, template))?;
        }
        if wanted_token != Some(false) {
            found.extend(self.search_token_objects(template, login)?);
        }
        found.sort_unstable();
        Ok(found)
    }

    fn search_token_objects(&self, template: &Template, login: Option<&Arc<Login>>) -> Result<Vec<ObjectId>, Error> {
        let keyring = self.barrier(login).keyring();
        let scopes = searched_scopes(template, login);
        let alternatives = scopes.into_iter().map(|scope| search_tokens(keyring, scope, template));
        let candidates = self.store.search_any(&alternatives.collect::<Result<Vec<_>, _>>()?)?;
        if template.iter().all(|(attribute, _)| is_answered_by_index(attribute)) {
            return Ok(candidates);
        }
        let mut found = Vec::new();
        for id in candidates {
            if self.object(id, login)?.is_some_and(|object| matches(&object, template)) {
                found.push(id);
            }
        }
        Ok(found)
    }

    /// The newest record of an object.
    fn entry(&self, id: ObjectId) -> Result<Entry, Error> {
        let entry = self.store.lookup(&RecordKey::Object(id))?;
        entry.filter(|entry| !is_tombstone(entry)).ok_or(Error::HandleInvalid(HandleRole::Object))
    }

    /// Proposes a batch and takes in its effect. False when a precondition did not hold.
    pub(super) fn write(&self, batch: &Batch) -> Result<bool, Error> {
        use crate::store::Journal as _;
        let outcome = self.store.propose(batch, Instant::now() + WRITE_TIME)?;
        self.refresh()?;
        Ok(matches!(outcome, Outcome::Committed(_)))
    }
}

/// Whether a caller sees an object.
fn sees(login: Option<&Arc<Login>>, object: &Object) -> bool {
    match object.scope() {
        Scope::Public => true,
        Scope::Shared => object.id().is_session_object() || login.is_some(),
        Scope::Private(owner) => Login::user(login) == Some(owner),
    }
}

/// Whether an object has all attributes of a template. A hidden value matches nothing: a search
/// must not tell what a read would not.
fn matches(object: &Object, template: &Template) -> bool {
    template.iter().all(|(attribute, value)| object.reveal(attribute).is_ok_and(|actual| actual == value))
}

fn searched_scopes(template: &Template, login: Option<&Arc<Login>>) -> Vec<Scope> {
    let wanted_private = template.bool(A::PRIVATE);
    let mut scopes = Vec::new();
    if wanted_private != Some(true) {
        scopes.push(Scope::Public);
        if login.is_some() {
            scopes.push(Scope::Shared);
        }
    }
    if wanted_private != Some(false)
        && let Some(login) = login.filter(|login| login.role() == Role::CryptoUser)
    {
        scopes.push(Scope::Private(login.account().id));
    }
    scopes
}

/// The blind-index tokens of a template within a scope, the most selective first.
fn search_tokens(keyring: &Keyring, scope: Scope, template: &Template) -> Result<Vec<SearchToken>, Error> {
    let mut tokens = Vec::new();
    for attribute in record::INDEXED {
        if let Some(value) = template.get(attribute) {
            tokens.push(keyring.token(scope, attribute, value)?);
        }
    }
    if tokens.is_empty() {
        tokens.push(keyring.token_of_all(scope)?);
    }
    Ok(tokens)
}

/// Whether the index alone decides on an attribute. A token is 128 bits of an HMAC: two values
/// with the same one do not occur.
fn is_answered_by_index(attribute: A) -> bool {
    matches!(attribute, A::TOKEN | A::PRIVATE) || record::INDEXED.contains(&attribute)
}
