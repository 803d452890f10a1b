//! Which layer of a track each slot is sent, and which encodings their sender need not send at all.
//!
//! A viewer's wish (how large the tile is) picks the smallest layer that covers it. Whoever shares out bandwidth reads
//! [`ladder`] (per track: layers with their measured rates and sizes, in the order in which they are given up) and
//! [`Slot::wish`], and sets [`Slot::allotment`] ([`super::share`]); the lesser of wish and allotment is sent. Without
//! an allotment the wish decides.

use std::time::{Duration, Instant};

use slab::Slab;

use super::{Context, Room};
use crate::{
    codec::Point,
    encoding::Encoding,
    peer::Peer,
    slot::{LayerChoice, Slot, Wish},
    track::Track,
    worker::{EncodingState, Event, MediaKind, Source, Want},
};

/// An encoding that nobody watches is stopped after this: people leaf through tiles.
const PAUSE_AFTER: Duration = Duration::from_secs(5);
/// What a camera's largest encoding is taken for until its packets say their size; each other one is half of the next.
/// The client's own constraint.
const ASSUMED_SIZE: (u16, u16) = (1_280, 720);
/// A picture is sharp enough when it is drawn larger by this share at most: six fifths.
const STRETCH: (u32, u32) = (6, 5);

/// One thing that a track can be sent as.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Layer {
    pub(crate) choice: LayerChoice,
    /// Bits a second of payload, averaged over about two seconds; zero while it is not being sent.
    pub(crate) bitrate: u64,
    /// In pixels.
    pub(crate) width: u16,
    pub(crate) height: u16,
    /// All its pictures, not every second or fourth.
    pub(crate) is_full_rate: bool,
    /// Its sender is sending it.
    pub(crate) is_alive: bool,
}

/// What bandwidth leaves to a slot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Allotment {
    /// The wish decides.
    #[default]
    Unlimited,
    /// This layer, or a lesser one when the wish is smaller.
    UpTo(LayerChoice),
    /// Nothing is sent.
    Nothing,
}

/// A track's layers, the best first. A camera keeps its motion: it gives up size before pictures. A screen keeps its
/// sharpness: it gives up pictures before size.
pub(crate) fn ladder(track: &Track, now: Instant) -> Vec<Layer> {
    let mut sizes = Vec::new();
    for index in 0..track.encodings.len() {
        let top = track.encodings[index].rates.top().spatial();
        let (width, height) = size(track, index);
        for spatial in 0..=top {
            let halvings = u32::from(top - spatial);
            let whole = if spatial == top { Point::MAX.spatial() } else { spatial };
            sizes.push((width >> halvings, height >> halvings, index, whole));
        }
    }
    sizes.sort_by_key(|(width, height, ..)| std::cmp::Reverse(u32::from(*width) * u32::from(*height)));
    let mut layers = Vec::new();
    for (place, (width, height, index, spatial)) in sizes.iter().copied().enumerate() {
        let encoding = &track.encodings[index];
        let slowest = match track.source {
            Source::Camera if place + 1 < sizes.len() => encoding.rates.top().temporal(),
            Source::Camera
            | Source::Screen
            | Source::Microphone
            | Source::ScreenAudio
            | Source::Sound
            | Source::Mixed => 0,
        };
        for temporal in (slowest..=encoding.rates.top().temporal()).rev() {
            let is_full_rate = temporal == encoding.rates.top().temporal();
            let fastest = if is_full_rate { Point::MAX.temporal() } else { temporal };
            let point = Point::new(spatial, fastest);
            layers.push(Layer {
                choice: LayerChoice { encoding: index, point },
                bitrate: encoding.rates.up_to(point),
                width,
                height,
                is_full_rate,
                is_alive: encoding.is_alive(now),
            });
        }
    }
    layers
}

/// Width and height in pixels of a layer of a track.
pub(super) fn size_of(track: &Track, choice: LayerChoice) -> (u16, u16) {
    let (width, height) = size(track, choice.encoding);
    let top = track.encodings.get(choice.encoding).map_or(0, |encoding| encoding.rates.top().spatial());
    let halvings = u32::from(top.saturating_sub(choice.point.spatial()));
    (width >> halvings, height >> halvings)
}

fn size(track: &Track, encoding: usize) -> (u16, u16) {
    let known = track.encodings.get(encoding).and_then(|encoding| encoding.size);
    known.unwrap_or_else(|| {
        let halvings = track.encodings.len().saturating_sub(encoding + 1).min(8);
        (ASSUMED_SIZE.0 >> halvings, ASSUMED_SIZE.1 >> halvings)
    })
}

/// What to send now, and what it would be if everything were being sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Chosen {
    now: LayerChoice,
    ideal: LayerChoice,
}

/// `None` when nothing is to be sent.
fn choose(ladder: &[Layer], wish: Wish, allotment: Allotment) -> Option<Chosen> {
    if wish.is_hidden() || allotment == Allotment::Nothing {
        return None;
    }
    let wished = wished(ladder, wish)?;
    let allotted = match allotment {
        Allotment::UpTo(choice) => ladder.iter().position(|layer| layer.choice == choice).unwrap_or(wished),
        Allotment::Unlimited | Allotment::Nothing => wished,
    };
    let ideal = wished.max(allotted);
    // Its sender has stopped it, for want of bandwidth or because nobody watched: the next lesser one, or any.
    let alive = |layer: &&Layer| layer.is_alive;
    let lesser = ladder.get(ideal..).and_then(|rest| rest.iter().find(alive));
    let greater = || ladder.get(..ideal).and_then(|rest| rest.iter().rev().find(alive));
    let now = lesser.or_else(greater).or(ladder.get(ideal))?;
    Some(Chosen { now: now.choice, ideal: ladder.get(ideal)?.choice })
}

/// Where on the ladder the smallest layer is that covers a tile.
pub(super) fn wished(ladder: &[Layer], wish: Wish) -> Option<usize> {
    let full = || ladder.iter().enumerate().filter(|(_, layer)| layer.is_full_rate);
    Some(full().rev().find(|(_, layer)| covers(layer, wish)).or_else(|| full().next())?.0)
}

fn covers(layer: &Layer, wish: Wish) -> bool {
    let enough = |have: u16, want: u16| u32::from(want) * STRETCH.1 <= u32::from(have) * STRETCH.0;
    // The picture keeps its shape, so the nearer side decides.
    enough(layer.width, wish.width) || enough(layer.height, wish.height)
}

impl Room {
    /// How large a peer shows its slots.
    pub(crate) fn set_wants(&mut self, index: usize, wants: &[Want], context: &mut Context<'_>) {
        let Some(peer) = self.peers.get_mut(index) else { return };
        let mut changed = Vec::new();
        for want in wants {
            let wish = Wish { width: want.width, height: want.height, priority: want.priority };
            let slot =
                peer.slots.iter_mut().find(|slot| slot.mid == want.mid && slot.kind == MediaKind::Video);
            let Some(slot) = slot.filter(|slot| slot.wish != wish) else { continue };
            slot.wish = wish;
            changed.extend(slot.track);
        }
        peer.is_shown_anew = true;
        changed.sort_unstable();
        changed.dedup();
        for track in changed {
            self.retarget(track, context);
        }
        self.share_soon(context);
        self.request_keyframes(context);
    }

    /// Chooses anew for everyone who is shown this track.
    pub(super) fn retarget(&mut self, index: usize, context: &mut Context<'_>) {
        let Self { peers, tracks, .. } = self;
        let Some(track) = tracks.get_mut(index) else { return };
        let ladder = ladder(track, context.now);
        let mut watched = vec![false; track.encodings.len()];
        for (peer, slot) in &track.subscribers {
            let slot = peers.get_mut(*peer).and_then(|peer| peer.slots.get_mut(*slot));
            for encoding in slot.into_iter().flat_map(|slot| aim(slot, &ladder)) {
                if let Some(watched) = watched.get_mut(encoding) {
                    *watched = true;
                }
            }
        }
        for (at, watched) in watched.iter_mut().enumerate() {
            *watched |= track.is_copied(at);
        }
        route(track, peers);
        for (encoding, is_watched) in track.encodings.iter_mut().zip(watched) {
            encoding.unwanted_since = match is_watched {
                true => None,
                false => encoding.unwanted_since.or(Some(context.now)),
            };
        }
        tell_encodings(track, peers, context);
        self.tell_wanted_of(index, context);
    }

    /// Notices encodings that came or went silent, measures rates, and tells senders what nobody watches.
    pub(super) fn tick_layers(&mut self, context: &mut Context<'_>) {
        let mut changed = Vec::new();
        for (index, track) in &mut self.tracks {
            if track.kind() != MediaKind::Video {
                continue;
            }
            let (mut alive, mut was_measured) = (0, false);
            for (at, encoding) in track.encodings.iter_mut().enumerate() {
                was_measured |= encoding.rates.tick(context.now);
                alive |= u32::from(encoding.is_alive(context.now)) << at.min(31);
                let idle = encoding.unwanted_since.is_some_and(|since| context.now >= since + PAUSE_AFTER);
                if idle && encoding.ring.is_allocated() {
                    encoding.ring.clear();
                }
            }
            let tops = || track.encodings.iter().map(|encoding| encoding.rates.top());
            let is_layered_anew = was_measured && !track.tops.iter().copied().eq(tops());
            if alive != track.alive || is_layered_anew || track.routes_changed {
                track.tops = tops().collect();
                track.alive = alive;
                track.routes_changed = false;
                changed.push(index);
            }
        }
        for index in changed {
            self.retarget(index, context);
        }
        let Self { peers, tracks, .. } = self;
        for (_, track) in tracks {
            tell_encodings(track, peers, context);
        }
    }
}

/// Chooses what a slot is sent of its track; the encodings that are watched for it.
pub(super) fn aim(slot: &mut Slot, ladder: &[Layer]) -> impl Iterator<Item = usize> {
    let chosen = slot.playing.map(|_| choose(ladder, slot.wish, slot.allotment));
    if let Some(chosen) = chosen {
        slot.aim(chosen.map(|chosen| chosen.now));
    }
    // What stands in for it is watched as well, until it comes.
    chosen.flatten().into_iter().flat_map(|chosen| [chosen.now.encoding, chosen.ideal.encoding])
}

/// Says at once what is wanted again, and after [`PAUSE_AFTER`] what is not.
fn tell_encodings(track: &mut Track, peers: &Slab<Box<Peer>>, context: &mut Context<'_>) {
    let Some(owner) = peers.get(track.owner) else { return };
    if track.kind() != MediaKind::Video || !track.live || owner.mirror_of.is_some() {
        return;
    }
    let mut news = false;
    for encoding in &mut track.encodings {
        let wanted = match encoding.unwanted_since {
            None => true,
            Some(since) if context.now >= since + PAUSE_AFTER => false,
            Some(_) => encoding.told_wanted,
        };
        news |= wanted != encoding.told_wanted;
        encoding.told_wanted = wanted;
    }
    if news {
        let state =
            |encoding: &Encoding| EncodingState { rid: encoding.rid.clone(), wanted: encoding.told_wanted };
        let encodings = track.encodings.iter().map(state).collect();
        context.events.push_back(Event::Encodings { peer: owner.id, source: track.source, encodings });
    }
}

/// Who gets the packets of each encoding, and whose key frame somebody waits for.
pub(super) fn route(track: &mut Track, peers: &Slab<Box<Peer>>) {
    let Track { encodings, subscribers, .. } = track;
    for (index, encoding) in encodings.iter_mut().enumerate() {
        encoding.subscribers.clear();
        let mut awaited = false;
        for (peer, place) in subscribers.iter() {
            let slot: Option<&Slot> = peers.get(*peer).and_then(|peer| peer.slots.get(*place));
            if let Some(slot) = slot.filter(|slot| slot.listens_to(index)) {
                encoding.subscribers.push((*peer, *place));
                awaited |= slot.awaits_keyframe(index);
            }
        }
        encoding.is_awaited = awaited;
        if awaited {
            encoding.want_keyframe();
        }
    }
    track.rest();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        codec::FrameInfo,
        sdp::codecs::{Chosen as Format, Codec},
    };

    const MAX: Point = Point::MAX;

    /// A track whose encodings have sent three temporal layers of these sizes.
    fn track(source: Source, sizes: &[(u16, u16)], now: Instant) -> Track {
        let codec =
            Format { codec: Codec::Vp8, payload_type: 96, rtx_payload_type: None, red_payload_type: None };
        let rids: Vec<_> = ["q", "h", "f"].into_iter().take(sizes.len()).map(Into::into).collect();
        let rids = if sizes.len() == 1 { &[][..] } else { &rids };
        let mut track = Track::new(0, source, "1".into(), codec, rids);
        for (encoding, size) in track.encodings.iter_mut().zip(sizes) {
            encoding.rates.tick(now - Duration::from_secs(1));
            for temporal in 0..3 {
                let point = Point::new(0, temporal);
                encoding.note(
                    &FrameInfo { point, size: Some(*size), ..FrameInfo::OPAQUE },
                    0,
                    90_000,
                    1_000,
                    now,
                );
            }
            encoding.rates.tick(now);
        }
        track
    }

    fn wish(width: u16, height: u16) -> Wish {
        Wish { width, height, priority: 0 }
    }

    fn sent(ladder: &[Layer], wish: Wish) -> Option<(usize, Point)> {
        choose(ladder, wish, Allotment::Unlimited).map(|chosen| (chosen.now.encoding, chosen.now.point))
    }

    const SIZES: [(u16, u16); 3] = [(320, 180), (640, 360), (1_280, 720)];

    #[test]
    fn the_smallest_layer_that_covers_the_tile_is_sent() {
        let now = Instant::now();
        let ladder = ladder(&track(Source::Camera, &SIZES, now), now);
        assert_eq!(sent(&ladder, wish(300, 170)), Some((0, MAX)));
        assert_eq!(sent(&ladder, wish(380, 210)), Some((0, MAX)), "stretched a little");
        assert_eq!(sent(&ladder, wish(640, 360)), Some((1, MAX)));
        assert_eq!(sent(&ladder, wish(4_000, 200)), Some((0, MAX)), "the height decides");
        assert_eq!(sent(&ladder, Wish::UNSAID), Some((2, MAX)));
        assert_eq!(sent(&ladder, wish(0, 0)), None);
    }

    #[test]
    fn a_layer_below_the_top_is_half_as_large() {
        let now = Instant::now();
        let simulcast = track(Source::Camera, &SIZES, now);
        let choice = |encoding, point| LayerChoice { encoding, point };
        assert_eq!(size_of(&simulcast, choice(1, MAX)), (640, 360));
        assert_eq!(size_of(&simulcast, choice(9, MAX)), (1_280, 720), "what is not there is taken for usual");
        let mut scalable = track(Source::Screen, &[(1_280, 720)], now);
        let top = FrameInfo { point: Point::new(2, 0), size: Some((1_280, 720)), ..FrameInfo::OPAQUE };
        scalable.encodings[0].note(&top, 0, 90_000, 1_000, now);
        assert_eq!(size_of(&scalable, choice(0, Point::new(1, 0))), (640, 360));
        assert_eq!(size_of(&scalable, choice(0, MAX)), (1_280, 720));
    }

    #[test]
    fn a_camera_gives_up_size_first_and_a_screen_pictures() {
        let now = Instant::now();
        let order = |source| -> Vec<_> {
            let layers = ladder(&track(source, &SIZES, now), now);
            layers.iter().map(|layer| (layer.choice.encoding, layer.choice.point.temporal())).collect()
        };
        assert_eq!(order(Source::Camera), [(2, 3), (1, 3), (0, 3), (0, 1), (0, 0)]);
        let screen = order(Source::Screen);
        assert_eq!(screen[..3], [(2, 3), (2, 1), (2, 0)]);
        let rates: Vec<u64> =
            ladder(&track(Source::Screen, &SIZES[..1], now), now).iter().map(|l| l.bitrate).collect();
        assert_eq!(rates, [24_000, 16_000, 8_000]);
    }

    #[test]
    fn what_bandwidth_leaves_is_a_ceiling_and_never_more_than_the_wish() {
        let now = Instant::now();
        let ladder = ladder(&track(Source::Camera, &SIZES, now), now);
        let up_to = |encoding| Allotment::UpTo(LayerChoice { encoding, point: MAX });
        let sent = |wish, allotment| choose(&ladder, wish, allotment).map(|chosen| chosen.now.encoding);
        assert_eq!(sent(Wish::UNSAID, up_to(1)), Some(1));
        assert_eq!(sent(wish(320, 180), up_to(1)), Some(0));
        assert_eq!(sent(Wish::UNSAID, Allotment::Nothing), None);
    }

    #[test]
    fn an_encoding_that_is_not_being_sent_is_replaced_and_still_wished_for() {
        let now = Instant::now();
        let mut track = track(Source::Camera, &SIZES, now);
        let later = now + Duration::from_secs(1);
        track.encodings[0].note(&FrameInfo::OPAQUE, 0, 90_000, 100, later);
        let chosen = choose(&ladder(&track, later), Wish::UNSAID, Allotment::Unlimited).expect("something");
        assert_eq!((chosen.now.encoding, chosen.ideal.encoding), (0, 2));
    }
}
