//! What a client may cost, and the watch over connections on which nothing happens.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A server's limits and the parts it is given. [`ServerSettings::new`] has defaults for all but the clock.
#[derive(Clone)]
pub struct ServerSettings {
    /// The largest body accepted, in bytes; a larger one is answered with 413.
    pub max_body: usize,
    /// The most connections open at once; more wait in the system's queue.
    pub max_connections: usize,
    /// How long a client may take over a request's head, and how long a connection may be idle.
    pub header_timeout: Duration,
    /// How long a client may take over a body, and how long a call may wait for its turn.
    pub body_timeout: Duration,
    /// The most calls at work at once.
    pub max_in_flight: usize,
    /// Seconds since 1970-01-01T00:00:00Z.
    pub clock: Arc<dyn Fn() -> u64 + Send + Sync>,
    /// Serves TLS when there.
    pub tls: Option<Arc<rustls::ServerConfig>>,
    /// How many seconds a signature may be old or early.
    pub tolerance: u64,
    /// Answers `GET /metrics` with this text (Prometheus format) when there.
    pub metrics: Option<Arc<dyn Fn() -> String + Send + Sync>>,
}

impl ServerSettings {
    /// 1 MiB bodies, 1024 connections, 10 s for a head, 30 s for a body, 64 calls at work, 300 s of tolerance, no TLS.
    pub fn new(clock: Arc<dyn Fn() -> u64 + Send + Sync>) -> Self {
        Self {
            max_body: 1 << 20,
            max_connections: 1024,
            header_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(30),
            max_in_flight: 64,
            clock,
            tls: None,
            tolerance: 300,
            metrics: None,
        }
    }
}

/// Counts the requests a connection began and ended.
#[derive(Debug, Default)]
pub(crate) struct Activity {
    begun: AtomicU64,
    ended: AtomicU64,
}

impl Activity {
    /// Notes a request; it ends when the returned value is dropped.
    pub(crate) fn begin(self: &Arc<Self>) -> Request {
        self.begun.fetch_add(1, Ordering::SeqCst);
        Request(Arc::clone(self))
    }

    /// Whether no request is at work and none began since the last time this was asked with the same `seen`.
    pub(crate) fn idle_since(&self, seen: &mut Option<u64>) -> bool {
        let ended = self.ended.load(Ordering::SeqCst);
        let begun = self.begun.load(Ordering::SeqCst);
        let before = seen.replace(begun);
        begun == ended && before.unwrap_or(0) == begun
    }
}

/// A request at work.
pub(crate) struct Request(Arc<Activity>);

impl Drop for Request {
    fn drop(&mut self) {
        self.0.ended.fetch_add(1, Ordering::SeqCst);
    }
}
