//! Which slot shows what. Stable: a slot keeps its content until that goes away.

use super::{Context, Room};
use crate::{
    peer::Peer,
    sdp::codecs::Codec,
    slot::Slot,
    worker::{self, Event, Follow, MediaKind, PeerId, PersonId, SlotContent, Source, Wanted},
};

/// Clients add slots in steps of this many.
const STEP: usize = 8;
/// More slots of one kind than this are not asked for.
pub(crate) const MAX_SLOTS: usize = 64;

/// A live track, as assignment sees it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Live {
    pub(super) track: usize,
    pub(super) owner: usize,
    pub(super) peer: PeerId,
    pub(super) person: PersonId,
    pub(super) kind: MediaKind,
    pub(super) source: Source,
    pub(super) codec: Codec,
}

/// For whom the answer may be another one, although the same tracks are live. When others are, it is for everybody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Anew {
    Nobody,
    /// Their slots or wishes changed.
    Peer(usize),
    /// Those who follow whoever has the word.
    Followers,
    Everybody,
}

impl Room {
    /// Fills free slots, empties those whose track is gone, and tells the peers it changed for.
    pub(super) fn assign(&mut self, anew: Anew, context: &mut Context<'_>) {
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
        let known = |one: &Live| {
            let at = self.live.binary_search_by_key(&one.track, |known| known.track);
            at.is_ok_and(|at| self.live[at] == *one)
        };
        let fresh: Vec<usize> = live.iter().filter(|one| !known(one)).map(|one| one.track).collect();
        let is_known = !std::mem::take(&mut self.has_lost) && live == self.live;
        let asked: Vec<usize> = match if is_known { anew } else { Anew::Everybody } {
            // Not even a look at anybody else.
            Anew::Nobody => Vec::new(),
            Anew::Peer(index) => vec![index],
            Anew::Followers => self.those(|peer| peer.follow == Some(Follow::Stage)),
            Anew::Everybody => self.those(|peer| peer.mirror_of.is_none()),
        };
        self.stage.set_open(live.iter().filter(|one| one.source == Source::Microphone).count());
        for &index in &asked {
            match self.peers.get(index).and_then(|peer| peer.follow) {
                Some(follow) => self.assign_viewer(index, follow, &live),
                None => self.assign_member(index, &live),
            }
            self.list(index, &fresh, context);
        }
        fresh.into_iter().for_each(|track| self.retarget(track, context));
        self.share_soon(context);
        self.request_keyframes(context);
        asked.into_iter().for_each(|index| self.tell_slots(index, context));
        self.live = live;
        debug_assert!(self.is_listed_right());
    }

    fn those(&self, are_meant: impl Fn(&Peer) -> bool) -> Vec<usize> {
        self.peers.iter().filter(|(_, peer)| are_meant(peer)).map(|(index, _)| index).collect()
    }

    fn assign_member(&mut self, index: usize, live: &[Live]) {
        let Self { peers, tracks, stage, .. } = self;
        let Some(peer) = peers.get_mut(index) else { return };
        let mut shown = vec![false; tracks.capacity()];
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
                Some(track) if keep => shown[track] = true,
                // To the listener one mix is as good as another: nothing is said.
                Some(_)
                    if slot.open
                        && is_mix
                        && let Some(mix) = mix =>
                {
                    slot.show_along(mix, Codec::Opus);
                    shown[mix] = true;
                }
                Some(_) => {
                    slot.show(None);
                    peer.slots_changed = true;
                }
                None => {}
            }
        }
        let free = |slot: &Slot, kind| slot.open && slot.kind == kind && slot.track.is_none();
        let count = |kind| peer.slots.iter().filter(|slot| free(slot, kind)).count();
        let mut left = [count(MediaKind::Audio), count(MediaKind::Video)];
        let mut wanted = [0usize; 2];
        let person = peer.person;
        for one in live.iter().filter(|one| one.person != person) {
            let kind = usize::from(one.kind == MediaKind::Video);
            wanted[kind] += usize::from(one.source != Source::Mixed);
            if shown[one.track] || !fits(one.track, one.source) {
                continue;
            }
            let place = if left[kind] > 0 {
                left[kind] -= 1;
                let companion = live.iter().find(|other| {
                    other.owner == one.owner
                        && other.kind != one.kind
                        && other.source.is_screen() == one.source.is_screen()
                });
                let preferred = companion
                    .and_then(|other| peer.slots.iter().find(|slot| slot.track == Some(other.track)))
                    .map(|slot| slot.ordinal);
                (peer.slots.iter())
                    .position(|slot| free(slot, one.kind) && Some(slot.ordinal) == preferred)
                    .or_else(|| peer.slots.iter().position(|slot| free(slot, one.kind)))
            } else {
                // More microphones than slots: who is heard takes the place of who is not.
                let is_heard = match one.source {
                    Source::Microphone => stage.hears(one.track),
                    // It is over soon.
                    Source::Sound => true,
                    _ => false,
                };
                let is_idle = |slot: &Slot| {
                    slot.open
                        && slot.kind == one.kind
                        && slot.track.is_some_and(|track| {
                            !stage.hears(track)
                                && tracks.get(track).is_some_and(|t| t.source == Source::Microphone)
                        })
                };
                let is_needed = is_heard && stage.is_crowded();
                if is_needed { peer.slots.iter().position(is_idle) } else { None }
            };
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

    fn tell_slots(&mut self, index: usize, context: &mut Context<'_>) {
        let Self { peers, tracks, .. } = self;
        let owner = |track: usize| -> Option<(PeerId, Source)> {
            let track = tracks.get(track)?;
            Some((peers.get(track.owner)?.id, track.source))
        };
        let Some(peer) = peers.get(index).filter(|peer| peer.slots_changed) else { return };
        let slots = (peer.slots.iter().filter(|slot| slot.open))
            .map(|slot| worker::Slot {
                mid: slot.mid.clone(),
                kind: slot.kind,
                content: slot.track.and_then(owner).map(|(peer, source)| SlotContent { peer, source }),
                playable: slot.track.is_none() || slot.playing.is_some(),
            })
            .collect();
        context.events.push_back(Event::Slots { peer: peer.id, slots, wanted: peer.wanted });
        peers[index].slots_changed = false;
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
