//! One connection: hello, then requests and replies in turn.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Duration;

use hsm_client::frame;
use hsm_types::Rv;
use hsm_types::wire::{self, Function, Reply, Request};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::call;
use super::client::Client;
use super::listener::{Hsm, Socket};

/// Serves a connection until it ends. What is wrong with it is one line in the log, and costs nobody else anything.
pub(super) fn serve(hsm: &Hsm, socket: Socket) {
    let served = match socket {
        Socket::Unix(stream) => converse(hsm, stream),
        Socket::Tcp(stream, config) => shake_hands(hsm, stream, config).and_then(|stream| converse(hsm, stream)),
    };
    if let Err(error) = served {
        tracing::info!(hsm = hsm.id, %error, "a connection ended");
    }
}

fn shake_hands(hsm: &Hsm, stream: TcpStream, config: Arc<ServerConfig>) -> io::Result<TlsStream> {
    stream.set_nodelay(true)?;
    stream.set_patience(hsm.limits.greeting, hsm.limits.frame)?;
    let mut stream = StreamOwned::new(ServerConnection::new(config).map_err(io::Error::other)?, stream);
    while stream.conn.is_handshaking() {
        stream.conn.complete_io(&mut stream.sock)?;
    }
    Ok(stream)
}

type TlsStream = StreamOwned<ServerConnection, TcpStream>;

/// A stream whose patience can be set.
trait Patient: Read + Write {
    fn set_patience(&self, reading: Duration, writing: Duration) -> io::Result<()>;
}

impl Patient for UnixStream {
    fn set_patience(&self, reading: Duration, writing: Duration) -> io::Result<()> {
        self.set_read_timeout(Some(reading))?;
        self.set_write_timeout(Some(writing))
    }
}

impl Patient for TcpStream {
    fn set_patience(&self, reading: Duration, writing: Duration) -> io::Result<()> {
        self.set_read_timeout(Some(reading))?;
        self.set_write_timeout(Some(writing))
    }
}

impl Patient for TlsStream {
    fn set_patience(&self, reading: Duration, writing: Duration) -> io::Result<()> {
        self.sock.set_patience(reading, writing)
    }
}

fn converse(hsm: &Hsm, mut stream: impl Patient) -> io::Result<()> {
    let limits = hsm.limits;
    stream.set_patience(limits.greeting, limits.frame)?;
    let Some(client) = greet(hsm, &mut stream)? else { return Ok(()) };
    stream.set_patience(limits.idle, limits.frame)?;
    loop {
        match frame::read::<Request>(&mut stream, limits.frame) {
            Ok(Some(mut request)) => {
                let reply = call::answer(&client, &mut request);
                frame::write(&mut stream, &reply)?;
            }
            Ok(None) => return Ok(()),
            Err(error) if error.kind() == ErrorKind::WouldBlock && client.has_sessions() => {}
            Err(error) => return Err(error),
        }
    }
}

/// The first frame. Nothing else is looked at before it.
fn greet(hsm: &Hsm, stream: &mut impl Patient) -> io::Result<Option<Arc<Client>>> {
    let Some(hello) = frame::read::<Request>(stream, hsm.limits.greeting)? else { return Ok(None) };
    let name = <[u8; wire::CLIENT_LEN]>::try_from(hello.data.as_slice());
    let mut reply = Reply::default();
    match (Function::of_code(hello.function), hello.number, name) {
        (Some(Function::Hello), wire::VERSION, Ok(name)) => {
            frame::write(stream, &reply)?;
            Ok(Some(hsm.client(name)))
        }
        _ => {
            reply.rv = Rv::FUNCTION_NOT_SUPPORTED.0;
            reply.message = format!("this HSM speaks version {} of the HSM protocol", wire::VERSION);
            frame::write(stream, &reply)?;
            Err(io::Error::new(ErrorKind::InvalidData, "the first frame is no hello of this version"))
        }
    }
}
