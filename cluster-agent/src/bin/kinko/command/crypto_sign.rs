//! `crypto sign`.

use serde_json::json;

use super::{Answer, Run};
use crate::context::Context;
use crate::failure::Failure;
use crate::signature::{self, DataOptions, PssOptions, Work};
use crate::{key_filter, key_object};

/// The arguments of `ecdsa`.
#[derive(clap::Args)]
pub struct SignEcdsa {
    #[command(flatten)]
    data: DataOptions,
}

/// The arguments of `rsa-pkcs`.
#[derive(clap::Args)]
pub struct SignRsaPkcs {
    #[command(flatten)]
    data: DataOptions,
}

/// The arguments of `rsa-pkcs-pss`.
#[derive(clap::Args)]
pub struct SignRsaPkcsPss {
    #[command(flatten)]
    data: DataOptions,
    #[command(flatten)]
    pss: PssOptions,
}

impl Run for SignEcdsa {
    const PATH: &'static [&'static str] = &["crypto", "sign", "ecdsa"];
    const ABOUT: &'static str = "Sign with ECDSA; the signature is r and s one after the other, no DER";

    fn run(self, context: &Context) -> Result<Answer, Failure> {
        sign(context, &self.data.key_filter, self.data.ecdsa()?)
    }
}

impl Run for SignRsaPkcs {
    const PATH: &'static [&'static str] = &["crypto", "sign", "rsa-pkcs"];
    const ABOUT: &'static str = "Sign with RSA as in PKCS#1 version 1.5";

    fn run(self, context: &Context) -> Result<Answer, Failure> {
        sign(context, &self.data.key_filter, self.data.rsa_pkcs()?)
    }
}

impl Run for SignRsaPkcsPss {
    const PATH: &'static [&'static str] = &["crypto", "sign", "rsa-pkcs-pss"];
    const ABOUT: &'static str = "Sign with RSA and PSS";

    fn run(self, context: &Context) -> Result<Answer, Failure> {
        sign(context, &self.data.key_filter, self.data.rsa_pkcs_pss(&self.pss)?)
    }
}

fn sign(context: &Context, filter: &[String], (mechanism, data): Work) -> Result<Answer, Failure> {
    let door = context.door()?;
    let key = key_filter::single(&*door, filter)?;
    let signature = door.sign(&mechanism, key, &data)?;
    Ok(Answer::Data(json!({
        "key-reference": key_object::reference(key),
        "signature": signature::base64(&signature),
    })))
}
