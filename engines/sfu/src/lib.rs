//! The selective forwarding unit: peers, rooms, ICE-lite, DTLS, SRTP, RTP, RTCP, SDP.
//!
//! Nothing here opens a socket, reads a clock, starts a thread or awaits. The caller hands over
//! datagrams with the time they arrived and drains [`Output`]s until `None`.
#![warn(missing_docs)]
// Tests need a first moment from somewhere; the library itself is held by engines/clippy.toml.
#![cfg_attr(test, allow(clippy::disallowed_methods))]

mod api;
mod bandwidth;
mod codec;
mod dtls;
mod encoding;
pub mod framing;
#[cfg(test)]
mod fuzz;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
mod mix;
mod nack;
mod peer;
mod protection;
mod rng;
mod room;
mod rtcp;
mod rtp;
mod sdp;
mod slab;
mod slot;
mod srtp;
mod stun;
mod tap;
mod track;
mod transport;
pub mod worker;

pub use bandwidth::Bitrate;
pub use mix::Mix;
pub use room::quality::{Picture, Quality, Upstream};
pub use sdp::{codecs::Codec, fragment::IceFragment};
pub use tap::{Listen, Listening, Tap, TapEvent, TapPacket};
pub use worker::{
    Answer, Candidates, Copied, Drops, EncodingState, Event, Follow, Gates, MediaKind, Mid, Newcomer,
    OfferError, Output, Part, PeerId, PeerStats, PersonId, Rid, Role, RoomId, Slot, SlotContent, Source,
    SourceSet, Transmit, Want, Wanted, Worker, WorkerConfig,
};
