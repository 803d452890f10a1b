//! A socket for those who read and write one connection at a time.

use std::{io, net::IpAddr, sync::Arc, time::Duration};

use tokio::{sync::Mutex, time::timeout};

use super::{FrameReader, Incoming, Stream, WsError, close_frame, frame, opcode};

/// A peer that takes nothing for this long is gone.
const WRITE_TIMEOUT: Duration = Duration::from_secs(15);
/// How long the peer may take to answer our close.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);
/// Read at once; on the stack, so an idle socket holds no buffer.
const READ_CHUNK: usize = 8192;

/// A message of the peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// Text.
    Text(String),
    /// Bytes.
    Binary(Vec<u8>),
}

/// An open WebSocket. Pings and closes are answered while [`Socket::recv`] is awaited.
#[derive(Debug)]
pub struct Socket {
    reader: SocketReader,
    sender: SocketSender,
}

/// The half that reads.
#[derive(Debug)]
pub struct SocketReader {
    frames: FrameReader,
    sender: SocketSender,
    closed: Option<u16>,
}

/// The half that writes; clones share the connection, whole frames never mix.
#[derive(Clone, Debug)]
pub struct SocketSender {
    stream: Arc<Stream>,
    /// What a cancelled write left behind; goes out before anything else.
    pending: Arc<Mutex<Vec<u8>>>,
}

impl Socket {
    pub(super) fn new(stream: Stream, frames: FrameReader) -> Self {
        let sender = SocketSender { stream: Arc::new(stream), pending: Arc::default() };
        Self { reader: SocketReader { frames, sender: sender.clone(), closed: None }, sender }
    }

    /// See [`SocketReader::recv`].
    ///
    /// # Errors
    /// As there.
    pub async fn recv(&mut self) -> Result<Option<Message>, WsError> {
        self.reader.recv().await
    }

    /// See [`SocketSender::send_text`].
    ///
    /// # Errors
    /// As there.
    pub async fn send_text(&self, text: &str) -> Result<(), WsError> {
        self.sender.send_text(text).await
    }

    /// See [`SocketSender::close`].
    pub async fn close(mut self, code: u16, reason: &str) {
        self.sender.close(code, reason).await;
        self.sender.stream.finish();
        self.reader.drain().await;
    }

    /// Two halves for two tasks.
    #[must_use]
    pub fn split(self) -> (SocketReader, SocketSender) {
        (self.reader, self.sender)
    }

    /// The bare connection and the parser with what it has read ahead, for an owner that writes frames itself.
    #[must_use]
    pub fn into_parts(self) -> (Arc<Stream>, FrameReader) {
        (self.sender.stream, self.reader.frames)
    }

    /// The peer's address, where it is known.
    #[must_use]
    pub fn peer_ip(&self) -> Option<IpAddr> {
        self.sender.stream.peer_ip()
    }
}

impl SocketReader {
    /// The next message; `None` once the peer has closed (its close is answered). Safe to cancel.
    ///
    /// # Errors
    /// When the connection fails or the peer breaks the protocol (it has then been told with a close frame).
    pub async fn recv(&mut self) -> Result<Option<Message>, WsError> {
        loop {
            match self.frames.next() {
                Ok(Some(Incoming::Text(text))) => return Ok(Some(Message::Text(text))),
                Ok(Some(Incoming::Binary(bytes))) => return Ok(Some(Message::Binary(bytes))),
                Ok(Some(Incoming::Ping(payload))) => self.sender.send(opcode::PONG, &payload).await?,
                Ok(Some(Incoming::Pong(_))) => {}
                Ok(Some(Incoming::Close(code))) => {
                    self.closed = Some(code.unwrap_or(1005));
                    self.sender.close(code.unwrap_or(1000), "").await;
                    return Ok(None);
                }
                Ok(None) if self.closed.is_some() => return Ok(None),
                Ok(None) => {
                    if !self.read_some().await? {
                        self.closed = Some(1006);
                    }
                }
                Err(error) => {
                    if let Some(code) = error.close_code() {
                        self.sender.close(code, &error.to_string()).await;
                    }
                    return Err(error);
                }
            }
        }
    }

    /// How the peer closed: its code, 1005 without one, 1006 when the connection just ended.
    #[must_use]
    pub const fn close_code(&self) -> Option<u16> {
        self.closed
    }

    /// False at the end of the connection.
    async fn read_some(&mut self) -> Result<bool, WsError> {
        loop {
            self.sender.stream.readable().await?;
            match read_into(&self.sender.stream, &mut self.frames) {
                Ok(count) => return Ok(count > 0),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Waits a moment for the peer to end the connection, so that a reset does not overtake our close.
    async fn drain(&mut self) {
        let wait = async {
            while let Ok(true) = self.read_some().await {
                // Whatever still comes is not wanted; parsing it keeps the buffer small.
                while let Ok(Some(_)) = self.frames.next() {}
            }
        };
        // Gone or silent: either way we are done.
        let _late = timeout(CLOSE_TIMEOUT, wait).await;
    }
}

fn read_into(stream: &Stream, frames: &mut FrameReader) -> io::Result<usize> {
    let mut chunk = [0_u8; READ_CHUNK];
    let count = stream.try_read(&mut chunk)?;
    frames.feed(&chunk[..count]);
    Ok(count)
}

impl SocketSender {
    /// Sends a text message; waits while the peer's buffers are full. After a cancelled call the message still goes
    /// out whole, before the next one.
    ///
    /// # Errors
    /// When the connection fails or takes nothing for 15 s.
    pub async fn send_text(&self, text: &str) -> Result<(), WsError> {
        self.send(opcode::TEXT, text.as_bytes()).await
    }

    /// Sends a close frame, best effort: the connection may be gone already.
    pub async fn close(&self, code: u16, reason: &str) {
        let mut bytes = Vec::new();
        close_frame(code, reason, &mut bytes);
        let _gone = timeout(CLOSE_TIMEOUT, self.write(&bytes)).await;
    }

    async fn send(&self, code: u8, payload: &[u8]) -> Result<(), WsError> {
        let mut bytes = Vec::with_capacity(payload.len() + 10);
        frame(code, payload, &mut bytes);
        let late = |_| io::Error::from(io::ErrorKind::TimedOut);
        Ok(timeout(WRITE_TIMEOUT, self.write(&bytes)).await.map_err(late)??)
    }

    async fn write(&self, bytes: &[u8]) -> io::Result<()> {
        let mut pending = self.pending.lock().await;
        pending.extend_from_slice(bytes);
        while !pending.is_empty() {
            match self.stream.try_write(&pending) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => drop(pending.drain(..count)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.stream.writable().await?,
                Err(error) => return Err(error),
            }
        }
        if pending.capacity() > READ_CHUNK {
            *pending = Vec::new();
        }
        Ok(())
    }
}
