//! `key generate-symmetric aes`.

use hsm_types::{AttributeType as A, Mechanism, MechanismType, Params, Template};
use serde_json::json;

use super::{Answer, Run};
use crate::attribute;
use crate::context::Context;
use crate::failure::Failure;
use crate::key_object;

/// The arguments.
#[derive(clap::Args)]
pub struct KeyGenerateAes {
    /// The key's label
    #[arg(long)]
    label: String,
    /// 16, 24 or 32
    #[arg(long)]
    key_length_bytes: u64,
    /// A key that ends with the session
    #[arg(long)]
    session: bool,
    /// <attribute>=<value> …
    #[arg(long, num_args = 1..)]
    attributes: Vec<String>,
}

impl Run for KeyGenerateAes {
    const PATH: &'static [&'static str] = &["key", "generate-symmetric", "aes"];
    const ABOUT: &'static str = "Generate an AES key";

    fn run(self, context: &Context) -> Result<Answer, Failure> {
        let mut template = Template::new();
        template.set(A::LABEL, self.label.as_bytes());
        template.set_ulong(A::VALUE_LEN, self.key_length_bytes);
        template.set_bool(A::TOKEN, !self.session);
        // CloudHSM's defaults, which are not PKCS#11's.
        for (attribute, value) in [
            (A::ENCRYPT, false),
            (A::DECRYPT, false),
            (A::SIGN, true),
            (A::VERIFY, true),
            (A::EXTRACTABLE, true),
            (A::PRIVATE, true),
            (A::SENSITIVE, true),
        ] {
            template.set_bool(attribute, value);
        }
        attribute::apply(&mut template, &self.attributes)?;
        let door = context.door()?;
        let mechanism = Mechanism { mechanism: MechanismType::AES_KEY_GEN, params: Params::None };
        let id = door.generate_key(&mechanism, template)?;
        Ok(Answer::Data(json!({ "key": key_object::full(&*door, id)? })))
    }
}
