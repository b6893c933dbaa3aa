//! A key as it is shown.

use hsm_core::Role;
use hsm_types::{AttributeType as A, ObjectId, Template};
use serde_json::{Map, Value, json};

use crate::attribute::ATTRIBUTES;
use crate::door::Door;
use crate::failure::Failure;

/// A key's reference.
pub fn reference(id: ObjectId) -> String {
    format!("0x{id}")
}

/// Reference and label: all that a list shows unless more is asked for, and all that an administrator sees.
pub fn brief(door: &dyn Door, id: ObjectId) -> Result<Value, Failure> {
    let key = door.attributes(id, &[A::LABEL])?.unwrap_or_default();
    let label = String::from_utf8_lossy(key.get(A::LABEL).unwrap_or_default());
    Ok(json!({ "key-reference": reference(id), "attributes": { "label": label } }))
}

/// Everything about a key that may be seen.
pub fn full(door: &dyn Door, id: ObjectId) -> Result<Value, Failure> {
    let wanted: Vec<_> = ATTRIBUTES.iter().map(|row| row.attribute).collect();
    let key = door.attributes(id, &wanted)?.ok_or(Failure::Selection(0))?;
    let mut attributes = Map::new();
    for row in ATTRIBUTES {
        let shown = match row.name {
            // Asymmetric keys have no such attribute: their length is that of modulus or point.
            "key-length-bytes" => row.show(&key).or_else(|| length(&key).map(Value::from)),
            // A private key has a modulus and no size of it.
            "modulus-size-bits" => row.show(&key).or_else(|| modulus_bits(&key).map(Value::from)),
            _ => row.show(&key),
        };
        if let Some(shown) = shown {
            attributes.insert(row.name.to_owned(), shown);
        }
    }
    Ok(json!({
        "key-reference": reference(id),
        "key-info": {
            "key-owners": owners(door, &key),
            "shared-users": [],
            "key-quorum-values": { "manage-key-quorum-value": 0, "use-key-quorum-value": 0 },
            "cluster-coverage": "full",
        },
        "attributes": attributes,
    }))
}

/// Private keys are seen by their owner only; who made a public one is not kept.
fn owners(door: &dyn Door, key: &Template) -> Value {
    match door.who() {
        Some((Role::CryptoUser, name)) if key.bool(A::PRIVATE) == Some(true) => {
            json!([{ "username": name, "key-coverage": "full" }])
        }
        _ => json!([]),
    }
}

fn length(key: &Template) -> Option<usize> {
    key.get(A::MODULUS).or_else(|| key.get(A::EC_POINT).map(crate::curve::bare)).map(<[u8]>::len)
}

fn modulus_bits(key: &Template) -> Option<usize> {
    let modulus = key.get(A::MODULUS)?;
    let first = modulus.iter().position(|byte| *byte != 0)?;
    let zeros = usize::try_from(modulus.get(first)?.leading_zeros()).ok()?;
    Some((modulus.len() - first) * 8 - zeros)
}
