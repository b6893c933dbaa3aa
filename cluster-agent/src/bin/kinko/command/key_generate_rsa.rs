//! `key generate-asymmetric-pair rsa`.

use hsm_types::{AttributeType as A, MechanismType};

use super::{Answer, Run};
use crate::command::key_generate_ec::{PairOptions, generate};
use crate::context::Context;
use crate::failure::Failure;

/// The arguments.
#[derive(clap::Args)]
pub struct KeyGenerateRsa {
    #[command(flatten)]
    pair: PairOptions,
    /// At least 2048
    #[arg(long)]
    modulus_size_bits: u64,
    /// Odd, at least 65537
    #[arg(long)]
    public_exponent: u64,
}

impl Run for KeyGenerateRsa {
    const PATH: &'static [&'static str] = &["key", "generate-asymmetric-pair", "rsa"];
    const ABOUT: &'static str = "Generate an RSA key pair";

    fn run(self, context: &Context) -> Result<Answer, Failure> {
        let (mut public, private) = self.pair.templates();
        public.set_ulong(A::MODULUS_BITS, self.modulus_size_bits);
        let exponent = self.public_exponent.to_be_bytes();
        let first = exponent.iter().position(|byte| *byte != 0).unwrap_or(exponent.len());
        public.set(A::PUBLIC_EXPONENT, exponent.get(first..).unwrap_or_default());
        for role in [A::ENCRYPT, A::VERIFY] {
            public.set_bool(role, false);
        }
        generate(context, MechanismType::RSA_PKCS_KEY_PAIR_GEN, &self.pair, (public, private))
    }
}
