//! The connection under a WebSocket, written and read without blocking.

use std::{
    io,
    net::{IpAddr, Shutdown, SocketAddr},
};

use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use socket2::SockRef;
use tokio::{
    io::copy_bidirectional_with_sizes,
    net::{TcpStream, UnixStream},
};

use super::WsError;

/// Bytes carried at once from and to a client whose connection is not plain TCP. Held for as long as the connection is,
/// also while it idles; events are small.
const UP: usize = 1024;
const DOWN: usize = 4 * 1024;

/// A connection that any thread may write to with [`Stream::try_write`] while one task reads it.
#[derive(Debug)]
pub enum Stream {
    /// Plain TCP, taken over from the HTTP server.
    Tcp(TcpStream),
    /// Anything else (TLS): a task of its own carries the bytes between it and this socket pair, whose kernel buffer
    /// is the bound.
    Carried(UnixStream),
}

impl Stream {
    /// Takes the connection over, with the bytes that arrived behind the request.
    pub(super) fn from_upgraded(upgraded: Upgraded) -> Result<(Self, bytes::Bytes), WsError> {
        let upgraded = match hyper_util::server::conn::auto::upgrade::downcast::<TokioIo<TcpStream>>(upgraded)
        {
            Ok(parts) => return Ok((Self::tcp(parts.io.into_inner()), parts.read_buf)),
            Err(upgraded) => upgraded,
        };
        match upgraded.downcast::<TokioIo<TcpStream>>() {
            Ok(parts) => Ok((Self::tcp(parts.io.into_inner()), parts.read_buf)),
            Err(other) => {
                let (ours, mut theirs) = UnixStream::pair()?;
                tokio::spawn(async move {
                    let mut other = TokioIo::new(other);
                    // Either side going away ends the other; there is nobody left to tell.
                    let _ended = copy_bidirectional_with_sizes(&mut other, &mut theirs, UP, DOWN).await;
                });
                Ok((Self::Carried(ours), bytes::Bytes::new()))
            }
        }
    }

    fn tcp(stream: TcpStream) -> Self {
        // Small frames must not wait for the peer's ACK; a socket that refuses still works, only slower.
        let _slower = stream.set_nodelay(true);
        Self::Tcp(stream)
    }

    /// Writes what fits now.
    ///
    /// # Errors
    /// `WouldBlock` when nothing fits; otherwise the connection is lost.
    pub fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.try_write(bytes),
            Self::Carried(stream) => stream.try_write(bytes),
        }
    }

    /// Says that nothing more will be written: after a close frame the peer then ends the connection at once.
    pub fn finish(&self) {
        let socket = match self {
            Self::Tcp(stream) => SockRef::from(stream),
            Self::Carried(stream) => SockRef::from(stream),
        };
        // A connection that is gone already needs no goodbye.
        let _gone = socket.shutdown(Shutdown::Write);
    }

    /// Reads what is there; 0 at the end.
    ///
    /// # Errors
    /// `WouldBlock` when there is nothing; otherwise the connection is lost.
    pub fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.try_read(buffer),
            Self::Carried(stream) => stream.try_read(buffer),
        }
    }

    /// Waits until reading may succeed.
    ///
    /// # Errors
    /// When the runtime is going away.
    pub async fn readable(&self) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.readable().await,
            Self::Carried(stream) => stream.readable().await,
        }
    }

    /// Waits until writing may succeed.
    ///
    /// # Errors
    /// When the runtime is going away.
    pub async fn writable(&self) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.writable().await,
            Self::Carried(stream) => stream.writable().await,
        }
    }

    /// The peer's address, where it is known.
    #[must_use]
    pub fn peer_ip(&self) -> Option<IpAddr> {
        match self {
            Self::Tcp(stream) => stream.peer_addr().ok().map(|address: SocketAddr| address.ip()),
            Self::Carried(_) => None,
        }
    }
}
