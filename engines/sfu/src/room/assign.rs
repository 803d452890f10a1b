//! Which slot shows what. Stable: a slot keeps its content until that goes away.

use super::{Context, Room};
use crate::{
    sdp::codecs::Codec,
    worker::{Event, MediaKind, PeerId, PersonId, Slot, SlotContent, Source, Wanted},
};

/// Clients add slots in steps of this many.
const STEP: usize = 8;
/// More slots of one kind than this are not asked for.
pub(crate) const MAX_SLOTS: usize = 64;

/// A live track, as assignment sees it.
pub(super) struct Live {
    pub(super) track: usize,
    pub(super) owner: usize,
    pub(super) peer: PeerId,
    pub(super) person: PersonId,
    pub(super) kind: MediaKind,
    pub(super) source: Source,
    pub(super) codec: Codec,
}

impl Room {
    /// Fills free slots, empties those whose track is gone, and tells the peers it changed for.
    pub(crate) fn assign(&mut self, context: &mut Context<'_>) {
        let live: Vec<Live> = (self.tracks.iter())
            .filter(|(_, track)| track.live)
            .filter_map(|(index, track)| {
                let owner = self.peers.get(track.owner)?;
                Some(Live {
                    track: index,
                    owner: track.owner,
                    peer: owner.id,
                    person: owner.person,
                    kind: track.kind(),
                    source: track.source,
                    codec: track.codec.codec,
                })
            })
            .collect();
        self.stage.set_open(live.iter().filter(|one| one.source == Source::Microphone).count());
        let own = self.peers.iter().filter(|(_, peer)| peer.mirror_of.is_none());
        let peers: Vec<usize> = own.map(|(index, _)| index).collect();
        for index in peers {
            match self.peers.get(index).and_then(|peer| peer.follow) {
                Some(follow) => self.assign_viewer(index, follow, &live),
                None => self.assign_member(index, &live),
            }
        }
        self.rebuild_subscribers(context);
        self.share_soon(context);
        self.request_keyframes(context);
        self.tell_slots(context);
    }

    fn assign_member(&mut self, index: usize, live: &[Live]) {
        let Self { peers, tracks, stage, .. } = self;
        let Some(peer) = peers.get_mut(index) else { return };
        let mut shown: Vec<usize> = Vec::new();
        let mix = mix_of(peer.mix, live);
        // Who hears a mix hears nothing else, and nobody else hears it.
        let fits = |index: usize, source: Source| match (source.kind(), mix) {
            (MediaKind::Video, _) => true,
            (MediaKind::Audio, Some(mix)) => index == mix,
            (MediaKind::Audio, None) => source != Source::Mixed,
        };
        for slot in &mut peer.slots {
            let track = slot.track.and_then(|index| tracks.get(index));
            let is_mix = track.is_some_and(|track| track.source == Source::Mixed);
            let keep = slot.open
                && slot
                    .track
                    .zip(track)
                    .is_some_and(|(index, track)| track.live && fits(index, track.source));
            match slot.track {
                Some(track) if keep => shown.push(track),
                // To the listener one mix is as good as another: nothing is said.
                Some(_)
                    if slot.open
                        && is_mix
                        && let Some(mix) = mix =>
                {
                    slot.show_along(mix, Codec::Opus);
                    shown.push(mix);
                }
                Some(_) => {
                    slot.show(None);
                    peer.slots_changed = true;
                }
                None => {}
            }
        }
        let mut wanted = [0usize; 2];
        let person = peer.person;
        for one in live.iter().filter(|one| one.person != person) {
            wanted[usize::from(one.kind == MediaKind::Video)] += usize::from(one.source != Source::Mixed);
            if shown.contains(&one.track) || !fits(one.track, one.source) {
                continue;
            }
            let companion = live.iter().find(|other| {
                other.owner == one.owner
                    && other.kind != one.kind
                    && other.source.is_screen() == one.source.is_screen()
            });
            let preferred = companion
                .and_then(|other| peer.slots.iter().find(|slot| slot.track == Some(other.track)))
                .map(|slot| slot.ordinal);
            let free = |slot: &crate::slot::Slot| slot.open && slot.kind == one.kind && slot.track.is_none();
            let place = (peer.slots.iter())
                .position(|slot| free(slot) && Some(slot.ordinal) == preferred)
                .or_else(|| peer.slots.iter().position(free))
                .or_else(|| {
                    // More microphones than slots: who is heard takes the place of who is not.
                    let is_heard = match one.source {
                        Source::Microphone => stage.hears(one.track),
                        // It is over soon.
                        Source::Sound => true,
                        _ => false,
                    };
                    let is_needed = is_heard && stage.is_crowded();
                    let is_idle = |slot: &crate::slot::Slot| {
                        slot.open
                            && slot.kind == one.kind
                            && slot.track.is_some_and(|track| {
                                !stage.hears(track)
                                    && tracks.get(track).is_some_and(|t| t.source == Source::Microphone)
                            })
                    };
                    peer.slots.iter().position(is_idle).filter(|_| is_needed)
                });
            if let Some(place) = place {
                peer.slots[place].show(Some((one.track, one.codec)));
                peer.slots_changed = true;
            }
        }
        let round = |count: usize| count.next_multiple_of(STEP).clamp(STEP, MAX_SLOTS);
        let wanted = Wanted { audio: round(wanted[0]), video: round(wanted[1]) };
        peer.slots_changed |= wanted != peer.wanted;
        peer.wanted = wanted;
    }

    fn rebuild_subscribers(&mut self, context: &mut Context<'_>) {
        // Most tracks of a large room are sources that nobody has turned on.
        let in_use = self.tracks.iter().filter(|(_, track)| track.live || !track.subscribers.is_empty());
        let in_use: Vec<usize> = in_use.map(|(index, _)| index).collect();
        for index in &in_use {
            self.tracks[*index].subscribers.clear();
        }
        for (index, peer) in &self.peers {
            for (place, slot) in peer.slots.iter().enumerate() {
                if let Some(track) = slot.track.and_then(|track| self.tracks.get_mut(track)) {
                    track.subscribers.push((index, place));
                }
            }
        }
        for track in in_use {
            self.retarget(track, context);
        }
    }

    fn tell_slots(&mut self, context: &mut Context<'_>) {
        let owner = |track: usize| -> Option<(PeerId, Source)> {
            let track = self.tracks.get(track)?;
            Some((self.peers.get(track.owner)?.id, track.source))
        };
        let mut told = Vec::new();
        for (index, peer) in
            self.peers.iter().filter(|(_, peer)| peer.slots_changed && peer.mirror_of.is_none())
        {
            let slots = (peer.slots.iter().filter(|slot| slot.open))
                .map(|slot| Slot {
                    mid: slot.mid.clone(),
                    kind: slot.kind,
                    content: slot.track.and_then(owner).map(|(peer, source)| SlotContent { peer, source }),
                    playable: slot.track.is_none() || slot.playing.is_some(),
                })
                .collect();
            context.events.push_back(Event::Slots { peer: peer.id, slots, wanted: peer.wanted });
            told.push(index);
        }
        for index in told {
            self.peers[index].slots_changed = false;
        }
    }
}

/// The track of the mix that a peer hears, while there is one.
pub(super) fn mix_of(mix: Option<PeerId>, live: &[Live]) -> Option<usize> {
    let is_it = |one: &&Live| one.source == Source::Mixed && Some(one.peer) == mix;
    mix.and_then(|_| live.iter().find(is_it)).map(|one| one.track)
}

impl Source {
    /// Screen and screen sound belong together, as microphone and camera do.
    fn is_screen(self) -> bool {
        matches!(self, Self::Screen | Self::ScreenAudio)
    }
}
