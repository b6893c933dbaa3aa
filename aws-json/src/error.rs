//! What a caller is told when a call fails, and the envelope it is told in.

/// A modelled exception: an HTTP status, the code clients act on, and a text for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiError {
    /// HTTP status: 400 for the caller's mistakes, 500 for the service's.
    pub status: u16,
    /// The exception's name, sent as `__type`.
    pub code: &'static str,
    /// The text; empty for the few exceptions that carry none.
    pub message: String,
}

impl ApiError {
    /// The caller's mistake: status 400.
    pub fn client(code: &'static str, message: impl Into<String>) -> Self {
        Self { status: 400, code, message: message.into() }
    }

    /// The service's own failure: status 500, which SDKs retry.
    pub fn fault(code: &'static str, message: impl Into<String>) -> Self {
        Self { status: 500, code, message: message.into() }
    }

    pub(crate) fn with_status(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into() }
    }

    /// The JSON body; `member` is how the service spells the message's member.
    pub(crate) fn envelope(&self, member: &str) -> serde_json::Value {
        let mut body = serde_json::Map::new();
        body.insert("__type".to_owned(), self.code.into());
        if !self.message.is_empty() {
            body.insert(member.to_owned(), self.message.clone().into());
        }
        serde_json::Value::Object(body)
    }
}
