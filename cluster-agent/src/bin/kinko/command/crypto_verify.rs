//! `crypto verify`.

use std::path::PathBuf;

use serde_json::json;

use super::{Answer, Run};
use crate::context::Context;
use crate::failure::Failure;
use crate::key_filter;
use crate::signature::{self, DataOptions, PssOptions, Work};

/// The signature.
#[derive(clap::Args)]
struct SignatureOptions {
    /// The signature in base64
    #[arg(long, required_unless_present = "signature_path", conflicts_with = "signature_path")]
    signature: Option<String>,
    /// A file with the signature
    #[arg(long)]
    signature_path: Option<PathBuf>,
}

/// The arguments of `ecdsa`.
#[derive(clap::Args)]
pub struct VerifyEcdsa {
    #[command(flatten)]
    data: DataOptions,
    #[command(flatten)]
    signature: SignatureOptions,
}

/// The arguments of `rsa-pkcs`.
#[derive(clap::Args)]
pub struct VerifyRsaPkcs {
    #[command(flatten)]
    data: DataOptions,
    #[command(flatten)]
    signature: SignatureOptions,
}

/// The arguments of `rsa-pkcs-pss`.
#[derive(clap::Args)]
pub struct VerifyRsaPkcsPss {
    #[command(flatten)]
    data: DataOptions,
    #[command(flatten)]
    pss: PssOptions,
    #[command(flatten)]
    signature: SignatureOptions,
}

impl Run for VerifyEcdsa {
    const PATH: &'static [&'static str] = &["crypto", "verify", "ecdsa"];
    const ABOUT: &'static str = "Verify an ECDSA signature: r and s one after the other, no DER";

    fn run(self, context: &Context) -> Result<Answer, Failure> {
        verify(context, &self.data.key_filter, self.data.ecdsa()?, &self.signature)
    }
}

impl Run for VerifyRsaPkcs {
    const PATH: &'static [&'static str] = &["crypto", "verify", "rsa-pkcs"];
    const ABOUT: &'static str = "Verify an RSA signature as in PKCS#1 version 1.5";

    fn run(self, context: &Context) -> Result<Answer, Failure> {
        verify(context, &self.data.key_filter, self.data.rsa_pkcs()?, &self.signature)
    }
}

impl Run for VerifyRsaPkcsPss {
    const PATH: &'static [&'static str] = &["crypto", "verify", "rsa-pkcs-pss"];
    const ABOUT: &'static str = "Verify an RSA signature with PSS";

    fn run(self, context: &Context) -> Result<Answer, Failure> {
        verify(context, &self.data.key_filter, self.data.rsa_pkcs_pss(&self.pss)?, &self.signature)
    }
}

fn verify(
    context: &Context,
    filter: &[String],
    (mechanism, data): Work,
    given: &SignatureOptions,
) -> Result<Answer, Failure> {
    let door = context.door()?;
    let key = key_filter::single(&*door, filter)?;
    let signature = signature::bytes("--signature", given.signature.as_deref(), given.signature_path.as_deref())?;
    door.verify(&mechanism, key, &data, &signature)?;
    Ok(Answer::Data(json!({ "message": "Signature verified successfully" })))
}
