//! Datagrams on a TCP connection (RFC 4571): what ICE-TCP makes of a call.

use std::{
    io::{self, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
};

/// A connection that is never waited for.
#[derive(Debug)]
pub struct Framed {
    socket: TcpStream,
    received: Vec<u8>,
}

impl Framed {
    /// Connects.
    ///
    /// # Errors
    /// When nobody listens there.
    pub fn connect(to: SocketAddr) -> io::Result<Self> {
        let socket = TcpStream::connect(to)?;
        socket.set_nodelay(true)?;
        socket.set_nonblocking(true)?;
        Ok(Self { socket, received: Vec::new() })
    }

    /// This end.
    ///
    /// # Errors
    /// When the connection is over.
    pub fn local(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// The other end.
    ///
    /// # Errors
    /// When the connection is over.
    pub fn peer(&self) -> io::Result<SocketAddr> {
        self.socket.peer_addr()
    }

    /// Sends a datagram. What does not fit into the kernel's buffer ends the connection: half a frame is worse.
    ///
    /// # Errors
    /// When the connection is over.
    pub fn send(&mut self, datagram: &[u8]) -> io::Result<()> {
        let length = u16::try_from(datagram.len()).map_err(io::Error::other)?;
        self.socket.write_all(&[&length.to_be_bytes(), datagram].concat())
    }

    /// A datagram, if a whole one came.
    ///
    /// # Errors
    /// `UnexpectedEof` when the other side has closed, else what the system says.
    pub fn receive(&mut self) -> io::Result<Option<Vec<u8>>> {
        loop {
            if let Some((header, rest)) = self.received.split_first_chunk()
                && let Some(datagram) = rest.get(..usize::from(u16::from_be_bytes(*header)))
            {
                let datagram = datagram.to_vec();
                self.received.drain(..2 + datagram.len());
                return Ok(Some(datagram));
            }
            let mut buffer = [0; 4096];
            match self.socket.read(&mut buffer) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(length) => self.received.extend_from_slice(&buffer[..length]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                Err(error) => return Err(error),
            }
        }
    }
}
