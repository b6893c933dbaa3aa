//! The control plane as a service over AWS JSON, and what it tells Prometheus.

use std::fmt::Write as _;
use std::sync::Arc;

use aws_json::{ApiError, Call, Service};
use serde_json::Value;

use super::catalog::rows;
use super::error::Refusal;
use super::{ControlPlane, operation};

/// The service `BaldrApiService`.
pub struct Api(pub Arc<ControlPlane>);

impl Service for Api {
    fn target_prefix(&self) -> &'static str {
        "BaldrApiService"
    }

    fn signing_name(&self) -> &'static str {
        "cloudhsm"
    }

    fn message_member(&self) -> &'static str {
        "Message"
    }

    fn operations(&self) -> &'static [&'static str] {
        operation::NAMES
    }

    fn call(&self, call: &Call) -> Result<Value, ApiError> {
        self.0.call(call)
    }
}

impl ControlPlane {
    /// Carries out an operation and wakes the worker when it left work.
    ///
    /// # Errors
    /// The API's exceptions.
    pub fn call(&self, call: &Call) -> Result<Value, ApiError> {
        let found = operation::find(&call.operation);
        let operation = found.ok_or_else(|| ApiError::client("UnknownOperationException", call.operation.clone()))?;
        let context = operation::Context {
            plane: self,
            account: &call.caller.account,
            region: &call.region,
            now: self.clock.now(),
        };
        let answer = (operation.run)(&context, &call.body)?;
        if operation.effect == operation::Effect::Changes {
            self.wake();
        }
        Ok(answer)
    }

    /// Clusters, HSMs and backups by state, in Prometheus' text format.
    ///
    /// # Errors
    /// [`Refusal::Internal`].
    pub fn metrics(&self) -> Result<String, Refusal> {
        self.catalog.transact(|db| {
            let mut text = String::new();
            for kind in ["cluster", "hsm", "backup"] {
                let sql = format!("SELECT state, count(*) FROM {kind} GROUP BY state ORDER BY state");
                let counts: Vec<(String, u64)> = rows(db, &sql, [], |row| Ok((row.get(0)?, row.get(1)?)))?;
                // Writing to a String does not fail.
                let _ = writeln!(text, "# TYPE kinko_{kind}s gauge");
                for (state, count) in counts {
                    let _ = writeln!(text, "kinko_{kind}s{{state=\"{state}\"}} {count}");
                }
            }
            Ok(text)
        })
    }
}
