//! Why a call to a cluster failed.

use hsm_types::Rv;

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The HSM refused: its value, and its words for the log.
    #[error("{message}")]
    Refused {
        /// `CKR_…`.
        rv: Rv,
        /// Why.
        message: String,
        /// For `CKR_BUFFER_TOO_SMALL`: bytes that the output needs.
        needed: usize,
    },
    /// No HSM of the cluster can be reached: names each address and what was wrong there.
    #[error("no HSM of the cluster answers: {0}")]
    Unreachable(String),
    /// The HSM died in the middle of a call that is not repeated: it may have taken effect.
    #[error("the connection to the HSM was lost in the middle of the call, whose outcome is not known: {0}")]
    OutcomeUnknown(String),
    /// The HSM answered something that is no answer.
    #[error("the HSM does not keep to the protocol: {0}")]
    Protocol(&'static str),
    /// The session was closed.
    #[error("the session is closed")]
    SessionClosed,
    /// The user's login could not be renewed on another HSM.
    #[error("a lock was left behind by a call that failed")]
    Poisoned,
    /// The trust anchor, a certificate or a key cannot be used: names the file.
    #[error("{0}")]
    Configuration(String),
}

impl Error {
    /// The value that PKCS#11 callers see.
    #[must_use]
    pub const fn rv(&self) -> Rv {
        match self {
            Self::Refused { rv, .. } => *rv,
            Self::Unreachable(_) | Self::OutcomeUnknown(_) | Self::Protocol(_) | Self::Poisoned => Rv::DEVICE_ERROR,
            Self::SessionClosed => Rv::SESSION_HANDLE_INVALID,
            Self::Configuration(_) => Rv::GENERAL_ERROR,
        }
    }
}

impl<T> From<std::sync::PoisonError<T>> for Error {
    fn from(_: std::sync::PoisonError<T>) -> Self {
        Self::Poisoned
    }
}
