//! WebSockets (RFC 6455), server side: our own, because a shared frame must go out without a copy per library layer and
//! an idle connection must cost next to nothing.
//!
//! [`upgrade`] answers the HTTP request and yields a [`Socket`]. Whoever wants to write from one owner to thousands of
//! sockets takes it apart ([`Socket::into_parts`]) into its non-blocking [`Stream`] and its [`FrameReader`].
//! No extensions, no sub-protocols.

mod frame;
mod handshake;
mod socket;
mod stream;

pub use frame::{FrameReader, Incoming, WsError, close_frame, frame, frame_header};
pub use handshake::{WsLimits, host_of, is_secure, upgrade, without_port};
pub use socket::{Message, Socket, SocketReader, SocketSender};
pub use stream::Stream;

/// Opcodes of RFC 6455 §5.2.
#[allow(missing_docs)]
pub mod opcode {
    pub const CONTINUATION: u8 = 0x0;
    pub const TEXT: u8 = 0x1;
    pub const BINARY: u8 = 0x2;
    pub const CLOSE: u8 = 0x8;
    pub const PING: u8 = 0x9;
    pub const PONG: u8 = 0xA;
}
