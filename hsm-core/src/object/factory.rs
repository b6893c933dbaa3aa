//! From a caller's template to the complete attributes of a new object.
//!
//! Everything here follows from the table in `rule.rs`: which attributes may be given, which must
//! be, what the others become. Key components are added by the caller of this module.

use hsm_types::{AttributeType as A, MechanismType, ObjectClass, Template};

use super::kind::Kind;
use super::policy::{Caller, Copying, ExtractionPolicy, check_change};
use super::rule::{Change, Default, Form, Origin, RULES, Rule, rule, rules};
use crate::error::Error;

/// The most bytes that an object's attributes may take, encoded. Larger templates are refused
/// before they reach the disk.
pub const MAX_OBJECT_BYTES: usize = 256 * 1024;

/// Completes the template of a new object: checks what is given, adds the defaults.
///
/// # Errors
/// The first rule of the attribute table that the template breaks, naming the attribute.
pub fn draft(origin: Origin, caller: Caller, template: Template) -> Result<Template, Error> {
    let kind = Kind::of(&template)?;
    let mut size = 0_usize;
    for (attribute, value) in template.iter() {
        let rule = known(kind, attribute)?;
        check_form(rule, value)?;
        check_given(rule, origin, caller, value)?;
        size = size.saturating_add(value.len());
    }
    if size > MAX_OBJECT_BYTES {
        return Err(Error::AttributeValueInvalid { attribute: A::VALUE, rule: "an object takes at most 256 KiB" });
    }
    let mut attributes = template;
    for rule in rules(kind) {
        if rule.required.contains(origin) && !attributes.contains(rule.attribute) {
            return Err(Error::TemplateIncomplete(rule.attribute));
        }
    }
    for rule in rules(kind) {
        add_default(&mut attributes, rule);
    }
    check_class_specific(kind, &attributes)?;
    Ok(attributes)
}

/// Adds attributes that the call implies (class and key type), or checks them against the template.
///
/// # Errors
/// [`Error::TemplateInconsistent`] when the template says otherwise.
pub fn imply(template: &mut Template, attribute: A, value: u64, rule: &'static str) -> Result<(), Error> {
    match template.get(attribute) {
        None => template.set_ulong(attribute, value),
        Some(given) if given == value.to_le_bytes() => {}
        Some(_) => return Err(Error::TemplateInconsistent { attribute, rule }),
    }
    Ok(())
}

/// Applies a stored template (`CKA_UNWRAP_TEMPLATE`, `CKA_DERIVE_TEMPLATE`) to a caller's.
///
/// # Errors
/// [`Error::TemplateInconsistent`] when the caller's template says otherwise.
pub fn enforce(template: &mut Template, stored: &[u8]) -> Result<(), Error> {
    let stored =
        Template::decode(stored).map_err(|_| Error::Damaged { record: "a template within a key".to_owned() })?;
    for (attribute, value) in stored.iter() {
        match template.get(attribute) {
            None => template.set(attribute, value),
            Some(given) if given == value => {}
            Some(_) => {
                return Err(Error::TemplateInconsistent {
                    attribute,
                    rule: "the template stored with the base or unwrapping key says otherwise",
                });
            }
        }
    }
    Ok(())
}

/// Sets what only the token knows of a new key: where it came from and how well it was kept.
pub fn stamp(attributes: &mut Template, origin: Origin, mechanism: Option<MechanismType>, base: Option<&Template>) {
    let Some(class) = attributes.class() else { return };
    if !matches!(class, ObjectClass::PUBLIC_KEY | ObjectClass::PRIVATE_KEY | ObjectClass::SECRET_KEY) {
        return;
    }
    let generated = origin == Origin::Generate;
    attributes.set_bool(A::LOCAL, generated);
    let made_by = if generated { mechanism.map_or(u64::MAX, |mechanism| mechanism.0) } else { u64::MAX };
    attributes.set_ulong(A::KEY_GEN_MECHANISM, made_by);
    if class == ObjectClass::PUBLIC_KEY {
        return;
    }
    let was = |attribute| match origin {
        Origin::Generate => true,
        Origin::Derive => base.is_some_and(|base| base.bool(attribute) == Some(true)),
        Origin::Create | Origin::Unwrap => false,
    };
    let always_sensitive = was(A::ALWAYS_SENSITIVE) && attributes.bool(A::SENSITIVE) == Some(true);
    let never_extractable = was(A::NEVER_EXTRACTABLE) && attributes.bool(A::EXTRACTABLE) == Some(false);
    attributes.set_bool(A::ALWAYS_SENSITIVE, always_sensitive);
    attributes.set_bool(A::NEVER_EXTRACTABLE, never_extractable);
}

/// The attributes of an object after a change, by `C_SetAttributeValue` or on a copy.
///
/// # Errors
/// [`Error::AttributeReadOnly`], [`Error::AttributeTypeInvalid`] or
/// [`Error::AttributeValueInvalid`] for the first change that a rule forbids.
pub fn change(
    attributes: &Template,
    template: &Template,
    policy: ExtractionPolicy,
    caller: Caller,
    copying: Copying,
) -> Result<Template, Error> {
    let kind = Kind::of(attributes)?;
    let mut changed = attributes.clone();
    for (attribute, value) in template.iter() {
        let rule = known(kind, attribute)?;
        check_form(rule, value)?;
        let new = template.bool(attribute).filter(|_| rule.form == Form::Bool);
        check_change(policy, caller, rule, attributes.bool(attribute), new, copying)?;
        changed.set(attribute, value);
    }
    for (now, always) in [(A::SENSITIVE, A::ALWAYS_SENSITIVE)] {
        if changed.bool(now) == Some(false) && changed.contains(always) {
            changed.set_bool(always, false);
        }
    }
    if changed.encode().len() > MAX_OBJECT_BYTES {
        return Err(Error::AttributeValueInvalid { attribute: A::VALUE, rule: "an object takes at most 256 KiB" });
    }
    Ok(changed)
}

/// The rule for an attribute, or the error that says why there is none.
fn known(kind: Kind, attribute: A) -> Result<&'static Rule, Error> {
    rule(kind, attribute).ok_or_else(|| {
        if RULES.iter().any(|rule| rule.attribute == attribute) {
            Error::TemplateInconsistent { attribute, rule: "objects of this class and type do not have it" }
        } else {
            Error::AttributeTypeInvalid(attribute)
        }
    })
}

fn check_form(rule: &Rule, value: &[u8]) -> Result<(), Error> {
    let (fits, expected) = match rule.form {
        Form::Bool => (matches!(value, [0 | 1]), "it is a CK_BBOOL: one byte, 0 or 1"),
        Form::Ulong => (value.len() == 8, "it is a CK_ULONG of eight bytes"),
        Form::Ulongs => (value.len().is_multiple_of(8), "it is an array of CK_ULONG"),
        Form::Bytes => (true, ""),
        Form::Date => {
            (value.is_empty() || (value.len() == 8 && value.iter().all(u8::is_ascii_digit)), "it is empty or YYYYMMDD")
        }
        Form::Template => (Template::decode(value).is_ok(), "it is a template"),
    };
    if fits { Ok(()) } else { Err(Error::AttributeValueInvalid { attribute: rule.attribute, rule: expected }) }
}

fn check_given(rule: &Rule, origin: Origin, caller: Caller, value: &[u8]) -> Result<(), Error> {
    let read_only = |reason| Err(Error::AttributeReadOnly { attribute: rule.attribute, rule: reason });
    if !rule.given.contains(origin) {
        return read_only("the token sets it, this call cannot");
    }
    if rule.change == Change::ByAdmin && value != [0] && caller != Caller::Admin {
        return read_only("only the security officer sets it");
    }
    Ok(())
}

fn add_default(attributes: &mut Template, rule: &Rule) {
    let wrapping = || [A::WRAP, A::UNWRAP].into_iter().any(|role| attributes.bool(role) == Some(true));
    match rule.default {
        Default::Absent => {}
        Default::False => attributes.set_default(rule.attribute, [0]),
        Default::True => attributes.set_default(rule.attribute, [1]),
        Default::Empty => attributes.set_default(rule.attribute, []),
        Default::Ulong(number) => attributes.set_default(rule.attribute, number.to_le_bytes()),
        Default::TrueUnlessWrapping => {
            let value = u8::from(!wrapping());
            attributes.set_default(rule.attribute, [value]);
        }
    }
}

fn check_class_specific(kind: Kind, attributes: &Template) -> Result<(), Error> {
    if kind != Kind::Certificate {
        return Ok(());
    }
    if !matches!(attributes.ulong(A::CERTIFICATE_TYPE), Some(0..=2)) {
        return Err(Error::AttributeValueInvalid {
            attribute: A::CERTIFICATE_TYPE,
            rule: "it is CKC_X_509, CKC_X_509_ATTR_CERT or CKC_WTLS",
        });
    }
    let empty = |attribute| attributes.get(attribute).is_none_or(<[u8]>::is_empty);
    if empty(A::VALUE) && empty(A::URL) {
        return Err(Error::TemplateIncomplete(A::VALUE));
    }
    Ok(())
}
