//! From an offer to slots, tracks and the lines of the answer. Checks everything before it changes anything.

use super::{Context, Room, assign::MAX_SLOTS};
use crate::{
    peer::{ExtensionIds, Peer, SlotIndex, Stream},
    rng::Generator,
    sdp::{
        AUDIO_LEVEL, DEPENDENCY_DESCRIPTOR, Direction, MID, Media, Offer, REPAIRED_STREAM_ID, STREAM_ID,
        TRANSPORT_CC,
        answer::Line,
        codecs::{Chosen, playable},
        fragment::BundleTag,
    },
    slot::Slot,
    track::Track,
    worker::{MediaKind, Mid, OfferError, Role, Source},
};

/// More m-lines of one kind than this a viewer has no use for.
const MAX_VIEWER_SLOTS: usize = 16;

/// Where random SSRCs come from.
pub(crate) struct Numbers<'a>(pub(crate) &'a mut Generator);

/// What an m-line is for.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Purpose {
    Refused,
    Unused(Chosen),
    Source(Source, Chosen),
    Slot(Vec<Chosen>),
}

/// An offer that was understood.
pub(crate) struct Plan<'a> {
    offer: &'a Offer,
    purposes: Vec<Purpose>,
}

impl<'a> Plan<'a> {
    /// Says what each m-line is for.
    ///
    /// # Errors
    /// [`OfferError::Malformed`] when the role and the m-lines do not fit, or a codec is missing.
    pub(crate) fn new(offer: &'a Offer, role: &Role) -> Result<Self, OfferError> {
        match role {
            Role::Member { sources } => Self::of_member(offer, sources),
            Role::Publisher => {
                Self::of_stranger(offer, "sends audio or video (a=sendonly)", |media, kind, count| {
                    let sends = matches!(media.direction, Direction::SendOnly | Direction::SendRecv);
                    let source = match kind {
                        MediaKind::Audio => Source::ScreenAudio,
                        MediaKind::Video => Source::Screen,
                    };
                    (sends && count == 0).then_some(Some(source))
                })
            }
            Role::Viewer(_) => {
                Self::of_stranger(offer, "receives audio or video (a=recvonly)", |media, _, count| {
                    let receives = matches!(media.direction, Direction::RecvOnly | Direction::SendRecv);
                    (receives && count < MAX_VIEWER_SLOTS).then_some(None)
                })
            }
        }
    }

    /// `use_for` says what an m-line is for, given how many of its kind are used before it: a source, or a slot. What is
    /// not used is refused, and so is the whole offer when a codec is missing: a stream without its picture helps nobody.
    fn of_stranger(
        offer: &'a Offer,
        what: &str,
        use_for: impl Fn(&Media, MediaKind, usize) -> Option<Option<Source>>,
    ) -> Result<Self, OfferError> {
        let mut used = [0; 2];
        let mut purposes = Vec::with_capacity(offer.media.len());
        for media in &offer.media {
            let kind = media.kind.filter(|_| !media.stopped);
            let count = &mut used[usize::from(kind == Some(MediaKind::Video))];
            let Some(source) = kind.and_then(|kind| use_for(media, kind, *count)) else {
                purposes.push(Purpose::Refused);
                continue;
            };
            let codecs = playable(media);
            let Some(first) = codecs.first().copied() else {
                let words = format!("mid {} offers no codec that is taken here", media.mid);
                return Err(OfferError::Unusable(words));
            };
            *count += 1;
            purposes.push(match source {
                Some(source) => Purpose::Source(source, first),
                None => Purpose::Slot(codecs),
            });
        }
        match used {
            [0, 0] => Err(OfferError::Unusable(format!("no m-line of the offer {what}"))),
            _ => Ok(Self { offer, purposes }),
        }
    }

    fn of_member(offer: &'a Offer, sources: &[(Mid, Source)]) -> Result<Self, OfferError> {
        for (at, (mid, source)) in sources.iter().enumerate() {
            if sources[..at].iter().any(|(other, same)| other == mid || same == source) {
                return Err(OfferError::Malformed(format!("sources names mid {mid} or its source twice")));
            }
            let Some(media) = offer.media.iter().find(|media| media.mid == *mid) else {
                return Err(OfferError::Malformed(format!("sources names mid {mid}, which the offer lacks")));
            };
            if media.kind != Some(source.kind()) {
                return Err(OfferError::Malformed(format!("mid {mid} is of another kind than its source")));
            }
        }
        let mut slots = [0; 2];
        let purposes = offer.media.iter().map(|media| purpose(media, sources, &mut slots));
        Ok(Self { offer, purposes: purposes.collect::<Result<_, _>>()? })
    }

    /// The first m-line that is not refused carries the transport of all (RFC 9143 §7.3).
    fn bundle_tag(&self) -> Option<BundleTag> {
        let (media, _) = self.lines().find(|(_, purpose)| **purpose != Purpose::Refused)?;
        Some(BundleTag { name: media.name.clone(), mid: media.mid.clone() })
    }

    fn lines(&self) -> impl Iterator<Item = (&'a Media, &Purpose)> {
        self.offer.media.iter().zip(&self.purposes)
    }
}

fn purpose(media: &Media, sources: &[(Mid, Source)], slots: &mut [usize; 2]) -> Result<Purpose, OfferError> {
    let Some(kind) = media.kind.filter(|_| !media.stopped) else { return Ok(Purpose::Refused) };
    let codecs = playable(media);
    let Some(codec) = codecs.first().copied() else {
        let needed = match kind {
            MediaKind::Audio => "opus/48000",
            MediaKind::Video => {
                "VP8, VP9 (profile 0), H264 (baseline, packetization mode 1) or AV1 (profile 0)"
            }
        };
        return Err(OfferError::Malformed(format!("mid {} does not offer {needed}", media.mid)));
    };
    let source = sources.iter().find(|(mid, _)| *mid == media.mid).map(|(_, source)| *source);
    let count = &mut slots[usize::from(kind == MediaKind::Video)];
    Ok(match (source, media.direction) {
        (Some(source), Direction::SendOnly | Direction::SendRecv) => Purpose::Source(source, codec),
        (None, Direction::RecvOnly | Direction::SendRecv) if *count < MAX_SLOTS => {
            *count += 1;
            Purpose::Slot(codecs)
        }
        _ => Purpose::Unused(codec),
    })
}

impl Room {
    /// Makes a peer's tracks and slots those of the plan; returns the lines of the answer.
    pub(crate) fn apply(
        &mut self,
        index: usize,
        plan: &Plan<'_>,
        numbers: &mut Numbers<'_>,
        context: &mut Context<'_>,
    ) -> Vec<Line> {
        self.drop_unnamed_tracks(index, plan);
        self.unlist(index);
        let Some(peer) = self.peers.get_mut(index) else { return Vec::new() };
        peer.extensions = extension_ids(plan.offer);
        peer.slots.iter_mut().for_each(|slot| slot.open = false);
        // An m-line section can be recycled under another mid: what it was is gone.
        peer.slots.retain(|slot| plan.offer.media.iter().any(|media| media.mid == slot.mid));
        self.jobs.clear();
        self.next_job = 0;
        peer.bundle = plan.bundle_tag();
        let mut lines = Vec::with_capacity(plan.purposes.len());
        for (media, purpose) in plan.lines() {
            lines.push(match purpose {
                Purpose::Refused => Line::Refused,
                Purpose::Unused(codec) => Line::Inactive(*codec),
                Purpose::Source(source, codec) => {
                    apply_source(index, peer, &mut self.tracks, media, *source, *codec);
                    Line::Receive { codec: *codec, stereo: *source == Source::ScreenAudio }
                }
                Purpose::Slot(codecs) => {
                    let slot = apply_slot(peer, plan.offer, media, codecs, &self.tracks, numbers);
                    let (ssrc, rtx_ssrc, ordinal) = (slot.ssrc, slot.rtx_ssrc, slot.ordinal);
                    Line::Send { codecs: codecs.clone(), ssrc, rtx_ssrc, ordinal }
                }
            });
        }
        peer.slots.shrink_to_fit();
        peer.slot_by_ssrc = SlotIndex::of(&peer.slots);
        peer.downlink.is_measured = peer.slots.iter().any(|slot| slot.transport_extension.is_some());
        peer.slots_changed = true;
        self.gates_changed(index, context);
        lines
    }

    /// Tracks whose m-line is gone or means something else now.
    fn drop_unnamed_tracks(&mut self, index: usize, plan: &Plan<'_>) {
        let Some(peer) = self.peers.get(index) else { return };
        let stays = |track: &Track| {
            plan.lines().any(|(media, purpose)| {
                media.mid == track.mid
                    && matches!(purpose, Purpose::Source(source, codec)
                        if *source == track.source && track.is_for(*codec, &media.rids))
            })
        };
        let gone: Vec<usize> =
            peer.tracks.iter().copied().filter(|track| !self.tracks.get(*track).is_some_and(stays)).collect();
        for track in gone {
            self.remove_track(track);
            if let Some(peer) = self.peers.get_mut(index) {
                peer.tracks.retain(|kept| *kept != track);
                peer.streams.retain(|_, stream| stream.track != track);
            }
        }
    }
}

/// All m-lines of a bundle use one id for an extension: the first that says it counts.
fn extension_ids(offer: &Offer) -> ExtensionIds {
    let find = |uri| offer.media.iter().find_map(|media| media.extension(uri));
    ExtensionIds {
        mid: find(MID),
        level: find(AUDIO_LEVEL),
        transport: find(TRANSPORT_CC),
        stream: find(STREAM_ID),
        repaired_stream: find(REPAIRED_STREAM_ID),
        descriptor: find(DEPENDENCY_DESCRIPTOR).filter(|_| offer.extmap_allow_mixed),
    }
}

fn apply_source(
    owner: usize,
    peer: &mut Peer,
    tracks: &mut slab::Slab<Track>,
    media: &Media,
    source: Source,
    codec: Chosen,
) {
    let existing =
        peer.tracks.iter().copied().find(|index| tracks.get(*index).is_some_and(|t| t.mid == media.mid));
    let index = existing.unwrap_or_else(|| {
        let index = tracks.insert(Track::new(owner, source, media.mid.clone(), codec, &media.rids));
        peer.tracks.push(index);
        index
    });
    let track = &mut tracks[index];
    track.codec = codec;
    // Signalled SSRCs count; without any, those learnt by mid and rid stay. Encodings are told apart by rid alone.
    let (Some(ssrc), [encoding]) = (media.ssrc, &mut track.encodings[..]) else { return };
    let foreign = |ssrc: u32| peer.streams.get(&ssrc).is_some_and(|stream| stream.track != index);
    if foreign(ssrc) || media.rtx_ssrc.is_some_and(foreign) {
        // Two m-lines with one SSRC: the first keeps it.
        return;
    }
    peer.streams.retain(|_, stream| stream.track != index);
    peer.streams.insert(ssrc, Stream { track: index, encoding: 0, is_rtx: false });
    encoding.start_stream(ssrc);
    encoding.rtx_ssrc = media.rtx_ssrc;
    if let Some(rtx) = media.rtx_ssrc {
        peer.streams.insert(rtx, Stream { track: index, encoding: 0, is_rtx: true });
    }
}

fn apply_slot<'a>(
    peer: &'a mut Peer,
    offer: &Offer,
    media: &Media,
    codecs: &[Chosen],
    tracks: &slab::Slab<Track>,
    numbers: &mut Numbers<'_>,
) -> &'a Slot {
    let kind = media.kind.unwrap_or(MediaKind::Audio);
    let place = peer.slots.iter().position(|slot| slot.mid == media.mid).unwrap_or_else(|| {
        let ordinal = peer.slots.iter().filter(|slot| slot.kind == kind).count();
        let ssrc = Room::unused_ssrc(peer, 0, numbers.0);
        let rtx_ssrc = Room::unused_ssrc(peer, ssrc, numbers.0);
        peer.slots.push(Slot::new(media.mid.clone(), kind, ordinal, [ssrc, rtx_ssrc, numbers.0.u32()]));
        peer.slots.len() - 1
    });
    let slot = &mut peer.slots[place];
    slot.open = true;
    slot.codecs = codecs.to_vec();
    slot.playing = slot.track.and_then(|track| slot.chosen(tracks.get(track)?.codec.codec));
    let (level, transport) = match kind {
        MediaKind::Audio => (media.extension(AUDIO_LEVEL), None),
        MediaKind::Video => (None, media.extension(TRANSPORT_CC)),
    };
    let may_mix = kind == MediaKind::Video && offer.extmap_allow_mixed;
    slot.descriptor_extension = media.extension(DEPENDENCY_DESCRIPTOR).filter(|_| may_mix);
    slot.level_extension = level;
    slot.transport_extension = transport;
    slot
}
