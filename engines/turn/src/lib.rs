//! STUN and TURN as a server: RFC 8489 and RFC 8656 over UDP and streams, relaying UDP.
//!
//! Nothing here opens a socket, reads a clock, starts a thread or awaits. Datagrams are handed in with the time they
//! arrived; where their payload goes is handed back, and all else is drained by `poll`. TCP relays (RFC 6062), RFC 5780,
//! mobility, OAuth and the ICMP of RFC 8656 §11.5 are left to coturn.
#![warn(missing_docs)]
// Tests need a first moment from somewhere; the library itself is held by engines/clippy.toml.
#![cfg_attr(test, allow(clippy::disallowed_methods))]

pub mod stun;

pub mod credentials;
pub mod framing;
#[cfg(test)]
mod fuzz;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
mod server;

pub use server::{
    ChannelRange, ClientKey, Config, Counters, Ended, Event, HEAD_ROOM, Limits, LocalPeer, Network,
    NetworkError, OpenError, Output, RelayId, SPECIAL_PURPOSE, Secret, Server, ToClient, Transport, Verdict,
};
