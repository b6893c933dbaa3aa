//! The extraction policy: which combinations of roles and which wrappings are refused, so that no
//! sequence of calls turns a sensitive key into plaintext.
//!
//! The attacks are the published ones: Clulow 2003, Bortolozzo et al. 2010 (Tookan), Focardi and
//! Luccio 2021. `docs/threat-model.md` lists them with the test of each.

use hsm_types::{AttributeType as A, ObjectClass, Template};

use super::rule::{Change, Origin, Rule};
use crate::error::{Error, HandleRole};

/// How strictly a token keeps keys from being extracted through its own interface.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ExtractionPolicy {
    /// A key either wraps or decrypts; roles are never taken up later.
    #[default]
    Strict,
    /// For tools that need a key to do both: the rules on a key's roles are off, all others stay.
    Compatible,
}

/// Whether somebody logged in as the administrator makes the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caller {
    /// The security officer.
    Admin,
    /// Anybody else.
    User,
}

/// Checks the roles of a new key.
///
/// # Errors
/// [`Error::TemplateInconsistent`] naming the role that has to go.
pub fn check_new(policy: ExtractionPolicy, origin: Origin, attributes: &Template) -> Result<(), Error> {
    // What was wrapped may have been sensitive: unwrapping it as a readable key would reveal it.
    if origin == Origin::Unwrap && attributes.bool(A::SENSITIVE) == Some(false) {
        return Err(conflict(A::SENSITIVE, "an unwrapped key is sensitive"));
    }
    match policy {
        ExtractionPolicy::Strict => check_roles(attributes),
        ExtractionPolicy::Compatible => Ok(()),
    }
}

/// The roles that exclude each other on one key.
fn check_roles(attributes: &Template) -> Result<(), Error> {
    let is = |attribute| attributes.bool(attribute) == Some(true);
    if attributes.class() != Some(ObjectClass::PUBLIC_KEY) {
        for wrapping in [A::WRAP, A::UNWRAP] {
            if is(wrapping) && (is(A::DECRYPT) || is(A::ENCRYPT)) {
                return Err(conflict(wrapping, "a key may not both wrap or unwrap and encrypt or decrypt"));
            }
            // Wrapped under another key and unwrapped again, it could take up the role that it lacks.
            if is(wrapping) && is(A::EXTRACTABLE) {
                return Err(conflict(wrapping, "a key that wraps or unwraps may not be extractable"));
            }
        }
    }
    // A raw signature is a raw decryption: signing a wrapped key with CKM_RSA_X_509 would reveal it.
    if attributes.class() == Some(ObjectClass::PRIVATE_KEY) && is(A::UNWRAP) && is(A::SIGN) {
        return Err(conflict(A::UNWRAP, "a private key may not both unwrap and sign"));
    }
    Ok(())
}

/// Checks the roles of a new key pair against each other.
///
/// # Errors
/// [`Error::TemplateInconsistent`] when the private half could undo what the public half wraps.
pub fn check_new_pair(policy: ExtractionPolicy, public: &Template, private: &Template) -> Result<(), Error> {
    if public.bool(A::WRAP) != Some(true) {
        return Ok(());
    }
    if private.bool(A::SENSITIVE) != Some(true) {
        return Err(conflict(A::WRAP, "the public key may not wrap while the private key is readable"));
    }
    if policy == ExtractionPolicy::Compatible {
        return Ok(());
    }
    if private.bool(A::EXTRACTABLE) == Some(true) {
        return Err(conflict(A::WRAP, "the public key may not wrap while the private key is extractable"));
    }
    if private.bool(A::DECRYPT) == Some(true) {
        return Err(conflict(A::WRAP, "the public key may not wrap while the private key decrypts"));
    }
    if private.bool(A::SIGN) == Some(true) {
        return Err(conflict(A::WRAP, "the public key may not wrap while the private key signs"));
    }
    Ok(())
}

/// Checks one change of an attribute.
///
/// # Errors
/// [`Error::AttributeReadOnly`] naming the rule.
pub fn check_change(
    policy: ExtractionPolicy,
    caller: Caller,
    rule: &Rule,
    old: Option<bool>,
    new: Option<bool>,
    copying: Copying,
) -> Result<(), Error> {
    let reason = match rule.change {
        Change::Free => return Ok(()),
        _ if rule.change != Change::Never && old.is_some() && old == new => return Ok(()),
        Change::OnCopy if copying == Copying::Yes => return Ok(()),
        Change::OnlyToTrue if new == Some(true) => return Ok(()),
        Change::OnlyToFalse if new == Some(false) => return Ok(()),
        Change::ByAdmin if caller == Caller::Admin => return Ok(()),
        Change::Role if new == Some(false) || policy == ExtractionPolicy::Compatible || !is_guarded(rule.attribute) => {
            return Ok(());
        }
        Change::Never => "it never changes",
        Change::OnCopy => "it changes only when the object is copied",
        Change::OnlyToTrue => "once true it stays true",
        Change::OnlyToFalse => "once false it stays false",
        Change::ByAdmin => "only the security officer sets it",
        Change::Role => "a key takes up no new role after it was made",
    };
    Err(Error::AttributeReadOnly { attribute: rule.attribute, rule: reason })
}

/// Whether a change is made to a copy or to the object itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Copying {
    /// `C_CopyObject`.
    Yes,
    /// `C_SetAttributeValue`.
    No,
}

/// Keeps `CKA_WRAP_WITH_TRUSTED` over a wrapping and unwrapping: what comes back under a trusted key may
/// have had it, so it has it, unless the trusted key's own unwrap template says otherwise.
///
/// # Errors
/// [`Error::TemplateInconsistent`] for a template that drops it.
pub fn keep_trust(policy: ExtractionPolicy, unwrapping: &Template, template: &mut Template) -> Result<(), Error> {
    let decided = unwrapping
        .get(A::UNWRAP_TEMPLATE)
        .and_then(|stored| Template::decode(stored).ok())
        .is_some_and(|stored| stored.contains(A::WRAP_WITH_TRUSTED));
    if policy == ExtractionPolicy::Compatible || unwrapping.bool(A::TRUSTED) != Some(true) || decided {
        return Ok(());
    }
    template.set_default(A::WRAP_WITH_TRUSTED, [1]);
    match template.bool(A::WRAP_WITH_TRUSTED) {
        Some(true) => Ok(()),
        _ => Err(conflict(A::WRAP_WITH_TRUSTED, "what a trusted key unwraps stays with trusted keys")),
    }
}

/// Checks whether a key may leave the token under a wrapping key.
///
/// # Errors
/// [`Error::KeyUnextractable`] or [`Error::KeyNotWrappable`] naming the rule;
/// [`Error::KeySizeRange`] for a wrapping key that is too weak.
pub fn check_wrap(policy: ExtractionPolicy, wrapping: &Template, key: &Template) -> Result<(), Error> {
    let is = |template: &Template, attribute| template.bool(attribute) == Some(true);
    if !is(key, A::EXTRACTABLE) {
        return Err(Error::KeyUnextractable);
    }
    if is(key, A::WRAP_WITH_TRUSTED) && !is(wrapping, A::TRUSTED) {
        return Err(Error::KeyNotWrappable("CKA_WRAP_WITH_TRUSTED is set and the wrapping key is not trusted"));
    }
    if let Some(wanted) = wrapping.get(A::WRAP_TEMPLATE) {
        let wanted = Template::decode(wanted)
            .map_err(|_| Error::Damaged { record: "CKA_WRAP_TEMPLATE of the wrapping key".to_owned() })?;
        if wanted.iter().any(|(attribute, value)| key.get(attribute) != Some(value)) {
            return Err(Error::KeyNotWrappable("the key does not match the wrapping key's CKA_WRAP_TEMPLATE"));
        }
    }
    if !is(key, A::SENSITIVE) || is(wrapping, A::TRUSTED) {
        return Ok(());
    }
    // A wrapping key whose value somebody outside may know reveals whatever it wraps.
    if !is(wrapping, A::LOCAL) {
        return Err(Error::KeyNotWrappable(
            "an imported, derived or unwrapped key wraps sensitive keys only when the security officer trusts it",
        ));
    }
    if wrapping.class() == Some(ObjectClass::SECRET_KEY) && !is(wrapping, A::ALWAYS_SENSITIVE) {
        return Err(Error::KeyNotWrappable("a wrapping key whose own value could be read reveals what it wraps"));
    }
    let could_change_roles = wrapping.class() == Some(ObjectClass::SECRET_KEY) && !is(wrapping, A::NEVER_EXTRACTABLE);
    if policy == ExtractionPolicy::Strict && could_change_roles {
        return Err(Error::KeyNotWrappable("a wrapping key that could leave the token could come back to decrypt"));
    }
    if wrapping.ulong(A::MODULUS_BITS).is_some_and(|bits| bits < 2048) {
        return Err(Error::KeySizeRange(HandleRole::WrappingKey));
    }
    Ok(())
}

/// Roles whose later taking-up opens an attack. Signing and deriving do not reveal wrapped keys,
/// but a raw signature does.
const fn is_guarded(attribute: A) -> bool {
    matches!(attribute, A::ENCRYPT | A::DECRYPT | A::WRAP | A::UNWRAP | A::SIGN)
}

const fn conflict(attribute: A, rule: &'static str) -> Error {
    Error::TemplateInconsistent { attribute, rule }
}
