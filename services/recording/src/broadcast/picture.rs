//! The pictures of one source, put together and placed in time.

use std::time::{Duration, Instant};

use voxlink_audio::clock::SenderClock;
use voxlink_container::{
    fmp4,
    rtp::{Assembled, Assembler, Format, Frame, Packet},
};
use voxlink_sfu::{Codec, PeerId, TapPacket};

use super::stage::Shown;

/// How long something that is missing is waited for: two round trips.
const PATIENCE: Duration = Duration::from_millis(600);
/// A second transport of a person with the same source takes over when the first is silent for so long.
const TAKES_OVER: Duration = Duration::from_secs(1);

/// One source that is shown, or about to be.
pub(super) struct Feed {
    pub(super) shown: Shown,
    pub(super) codec: Codec,
    from: Option<(PeerId, u32)>,
    heard: Instant,
    assembler: Assembler,
    clock: SenderClock,
}

impl Feed {
    pub(super) fn new(shown: Shown, codec: Codec, now: Instant) -> Self {
        let (assembler, clock) = (assembler(codec), SenderClock::new(codec.clock_rate()));
        Self { shown, codec, from: None, heard: now, assembler, clock }
    }

    /// Takes a packet of it.
    pub(super) fn take(&mut self, packet: &TapPacket, now: Instant) {
        let arrived = packet.arrived().unwrap_or(now);
        let from = (packet.peer, packet.run);
        if self.from != Some(from) || self.codec != packet.codec {
            let is_other = self.from.is_some_and(|(peer, _)| peer != packet.peer);
            if is_other && arrived < self.heard + TAKES_OVER {
                return;
            }
            *self = Self::new(self.shown, packet.codec, now);
            self.from = Some(from);
        }
        self.heard = arrived;
        if !packet.is_repair() {
            self.clock.observe(packet.timestamp(), arrived);
        }
        let packet = Packet {
            sequence: (packet.sequence() & 0xffff) as u16,
            timestamp: packet.timestamp(),
            marker: packet.marker(),
            payload: packet.payload(),
        };
        self.assembler.handle(packet, arrived);
    }

    /// The next whole picture, and when it was taken.
    pub(super) fn poll(&mut self, now: Instant) -> Option<(Instant, Frame)> {
        loop {
            match self.assembler.poll(now)? {
                // What builds on it is left out until a key frame comes.
                Assembled::Lost { .. } => {}
                Assembled::Frame(frame) => {
                    let at = self.clock.time_of(frame.timestamp).unwrap_or(frame.arrival);
                    return Some((at, frame));
                }
            }
        }
    }

    /// Which transport sends it.
    pub(super) fn peer(&self) -> Option<PeerId> {
        self.from.map(|(peer, _)| peer)
    }

    /// Nothing can be made of what comes until there is a key frame.
    pub(super) fn needs_key(&self) -> bool {
        self.assembler.wants_key_frame()
    }

    /// When something of it came last.
    pub(super) fn heard(&self) -> Instant {
        self.heard
    }
}

/// How a key frame and what follows it is coded, for MP4; `None` for other frames, and for VP8.
pub(super) fn coded(codec: Codec, frame: &Frame) -> Option<fmp4::Codec> {
    if !frame.is_key {
        return None;
    }
    let size = frame.size.unwrap_or_default();
    match codec {
        Codec::Vp9 => {
            let (lowest, config) = fmp4::Vp9Config::parse(&frame.payload)?;
            // Of several layers the highest is what is seen.
            Some(fmp4::Codec::Vp9 { size: frame.size.unwrap_or(lowest), config })
        }
        Codec::H264 => Some(fmp4::Codec::H264 { size, config: frame.config.clone()? }),
        Codec::Av1 => Some(fmp4::Codec::Av1 { size, config: frame.config.clone()? }),
        Codec::Vp8 | Codec::Opus => None,
    }
}

fn assembler(codec: Codec) -> Assembler {
    let format = match codec {
        Codec::Opus => Format::Opus,
        Codec::Vp8 => Format::Vp8,
        Codec::Vp9 => Format::Vp9,
        Codec::H264 => Format::H264,
        Codec::Av1 => Format::Av1,
    };
    Assembler::new(format, PATIENCE)
}
