//! `key delete`.

use serde_json::json;

use super::{Answer, Run};
use crate::context::Context;
use crate::failure::Failure;
use crate::key_filter;

/// The arguments.
#[derive(clap::Args)]
pub struct KeyDelete {
    /// Selects the key: key-reference=0x…, or attr.<name>=<value> …
    #[arg(long, num_args = 1.., required = true)]
    filter: Vec<String>,
}

impl Run for KeyDelete {
    const PATH: &'static [&'static str] = &["key", "delete"];
    const ABOUT: &'static str = "Delete one key";

    fn run(self, context: &Context) -> Result<Answer, Failure> {
        let door = context.door()?;
        door.destroy(key_filter::single(&*door, &self.filter)?)?;
        Ok(Answer::Data(json!({ "message": "Key deleted successfully" })))
    }
}
