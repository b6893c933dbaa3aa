//! Resource policies of backups: who else may see a backup and make clusters from it.

use rusqlite::{Connection, OptionalExtension as _};
use serde_json::Value;

use super::backup::Backup;
use super::error::{Refusal, invalid};

/// The policy of a backup.
///
/// # Errors
/// [`Refusal::Internal`].
pub fn of(db: &Connection, backup: &str) -> Result<Option<String>, Refusal> {
    let sql = "SELECT document FROM policy WHERE resource = ?1";
    Ok(db.query_row(sql, [backup], |row| row.get(0)).optional()?)
}

/// Checks that a document is a policy: JSON with statements.
///
/// # Errors
/// [`Refusal::Invalid`].
pub fn check(document: &str) -> Result<(), Refusal> {
    let Ok(parsed) = serde_json::from_str::<Value>(document) else {
        return invalid("Policy is not JSON.");
    };
    let statements = each(parsed.get("Statement"));
    let sound = |statement: &&Value| {
        matches!(statement.get("Effect").and_then(Value::as_str), Some("Allow" | "Deny"))
            && statement.get("Principal").is_some()
            && statement.get("Action").is_some()
    };
    if statements.is_empty() || !statements.iter().all(sound) {
        return invalid("Policy must have statements, each with Effect (Allow or Deny), Principal and Action.");
    }
    Ok(())
}

/// Whether the policy of a backup lets another account do `action` (`cloudhsm:…`). A denial beats every permission;
/// a statement with conditions, which are not evaluated here, permits nothing and denies.
///
/// # Errors
/// [`Refusal::Internal`].
pub fn permits(db: &Connection, backup: &Backup, account: &str, action: &str) -> Result<bool, Refusal> {
    let Some(document) = of(db, &backup.id)? else { return Ok(false) };
    let parsed: Value = serde_json::from_str(&document).unwrap_or_default();
    let mut permitted = false;
    for statement in each(parsed.get("Statement")) {
        let concerned = each(statement.get("Action")).iter().any(|pattern| matches_action(pattern, action))
            && concerns(statement.get("Principal"), account);
        if !concerned {
            continue;
        }
        if statement.get("Effect").and_then(Value::as_str) == Some("Deny") {
            return Ok(false);
        }
        permitted |= statement.get("Condition").is_none();
    }
    Ok(permitted)
}

/// A member that may be one value or a list of them.
fn each(member: Option<&Value>) -> Vec<&Value> {
    match member {
        Some(Value::Array(list)) => list.iter().collect(),
        Some(one) => vec![one],
        None => Vec::new(),
    }
}

fn matches_action(pattern: &Value, action: &str) -> bool {
    let pattern = pattern.as_str().unwrap_or_default().to_lowercase();
    let action = action.to_lowercase();
    pattern.strip_suffix('*').map_or(pattern == action, |prefix| action.starts_with(prefix))
}

fn concerns(principal: Option<&Value>, account: &str) -> bool {
    let named = |value: &&Value| {
        let name = value.as_str().unwrap_or_default();
        let of_arn = name.starts_with("arn:").then(|| name.split(':').nth(4)).flatten();
        name == "*" || name == account || of_arn == Some(account)
    };
    match principal {
        Some(Value::Object(kinds)) => each(kinds.get("AWS")).iter().any(named),
        Some(other) => named(&other),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_needs_statements() {
        assert!(check("{}").is_err() && check("nonsense").is_err());
        let sound = r#"{"Statement":{"Effect":"Allow","Principal":{"AWS":"111122223333"},"Action":"cloudhsm:*"}}"#;
        assert!(check(sound).is_ok());
    }

    #[test]
    fn principals_are_accounts_arns_or_everybody() {
        let principal = serde_json::json!({"AWS": ["arn:aws:iam::111122223333:root"]});
        assert!(concerns(Some(&principal), "111122223333"));
        assert!(!concerns(Some(&principal), "111122224444"));
        assert!(concerns(Some(&Value::from("*")), "1"));
    }
}
