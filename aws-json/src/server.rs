//! The listener and its connections.

use std::future::Future;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::sync::Arc;

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio_rustls::TlsAcceptor;

use crate::front::Front;
use crate::limits::Activity;
use crate::{Credentials, ServerSettings, Service};

/// HTTP/2 requests open at once on one connection.
const STREAMS_PER_CONNECTION: u32 = 16;
/// The most bytes of a request's head.
const MAX_HEAD: u32 = 16 << 10;

/// Why a server could not take its address.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Another process listens there.
    #[error("{address} is in use by another process; stop that one or choose another port")]
    InUse {
        /// The address asked for.
        address: SocketAddr,
    },
    /// Something else stands against it.
    #[error(
        "cannot listen on {address}: {source}; choose an address of this machine and a port this user may take (above 1023)"
    )]
    Other {
        /// The address asked for.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
}

/// A server that has its address and waits to be run.
pub struct Server {
    listener: StdListener,
    address: SocketAddr,
    front: Arc<Front>,
}

impl Server {
    /// Takes the address. Connections are accepted once [`Server::run`] is called.
    ///
    /// # Errors
    /// [`BindError`], naming the address and the remedy.
    pub fn bind(
        address: SocketAddr,
        settings: ServerSettings,
        credentials: Credentials,
        service: impl Service,
    ) -> Result<Self, BindError> {
        let other = |source| BindError::Other { address, source };
        let listener = StdListener::bind(address).map_err(|source| match source.kind() {
            std::io::ErrorKind::AddrInUse => BindError::InUse { address },
            _ => other(source),
        })?;
        listener.set_nonblocking(true).map_err(other)?;
        let bound = listener.local_addr().map_err(other)?;
        Ok(Self { listener, address: bound, front: Arc::new(Front::new(settings, credentials, Arc::new(service))) })
    }

    /// The address taken, with the port the system chose when 0 was asked for.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `shutdown` is ready, then takes no new connection and waits for the requests at work.
    /// Connections that stay idle or stuck are closed by the same time-outs as always, so that this ends.
    pub async fn run(self, shutdown: impl Future<Output = ()> + Send) {
        let listener = match TcpListener::from_std(self.listener) {
            Ok(listener) => listener,
            Err(error) => return tracing::error!(%error, "the listener cannot be served"),
        };
        let most = self.front.settings.max_connections.min(Semaphore::MAX_PERMITS);
        let places = Arc::new(Semaphore::new(most));
        let (stop, stopped) = watch::channel(());
        tokio::pin!(shutdown);
        loop {
            let accepted = async {
                let place = Arc::clone(&places).acquire_owned().await.ok()?;
                Some((listener.accept().await, place))
            };
            tokio::select! {
                () = &mut shutdown => break,
                connection = accepted => match connection {
                    Some((Ok((stream, _)), place)) => {
                        tokio::spawn(connect(stream, Arc::clone(&self.front), stopped.clone(), place));
                    }
                    Some((Err(error), _)) => {
                        tracing::warn!(%error, "a connection was not accepted");
                        // Out of descriptors, say: trying again at once would only burn a core.
                        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
                    }
                    None => break,
                },
            }
        }
        drop(listener);
        drop(stopped);
        stop.send_replace(());
        stop.closed().await;
        self.front.finish().await;
    }
}

async fn connect(stream: TcpStream, front: Arc<Front>, stopped: watch::Receiver<()>, place: OwnedSemaphorePermit) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "no TCP_NODELAY");
    }
    match &front.settings.tls {
        None => serve(stream, Arc::clone(&front), stopped).await,
        Some(config) => {
            let handshake = TlsAcceptor::from(Arc::clone(config)).accept(stream);
            match tokio::time::timeout(front.settings.header_timeout, handshake).await {
                Ok(Ok(stream)) => serve(stream, Arc::clone(&front), stopped).await,
                Ok(Err(error)) => tracing::debug!(%error, "the TLS handshake failed"),
                Err(_) => tracing::debug!("the TLS handshake took too long"),
            }
        }
    }
    drop(place);
}

async fn serve<S>(stream: S, front: Arc<Front>, mut stopped: watch::Receiver<()>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let idle = front.settings.header_timeout;
    let activity = Arc::new(Activity::default());
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(idle);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS_PER_CONNECTION)
        .max_header_list_size(MAX_HEAD)
        .keep_alive_interval(Some(idle))
        .keep_alive_timeout(idle);
    let watched = Arc::clone(&activity);
    let answer = service_fn(move |request| {
        let (front, at_work) = (Arc::clone(&front), watched.begin());
        async move {
            let response = front.answer(request).await;
            drop(at_work);
            Ok::<_, std::convert::Infallible>(response)
        }
    });
    let connection = builder.serve_connection(TokioIo::new(stream), answer);
    tokio::pin!(connection);
    let (mut seen, mut stopping) = (None, false);
    loop {
        tokio::select! {
            ended = connection.as_mut() => {
                if let Err(error) = ended {
                    tracing::debug!(%error, "a connection ended early");
                }
                break;
            }
            _ = stopped.changed(), if !stopping => {
                stopping = true;
                connection.as_mut().graceful_shutdown();
            }
            // The time-outs of the HTTP library start only after a client has shown which HTTP it speaks.
            () = tokio::time::sleep(idle) => if activity.idle_since(&mut seen) { break },
        }
    }
}
