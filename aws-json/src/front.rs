//! From an HTTP request to a call and back.

use std::sync::Arc;

use aws_lc_rs::rand;
use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::{Body, Incoming};
use serde_json::{Map, Value};
use tokio::sync::Semaphore;

use crate::sigv4::Verifier;
use crate::{ApiError, Call, Credentials, ServerSettings, Service};

const CONTENT_TYPE: &str = "application/x-amz-json-1.1";

/// All that requests share.
pub(crate) struct Front {
    pub settings: ServerSettings,
    credentials: Credentials,
    service: Arc<dyn Service>,
    turns: Arc<Semaphore>,
}

impl Front {
    pub(crate) fn new(settings: ServerSettings, credentials: Credentials, service: Arc<dyn Service>) -> Self {
        let turns = Arc::new(Semaphore::new(settings.max_in_flight.clamp(1, Semaphore::MAX_PERMITS)));
        Self { settings, credentials, service, turns }
    }

    /// Waits for the calls whose clients went away: they are at work without a connection.
    pub(crate) async fn finish(&self) {
        for _ in 0..self.settings.max_in_flight.clamp(1, Semaphore::MAX_PERMITS) {
            if let Ok(turn) = self.turns.acquire().await {
                turn.forget();
            }
        }
    }

    /// Answers one request, whatever it is.
    pub(crate) async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let request_id = match new_request_id() {
            Ok(id) => id,
            Err(error) => return self.refusal(&error, ""),
        };
        if request.method() == Method::GET
            && let Some(response) = self.unsigned(request.uri().path(), &request_id)
        {
            return response;
        }
        let mut operation = String::new();
        let outcome = self.call(request, &request_id, &mut operation).await;
        let status = outcome.as_ref().map_or_else(|error| error.status, |_| 200);
        let code = outcome.as_ref().map_or_else(|error| error.code, |_| "");
        tracing::info!(request_id, operation, status, code, "call");
        match outcome {
            Ok(Value::Null) => response(StatusCode::OK, CONTENT_TYPE, Bytes::new(), &request_id),
            Ok(value) => response(StatusCode::OK, CONTENT_TYPE, value.to_string().into(), &request_id),
            Err(error) => self.refusal(&error, &request_id),
        }
    }

    /// What is answered without a signature.
    fn unsigned(&self, path: &str, request_id: &str) -> Option<Response<Full<Bytes>>> {
        let text = "text/plain; version=0.0.4; charset=utf-8";
        match (path, &self.settings.metrics) {
            ("/ping" | "/healthz", _) => {
                Some(response(StatusCode::OK, CONTENT_TYPE, Bytes::from_static(b"{\"status\":\"ok\"}"), request_id))
            }
            ("/metrics", Some(hook)) => Some(response(StatusCode::OK, text, hook().into(), request_id)),
            _ => None,
        }
    }

    async fn call(
        &self,
        request: Request<Incoming>,
        request_id: &str,
        operation: &mut String,
    ) -> Result<Value, ApiError> {
        let (head, body) = request.into_parts();
        *operation = self.operation(&head)?.to_owned();
        let body = self.read_body(body).await?;
        let verifier = Verifier {
            credentials: &self.credentials,
            service: self.service.signing_name(),
            now: (self.settings.clock)(),
            tolerance: self.settings.tolerance,
        };
        let verified = verifier.verify(&head, &body)?;
        let call = Call {
            request_id: request_id.to_owned(),
            caller: verified.caller,
            region: verified.region,
            operation: operation.clone(),
            body: parse(&body)?,
        };
        self.perform(call).await
    }

    /// The operation a request's head asks for.
    fn operation(&self, head: &http::request::Parts) -> Result<&'static str, ApiError> {
        let unknown = |message: &str| ApiError::client("UnknownOperationException", message);
        if head.method != Method::POST || head.uri.path() != "/" {
            return Err(ApiError::with_status(404, "UnknownOperationException", "Calls are made with POST to /."));
        }
        let text = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
        let kind = text("content-type").and_then(|value| value.split(';').next()).map(str::trim);
        if !kind.is_some_and(|kind| kind.eq_ignore_ascii_case(CONTENT_TYPE)) {
            return Err(unknown("Content-Type must be application/x-amz-json-1.1."));
        }
        let target = text("x-amz-target").ok_or_else(|| unknown("The header X-Amz-Target is missing."))?;
        let prefix = self.service.target_prefix();
        let wanted = target.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('.'));
        let known = self.service.operations().iter().copied().find(|name| Some(*name) == wanted);
        known.ok_or_else(|| unknown("X-Amz-Target names no operation of this service."))
    }

    async fn read_body(&self, body: Incoming) -> Result<Bytes, ApiError> {
        let most = self.settings.max_body;
        let too_large = || {
            let text = format!("The body is larger than {most} bytes.");
            ApiError::with_status(413, "RequestEntityTooLarge", text)
        };
        if body.size_hint().lower() > u64::try_from(most).unwrap_or(u64::MAX) {
            return Err(too_large());
        }
        match tokio::time::timeout(self.settings.body_timeout, Limited::new(body, most).collect()).await {
            Ok(Ok(collected)) => Ok(collected.to_bytes()),
            Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large()),
            Ok(Err(_)) => Err(ApiError::client("SerializationException", "The body ended early.")),
            Err(_) => Err(ApiError::with_status(408, "RequestTimeout", "The body took too long to arrive.")),
        }
    }

    /// Waits for its turn and runs the call where it may block. A call that has begun is finished even when its client
    /// goes away: half a change would be worse than an answer nobody reads.
    async fn perform(&self, call: Call) -> Result<Value, ApiError> {
        let busy = || ApiError::with_status(503, "ServiceUnavailable", "Too many calls are at work; try again.");
        let wait = tokio::time::timeout(self.settings.body_timeout, Arc::clone(&self.turns).acquire_owned());
        let turn = wait.await.ok().and_then(Result::ok).ok_or_else(busy)?;
        let service = Arc::clone(&self.service);
        let work = tokio::task::spawn_blocking(move || {
            let result = service.call(&call);
            drop(turn);
            result
        });
        work.await.unwrap_or_else(|_| {
            tracing::error!("a call panicked");
            Err(ApiError::fault("InternalFailure", "The call failed inside the service."))
        })
    }

    fn refusal(&self, error: &ApiError, request_id: &str) -> Response<Full<Bytes>> {
        let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = error.envelope(self.service.message_member()).to_string();
        let mut response = response(status, CONTENT_TYPE, body.into(), request_id);
        response.headers_mut().insert("x-amzn-errortype", HeaderValue::from_static(error.code));
        response
    }
}

fn parse(body: &Bytes) -> Result<Map<String, Value>, ApiError> {
    if body.is_empty() {
        return Ok(Map::new());
    }
    // The parser's own message may quote the body: it is not passed on.
    serde_json::from_slice(body)
        .map_err(|_| ApiError::client("SerializationException", "The body is not a JSON object."))
}

fn response(status: StatusCode, kind: &'static str, body: Bytes, request_id: &str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    response.headers_mut().insert("content-type", HeaderValue::from_static(kind));
    if let Ok(id) = HeaderValue::from_str(request_id) {
        response.headers_mut().insert("x-amzn-requestid", id);
    }
    response
}

/// A version 4 UUID (RFC 9562, section 5.4).
fn new_request_id() -> Result<String, ApiError> {
    let mut bytes = [0_u8; 16];
    rand::fill(&mut bytes).map_err(|_| ApiError::fault("InternalFailure", "No random numbers."))?;
    let random = u128::from_be_bytes(bytes);
    let marked = (random & !(0xf << 76) & !(0x3 << 62)) | (0x4 << 76) | (0x2 << 62);
    let digits = format!("{marked:032x}");
    let groups = [0..8, 8..12, 12..16, 16..20, 20..32].map(|range| digits.get(range).unwrap_or_default());
    Ok(groups.join("-"))
}
