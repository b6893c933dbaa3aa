//! Errors of the C boundary: the core's, and those that only a PKCS#11 library can have.

use hsm_types::Rv;

/// Why a `C_` function answers something else than success.
#[derive(Debug)]
pub(crate) enum Error {
    /// What the core found.
    Core(hsm_core::Error),
    /// The process has not initialised the library, or is a child of the process that did.
    NotInitialized,
    /// `C_Initialize` was called twice.
    AlreadyInitialized,
    /// The configuration cannot be used: names the file and the key.
    Configuration(String),
    /// No slot event has happened.
    NoEvent,
    /// There are no parallel functions; the two legacy calls about them say so.
    NotParallel,
    /// A session was asked for without `CKF_SERIAL_SESSION`.
    ParallelSession,
    /// No interface fits the name, version and flags.
    NoSuchInterface,
    /// The operating system refused something the library cannot do without.
    System(&'static str),
}

impl Error {
    /// The value that PKCS#11 callers see.
    pub(crate) const fn rv(&self) -> Rv {
        match self {
            Self::Core(error) => error.rv(),
            Self::NotInitialized => Rv::CRYPTOKI_NOT_INITIALIZED,
            Self::AlreadyInitialized => Rv::CRYPTOKI_ALREADY_INITIALIZED,
            Self::Configuration(_) | Self::System(_) => Rv::GENERAL_ERROR,
            Self::NoEvent => Rv::NO_EVENT,
            Self::NotParallel => Rv::FUNCTION_NOT_PARALLEL,
            Self::ParallelSession => Rv::SESSION_PARALLEL_NOT_SUPPORTED,
            Self::NoSuchInterface => Rv::FUNCTION_FAILED,
        }
    }
}

impl core::fmt::Display for Error {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Core(error) => error.fmt(f),
            Self::NotInitialized => f.write_str("the library is not initialised in this process"),
            Self::AlreadyInitialized => f.write_str("the library is initialised already"),
            Self::Configuration(what) => f.write_str(what),
            Self::NoEvent => f.write_str("no slot event has happened"),
            Self::NotParallel => f.write_str("functions do not run in parallel"),
            Self::ParallelSession => f.write_str("CKF_SERIAL_SESSION is missing from the flags"),
            Self::NoSuchInterface => f.write_str("no interface has this name, version and flags"),
            Self::System(what) => f.write_str(what),
        }
    }
}

impl From<hsm_core::Error> for Error {
    fn from(error: hsm_core::Error) -> Self {
        Self::Core(error)
    }
}

impl<T> From<std::sync::PoisonError<T>> for Error {
    fn from(error: std::sync::PoisonError<T>) -> Self {
        Self::Core(error.into())
    }
}
