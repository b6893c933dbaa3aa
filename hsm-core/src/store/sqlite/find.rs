//! Finding objects by their blind-index tokens.

use hsm_types::ObjectId;
use rusqlite::{Connection, ToSql, params_from_iter};

use super::failure::{OrFail, damaged};
use super::rows::signed;
use crate::error::Error;
use crate::store::journal::SearchToken;

/// The objects that carry every token, ascending, from the first one after `after`.
pub(super) fn search(
    connection: &Connection,
    tokens: &[SearchToken],
    after: Option<ObjectId>,
    limit: usize,
) -> Result<Vec<ObjectId>, Error> {
    if tokens.is_empty() {
        return Ok(Vec::new());
    }
    // No object has id 0.
    let after = signed(after.map_or(0, |id| id.0))?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut parameters: Vec<&dyn ToSql> = vec![&after, &limit];
    parameters.extend(tokens.iter().map(|token| -> &dyn ToSql { &token.0 }));

    let mut statement = connection.prepare_cached(&sql(tokens.len())).or_fail()?;
    let ids = statement.query_map(params_from_iter(parameters), |row| row.get::<_, i64>(0)).or_fail()?;
    ids.map(|id| object_id(id.or_fail()?)).collect()
}

/// The objects that carry every token of one of the alternatives, in one look at the database.
pub(super) fn search_any(connection: &Connection, alternatives: &[Vec<SearchToken>]) -> Result<Vec<ObjectId>, Error> {
    let mut selects = String::new();
    let mut parameters: Vec<&dyn ToSql> = Vec::new();
    for tokens in alternatives.iter().filter(|tokens| !tokens.is_empty()) {
        if !selects.is_empty() {
            selects.push_str(" UNION ALL ");
        }
        selects.push_str("SELECT first.object FROM search AS first WHERE first.token = ?");
        for _ in tokens.iter().skip(1) {
            selects.push_str(PROBE);
        }
        parameters.extend(tokens.iter().map(|token| -> &dyn ToSql { &token.0 }));
    }
    if selects.is_empty() {
        return Ok(Vec::new());
    }
    let mut statement = connection.prepare_cached(&selects).or_fail()?;
    let ids = statement.query_map(params_from_iter(parameters), |row| row.get::<_, i64>(0)).or_fail()?;
    let mut found = ids.map(|id| object_id(id.or_fail()?)).collect::<Result<Vec<_>, _>>()?;
    found.sort_unstable();
    found.dedup();
    Ok(found)
}

/// Whether the row found by the first token has another one, too: one look-up in the index.
const PROBE: &str = " AND EXISTS (SELECT 1 FROM search AS other WHERE other.token = ? AND other.object = first.object)";

fn object_id(id: i64) -> Result<ObjectId, Error> {
    u64::try_from(id).map(ObjectId).map_err(|_| damaged("a negative object id in the index"))
}

/// Walks the rows of the first token and probes the others for each: every step is one look-up in the index.
fn sql(tokens: usize) -> String {
    let mut sql = String::from("SELECT first.object FROM search AS first WHERE first.token = ?3 AND first.object > ?1");
    for number in 4..tokens + 3 {
        sql.push_str(&format!(
            " AND EXISTS (SELECT 1 FROM search AS other WHERE other.token = ?{number} AND other.object = first.object)"
        ));
    }
    sql.push_str(" ORDER BY first.object LIMIT ?2");
    sql
}
