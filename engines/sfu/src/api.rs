//! What goes into a worker and what comes out: ids, switches, slots, events.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use crate::bandwidth::Bitrate;
pub use crate::room::part::Copied;

/// One client's transport, numbered by the caller; never reused while the worker lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PeerId(pub u64);

/// Someone who may have several transports in a call (a client, a stream, viewers): the caller's number, a user's id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PersonId(pub u64);

impl PersonId {
    /// Ids of people stay below it.
    const SOUNDS: u64 = 1 << 63;

    /// Who plays this person's sounds: somebody else than they are, so that they hear them as well.
    #[must_use]
    pub const fn sounds(self) -> Self {
        Self(self.0 | Self::SOUNDS)
    }

    /// Whose sounds these are, or the person themselves.
    #[must_use]
    pub const fn owner(self) -> Self {
        Self(self.0 & !Self::SOUNDS)
    }
}

/// One call, numbered by the caller (a voice channel's id).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RoomId(pub u64);

/// The number of a worker among those that hold parts of one room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Part(pub u32);

/// The identification tag of an m-line (RFC 5888), at most 16 bytes.
pub type Mid = Arc<str>;

/// The name of a simulcast encoding (RFC 8851), at most 16 bytes.
pub type Rid = Arc<str>;

/// What a track shows or plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// The person's voice.
    Microphone,
    /// The person's camera.
    Camera,
    /// A shared screen, window or tab.
    Screen,
    /// The sound of what is shared.
    ScreenAudio,
    /// Sounds that the person plays, sent by the server (see [`crate::Mix::of_sounds`]). No transport sends it.
    Sound,
    /// The sound of all the others in one stream, made by the server (see [`crate::Mix`]). Nobody sends it.
    Mixed,
}

/// Audio or video.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MediaKind {
    /// Opus.
    Audio,
    /// VP8, VP9, H264 or AV1.
    Video,
}

/// Which sources a peer says it is sending now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SourceSet {
    /// The voice.
    pub microphone: bool,
    /// The camera.
    pub camera: bool,
    /// The shared screen.
    pub screen: bool,
    /// The shared screen's sound.
    pub screen_audio: bool,
}

/// What the call pass and the person's own switches allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gates {
    /// False drops the microphone and the screen's sound.
    pub may_speak: bool,
    /// False drops camera and screen.
    pub may_stream: bool,
    /// True stops audio towards this peer.
    pub deafened: bool,
    /// True drops this peer's microphone.
    pub muted: bool,
}

/// What a transport is in its call for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Role {
    /// One of our clients: it names its sources, and every other receiving m-line is a slot for anyone.
    Member {
        /// The sending m-lines.
        sources: Vec<(Mid, Source)>,
    },
    /// A publisher by WHIP (RFC 9725): its first sending video and audio m-lines are screen and screen sound.
    Publisher,
    /// A viewer by WHEP: it sends nothing, and its m-lines get what is followed.
    Viewer(Follow),
}

/// What a viewer gets to see and hear.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Follow {
    /// This person: their screen or else their camera, and the sound of it.
    Person(PersonId),
    /// The shared screen if there is one, else who speaks; the sound of who speaks, else of the screen.
    Stage,
}

/// Someone's transport on its way into a room.
#[derive(Clone, Debug)]
pub struct Newcomer<'a> {
    /// Made when missing.
    pub room: RoomId,
    /// A new number.
    pub peer: PeerId,
    /// Whose it is: nobody's slots get their own media.
    pub person: PersonId,
    /// SDP.
    pub offer: &'a str,
    /// What it is for.
    pub role: Role,
    /// What it may send and hear.
    pub gates: Gates,
}

/// What fills a receive slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlotContent {
    /// Who is seen or heard.
    pub peer: PeerId,
    /// Which of their sources.
    pub source: Source,
}

/// One of a peer's `recvonly` m-lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slot {
    /// The m-line, as the client named it.
    pub mid: Mid,
    /// What it can play.
    pub kind: MediaKind,
    /// What it plays now; `None` when it is free.
    pub content: Option<SlotContent>,
    /// False when the content is in a codec that this m-line does not offer: nothing is sent then.
    pub playable: bool,
}

/// How a viewer shows the content of a slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Want {
    /// The slot.
    pub mid: Mid,
    /// Width of the tile in device pixels; zero when it is not seen, and nothing is sent then.
    pub width: u16,
    /// Height of the tile in device pixels; zero when it is not seen.
    pub height: u16,
    /// What matters more when bandwidth is short: the higher number.
    pub priority: u8,
}

/// One encoding of a video source, as its sender is told about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncodingState {
    /// Which one; `None` for the only encoding of a source without simulcast.
    pub rid: Option<Rid>,
    /// Somebody watches it: it should be sent.
    pub wanted: bool,
}

/// How many slots of each kind this peer should offer to see and hear everyone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// `recvonly` audio m-lines, a multiple of 8 from 8 to 64.
    pub audio: usize,
    /// `recvonly` video m-lines, a multiple of 8 from 8 to 64.
    pub video: usize,
}

/// The answer to an offer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The whole SDP, CRLF line ends.
    pub sdp: String,
}

/// Why an offer got no answer. The words are safe to send to the client and hold none of its secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OfferError {
    /// Not SDP, or not of the shape that docs/protocol/voice.md asks for.
    Malformed(String),
    /// A stranger's offer is well-formed, but there is nothing in it to send or receive here: directions or codecs.
    Unusable(String),
    /// The peer is not in any room of this worker.
    UnknownPeer,
}

/// One or more equal-sized datagrams (the last may be shorter) for one address: one GSO send.
#[derive(Debug)]
pub struct Transmit<'a> {
    /// The destination of all of them.
    pub to: SocketAddr,
    /// The datagrams, one behind the other.
    pub bytes: &'a [u8],
    /// Size of each datagram within `bytes` when there is more than one.
    pub segment: Option<usize>,
}

/// What the caller must know or tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// ICE, DTLS and fingerprint done: media may flow.
    Connected {
        /// Who is reachable now.
        peer: PeerId,
    },
    /// No authenticated check for 30 s (RFC 7675), or DTLS failed. The caller decides about `leave`; an ICE restart revives it.
    Disconnected {
        /// Who is not reachable any more.
        peer: PeerId,
    },
    /// The peer's slots changed: the whole list.
    Slots {
        /// Whose slots they are.
        peer: PeerId,
        /// Every slot that the client offers, in the order of its m-lines.
        slots: Vec<Slot>,
        /// How many it should offer.
        wanted: Wanted,
    },
    /// Which encodings of a source somebody watches: the whole list, when it changed. All of them count as wanted
    /// until this says otherwise.
    Encodings {
        /// Who sends them.
        peer: PeerId,
        /// From which source.
        source: Source,
        /// Every encoding, in the order of the offer.
        encodings: Vec<EncodingState>,
    },
    /// From the RTP audio level (RFC 6464), with hangover.
    Speaking {
        /// The call.
        room: RoomId,
        /// Who.
        peer: PeerId,
        /// Began or stopped.
        speaking: bool,
    },
    /// The way from this peer began or ceased to lose sound: its microphone should come with redundancy (RFC 2198) or
    /// without. Only for peers that offered it.
    Redundancy {
        /// Who sends.
        peer: PeerId,
        /// With redundancy from now on.
        wanted: bool,
    },
}

/// What `poll` hands out.
#[derive(Debug)]
pub enum Output<'a> {
    /// Send this.
    Transmit(Transmit<'a>),
    /// Something happened.
    Event(Event),
    /// Hand this to the workers with the other parts of its room.
    Copy(Copied),
    /// Nothing more now; call `handle_timeout` at this time at the latest.
    WakeAt(Instant),
}

/// Counters of one peer since it joined.
#[derive(Clone, Copy, Debug, Default)]
pub struct PeerStats {
    /// RTP packets that came from its addresses.
    pub packets_in: u64,
    /// RTP packets sent to it, retransmissions included.
    pub packets_out: u64,
    /// UDP payload of the packets in.
    pub bytes_in: u64,
    /// UDP payload of the packets out.
    pub bytes_out: u64,
    /// Packets of its streams that did not come by themselves, as of the last second.
    pub lost_in: u64,
    /// Of those, the ones that came as redundancy of later packets (RFC 2198).
    pub recovered: u64,
    /// Packets that were sent to it again.
    pub retransmitted: u64,
    /// Packets dropped: forged, replayed, malformed, foreign SSRC or payload type, over the budget.
    pub rejected: u64,
    /// Packets that its transport-wide feedback reported.
    pub reported: u64,
    /// Of those, the ones it did not get.
    pub reported_lost: u64,
    /// Smoothed round trip, when it was measured.
    pub round_trip: Option<Duration>,
    /// What its link is held to take of video, as of now.
    pub target: Bitrate,
    /// Share of the packets sent to it that was lost over the last five seconds, from 0 to 1.
    pub loss: f64,
    /// How long packets to it wait in queues on the way.
    pub queue_delay: Duration,
    /// Packets that its feedback spoke of and that were not sent to it, or too long ago.
    pub feedback_ignored: u64,
}

/// Datagrams that a worker dropped since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Drops {
    /// Nobody's: from addresses that no check has proven, checks without the password, protocols that are not ours.
    pub ignored: u64,
    /// From peers, those that have left included: [`PeerStats::rejected`] of all.
    pub rejected: u64,
}

/// Where a worker is reached: the host candidates of its answers, best first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Candidates {
    /// By datagrams.
    pub udp: Vec<SocketAddr>,
    /// By streams that the client opens (RFC 6544, passive). The caller cuts them into datagrams (see
    /// [`crate::framing`]) and gives each stream an address that no other path has: the worker knows paths by it.
    pub tcp: Vec<SocketAddr>,
}

/// How to set up a worker.
#[derive(Clone, Debug)]
pub struct WorkerConfig {
    /// Where it is reached.
    pub candidates: Candidates,
    /// Seeds ICE credentials and SSRCs: from the operating system in production, fixed in tests.
    pub seed: [u8; 32],
}
