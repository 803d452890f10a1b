//! One speaker's packets, as they come; 20 ms of sound, whenever asked.
//!
//! Sound is played when it was spoken plus a delay: as much as the last packets needed, no more. Where a packet is missing
//! its sound comes from a redundant copy (RFC 2198), from in-band FEC or deep redundancy of the packet behind it, or from
//! libopus' concealment; where the speaker was silent and sent nothing, silence does. Delay and the sender's crystal are
//! followed by making frames up to half a percent longer or shorter.

use std::time::Duration;

use crate::Channels;

/// What may be chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// What comes out.
    pub channels: Channels,
    /// Never less than this between speaking and hearing, beyond the fastest packet's way.
    pub least_delay: Duration,
    /// Never more: what comes later is lost.
    pub most_delay: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            channels: Channels::Mono,
            least_delay: Duration::from_millis(40),
            most_delay: Duration::from_millis(500),
        }
    }
}

/// A packet of the speaker.
#[derive(Clone, Copy, Debug)]
pub struct Packet<'a> {
    /// A new one is a new speaker.
    pub ssrc: u32,
    /// Of the header, or the original one out of RTX.
    pub sequence: u16,
    /// Of the header, 48 kHz.
    pub timestamp: u32,
    /// The payload is RED (RFC 2198) whose blocks are Opus.
    pub is_red: bool,
    /// Without padding.
    pub payload: &'a [u8],
}

/// Where a frame came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// Its packet.
    Decoded,
    /// A copy of it in a later packet (RED).
    Redundant,
    /// The in-band FEC of the packet behind it.
    Fec,
    /// The deep redundancy of a packet behind it.
    Deep,
    /// Nothing: libopus made it up.
    Concealed,
    /// The speaker was silent and sent nothing.
    Silence,
    /// Nobody has spoken yet, or for a while.
    Nothing,
}

/// What happened so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Packets that came after their time.
    pub late: u64,
    /// Packets that came before.
    pub duplicate: u64,
    /// Packets that are no Opus, or no RED.
    pub broken: u64,
    /// Times that everything began anew: another SSRC, or a timestamp that jumped.
    pub restarts: u64,
    /// Frames that libopus made up.
    pub concealed: u64,
    /// Frames out of RED, FEC or deep redundancy.
    pub recovered: u64,
}
