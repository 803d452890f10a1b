//! A sound that the server itself puts into a room: the mix of those who speak there, or what somebody plays.
//!
//! To the room it is a member of another part ([`crate::room::part`]) with one source, which only those are sent whom
//! [`crate::Worker::set_mix`] gives it to. All mixes of a room have one clock, so that a listener who passes from one to
//! another notices nothing.

use std::{sync::Arc, time::Instant};

use crate::{
    codec::FrameInfo,
    room::part::{Copied, Message, Mirrored, Stream},
    rtp::ring::Packet,
    worker::{PeerId, PersonId, RoomId, Source},
};

/// Nobody: ids of people begin above it.
const NOBODY: PersonId = PersonId(0);

/// One mix of a room. What it makes goes to each part of the room with listeners of it, by `Worker::take_copy`.
#[derive(Debug)]
pub struct Mix {
    room: RoomId,
    peer: PeerId,
    person: PersonId,
    source: Source,
    next: u64,
}

impl Mix {
    /// Under a number that no peer has.
    #[must_use]
    pub const fn new(room: RoomId, peer: PeerId) -> Self {
        Self { room, peer, person: NOBODY, source: Source::Mixed, next: 1 }
    }

    /// What a person plays in a room, under a number that no peer has: everybody hears it, they themselves too.
    #[must_use]
    pub const fn of_sounds(room: RoomId, peer: PeerId, person: PersonId) -> Self {
        Self { room, peer, person: person.sounds(), source: Source::Sound, next: 1 }
    }

    /// A stand-in for a person who speaks, for tests of those who listen.
    #[cfg(any(test, feature = "fuzzing"))]
    #[doc(hidden)]
    #[must_use]
    pub const fn in_place_of(room: RoomId, peer: PeerId, person: PersonId) -> Self {
        Self { room, peer, person, source: Source::Microphone, next: 1 }
    }

    /// Its number.
    #[must_use]
    pub const fn peer(&self) -> PeerId {
        self.peer
    }

    /// What makes it known to a part of the room; may be said again.
    #[must_use]
    pub fn introduce(&self) -> Copied {
        let tracks = vec![Mirrored::sound(self.source)];
        self.say(Message::Member { peer: self.peer, person: self.person, speaking: false, tracks })
    }

    /// Its next Opus packet, which sounds from `timestamp` on (48 kHz, the same for all mixes of the room); `level` is dB
    /// below full scale (RFC 6464).
    #[must_use]
    pub fn packet(&mut self, opus: &[u8], timestamp: u32, level: u8, at: Instant) -> Copied {
        let of = Stream { peer: self.peer, source: self.source, encoding: 0 };
        let packet = Packet {
            extended: self.next,
            timestamp,
            marker: false,
            level: Some(level.min(127)),
            frame: FrameInfo::OPAQUE,
            payload: opus,
            descriptor: &[],
        };
        self.next += 1;
        self.say(Message::packet(of, &packet, false, at))
    }

    /// It is no more: who listened to it hears each one again.
    #[must_use]
    pub fn end(&self) -> Copied {
        self.say(Message::Gone { peer: self.peer })
    }

    fn say(&self, message: Message) -> Copied {
        Copied { room: self.room, message: Arc::new(message) }
    }
}
