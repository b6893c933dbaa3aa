//! `key generate-asymmetric-pair ec`, and what it shares with `rsa`.

use hsm_types::{AttributeType as A, Mechanism, MechanismType, Params, Template};
use serde_json::json;

use super::{Answer, Run};
use crate::context::Context;
use crate::failure::Failure;
use crate::{attribute, curve, key_object};

/// The arguments.
#[derive(clap::Args)]
pub struct KeyGenerateEc {
    #[command(flatten)]
    pair: PairOptions,
    /// The curve
    #[arg(long, value_parser = clap::builder::PossibleValuesParser::new(curve::names()))]
    curve: String,
}

/// What every key pair takes.
#[derive(clap::Args)]
pub struct PairOptions {
    /// The public key's label
    #[arg(long)]
    public_label: String,
    /// The private key's label
    #[arg(long)]
    private_label: String,
    /// Keys that end with the session
    #[arg(long)]
    session: bool,
    /// <attribute>=<value> … of the public key
    #[arg(long, num_args = 1..)]
    public_attributes: Vec<String>,
    /// <attribute>=<value> … of the private key
    #[arg(long, num_args = 1..)]
    private_attributes: Vec<String>,
}

impl Run for KeyGenerateEc {
    const PATH: &'static [&'static str] = &["key", "generate-asymmetric-pair", "ec"];
    const ABOUT: &'static str = "Generate a key pair on an elliptic curve";

    fn run(self, context: &Context) -> Result<Answer, Failure> {
        let (mut public, private) = self.pair.templates();
        let (name, params) =
            curve::named(&self.curve).ok_or_else(|| Failure::Input(format!("there is no curve {}", self.curve)))?;
        public.set(A::EC_PARAMS, params);
        public.set_bool(A::VERIFY, false);
        let mechanism = match name {
            curve::ED25519 => MechanismType::EC_EDWARDS_KEY_PAIR_GEN,
            _ => MechanismType::EC_KEY_PAIR_GEN,
        };
        generate(context, mechanism, &self.pair, (public, private))
    }
}

impl PairOptions {
    /// Labels, and CloudHSM's defaults, which are not PKCS#11's.
    pub fn templates(&self) -> (Template, Template) {
        let (mut public, mut private) = (Template::new(), Template::new());
        for (template, label) in [(&mut public, &self.public_label), (&mut private, &self.private_label)] {
            template.set(A::LABEL, label.as_bytes());
            template.set_bool(A::TOKEN, !self.session);
            template.set_bool(A::PRIVATE, true);
            template.set_bool(A::DERIVE, false);
        }
        for role in [A::DECRYPT, A::SIGN] {
            private.set_bool(role, false);
        }
        for protection in [A::SENSITIVE, A::EXTRACTABLE] {
            private.set_bool(protection, true);
        }
        (public, private)
    }
}

/// Generates the pair, with the attributes that were asked for, and shows it.
pub fn generate(
    context: &Context,
    mechanism: MechanismType,
    options: &PairOptions,
    (mut public, mut private): (Template, Template),
) -> Result<Answer, Failure> {
    attribute::apply(&mut public, &options.public_attributes)?;
    attribute::apply(&mut private, &options.private_attributes)?;
    let door = context.door()?;
    let mechanism = Mechanism { mechanism, params: Params::None };
    let (public, private) = door.generate_key_pair(&mechanism, public, private)?;
    let public = key_object::full(&*door, public)?;
    Ok(Answer::Data(json!({ "public_key": public, "private_key": key_object::full(&*door, private)? })))
}
