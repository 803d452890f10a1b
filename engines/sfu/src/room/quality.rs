//! How well media goes between us and each peer: counted, for those who ask how a call is.

use std::time::{Duration, Instant};

use super::{Room, layers};
use crate::{
    Bitrate,
    codec::Point,
    peer::Peer,
    slot::LayerChoice,
    worker::{MediaKind, PeerId, Rid, Source},
};

/// One peer's traffic since it joined. The caller takes differences.
#[derive(Clone, Debug, Default)]
pub struct Quality {
    /// What the peer sends, a line for each stream that it ever sent.
    pub up: Vec<Upstream>,
    /// UDP payload of the RTP packets that came.
    pub bytes_up: u64,
    /// UDP payload of the RTP packets that were sent to it.
    pub bytes_down: u64,
    /// Packets to it that its transport-wide feedback reported.
    pub reported: u64,
    /// Of those, the ones that it did not get.
    pub reported_lost: u64,
    /// The worst loss of a sound that its receiver reports told of lately, 0 to 1: browsers give no transport-wide
    /// feedback about sound.
    pub sound_loss: Option<f32>,
    /// Packets that were sent to it again.
    pub retransmitted: u64,
    /// Smoothed round trip, once it was measured.
    pub round_trip: Option<Duration>,
    /// What the way to the peer is held to take of video.
    pub target: Bitrate,
    /// How long packets to it wait in queues on the way.
    pub queue_delay: Duration,
    /// The largest picture that comes from it.
    pub picture_up: Option<Picture>,
    /// The largest picture that is sent to it.
    pub picture_down: Option<Picture>,
}

/// A picture as it goes over one way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// Who made it.
    pub peer: PeerId,
    /// From which source.
    pub source: Source,
    /// Which of its simulcast encodings, when there are several.
    pub rid: Option<Rid>,
    /// In pixels, as its key frames say; before they do, as cameras usually are.
    pub width: u16,
    /// In pixels, too.
    pub height: u16,
}

/// One stream that a peer sends.
#[derive(Clone, Copy, Debug)]
pub struct Upstream {
    /// What it shows or plays.
    pub source: Source,
    /// Packets that should have come by themselves.
    pub expected: u64,
    /// Of those, the ones that did not.
    pub lost: u64,
    /// Interarrival jitter (RFC 3550 §6.4.1).
    pub jitter: Duration,
}

impl Room {
    /// What was counted for each peer whose media may flow.
    pub(crate) fn quality(&self, now: Instant) -> Vec<(PeerId, Quality)> {
        let peers = self.peers.iter().filter(|(_, peer)| peer.egress().is_some());
        let one = |peer: &Peer| {
            let tracks = peer.tracks.iter().filter_map(|track| self.tracks.get(*track));
            let encodings = tracks.flat_map(|track| track.encodings.iter().map(move |one| (track, one)));
            let up = encodings.filter(|(_, one)| one.ssrc.is_some()).map(|(track, one)| Upstream {
                source: track.source,
                expected: one.reception.expected(),
                lost: one.reception.lost(),
                jitter: one.reception.jitter(track.codec.codec.clock_rate()),
            });
            let (reported, reported_lost) = peer.reported;
            let quality = Quality {
                up: up.collect(),
                bytes_up: peer.stats.bytes_in,
                bytes_down: peer.stats.bytes_out,
                reported,
                reported_lost,
                sound_loss: peer.sound_loss.lately(now).map(|share| f32::from(share) / 256.0),
                retransmitted: peer.stats.retransmitted,
                round_trip: peer.round_trip,
                target: peer.downlink.target(),
                queue_delay: peer.downlink.estimator.queue_delay(),
                picture_up: self.picture_up(peer, now),
                picture_down: self.picture_down(peer),
            };
            (peer.id, quality)
        };
        peers.map(|(_, peer)| one(peer)).collect()
    }

    fn picture_up(&self, peer: &Peer, now: Instant) -> Option<Picture> {
        let whole = |encoding| LayerChoice { encoding, point: Point::MAX };
        let alive = peer.tracks.iter().flat_map(|track| {
            let encodings =
                self.tracks.get(*track).into_iter().flat_map(|track| track.encodings.iter().enumerate());
            let alive = encodings.filter(move |(_, encoding)| encoding.is_alive(now));
            alive.filter_map(move |(encoding, _)| self.picture(*track, whole(encoding)))
        });
        alive.max_by_key(Picture::area)
    }

    fn picture_down(&self, peer: &Peer) -> Option<Picture> {
        let sent = peer.slots.iter().filter_map(|slot| self.picture(slot.track?, slot.sent_layer()?));
        sent.max_by_key(Picture::area)
    }

    fn picture(&self, track: usize, choice: LayerChoice) -> Option<Picture> {
        let track = self.tracks.get(track).filter(|track| track.kind() == MediaKind::Video)?;
        let (width, height) = layers::size_of(track, choice);
        let (owner, encoding) = (self.peers.get(track.owner)?, track.encodings.get(choice.encoding)?);
        Some(Picture { peer: owner.id, source: track.source, rid: encoding.rid.clone(), width, height })
    }
}

impl Picture {
    fn area(&self) -> u32 {
        u32::from(self.width) * u32::from(self.height)
    }
}
