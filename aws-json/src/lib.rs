//! An AWS JSON 1.1 server: what stands between a socket and an API that AWS SDKs call.
//!
//! An API implements [`Service`]; [`Server`] does the rest:
//!
//! - HTTP/1.1 and HTTP/2, with or without TLS, `POST /` and `X-Amz-Target: <prefix>.<Operation>`;
//! - Signature Version 4, in the `Authorization` header or presigned, over the body as it came, five minutes either
//!   way. `Host`, `X-Amz-Target` and every `X-Amz-*` header must be signed;
//! - `x-amzn-RequestId` on every answer, `{"__type": …}` and `x-amzn-ErrorType` on every error;
//! - limits ([`ServerSettings`]) on bodies, connections, calls at work and the time a client may take;
//! - `GET /ping` and `GET /healthz` for readiness and, when a hook is set, `GET /metrics`; these take no signature.
//!
//! ```no_run
//! # use std::sync::Arc;
//! # async fn start(service: impl aws_json::Service, clock: Arc<dyn Fn() -> u64 + Send + Sync>)
//! #     -> Result<(), Box<dyn std::error::Error>> {
//! let credentials = aws_json::Credentials::load("/etc/kinko/credentials.toml".as_ref())?;
//! let settings = aws_json::ServerSettings::new(clock);
//! let server = aws_json::Server::bind("127.0.0.1:8443".parse()?, settings, credentials, service)?;
//! server.run(std::future::pending()).await;
//! # Ok(())
//! # }
//! ```
//!
//! Each call is logged through `tracing` with its request ID, operation and status. Bodies, signatures and secrets are
//! never logged.
#![forbid(unsafe_code)]

mod credentials;
mod error;
mod front;
mod limits;
mod server;
mod service;
mod sigv4;

pub use credentials::{AccessKey, Credentials, CredentialsError};
pub use error::ApiError;
pub use limits::ServerSettings;
pub use server::{BindError, Server};
pub use service::{Call, Caller, Service};
