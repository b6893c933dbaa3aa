//! `cluster activate`.

use serde_json::Value;

use super::{Answer, Login, Run};
use crate::context::Context;
use crate::credentials;
use crate::failure::Failure;

/// The arguments.
#[derive(clap::Args)]
pub struct ClusterActivate {
    /// The first administrator's password; asked for if left out
    #[arg(long)]
    password: Option<String>,
}

impl Run for ClusterActivate {
    const PATH: &'static [&'static str] = &["cluster", "activate"];
    const ABOUT: &'static str = "Activate the cluster: set the password of its first administrator, `admin`";
    const LOGIN: Login = Login::NotNeeded;

    fn run(self, context: &Context) -> Result<Answer, Failure> {
        let password = credentials::new(self.password.as_deref())?;
        context.door()?.activate(password.as_bytes())?;
        Ok(Answer::Data(Value::from("Cluster activation successful")))
    }
}
