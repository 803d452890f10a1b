//! Clients over TCP and TLS: frames in, bytes out, each with a bound on what it may make us hold.

use std::{
    collections::HashMap,
    io::{self, Read as _, Write as _},
    os::unix::net::UnixStream as StdUnixStream,
    time::{Duration, Instant},
};

use mio::{
    Interest, Registry, Token,
    event::Source,
    net::{TcpStream, UnixStream},
};
use voxlink_turn::{
    ClientKey,
    framing::{self, Frame},
};

/// Connections at once, and from one address.
const MOST: usize = 4_096;
const MOST_FROM_ONE: usize = 64;
/// Without an allocation a connection is closed after this.
const IDLE: Duration = Duration::from_secs(30);
/// What may wait for a client that does not read; media past this is dropped, as on a full socket.
const MOST_WAITING: usize = 128 * 1024;
/// Read at once, and so often before the others get their turn.
const CHUNK: usize = 16 * 1024;
const MOST_CHUNKS: usize = 16;

/// How a connection is after it was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Read {
    /// All that came was taken.
    Drained,
    /// There may be more.
    More,
    /// The connection is over.
    Over,
}

/// Where a client's bytes come from.
pub(super) enum Socket {
    Tcp(TcpStream),
    /// Somebody else has the connection and decrypts it.
    Carried(UnixStream),
}

impl Socket {
    pub(super) fn carried(socket: StdUnixStream) -> Self {
        Self::Carried(UnixStream::from_std(socket))
    }

    fn source(&mut self) -> &mut dyn Source {
        match self {
            Self::Tcp(socket) => socket,
            Self::Carried(socket) => socket,
        }
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(socket) => socket.read(buffer),
            Self::Carried(socket) => socket.read(buffer),
        }
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(socket) => socket.write(bytes),
            Self::Carried(socket) => socket.write(bytes),
        }
    }
}

/// One client.
pub(super) struct Stream {
    pub(super) key: ClientKey,
    socket: Socket,
    received: Vec<u8>,
    waiting: Vec<u8>,
    since: Instant,
    pub(super) allocations: usize,
}

/// All of them.
pub(super) struct Streams {
    first_token: usize,
    last_token: usize,
    next_token: usize,
    streams: HashMap<usize, Stream>,
    tokens: HashMap<ClientKey, usize>,
}

impl Streams {
    /// The tokens from `first_token` to before `last_token` are theirs.
    pub(super) fn new(first_token: usize, last_token: usize) -> Self {
        Self {
            first_token,
            last_token,
            next_token: first_token,
            streams: HashMap::new(),
            tokens: HashMap::new(),
        }
    }

    /// A client connected. Closed again when there are too many.
    pub(super) fn accept(&mut self, mut socket: Socket, key: ClientKey, registry: &Registry, now: Instant) {
        let remote = key.remote.ip();
        let same = self.streams.values().filter(|stream| stream.key.remote.ip() == remote).count();
        if self.streams.len() >= MOST || same >= MOST_FROM_ONE {
            return;
        }
        let token = loop {
            let token = self.next_token;
            self.next_token = if token + 1 < self.last_token { token + 1 } else { self.first_token };
            if !self.streams.contains_key(&token) {
                break token;
            }
        };
        let wanted = Interest::READABLE | Interest::WRITABLE;
        if registry.register(socket.source(), Token(token), wanted).is_err() {
            return;
        }
        let (received, waiting) = (Vec::new(), Vec::new());
        let stream = Stream { key, socket, received, waiting, since: now, allocations: 0 };
        self.tokens.insert(key, token);
        self.streams.insert(token, stream);
    }

    pub(super) fn has(&self, token: Token) -> bool {
        self.streams.contains_key(&token.0)
    }

    pub(super) fn of(&mut self, key: &ClientKey) -> Option<&mut Stream> {
        self.streams.get_mut(self.tokens.get(key)?)
    }

    /// Reads what is there and hands over each whole frame.
    pub(super) fn read(&mut self, token: Token, mut frame: impl FnMut(ClientKey, &[u8])) -> Read {
        let Some(stream) = self.streams.get_mut(&token.0) else { return Read::Drained };
        let mut chunk = [0; CHUNK];
        for _ in 0..MOST_CHUNKS {
            match stream.socket.read(&mut chunk) {
                Ok(0) => return Read::Over,
                Ok(length) => stream.received.extend_from_slice(&chunk[..length]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Read::Drained,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(_) => return Read::Over,
            }
            let mut taken = 0;
            loop {
                match framing::next(&stream.received[taken..]) {
                    Frame::Whole { message, consumed } => {
                        frame(stream.key, &stream.received[taken..taken + message]);
                        taken += consumed;
                    }
                    Frame::NeedsAtLeast(_) => break,
                    Frame::Broken => return Read::Over,
                }
            }
            stream.received.drain(..taken);
        }
        Read::More
    }

    /// Sends a frame, now or when the client reads; dropped when too much waits already.
    pub(super) fn send(&mut self, key: &ClientKey, frame: &[u8]) {
        let Some(stream) = self.of(key) else { return };
        if stream.waiting.len() + frame.len() > MOST_WAITING {
            return;
        }
        stream.waiting.extend_from_slice(frame);
        stream.flush();
    }

    /// It can be written to. False when the connection is over.
    pub(super) fn flush(&mut self, token: Token) -> bool {
        self.streams.get_mut(&token.0).is_none_or(Stream::flush)
    }

    /// Lets a connection go; whose it was.
    pub(super) fn close(&mut self, token: Token, registry: &Registry) -> Option<ClientKey> {
        let mut stream = self.streams.remove(&token.0)?;
        self.tokens.remove(&stream.key);
        // It is closed right after.
        let _closed = registry.deregister(stream.socket.source());
        Some(stream.key)
    }

    /// Connections that have had no allocation for too long.
    pub(super) fn idle(&self, now: Instant) -> Vec<Token> {
        let idle = self.streams.iter().filter(|(_, stream)| {
            stream.allocations == 0 && now.saturating_duration_since(stream.since) >= IDLE
        });
        idle.map(|(token, _)| Token(*token)).collect()
    }
}

impl Stream {
    /// An allocation was opened or closed.
    pub(super) fn count(&mut self, opened: bool, now: Instant) {
        self.allocations = if opened { self.allocations + 1 } else { self.allocations.saturating_sub(1) };
        self.since = now;
    }

    fn flush(&mut self) -> bool {
        while !self.waiting.is_empty() {
            match self.socket.write(&self.waiting) {
                Ok(0) => return false,
                Ok(written) => _ = self.waiting.drain(..written),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return true,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return false,
            }
        }
        true
    }
}
