//! One connection: requests and replies in turn.

use std::io;
use std::time::Duration;

use hsm_types::wire::{self, Function, Reply, Request};

use crate::frame;
use crate::stream::{Endpoint, Stream};

/// A connection to an HSM that knows who we are.
pub(crate) struct Connection {
    stream: Stream,
    patience: Duration,
}

impl Connection {
    /// Connects and says hello.
    pub(crate) fn open(
        endpoint: &Endpoint,
        client: &[u8; wire::CLIENT_LEN],
        connecting: Duration,
        patience: Duration,
    ) -> io::Result<Self> {
        let stream = endpoint.connect(connecting, patience)?;
        let mut connection = Self { stream, patience };
        let mut hello = Request::default();
        hello.function = Function::Hello.code();
        hello.number = wire::VERSION;
        hello.data = client.to_vec();
        let reply = connection.exchange(&hello)?;
        match reply.rv {
            0 => Ok(connection),
            _ => Err(io::Error::other(reply.message.clone())),
        }
    }

    /// Asks, and waits for the answer.
    pub(crate) fn exchange(&mut self, request: &Request) -> io::Result<Reply> {
        frame::write(&mut self.stream, request)?;
        let answer = frame::read(&mut self.stream, self.patience)?;
        answer.ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }
}
