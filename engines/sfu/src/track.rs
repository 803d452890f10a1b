//! A source of a peer: its codec, its encodings, who gets it.

use crate::{
    api::Part,
    codec::Point,
    encoding::Encoding,
    sdp::codecs::Chosen,
    worker::{MediaKind, Mid, Rid, Source},
};

/// A slot that shows a track: the place of its peer, and its place among that peer's slots.
pub(crate) type Seat = (usize, usize);

/// What one sending m-line carries.
pub(crate) struct Track {
    pub(crate) owner: usize,
    pub(crate) source: Source,
    pub(crate) mid: Mid,
    pub(crate) codec: Chosen,
    /// Announced, allowed and not muted: subscribers get it.
    pub(crate) live: bool,
    /// Everyone who is shown this, whichever encoding; in order.
    pub(crate) subscribers: Vec<Seat>,
    /// One for each rid of the offer, in its order; or the only one.
    pub(crate) encodings: Vec<Encoding>,
    /// A bit for each encoding that was being sent when layers were last chosen.
    pub(crate) alive: u32,
    /// The highest layers of each then.
    pub(crate) tops: Vec<Point>,
    /// Other parts of the room, and a bit for each encoding that somebody watches there.
    pub(crate) copied_to: Vec<(Part, u32)>,
    /// Of a mirror: what its part was told of that.
    pub(crate) told_wanted: Option<u32>,
    /// A slot began to show another encoding, or left: packets of the old one need not go to it any more, and perhaps to
    /// nobody.
    pub(crate) routes_changed: bool,
}

impl Track {
    pub(crate) fn new(owner: usize, source: Source, mid: Mid, codec: Chosen, rids: &[Rid]) -> Self {
        let kind = source.kind();
        let encodings = match rids {
            [] => vec![Encoding::new(kind, None)],
            rids => rids.iter().map(|rid| Encoding::new(kind, Some(rid.clone()))).collect(),
        };
        Self {
            owner,
            source,
            mid,
            codec,
            live: false,
            subscribers: Vec::new(),
            encodings,
            alive: 0,
            tops: Vec::new(),
            copied_to: Vec::new(),
            told_wanted: None,
            routes_changed: false,
        }
    }

    /// Whether another part of the room wants this encoding.
    pub(crate) fn is_copied(&self, encoding: usize) -> bool {
        self.copied_to.iter().any(|(_, wanted)| encoding < 32 && wanted >> encoding & 1 == 1)
    }

    /// What nobody gets is not asked for again, nor kept.
    pub(crate) fn rest(&mut self) {
        for at in 0..self.encodings.len() {
            if self.encodings[at].subscribers.is_empty() && !self.is_copied(at) {
                self.encodings[at].nacks.reset();
                self.encodings[at].pending.clear();
            }
        }
    }

    pub(crate) fn kind(&self) -> MediaKind {
        self.source.kind()
    }

    /// Whether an offer's m-line is what this track was made for: the same encodings in the same codec.
    pub(crate) fn is_for(&self, codec: Chosen, rids: &[Rid]) -> bool {
        self.codec.codec == codec.codec
            && self.encodings.iter().filter_map(|encoding| encoding.rid.as_ref()).eq(rids)
    }
}

impl Source {
    /// Which kind of m-line carries it.
    pub fn kind(self) -> MediaKind {
        match self {
            Self::Microphone | Self::ScreenAudio | Self::Sound | Self::Mixed => MediaKind::Audio,
            Self::Camera | Self::Screen => MediaKind::Video,
        }
    }
}
