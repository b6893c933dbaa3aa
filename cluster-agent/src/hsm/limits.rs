//! What one HSM serves at most.

use std::time::Duration;

/// Limits of one HSM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections. CloudHSM's limit is 900 for each cluster.
    pub connections: usize,
    /// Sessions of one client. CloudHSM's library stops at 1024.
    pub sessions_per_client: usize,
    /// How long a new connection may take to shake hands and say hello.
    pub greeting: Duration,
    /// How long a frame may take from its first byte to its last, and a reply to be taken.
    pub frame: Duration,
    /// How long a client without sessions may stay silent.
    pub idle: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 900,
            sessions_per_client: 1024,
            greeting: Duration::from_secs(10),
            frame: Duration::from_secs(30),
            idle: Duration::from_secs(300),
        }
    }
}
