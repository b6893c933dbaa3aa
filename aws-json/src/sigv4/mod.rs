//! Verification of AWS Signature Version 4.

mod canonical;
mod clock;
mod header;
mod presigned;

use http::request::Parts;
use subtle::ConstantTimeEq;

use self::canonical::{Scope, TERMINATOR};
use crate::credentials::Credentials;
use crate::{ApiError, Caller};

/// Stands in for the secret of a key nobody has, so that such a request costs what any other does.
const NOBODYS_SECRET: &str = "0000000000000000000000000000000000000000";
/// These must be covered by every signature, wherever the signature is.
const ALWAYS_SIGNED: [&str; 2] = ["host", "x-amz-target"];

pub(super) fn incomplete(message: impl Into<String>) -> ApiError {
    ApiError::client("IncompleteSignatureException", message)
}

fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::client("InvalidSignatureException", message)
}

fn unrecognized() -> ApiError {
    ApiError::client("UnrecognizedClientException", "The security token included in the request is invalid.")
}

/// What a request says about its signature; nothing of it is believed yet.
struct Claim {
    access_key_id: String,
    date: String,
    region: String,
    service: String,
    signed_headers: Vec<String>,
    signature: [u8; 32],
    timestamp: String,
    session_token: Option<String>,
    /// Seconds; only in the presigned form.
    expires: Option<u64>,
}

impl Claim {
    fn new(
        credential: &str,
        signed_headers: &str,
        signature: &str,
        timestamp: &str,
        session_token: Option<&str>,
    ) -> Result<Self, ApiError> {
        let parts: Vec<_> = credential.split('/').collect();
        let [access_key_id, date, region, service, TERMINATOR] = parts.as_slice() else {
            return Err(incomplete("Credential must be <access key>/<yyyymmdd>/<region>/<service>/aws4_request."));
        };
        let mut bytes = [0; 32];
        let lower = !signature.bytes().any(|b| b.is_ascii_uppercase());
        if !lower || hex::decode_to_slice(signature, &mut bytes).is_err() {
            return Err(incomplete("Signature must be 64 lower-case hexadecimal digits."));
        }
        let signed_headers: Vec<_> = signed_headers.split(';').map(str::to_owned).collect();
        let sorted = signed_headers.is_sorted_by(|a, b| a < b);
        if !sorted || signed_headers.iter().any(|name| name.bytes().any(|b| b.is_ascii_uppercase())) {
            return Err(incomplete("SignedHeaders must be lower-case, sorted and each there once."));
        }
        Ok(Self {
            access_key_id: (*access_key_id).to_owned(),
            date: (*date).to_owned(),
            region: (*region).to_owned(),
            service: (*service).to_owned(),
            signed_headers,
            signature: bytes,
            timestamp: timestamp.to_owned(),
            session_token: session_token.map(str::to_owned),
            expires: None,
        })
    }
}

/// What signatures are held against.
pub(crate) struct Verifier<'a> {
    pub credentials: &'a Credentials,
    pub service: &'a str,
    /// Seconds since 1970.
    pub now: u64,
    /// Seconds a request may be old or early.
    pub tolerance: u64,
}

/// Whose signature it was, and for which Region.
#[derive(Debug)]
pub(crate) struct Verified {
    pub caller: Caller,
    pub region: String,
}

impl Verifier<'_> {
    /// Verifies a request's signature over its head and its body.
    pub(crate) fn verify(&self, head: &Parts, body: &[u8]) -> Result<Verified, ApiError> {
        let parameters = canonical::query_parameters(head.uri.query().unwrap_or(""))
            .ok_or_else(|| incomplete("The query string has a broken percent-escape."))?;
        let claim = read_claim(head, &parameters)?;
        self.check_scope(&claim)?;
        self.check_time(&claim)?;
        check_coverage(head, &claim)?;
        let request = canonical_request(head, &parameters, &claim, body)?;
        self.check_signature(&claim, &request)
    }

    fn check_scope(&self, claim: &Claim) -> Result<(), ApiError> {
        if claim.service != self.service {
            return Err(invalid(format!("Credential should be scoped to correct service: '{}'.", self.service)));
        }
        if claim.region.is_empty() || !self.credentials.serves_region(&claim.region) {
            let regions = self.credentials.regions().join("' or '");
            return Err(invalid(format!(
                "Credential should be scoped to a valid Region, not '{}': '{regions}'.",
                claim.region
            )));
        }
        if claim.timestamp.get(..8) != Some(claim.date.as_str()) {
            return Err(invalid("Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date."));
        }
        Ok(())
    }

    fn check_time(&self, claim: &Claim) -> Result<(), ApiError> {
        let signed_at = clock::parse(&claim.timestamp)
            .ok_or_else(|| incomplete("Date must be in ISO-8601 'basic format' (yyyymmddThhmmssZ)."))?;
        let now = clock::format(self.now);
        let minutes = self.tolerance / 60;
        // A presigned request may ask for less than the tolerance, never for more: it could be replayed all that time.
        let lifetime = claim.expires.map_or(self.tolerance, |seconds| seconds.min(self.tolerance));
        if signed_at.saturating_add(lifetime) < self.now {
            let earliest = clock::format(self.now.saturating_sub(lifetime));
            let text = &claim.timestamp;
            return Err(invalid(format!(
                "Signature expired: {text} is now earlier than {earliest} ({now} - {minutes} min.)"
            )));
        }
        if signed_at > self.now.saturating_add(self.tolerance) {
            let latest = clock::format(self.now.saturating_add(self.tolerance));
            let text = &claim.timestamp;
            return Err(invalid(format!(
                "Signature not yet current: {text} is still later than {latest} ({now} + {minutes} min.)"
            )));
        }
        Ok(())
    }

    /// Does the same work whether the key is known or not, and decides only when all is computed.
    fn check_signature(&self, claim: &Claim, request: &str) -> Result<Verified, ApiError> {
        let key = self.credentials.find(&claim.access_key_id);
        let secret = key.map_or(NOBODYS_SECRET, |key| key.secret.as_str());
        let scope = Scope { date: &claim.date, region: &claim.region, service: &claim.service };
        let expected = canonical::signature(secret, &claim.timestamp, &scope, request);
        let signature_ok = expected.as_ref().ct_eq(&claim.signature);
        let wanted_token = key.and_then(|key| key.session_token.as_ref()).map_or("", |token| token.as_str());
        let given_token = claim.session_token.as_deref().unwrap_or("");
        let token_ok = wanted_token.as_bytes().ct_eq(given_token.as_bytes());
        match key {
            Some(key) if bool::from(signature_ok & token_ok) => {
                Ok(Verified { caller: key.caller(), region: claim.region.clone() })
            }
            Some(_) if bool::from(token_ok) => Err(invalid(
                "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method.",
            )),
            _ => Err(unrecognized()),
        }
    }
}

fn read_claim(head: &Parts, parameters: &[(String, String)]) -> Result<Claim, ApiError> {
    let authorization = single_header(head, "authorization")?;
    match (authorization, presigned::is_presigned(parameters)) {
        (Some(_), true) => Err(incomplete("The request is signed both in its header and in its query string.")),
        (None, true) => presigned::parse(parameters),
        (Some(value), false) => {
            header::parse(value, single_header(head, "x-amz-date")?, single_header(head, "x-amz-security-token")?)
        }
        (None, false) => Err(ApiError::client("MissingAuthenticationTokenException", "Missing Authentication Token")),
    }
}

fn single_header<'a>(head: &'a Parts, name: &str) -> Result<Option<&'a str>, ApiError> {
    let mut values = head.headers.get_all(name).iter();
    let first = values.next();
    if values.next().is_some() {
        return Err(incomplete(format!("The header '{name}' is there twice.")));
    }
    let text = first.map(|value| value.to_str().map(str::trim));
    text.transpose().map_err(|_| incomplete(format!("The header '{name}' is not text.")))
}

/// Host, target and every `x-amz-` header change what a request means: none may be left outside the signature.
fn check_coverage(head: &Parts, claim: &Claim) -> Result<(), ApiError> {
    let amazon = head.headers.keys().map(http::HeaderName::as_str).filter(|name| name.starts_with("x-amz-"));
    let missing = ALWAYS_SIGNED.into_iter().chain(amazon).find(|name| !claim.signed_headers.iter().any(|s| s == name));
    match missing {
        Some(name) => Err(invalid(format!("'{name}' must be a 'SignedHeader' in the AWS Authorization."))),
        None => Ok(()),
    }
}

fn canonical_request(
    head: &Parts,
    parameters: &[(String, String)],
    claim: &Claim,
    body: &[u8],
) -> Result<String, ApiError> {
    let mut headers = String::new();
    for name in &claim.signed_headers {
        let value = header_value(head, name)?;
        headers.push_str(&format!("{name}:{value}\n"));
    }
    Ok([
        head.method.as_str(),
        head.uri.path(),
        &canonical::canonical_query(parameters),
        &headers,
        &claim.signed_headers.join(";"),
        &canonical::sha256_hex(body),
    ]
    .join("\n"))
}

fn header_value(head: &Parts, name: &str) -> Result<String, ApiError> {
    let values = head.headers.get_all(name).iter().map(|value| value.to_str().map(canonical::canonical_value));
    let values: Vec<_> =
        values.collect::<Result<_, _>>().map_err(|_| incomplete(format!("The header '{name}' is not text.")))?;
    match (values.is_empty(), name, head.uri.authority()) {
        (false, "host", _) if values.len() > 1 => Err(incomplete("The header 'host' is there twice.")),
        (false, _, _) => Ok(values.join(",")),
        // HTTP/2 has no Host header; its authority is what the client signed.
        (true, "host", Some(authority)) => Ok(authority.as_str().to_owned()),
        (true, _, _) => Err(invalid(format!("The signed header '{name}' is not in the request."))),
    }
}
