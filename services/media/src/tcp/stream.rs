//! One connection: frames in, frames out, each way with a bound on what it may make us hold.

use std::{
    collections::VecDeque,
    io::{self, Read as _, Write as _},
    net::{IpAddr, SocketAddr, SocketAddrV6},
    time::Instant,
};

use mio::net::TcpStream;
use voxlink_sfu::framing::{self, Frame, HEADER};

/// The first frame is a check: with the longest user name that ICE knows it is about as long (RFC 8445 §7.1, RFC 8839
/// §5.4: 256 characters each).
const LONGEST_FIRST: usize = 700;
/// What may wait for a client that does not read as fast as we send. Media beyond it is dropped, as on a full socket:
/// what comes later than this is of no use.
const MOST_WAITING: usize = 64 * 1024;
/// Longer datagrams are pieces of pictures. They leave half of the room to sound, checks and reports.
const SHORT: usize = 400;
/// So much is handed to the kernel at once.
const WRITE_AT_ONCE: usize = 16 * 1024;
/// And so often one connection is read before the others get their turn.
const MOST_READS: usize = 8;
/// Of the kernel's buffer: beyond it datagrams would be late rather than lost.
pub(super) const KERNEL_BUFFER: usize = 128 * 1024;

/// The label of a stream among [`Path`]s; RFC 8200 §3: a flow label has 20 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Number(u32);

impl Number {
    pub(super) const FIRST: Self = Self(1);

    /// Starts over after a million.
    pub(super) fn next(self) -> Self {
        if self.0 < 0xF_FFFF { Self(self.0 + 1) } else { Self::FIRST }
    }

    pub(super) fn index(self) -> usize {
        self.0 as usize
    }

    pub(super) fn of_index(index: usize) -> Option<Self> {
        u32::try_from(index).ok().filter(|number| *number > 0).map(Self)
    }

    /// What the engine knows this stream by: its peer's address, with the number as flow label, which UDP sockets never
    /// report. So an address by UDP and the same by TCP are two, and so are two connections from one port.
    pub(super) fn path(self, remote: SocketAddr) -> SocketAddr {
        let ip = match remote.ip() {
            IpAddr::V4(v4) => v4.to_ipv6_mapped(),
            IpAddr::V6(v6) => v6,
        };
        SocketAddrV6::new(ip, remote.port(), self.0, 0).into()
    }

    /// The stream behind a path.
    pub(super) fn of(path: SocketAddr) -> Option<Self> {
        match path {
            SocketAddr::V6(v6) if v6.flowinfo() > 0 => Some(Self(v6.flowinfo())),
            SocketAddr::V6(_) | SocketAddr::V4(_) => None,
        }
    }
}

/// How far a connection has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Its first frame is not whole.
    New,
    /// The shard has its first frame. Nothing more is read before it answers.
    Asked,
    /// The shard has answered: this is somebody.
    Answered,
    /// It gets one more frame, and is closed.
    Leaving,
}

/// What came of reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Read {
    /// All that came was taken.
    Drained,
    /// There may be more.
    More,
    /// The connection is over.
    Over,
}

pub(super) struct Stream {
    pub(super) socket: TcpStream,
    pub(super) remote: SocketAddr,
    /// Where it connected to.
    pub(super) local: SocketAddr,
    /// Which of the ports that is.
    pub(super) port: usize,
    pub(super) state: State,
    /// When it connected; once it is answered, when the shard last had something for it.
    pub(super) since: Instant,
    /// A frame that is not whole.
    received: Vec<u8>,
    waiting: VecDeque<u8>,
}

impl Stream {
    pub(super) fn new(
        socket: TcpStream,
        (local, remote): (SocketAddr, SocketAddr),
        port: usize,
        now: Instant,
    ) -> Self {
        let (received, waiting) = (Vec::new(), VecDeque::new());
        Self { socket, remote, local, port, state: State::New, since: now, received, waiting }
    }

    /// The first frame, once it is whole; not a byte behind it is read. `Err` when the connection is over.
    pub(super) fn read_first(&mut self) -> Result<Option<Vec<u8>>, ()> {
        let mut buffer = [0; HEADER + LONGEST_FIRST];
        loop {
            let end = match framing::next(&self.received, LONGEST_FIRST) {
                Frame::Whole(_) => return Ok(Some(std::mem::take(&mut self.received).split_off(HEADER))),
                Frame::NeedsAtLeast(end) => end,
                Frame::TooLong => return Err(()),
            };
            let missing = buffer.get_mut(..end - self.received.len()).ok_or(())?;
            match self.socket.read(missing) {
                Ok(0) => return Err(()),
                Ok(length) => self.received.extend_from_slice(&missing[..length]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return Err(()),
            }
        }
    }

    /// Reads and hands over each datagram. `scratch` is longer than the longest frame.
    pub(super) fn read(&mut self, scratch: &mut [u8], mut take: impl FnMut(&[u8])) -> Read {
        for _ in 0..MOST_READS {
            let kept = self.received.len();
            scratch[..kept].copy_from_slice(&self.received);
            let end = match self.socket.read(&mut scratch[kept..]) {
                Ok(0) => return Read::Over,
                Ok(length) => kept + length,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Read::Drained,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(_) => return Read::Over,
            };
            let mut rest = &scratch[..end];
            loop {
                match framing::next(rest, framing::LONGEST) {
                    Frame::Whole(length) => {
                        let (frame, behind) = rest.split_at(HEADER + length);
                        if length > 0 {
                            take(&frame[HEADER..]);
                        }
                        rest = behind;
                    }
                    Frame::NeedsAtLeast(_) => break,
                    Frame::TooLong => return Read::Over,
                }
            }
            self.received.clear();
            self.received.extend_from_slice(rest);
        }
        Read::More
    }

    /// Queues a whole frame; false when there was no room for it.
    pub(super) fn push(&mut self, frame: &[u8]) -> bool {
        let room = if frame.len() <= SHORT { MOST_WAITING } else { MOST_WAITING / 2 };
        if self.waiting.len() + frame.len() > room {
            return false;
        }
        self.waiting.extend(frame);
        true
    }

    /// Whether so much waits that it should leave before more is queued.
    pub(super) fn is_due(&self) -> bool {
        self.waiting.len() >= WRITE_AT_ONCE
    }

    pub(super) fn has_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Writes what waits, as far as the kernel takes it; false when the connection is over.
    pub(super) fn flush(&mut self) -> bool {
        while !self.waiting.is_empty() {
            match self.socket.write(self.waiting.as_slices().0) {
                Ok(0) => return false,
                Ok(written) => _ = self.waiting.drain(..written),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return true,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return false,
            }
        }
        // Most never have to wait: who did gives the room back.
        if self.waiting.capacity() > WRITE_AT_ONCE {
            self.waiting = VecDeque::new();
        }
        true
    }
}
