//! Frames: bytes in, messages out, and headers for what we send. Sans-IO.

use std::io;

use super::opcode;

/// RFC 6455 §5.5: a control frame carries at most this.
const MOST_CONTROL_PAYLOAD: usize = 125;
/// A buffer that grew past this is given back once it is empty.
const KEPT_BUFFER: usize = 4096;

/// Why a WebSocket ended badly.
#[derive(Debug, thiserror::Error)]
pub enum WsError {
    /// The peer broke RFC 6455 (close code 1002).
    #[error("protocol error: {0}")]
    Protocol(&'static str),
    /// A text that is not UTF-8 (close code 1007).
    #[error("a text message is not UTF-8")]
    NotUtf8,
    /// A message over the limit (close code 1009).
    #[error("a message is larger than {limit} bytes")]
    TooBig {
        /// The limit in bytes.
        limit: usize,
    },
    /// The connection failed.
    #[error("the connection failed: {0}")]
    Io(#[from] io::Error),
    /// The HTTP connection was not handed over.
    #[error("the upgrade failed")]
    Upgrade,
}

impl WsError {
    /// The close code that tells the peer, if the connection can still carry one.
    #[must_use]
    pub const fn close_code(&self) -> Option<u16> {
        match self {
            Self::Protocol(_) => Some(1002),
            Self::NotUtf8 => Some(1007),
            Self::TooBig { .. } => Some(1009),
            Self::Io(_) | Self::Upgrade => None,
        }
    }
}

/// What the peer sent, whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Incoming {
    /// A text message.
    Text(String),
    /// A binary message.
    Binary(Vec<u8>),
    /// To be answered by a pong with the same payload.
    Ping(Vec<u8>),
    /// An answer to our ping, or a one-way sign of life.
    Pong(Vec<u8>),
    /// The peer closes, with a code if it gave one.
    Close(Option<u16>),
}

/// Turns a client's bytes into messages. Memory is bounded by the message limit plus what was fed at once.
#[derive(Debug)]
pub struct FrameReader {
    max_message: usize,
    /// Bytes not parsed yet.
    buffer: Vec<u8>,
    /// The message whose fragments are arriving, with its opcode.
    message: Vec<u8>,
    message_opcode: Option<u8>,
}

struct Header {
    fin: bool,
    opcode: u8,
    mask: [u8; 4],
    length: usize,
    /// How long the header itself is.
    size: usize,
}

impl FrameReader {
    /// A reader that refuses messages over `max_message` bytes.
    #[must_use]
    pub const fn new(max_message: usize) -> Self {
        Self { max_message, buffer: Vec::new(), message: Vec::new(), message_opcode: None }
    }

    /// Adds bytes from the wire. Call [`Self::next`] until it returns nothing before feeding again.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next message that is complete.
    ///
    /// # Errors
    /// When the peer broke the protocol; the connection must then be closed with [`WsError::close_code`].
    #[allow(clippy::should_implement_trait)]
    pub fn next(&mut self) -> Result<Option<Incoming>, WsError> {
        loop {
            let Some(header) = self.header()? else { return Ok(None) };
            let end = header.size + header.length;
            if self.buffer.len() < end {
                return Ok(None);
            }
            let payload = &mut self.buffer[header.size..end];
            unmask(payload, header.mask);
            let control = (header.opcode >= opcode::CLOSE).then(|| payload.to_vec());
            if control.is_none() {
                self.message.extend_from_slice(payload);
            }
            self.consume(end);
            if let Some(payload) = control {
                return control_message(header.opcode, payload).map(Some);
            }
            if header.opcode != opcode::CONTINUATION {
                self.message_opcode = Some(header.opcode);
            }
            if header.fin {
                return self.finish().map(Some);
            }
        }
    }

    /// RFC 6455 §5.2; everything that can be refused is refused before its payload is waited for.
    fn header(&self) -> Result<Option<Header>, WsError> {
        let [first, second, rest @ ..] = self.buffer.as_slice() else { return Ok(None) };
        let (fin, code) = (first & 0x80 != 0, first & 0x0F);
        if first & 0x70 != 0 {
            return Err(WsError::Protocol("reserved bits are set"));
        }
        if second & 0x80 == 0 {
            return Err(WsError::Protocol("a client's frame is not masked"));
        }
        let short = usize::from(second & 0x7F);
        match code {
            opcode::CONTINUATION if self.message_opcode.is_none() => {
                return Err(WsError::Protocol("nothing to continue"));
            }
            opcode::TEXT | opcode::BINARY if self.message_opcode.is_some() => {
                return Err(WsError::Protocol("a new message within fragments of another"));
            }
            opcode::CONTINUATION | opcode::TEXT | opcode::BINARY => {}
            opcode::CLOSE | opcode::PING | opcode::PONG if !fin || short > MOST_CONTROL_PAYLOAD => {
                return Err(WsError::Protocol("a control frame is fragmented or too long"));
            }
            opcode::CLOSE | opcode::PING | opcode::PONG => {}
            _ => return Err(WsError::Protocol("unknown opcode")),
        }
        let (length, extended) = match (short, rest) {
            (126, [a, b, ..]) => (u64::from(u16::from_be_bytes([*a, *b])), 2),
            (127, [a, b, c, d, e, f, g, h, ..]) => (u64::from_be_bytes([*a, *b, *c, *d, *e, *f, *g, *h]), 8),
            (126 | 127, _) => return Ok(None),
            (short, _) => (short as u64, 0),
        };
        if (extended == 2 && length < 126) || (extended == 8 && length <= 0xFFFF) {
            return Err(WsError::Protocol("a length is not in its shortest form"));
        }
        let room = self.max_message.saturating_sub(self.message.len());
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        if code < opcode::CLOSE && length > room {
            return Err(WsError::TooBig { limit: self.max_message });
        }
        let Some([a, b, c, d]) = rest.get(extended..extended + 4) else { return Ok(None) };
        Ok(Some(Header { fin, opcode: code, mask: [*a, *b, *c, *d], length, size: 2 + extended + 4 }))
    }

    fn consume(&mut self, count: usize) {
        self.buffer.drain(..count);
        if self.buffer.is_empty() && self.buffer.capacity() > KEPT_BUFFER {
            self.buffer = Vec::new();
        }
    }

    fn finish(&mut self) -> Result<Incoming, WsError> {
        let payload = std::mem::take(&mut self.message);
        match self.message_opcode.take() {
            Some(opcode::TEXT) => {
                String::from_utf8(payload).map(Incoming::Text).map_err(|_| WsError::NotUtf8)
            }
            _ => Ok(Incoming::Binary(payload)),
        }
    }
}

fn unmask(payload: &mut [u8], mask: [u8; 4]) {
    let (words, tail) = payload.as_chunks_mut::<4>();
    for word in words {
        *word = (u32::from_ne_bytes(*word) ^ u32::from_ne_bytes(mask)).to_ne_bytes();
    }
    for (byte, key) in tail.iter_mut().zip(mask) {
        *byte ^= key;
    }
}

fn control_message(code: u8, payload: Vec<u8>) -> Result<Incoming, WsError> {
    match code {
        opcode::PING => Ok(Incoming::Ping(payload)),
        opcode::PONG => Ok(Incoming::Pong(payload)),
        _ => match payload.as_slice() {
            [] => Ok(Incoming::Close(None)),
            [_] => Err(WsError::Protocol("a close code has two bytes")),
            [high, low, reason @ ..] => {
                let code = u16::from_be_bytes([*high, *low]);
                if std::str::from_utf8(reason).is_err() {
                    return Err(WsError::NotUtf8);
                }
                match code {
                    1000..=1003 | 1007..=1014 | 3000..=4999 => Ok(Incoming::Close(Some(code))),
                    _ => Err(WsError::Protocol("a close code that may not be sent")),
                }
            }
        },
    }
}

/// Appends the header of an unfragmented, unmasked frame (RFC 6455 §5.1: a server does not mask).
pub fn frame_header(code: u8, length: usize, out: &mut Vec<u8>) {
    out.push(0x80 | code);
    if let Ok(short) = u8::try_from(length)
        && short < 126
    {
        out.push(short);
    } else if let Ok(medium) = u16::try_from(length) {
        out.push(126);
        out.extend_from_slice(&medium.to_be_bytes());
    } else {
        out.push(127);
        out.extend_from_slice(&(length as u64).to_be_bytes());
    }
}

/// Appends a whole frame.
pub fn frame(code: u8, payload: &[u8], out: &mut Vec<u8>) {
    frame_header(code, payload.len(), out);
    out.extend_from_slice(payload);
}

/// Appends a close frame; the reason is cut to what a control frame may carry.
pub fn close_frame(code: u16, reason: &str, out: &mut Vec<u8>) {
    let mut end = reason.len().min(MOST_CONTROL_PAYLOAD - 2);
    while !reason.is_char_boundary(end) {
        end -= 1;
    }
    let reason = &reason.as_bytes()[..end];
    frame_header(opcode::CLOSE, 2 + reason.len(), out);
    out.extend_from_slice(&code.to_be_bytes());
    out.extend_from_slice(reason);
}

#[cfg(test)]
mod tests;
