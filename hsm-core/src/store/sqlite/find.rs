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
    ids.map(|id| {
        let id = u64::try_from(id.or_fail()?).map_err(|_| damaged("a negative object id in the index"))?;
        Ok(ObjectId(id))
    })
    .collect()
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
