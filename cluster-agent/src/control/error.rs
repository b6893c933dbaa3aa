//! Why the control plane refuses a request.

use aws_json::ApiError;

/// A refusal. The text is for the caller, except that of [`Refusal::Internal`], which is for the log.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// The request is not acceptable as it is, or not in this state.
    #[error("{0}")]
    Invalid(String),
    /// The request's JSON has a member of the wrong type.
    #[error("{0}")]
    Malformed(String),
    /// There is no such resource in this account and region.
    #[error("{0}")]
    NotFound(String),
    /// The tags are not acceptable.
    #[error("{0}")]
    Tag(String),
    /// The resource has as many tags as it may have.
    #[error("{0}")]
    Limit(String),
    /// The resource belongs to somebody else.
    #[error("{0}")]
    Denied(String),
    /// The agent's own fault.
    #[error("{0}")]
    Internal(String),
}

impl From<rusqlite::Error> for Refusal {
    fn from(error: rusqlite::Error) -> Self {
        Self::Internal(format!("control.db: {error}"))
    }
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Invalid(text) => Self::client("CloudHsmInvalidRequestException", text),
            Refusal::Malformed(text) => Self::client("SerializationException", text),
            Refusal::NotFound(text) => Self::client("CloudHsmResourceNotFoundException", text),
            Refusal::Tag(text) => Self::client("CloudHsmTagException", text),
            Refusal::Limit(text) => Self::client("CloudHsmResourceLimitExceededException", text),
            Refusal::Denied(text) => Self::client("CloudHsmAccessDeniedException", text),
            Refusal::Internal(text) => {
                tracing::error!(cause = text, "request failed");
                Self::fault("CloudHsmInternalFailureException", "The agent failed; its log says why.")
            }
        }
    }
}

/// Shorthand for [`Refusal::Invalid`].
pub(crate) fn invalid<T>(text: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal::Invalid(text.into()))
}
