//! Tags of clusters and backups.

use std::collections::BTreeSet;

use rusqlite::{Connection, params};
use serde::Deserialize;
use serde_json::{Value, json};

use super::catalog::rows;
use super::error::Refusal;
use super::validate::{TAG_KEY, TAG_VALUE, list_length, required};

/// How many tags a resource may have.
pub const MAX_TAGS: usize = 50;

/// `Tag` as a request has it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct TagInput {
    key: Option<String>,
    value: Option<String>,
}

/// A tag that keeps the rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag {
    /// Up to 128 characters.
    pub key: String,
    /// Up to 256 characters.
    pub value: String,
}

/// Checks a `TagList`.
///
/// # Errors
/// [`Refusal::Invalid`] by the model, [`Refusal::Tag`] for a key twice or one of AWS's own.
pub fn checked(list: Option<Vec<TagInput>>) -> Result<Vec<Tag>, Refusal> {
    let Some(list) = list else { return Ok(Vec::new()) };
    list_length("TagList", list.len(), MAX_TAGS)?;
    let mut keys = BTreeSet::new();
    let mut tags = Vec::new();
    for tag in list {
        let key = TAG_KEY.required("TagList.Key", tag.key)?;
        let value = required("TagList.Value", tag.value)?;
        TAG_VALUE.check("TagList.Value", &value)?;
        if key.to_lowercase().starts_with("aws:") {
            return Err(Refusal::Tag(format!("The tag {key} begins with aws:, which is reserved.")));
        }
        if !keys.insert(key.clone()) {
            return Err(Refusal::Tag(format!("The tag {key} is given twice.")));
        }
        tags.push(Tag { key, value });
    }
    Ok(tags)
}

/// Adds tags to a resource, or gives those it has new values.
///
/// # Errors
/// [`Refusal::Limit`] when it would have more than [`MAX_TAGS`].
pub fn add(db: &Connection, resource: &str, tags: &[Tag]) -> Result<(), Refusal> {
    for tag in tags {
        let sql = "INSERT INTO tag (resource, key, value) VALUES (?1, ?2, ?3)
                   ON CONFLICT (resource, key) DO UPDATE SET value = excluded.value";
        db.execute(sql, params![resource, tag.key, tag.value])?;
    }
    let count: usize = db.query_row("SELECT count(*) FROM tag WHERE resource = ?1", [resource], |row| row.get(0))?;
    if count > MAX_TAGS {
        return Err(Refusal::Limit(format!("{resource} would have {count} tags; it may have {MAX_TAGS}.")));
    }
    Ok(())
}

/// `TagList` of a resource, by key.
///
/// # Errors
/// [`Refusal::Internal`].
pub fn list(db: &Connection, resource: &str) -> Result<Vec<Value>, Refusal> {
    rows(db, "SELECT key, value FROM tag WHERE resource = ?1 ORDER BY key", [resource], |row| {
        Ok(json!({"Key": row.get::<_, String>(0)?, "Value": row.get::<_, String>(1)?}))
    })
}
