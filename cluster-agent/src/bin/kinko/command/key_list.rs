//! `key list`.

use hsm_core::Role;
use serde_json::{Map, Value, json};

use super::{Answer, Run};
use crate::context::Context;
use crate::failure::Failure;
use crate::{key_filter, key_object};

/// The arguments.
#[derive(clap::Args)]
pub struct KeyList {
    /// key-reference=0x…, or attr.<name>=<value> …, which all have to fit
    #[arg(long, num_args = 1..)]
    filter: Vec<String>,
    /// How many keys to show at most
    #[arg(long, default_value_t = 10)]
    max_items: usize,
    /// Go on where the last list ended: its `next_token`
    #[arg(long, default_value_t = 0)]
    starting_token: usize,
    /// Show everything about each key
    #[arg(long, short)]
    verbose: bool,
}

impl Run for KeyList {
    const PATH: &'static [&'static str] = &["key", "list"];
    const ABOUT: &'static str = "List keys: one's own and public ones";

    fn run(self, context: &Context) -> Result<Answer, Failure> {
        let door = context.door()?;
        let found = key_filter::select(&*door, &self.filter)?;
        let is_admin = matches!(door.who(), Some((Role::Admin, _)));
        let show = if self.verbose && !is_admin { key_object::full } else { key_object::brief };
        let page: Vec<Value> = found
            .iter()
            .skip(self.starting_token)
            .take(self.max_items)
            .map(|id| show(&*door, *id))
            .collect::<Result<_, _>>()?;
        let (total, returned) = (found.len(), page.len());
        let mut data = Map::new();
        data.insert("matched_keys".to_owned(), Value::Array(page));
        data.insert("total_key_count".to_owned(), json!(total));
        data.insert("returned_key_count".to_owned(), json!(returned));
        let next = self.starting_token.saturating_add(returned);
        if next < total {
            data.insert("next_token".to_owned(), json!(next.to_string()));
        }
        Ok(Answer::Data(Value::Object(data)))
    }
}
