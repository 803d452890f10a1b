//! Who is shown which track. Beside each track stands a list of the slots that show it, and beside each of its encodings
//! one of those that want its packets; both are in order. They change with the slots that changed: whoever comes into a
//! room of hundreds costs no look at everybody else.

use slab::Slab;

use super::{
    Context, Room,
    layers::{aim, ladder},
};
use crate::{
    slot::Slot,
    track::{Seat, Track},
    worker::MediaKind,
};

impl Room {
    /// Takes a peer's slots off all lists: they are about to move, or to go.
    pub(super) fn unlist(&mut self, index: usize) {
        let Self { peers, tracks, .. } = self;
        let Some(peer) = peers.get_mut(index) else { return };
        for place in 0..peer.slots.len() {
            if let Some(track) = peer.slots[place].listed.take() {
                strike(tracks, track, (index, place));
                peer.downlink.pacer.forget(track as u32);
            }
        }
    }

    /// Brings the lists up to what a peer's slots show now, and aims those that show something else. Tracks that are
    /// `anew` are about to be retargeted for everybody.
    pub(super) fn list(&mut self, index: usize, anew: &[usize], context: &mut Context<'_>) {
        let Self { peers, tracks, .. } = self;
        let Some(peer) = peers.get_mut(index) else { return };
        let mut touched = Vec::new();
        for place in 0..peer.slots.len() {
            let slot = &mut peer.slots[place];
            let before = slot.listed;
            if before == slot.track {
                continue;
            }
            slot.listed = slot.track;
            if let Some(before) = before {
                strike(tracks, before, (index, place));
                peer.downlink.pacer.forget(before as u32);
                touched.push(before);
            }
            peer.is_shown_anew = true;
            let slot = &mut peer.slots[place];
            let Some((shown, track)) = slot.track.and_then(|at| Some((at, tracks.get_mut(at)?))) else {
                continue;
            };
            enter(&mut track.subscribers, (index, place));
            if !anew.contains(&shown) {
                aim_listed(track, slot, (index, place), context);
                touched.push(shown);
            }
        }
        touched.into_iter().for_each(|track| self.tell_wanted_of(track, context));
    }

    /// Chooses anew for each of a peer's slots: it can be sent something again.
    pub(super) fn aim_all(&mut self, index: usize, context: &mut Context<'_>) {
        let Self { peers, tracks, .. } = self;
        let Some(peer) = peers.get_mut(index) else { return };
        for (place, slot) in peer.slots.iter_mut().enumerate() {
            if let Some(track) = slot.listed.and_then(|track| tracks.get_mut(track)) {
                aim_listed(track, slot, (index, place), context);
            }
        }
        self.wake_chores(context.now);
    }

    /// What the lists say is what slots show. Looks at everything: for assertions only.
    pub(super) fn is_listed_right(&self) -> bool {
        let shown = self.peers.iter().flat_map(|(index, peer)| {
            let slots = peer.slots.iter().enumerate();
            slots.filter_map(move |(place, slot)| Some((slot.track?, (index, place))))
        });
        let mut shown: Vec<(usize, Seat)> = shown.collect();
        shown.sort_unstable();
        let listed =
            self.tracks.iter().flat_map(|(track, of)| of.subscribers.iter().map(move |seat| (track, *seat)));
        let is_served = |(track, (peer, place)): &(usize, Seat)| {
            let slot = &self.peers[*peer].slots[*place];
            let encodings = self.tracks[*track].encodings.iter().enumerate();
            slot.listed == Some(*track)
                && encodings
                    .filter(|(at, _)| slot.playing.is_some() && slot.listens_to(*at))
                    .all(|(_, encoding)| encoding.subscribers.binary_search(&(*peer, *place)).is_ok())
        };
        listed.eq(shown.iter().copied()) && shown.iter().all(is_served)
    }
}

/// As [`Room::retarget`], for one slot that came or began anew. What it makes unwanted is found with the next chores.
fn aim_listed(track: &mut Track, slot: &mut Slot, seat: Seat, context: &Context<'_>) {
    for watched in aim(slot, &ladder(track, context.now)) {
        if let Some(encoding) = track.encodings.get_mut(watched) {
            encoding.unwanted_since = None;
        }
    }
    for (at, encoding) in track.encodings.iter_mut().enumerate() {
        if slot.listens_to(at) {
            enter(&mut encoding.subscribers, seat);
        } else {
            leave(&mut encoding.subscribers, seat);
        }
        if slot.awaits_keyframe(at) {
            encoding.is_awaited = true;
            encoding.want_keyframe();
        }
    }
}

fn strike(tracks: &mut Slab<Track>, track: usize, seat: Seat) {
    let Some(track) = tracks.get_mut(track) else { return };
    leave(&mut track.subscribers, seat);
    track.encodings.iter_mut().for_each(|encoding| leave(&mut encoding.subscribers, seat));
    track.rest();
    track.routes_changed |= track.kind() == MediaKind::Video;
}

fn enter(seats: &mut Vec<Seat>, seat: Seat) {
    if let Err(at) = seats.binary_search(&seat) {
        seats.insert(at, seat);
    }
}

fn leave(seats: &mut Vec<Seat>, seat: Seat) {
    if let Ok(at) = seats.binary_search(&seat) {
        seats.remove(at);
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "offers of its own making")]
mod tests {
    use std::{fmt::Write as _, time::Duration};

    use crate::{
        fuzzing::room::Stage,
        room::{Plan, Room},
        sdp::parse,
        worker::{Follow, Gates, MediaKind, Role, Source, SourceSet, Want},
    };

    const SEEDS: u64 = 12;
    const STEPS: usize = 400;

    /// Offers a microphone and a camera, and so many slots of each kind; the camera in one encoding or in two.
    fn present(stage: &mut Stage, index: usize, [audio, video, layered]: [u64; 3]) {
        let mut text = "v=0\no=- 1 2 IN IP4 127.0.0.1\ns=-\nt=0 0\na=ice-ufrag:abcd\n\
            a=ice-pwd:abcdefghijklmnopqrstuvwx\na=setup:actpass\na=fingerprint:sha-256 \
            00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF\n\
            a=group:BUNDLE 0 1 2 3 4 5 6 7 8 9 10 11\n"
            .to_owned();
        let mut line = |kind: &str, mid: u64, direction: &str, more: &str| {
            let codec = if kind == "audio" { ("111", "opus/48000/2") } else { ("96", "VP8/90000") };
            let (number, name) = codec;
            write!(
                text,
                "m={kind} 9 UDP/TLS/RTP/SAVPF {number}\nc=IN IP4 0.0.0.0\na=mid:{mid}\na={direction}\n\
                 a=rtcp-mux\na=rtpmap:{number} {name}\n{more}"
            )
            .unwrap();
        };
        let layers = "a=extmap:10 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id\na=rid:q send\na=rid:f send\n\
            a=simulcast:send q;f\n";
        line("audio", 0, "sendonly", "a=ssrc:17 cname:c\n");
        line("video", 1, "sendonly", if layered == 1 { layers } else { "a=ssrc:18 cname:c\n" });
        for at in 0..audio {
            line("audio", 2 + at * 2, "recvonly", "");
        }
        for at in 0..video {
            line("video", 3 + at * 2, "recvonly", "");
        }
        let offer = parse::parse(&text).unwrap();
        let sources = vec![("0".into(), Source::Microphone), ("1".into(), Source::Camera)];
        stage.apply(index, &Plan::new(&offer, &Role::Member { sources }).unwrap());
    }

    /// Everybody is shown each live track of everybody else, once, as far as their slots go.
    fn assert_complete(room: &Room) {
        for (index, peer) in room.peers.iter().filter(|(_, peer)| peer.follow.is_none()) {
            for kind in [MediaKind::Audio, MediaKind::Video] {
                let tracks = room.tracks.iter().filter(|(_, track)| track.live && track.kind() == kind);
                let mut due: Vec<usize> =
                    tracks.filter(|(_, track)| track.owner != index).map(|(track, _)| track).collect();
                let open = || peer.slots.iter().filter(|slot| slot.open && slot.kind == kind);
                let shown: Vec<usize> = open().filter_map(|slot| slot.track).collect();
                let room_for = open().count().min(due.len());
                assert_eq!(shown.len(), room_for, "{kind:?} of {index}: {shown:?} of {due:?}");
                for track in shown {
                    let at = due.iter().position(|due| *due == track).expect("live, of somebody else, once");
                    due.remove(at);
                }
            }
        }
    }

    #[test]
    fn whoever_comes_goes_or_changes_everybody_is_shown_what_there_is() {
        for seed in 1..=SEEDS {
            let mut state = seed;
            let mut random = move |below: u64| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (state >> 33) % below
            };
            let mut stage = Stage::new();
            let (mut here, mut next): (Vec<usize>, u64) = (Vec::new(), 1);
            for _ in 0..STEPS {
                let which = random(here.len().max(1) as u64) as usize;
                let someone = here.get(which).copied();
                match (random(8), someone) {
                    (0 | 1, _) | (_, None) => {
                        let follow = (random(4) == 0).then_some(Follow::Stage);
                        here.push(stage.admit(next, follow, None));
                        next += 1;
                        present(&mut stage, *here.last().unwrap(), [random(5), random(4), random(2)]);
                    }
                    (2, Some(index)) => present(&mut stage, index, [random(5), random(4), random(2)]),
                    (3, Some(index)) => {
                        here.remove(which);
                        stage.run(|room, context| _ = room.remove(index, context));
                    }
                    (4 | 5, Some(index)) => {
                        let (microphone, camera) = (random(2) == 0, random(2) == 0);
                        let sources = SourceSet { microphone, camera, ..SourceSet::default() };
                        stage.run(|room, context| room.set_sources(index, sources, context));
                    }
                    (6, Some(index)) => {
                        let muted = random(2) == 0;
                        let gates = Gates { may_speak: true, may_stream: true, deafened: false, muted };
                        stage.run(|room, context| room.set_gates(index, gates, context));
                    }
                    (_, Some(index)) => {
                        let side = 180 * random(5) as u16;
                        let mid = (3 + 2 * random(3)).to_string();
                        let want = Want { mid: mid.as_str().into(), width: side, height: side, priority: 0 };
                        stage.run(|room, context| room.set_wants(index, &[want], context));
                        stage.skip(Duration::from_millis(60));
                    }
                }
                assert!(stage.room.is_listed_right());
                assert_complete(&stage.room);
            }
        }
    }
}
