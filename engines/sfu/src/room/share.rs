//! Which layer of each video a subscriber gets out of its bandwidth: ladders and wishes in, allotments out.

use std::time::Duration;

use super::{
    Allotment, Context, Room,
    layers::{Layer, ladder, wished},
};
use crate::{
    bandwidth::{
        Bitrate,
        allocate::{Attention, Demand, LayerChoice},
    },
    peer::{Connection, Peer},
    slot::Wish,
    track::Track,
    worker::{MediaKind, Source},
};

/// How often every subscriber's target is shared out anew.
const INTERVAL: Duration = Duration::from_millis(100);
/// Who spoke within this time is part of the conversation: pictures do not change with every word.
const CONVERSATION: Duration = Duration::from_secs(5);
/// Headers, extensions and tags beside the payload of full packets.
const OVERHEAD: f64 = 1.04;
/// What the only encoding of a track is taken to need before it was measured: browsers start there.
const ASSUMED_ALONE: Bitrate = Bitrate::kbps(300);
/// What a layer of several is taken to need until it was measured: so much and this many bits a second per pixel, which
/// is about what browsers give a camera at 180, 360 and 720 lines.
const ASSUMED_LEAST: u64 = 60_000;
const ASSUMED_PER_PIXEL: f64 = 1.6;

/// A track's ladder while bandwidth is shared out.
struct Offered {
    track: usize,
    source: Source,
    is_speaking: bool,
    ladder: Vec<Layer>,
    /// The rungs from the least to the best.
    choices: Vec<LayerChoice>,
}

/// A slot that is seen: its place and that of its track in the list of what is offered.
struct Seen {
    slot: usize,
    offered: usize,
    wish: Wish,
}

impl Room {
    /// Somebody is shown something else, or wishes for it: does not wait for the next time.
    pub(super) fn share_soon(&mut self, context: &Context<'_>) {
        self.next_share = context.now;
        self.wake_chores(context.now);
    }

    /// Shares every subscriber's target out, when it is time to.
    pub(super) fn share_out(&mut self, context: &mut Context<'_>) {
        if context.now < self.next_share {
            return;
        }
        self.next_share = context.now + INTERVAL;
        let offered = self.offered(context);
        let Self { peers, .. } = self;
        let mut changed = Vec::new();
        for (_, peer) in peers.iter_mut().filter(|(_, peer)| peer.connection == Connection::Connected) {
            if std::mem::take(&mut peer.is_shown_anew) || !peer.downlink.is_content(context.now) {
                share(peer, &offered, &mut changed, context);
            }
        }
        changed.sort_unstable();
        changed.dedup();
        for track in changed {
            self.retarget(track, context);
        }
    }

    /// Every video that somebody could be shown.
    fn offered(&self, context: &Context<'_>) -> Vec<Offered> {
        let videos = self.tracks.iter().filter(|(_, track)| track.live && track.kind() == MediaKind::Video);
        let offered = videos.map(|(index, track)| {
            let ladder = ladder(track, context.now);
            let owner = self.peers.get(track.owner);
            Offered {
                track: index,
                source: track.source,
                is_speaking: owner.is_some_and(|owner| owner.spoke_within(CONVERSATION, context.now)),
                choices: ladder.iter().rev().map(|layer| cost(layer, track)).collect(),
                ladder,
            }
        });
        offered.collect()
    }
}

/// What a layer needs of a link.
fn cost(layer: &Layer, track: &Track) -> LayerChoice {
    let pixels = f64::from(layer.width) * f64::from(layer.height);
    let before = track.encodings.get(layer.choice.encoding).map_or(0, |encoding| encoding.rates.newest());
    let bitrate = match layer.bitrate {
        measured if measured > 0 && layer.is_alive => Bitrate::bps(measured).times(OVERHEAD),
        // It was stopped because nobody watched; it comes back as it was.
        _ if before > 0 => Bitrate::bps(before).times(OVERHEAD),
        _ if track.encodings.len() == 1 => ASSUMED_ALONE,
        _ => Bitrate::bps(ASSUMED_LEAST) + Bitrate::bps((pixels * ASSUMED_PER_PIXEL) as u64),
    };
    LayerChoice { bitrate }
}

fn share(peer: &mut Peer, offered: &[Offered], changed: &mut Vec<usize>, context: &Context<'_>) {
    let slots = peer.slots.iter().enumerate();
    let seen: Vec<Seen> = slots
        .filter(|(_, slot)| slot.playing.is_some() && !slot.wish.is_hidden())
        .filter_map(|(place, slot)| {
            let offered = offered.iter().position(|offered| Some(offered.track) == slot.track)?;
            Some(Seen { slot: place, offered, wish: slot.wish })
        })
        .collect();
    let demands: Vec<Demand<'_>> = seen.iter().filter_map(|one| demand(one, &seen, offered)).collect();
    peer.downlink.allocate(&demands, context.now);
    for demand in &demands {
        let (place, track) = demand.key;
        let Some(slot) = peer.slots.get_mut(place) else { continue };
        let ladder = offered.iter().find(|offered| offered.track == track).map(|offered| &offered.ladder[..]);
        let allotment = match (peer.downlink.allocator.share(demand.key), ladder) {
            (Some(share), Some(ladder)) => {
                let layer = ladder.len().checked_sub(share + 1).and_then(|rung| ladder.get(rung));
                layer.map_or(Allotment::Unlimited, |layer| Allotment::UpTo(layer.choice))
            }
            (None, _) | (_, None) => Allotment::Nothing,
        };
        if slot.allotment != allotment {
            slot.allotment = allotment;
            changed.push(track);
        }
    }
}

fn demand<'a>(one: &Seen, all: &[Seen], offered: &'a [Offered]) -> Option<Demand<'a>> {
    let offer = offered.get(one.offered)?;
    let area = |seen: &Seen| u32::from(seen.wish.width) * u32::from(seen.wish.height);
    let is_largest = || all.iter().all(|other| other.slot == one.slot || area(other) < area(one));
    let attention = match offer.source {
        Source::Screen => Attention::Screen,
        Source::Camera | Source::Microphone | Source::ScreenAudio | Source::Sound | Source::Mixed
            if is_largest() =>
        {
            Attention::Focus
        }
        Source::Camera | Source::Microphone | Source::ScreenAudio | Source::Sound | Source::Mixed
            if offer.is_speaking =>
        {
            Attention::Speaker
        }
        Source::Camera | Source::Microphone | Source::ScreenAudio | Source::Sound | Source::Mixed => {
            Attention::Other
        }
    };
    let wished = offer.ladder.len().checked_sub(wished(&offer.ladder, one.wish)?)?;
    Some(Demand {
        key: (one.slot, offer.track),
        attention,
        priority: one.wish.priority,
        layers: offer.choices.get(..wished)?,
    })
}
