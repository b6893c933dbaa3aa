//! A running HSM: its listeners, and the connections they accepted.

use std::collections::HashMap;
use std::io;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread::{self, JoinHandle};

use hsm_types::wire::CLIENT_LEN;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, version};

use super::client::{Client, ClusterStore};
use super::connection;
use super::host::{HostError, HsmSpec, TlsIdentity};
use super::limits::Limits;

/// Stack of a thread that serves a connection, in bytes. Touched as far as it is used.
const STACK: usize = 1024 * 1024;

/// An HSM that accepts connections.
pub(super) struct Running {
    hsm: Arc<Hsm>,
    socket: PathBuf,
    /// Twins of the listeners: shutting one down wakes whoever waits in `accept`.
    listeners: Vec<OwnedFd>,
    accepting: Vec<JoinHandle<()>>,
}

/// What an HSM's threads share.
pub(super) struct Hsm {
    pub id: String,
    pub limits: Limits,
    cluster: ClusterStore,
    stopping: AtomicBool,
    clients: Mutex<HashMap<[u8; CLIENT_LEN], Weak<Client>>>,
    connections: Mutex<Connections>,
}

#[derive(Default)]
struct Connections {
    last: u64,
    open: HashMap<u64, Socket>,
}

/// A connection's socket.
pub(super) enum Socket {
    Unix(UnixStream),
    Tcp(TcpStream, Arc<ServerConfig>),
}

impl Socket {
    fn twin(&self) -> io::Result<Self> {
        match self {
            Self::Unix(stream) => stream.try_clone().map(Self::Unix),
            Self::Tcp(stream, config) => stream.try_clone().map(|stream| Self::Tcp(stream, Arc::clone(config))),
        }
    }

    fn close(&self) {
        // Closed already is fine.
        let _ = match self {
            Self::Unix(stream) => stream.shutdown(Shutdown::Both),
            Self::Tcp(stream, _) => stream.shutdown(Shutdown::Both),
        };
    }
}

impl Running {
    /// Binds and serves.
    pub(super) fn start(spec: &HsmSpec, cluster: ClusterStore, limits: Limits) -> Result<Self, HostError> {
        let hsm = Arc::new(Hsm {
            id: spec.hsm_id.clone(),
            limits,
            cluster,
            stopping: AtomicBool::new(false),
            clients: Mutex::default(),
            connections: Mutex::default(),
        });
        let unix = bind_unix(&spec.socket)?;
        let mut running = Self { hsm, socket: spec.socket.clone(), listeners: Vec::new(), accepting: Vec::new() };
        if let Some((ip, port, identity)) = &spec.address {
            let config = server_config(identity)?;
            let address = std::net::SocketAddr::new(*ip, *port);
            let listener = TcpListener::bind(address).map_err(|error| {
                HostError(format!("{address} cannot be listened on: {error}; free the port or choose another one"))
            })?;
            running.listeners.push(twin(&listener)?);
            let accept = move || listener.accept().map(|(stream, _)| Socket::Tcp(stream, Arc::clone(&config)));
            running.accept(accept)?;
        }
        running.listeners.push(twin(&unix)?);
        running.accept(move || unix.accept().map(|(stream, _)| Socket::Unix(stream)))?;
        Ok(running)
    }

    fn accept(&mut self, accept: impl Fn() -> io::Result<Socket> + Send + 'static) -> Result<(), HostError> {
        let hsm = Arc::clone(&self.hsm);
        let thread = thread::Builder::new().name("hsm-accept".to_owned()).spawn(move || {
            while !hsm.stopping.load(Ordering::Acquire) {
                match accept() {
                    Ok(socket) if !hsm.stopping.load(Ordering::Acquire) => hsm.admit(socket),
                    Ok(_) => return,
                    Err(_) if hsm.stopping.load(Ordering::Acquire) => return,
                    // Out of descriptors, or the client went away: the next one may fare better.
                    Err(error) => tracing::warn!(hsm = hsm.id, %error, "a connection could not be accepted"),
                }
            }
        });
        let thread = thread.map_err(|error| HostError(format!("no thread could be started: {error}")))?;
        self.accepting.push(thread);
        Ok(())
    }

    /// Stops accepting, closes every connection, and frees the addresses.
    pub(super) fn stop(mut self) {
        self.hsm.stopping.store(true, Ordering::Release);
        for listener in &self.listeners {
            if let Err(error) = rustix::net::shutdown(listener, rustix::net::Shutdown::Both) {
                tracing::error!(hsm = self.hsm.id, %error, "a listener could not be stopped");
            }
        }
        for thread in self.accepting.drain(..) {
            if thread.join().is_err() {
                tracing::error!(hsm = self.hsm.id, "a listener had failed");
            }
        }
        if let Err(error) = std::fs::remove_file(&self.socket) {
            tracing::warn!(socket = %self.socket.display(), %error, "the socket could not be removed");
        }
        self.hsm.close_connections();
    }
}

impl Hsm {
    /// Gives a connection its thread, if the limit allows.
    fn admit(self: &Arc<Self>, socket: Socket) {
        let Some(number) = self.enlist(&socket) else {
            tracing::warn!(hsm = self.id, limit = self.limits.connections, "a connection over the limit was closed");
            return;
        };
        let hsm = Arc::clone(self);
        let served = thread::Builder::new().name("hsm-connection".to_owned()).stack_size(STACK).spawn(move || {
            connection::serve(&hsm, socket);
            hsm.dismiss(number);
        });
        if let Err(error) = served {
            tracing::warn!(hsm = self.id, %error, "no thread for a connection");
            self.dismiss(number);
        }
    }

    fn enlist(&self, socket: &Socket) -> Option<u64> {
        let mut connections = self.connections.lock().unwrap_or_else(PoisonError::into_inner);
        if connections.open.len() >= self.limits.connections {
            return None;
        }
        let twin = socket.twin().ok()?;
        connections.last = connections.last.saturating_add(1);
        let number = connections.last;
        connections.open.insert(number, twin);
        Some(number)
    }

    fn dismiss(&self, number: u64) {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner).open.remove(&number);
    }

    fn close_connections(&self) {
        for socket in self.connections.lock().unwrap_or_else(PoisonError::into_inner).open.values() {
            socket.close();
        }
    }

    /// The client of this name, a new one if it has no connection yet.
    pub(super) fn client(&self, name: [u8; CLIENT_LEN]) -> Arc<Client> {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.get(&name).and_then(Weak::upgrade) {
            return client;
        }
        clients.retain(|_, client| client.strong_count() > 0);
        let client = Arc::new(Client::new(self.cluster.clone(), self.limits.sessions_per_client));
        clients.insert(name, Arc::downgrade(&client));
        client
    }
}

fn twin(listener: &impl AsFd) -> Result<OwnedFd, HostError> {
    let twin = listener.as_fd().try_clone_to_owned();
    twin.map_err(|error| HostError(format!("the listener's descriptor cannot be copied: {error}")))
}

/// Binds a socket that only this user can open. One left behind by an agent that was killed is replaced.
fn bind_unix(path: &PathBuf) -> Result<UnixListener, HostError> {
    let failed = |error: io::Error| HostError(format!("{}: the socket cannot be made: {error}", path.display()));
    if UnixStream::connect(path).is_ok() {
        return Err(HostError(format!("{}: another process serves this socket; stop it first", path.display())));
    }
    match std::fs::remove_file(path) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(failed(error)),
    }
    let listener = UnixListener::bind(path).map_err(failed)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).map_err(failed)?;
    Ok(listener)
}

fn server_config(identity: &TlsIdentity) -> Result<Arc<ServerConfig>, HostError> {
    let failed = |what: &str, error: &dyn std::fmt::Display| HostError(format!("the cluster's {what}: {error}"));
    let chain = CertificateDer::pem_slice_iter(identity.chain.as_bytes())
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| failed("certificate", &error))?;
    let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).map_err(|error| failed("key", &error))?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let signing = provider.key_provider.load_private_key(key).map_err(|error| failed("key", &error))?;
    // Not `with_single_cert`: that parses the certificate, and owners may have signed one of version 1.
    let certified = Arc::new(rustls::sign::CertifiedKey::new(chain, signing));
    let config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&version::TLS13])
        .map_err(|error| failed("TLS version", &error))?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(OneIdentity(certified)));
    Ok(Arc::new(config))
}

/// The cluster has one identity, whatever name a client asks for.
#[derive(Debug)]
struct OneIdentity(Arc<rustls::sign::CertifiedKey>);

impl rustls::server::ResolvesServerCert for OneIdentity {
    fn resolve(&self, _hello: rustls::server::ClientHello<'_>) -> Option<Arc<rustls::sign::CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }
}
