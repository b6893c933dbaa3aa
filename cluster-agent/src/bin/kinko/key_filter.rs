//! Filters: `key-reference=0x…`, or a list of `attr.<name>=<value>` that all have to fit.

use hsm_types::{AttributeType as A, ObjectId, Template};

use crate::attribute::Attribute;
use crate::door::Door;
use crate::failure::Failure;

/// The keys that a filter selects, ascending.
///
/// # Errors
/// [`Failure::Input`] for a filter that is none.
pub fn select(door: &dyn Door, filter: &[String]) -> Result<Vec<ObjectId>, Failure> {
    let mut template = Template::new();
    let mut reference = None;
    for part in filter.iter().flat_map(|given| given.split_whitespace()) {
        let (name, value) = part.split_once('=').ok_or_else(|| not_a_filter(part))?;
        match name.strip_prefix("attr.") {
            Some(name) => {
                let row = Attribute::named(name)?;
                template.set(row.attribute, row.parse(value)?);
            }
            None if name == "key-reference" => {
                let digits = value.strip_prefix("0x").and_then(|digits| u64::from_str_radix(digits, 16).ok());
                reference = Some(ObjectId(digits.ok_or_else(|| not_a_filter(part))?));
            }
            None => return Err(not_a_filter(part)),
        }
    }
    let found = match reference {
        Some(id) => vec![id],
        None => door.find(&template)?,
    };
    let mut keys = Vec::new();
    for id in found {
        if let Some(object) = door.attributes(id, &[A::KEY_TYPE])?
            && object.contains(A::KEY_TYPE)
        {
            keys.push(id);
        }
    }
    Ok(keys)
}

/// The one key that a filter selects.
///
/// # Errors
/// [`Failure::Selection`] when it selects none or several; as [`select`].
pub fn single(door: &dyn Door, filter: &[String]) -> Result<ObjectId, Failure> {
    match select(door, filter)?.as_slice() {
        [id] => Ok(*id),
        found => Err(Failure::Selection(found.len())),
    }
}

fn not_a_filter(part: &str) -> Failure {
    Failure::Input(format!("`{part}` is neither key-reference=0x<digits> nor attr.<name>=<value>"))
}
