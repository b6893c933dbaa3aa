//! Where an HSM listens, and a stream to it.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::tls::{TlsStream, Trust};

/// Where an HSM listens.
#[derive(Clone, Debug)]
pub enum Endpoint {
    /// A Unix socket of this host.
    Unix(PathBuf),
    /// TLS.
    Tls {
        /// Address and port.
        address: SocketAddr,
        /// Whose certificates are accepted.
        trust: Arc<Trust>,
    },
}

/// A stream to an HSM.
pub(crate) enum Stream {
    Unix(UnixStream),
    Tls(Box<TlsStream>),
}

impl Endpoint {
    /// Connects. Reads and writes on the stream end after `patience`.
    pub(crate) fn connect(&self, connecting: Duration, patience: Duration) -> io::Result<Stream> {
        match self {
            Self::Unix(path) => {
                let stream = UnixStream::connect(path)?;
                stream.set_read_timeout(Some(patience))?;
                stream.set_write_timeout(Some(patience))?;
                Ok(Stream::Unix(stream))
            }
            Self::Tls { address, trust } => {
                let stream = TcpStream::connect_timeout(address, connecting)?;
                stream.set_nodelay(true)?;
                stream.set_read_timeout(Some(connecting))?;
                stream.set_write_timeout(Some(patience))?;
                let stream = trust.handshake(stream, *address)?;
                stream.sock.set_read_timeout(Some(patience))?;
                Ok(Stream::Tls(Box::new(stream)))
            }
        }
    }
}

impl std::fmt::Display for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unix(path) => path.display().fmt(f),
            Self::Tls { address, .. } => address.fmt(f),
        }
    }
}

impl Read for Stream {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Unix(stream) => stream.read(room),
            Self::Tls(stream) => stream.read(room),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Unix(stream) => stream.write(bytes),
            Self::Tls(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Unix(stream) => stream.flush(),
            Self::Tls(stream) => stream.flush(),
        }
    }
}
