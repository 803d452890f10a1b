//! The thread: looks at the calls in which something is played every 20 ms, and waits for orders while there are none.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::mpsc::RecvTimeoutError,
    time::{Duration, Instant},
};

use tokio::runtime::Handle;
use voxlink_audio::FRAME_DURATION;
use voxlink_service_kit::Env;
use voxlink_sfu::{Copied, Listening as _, Part, PeerId, PersonId, RoomId};

use super::{Inbox, MOST_ROOMS, Order, player::Player};
use crate::{
    control::{Control, Inquiry},
    taps::{CallTap, CallTaps, Hears},
};

/// Frames that are made up for at once when the thread was held up; past it they come later.
const MOST_BEHIND: u32 = 5;
/// A call of which no shard has said anything by then has ended.
const ANSWERS_WITHIN: Duration = Duration::from_secs(5);

/// A call in which something is played.
struct Call {
    tap: CallTap,
    /// The parts of the room with people in them, as far as they have spoken.
    parts: BTreeSet<Part>,
    players: BTreeMap<PeerId, Player>,
    tick: u64,
    opened: Instant,
}

/// The thread.
pub(super) struct Hands {
    orders: Inbox,
    taps: CallTaps,
    control: Control,
    runtime: Handle,
    env: Env,
    calls: HashMap<RoomId, Call>,
}

impl Hands {
    /// Needs a tokio runtime.
    pub(super) fn new(orders: Inbox, taps: CallTaps, control: Control, env: Env) -> Self {
        let (runtime, calls) = (Handle::current(), HashMap::new());
        Self { orders, taps, control, runtime, env, calls }
    }

    pub(super) fn run(mut self) {
        let mut next = self.env.clock.monotonic();
        loop {
            let was_idle = self.calls.is_empty();
            let wait = next.saturating_duration_since(self.env.clock.monotonic());
            let order = self.orders.next((!was_idle).then_some(wait));
            let now = self.env.clock.monotonic();
            match order {
                Ok(Order::Stop) | Err(RecvTimeoutError::Disconnected) => return,
                Ok(Order::Play { room, peer, person, frames }) => {
                    self.with_player((room, peer, person), now, |player| player.play(frames));
                }
                Ok(Order::File { room, peer, person, feed }) => {
                    self.with_player((room, peer, person), now, |player| player.play_file(feed));
                }
                Ok(Order::Pause { room, peer, paused }) => {
                    self.with_known(room, peer, |player| player.pause(paused));
                }
                Ok(Order::EndFile { room, peer }) => self.with_known(room, peer, Player::end_file),
                Ok(Order::Silence { room, peer }) => self.silence(room, peer),
                Err(RecvTimeoutError::Timeout) => {}
            }
            if was_idle || now.saturating_duration_since(next) > FRAME_DURATION * MOST_BEHIND {
                next = now;
            }
            while next <= now && !self.calls.is_empty() {
                for peer in self.calls.values_mut().flat_map(|call| call.turn(next)) {
                    self.control.certainly(&self.runtime, Inquiry::FileOver(peer));
                }
                let (control, runtime) = (&self.control, &self.runtime);
                self.calls.retain(|_, call| {
                    let is_over = call.is_over(now);
                    // Nobody is there to hear the rest.
                    for peer in call.files().filter(|_| is_over) {
                        control.certainly(runtime, Inquiry::FileOver(peer));
                    }
                    !is_over
                });
                next += FRAME_DURATION;
            }
        }
    }

    /// Does something with a person's player, which is made if it is not there.
    fn with_player(
        &mut self,
        (room, peer, person): (RoomId, PeerId, PersonId),
        now: Instant,
        work: impl FnOnce(&mut Player),
    ) {
        if !self.calls.contains_key(&room) {
            if self.calls.len() >= MOST_ROOMS {
                tracing::warn!(room = room.0, "a sound is not played: sounds are played in too many calls");
                return;
            }
            let call = Call {
                tap: self.taps.open(room, Hears::WhatComes),
                parts: BTreeSet::new(),
                players: BTreeMap::new(),
                tick: 0,
                opened: now,
            };
            self.calls.insert(room, call);
        }
        if let Some(call) = self.calls.get_mut(&room) {
            let tick = call.tick;
            work(call.players.entry(peer).or_insert_with(|| Player::new(room, peer, person, tick)));
        }
    }

    fn with_known(&mut self, room: RoomId, peer: PeerId, work: impl FnOnce(&mut Player)) {
        if let Some(player) = self.calls.get_mut(&room).and_then(|call| call.players.get_mut(&peer)) {
            work(player);
        }
    }

    fn silence(&mut self, room: RoomId, peer: PeerId) {
        let Some(call) = self.calls.get_mut(&room) else { return };
        if let Some(player) = call.players.remove(&peer) {
            call.hand(&player.end());
            call.tap.flush();
        }
    }
}

impl Call {
    /// The next frame of everything that is played; whose files ended with it.
    fn turn(&mut self, at: Instant) -> Vec<PeerId> {
        while let Some((from, _)) = self.tap.try_next() {
            if self.parts.insert(from) {
                self.players.values_mut().for_each(Player::say_again);
            }
        }
        // Nobody would hear it yet.
        if self.parts.is_empty() {
            return Vec::new();
        }
        let tick = self.tick;
        self.tick += 1;
        let mut players = std::mem::take(&mut self.players);
        for player in players.values_mut() {
            let turn = player.turn(tick, at);
            turn.introduced.iter().chain(&turn.packet).for_each(|copy| self.hand(copy));
        }
        players.retain(|_, player| {
            let stays = !player.is_over(tick);
            if !stays {
                self.hand(&player.end());
            }
            stays
        });
        let ended = players.iter_mut().filter_map(|(peer, player)| player.take_ended().then_some(*peer));
        let ended = ended.collect();
        self.players = players;
        self.tap.flush();
        ended
    }

    /// To all parts of the room, and to whoever taps it.
    fn hand(&mut self, copy: &Copied) {
        for part in &self.parts {
            self.tap.leave_for(*part, copy.clone());
        }
        self.tap.tell_others(copy);
    }

    /// Whose files are not over.
    fn files(&self) -> impl Iterator<Item = PeerId> {
        self.players.iter().filter(|(_, player)| player.has_file()).map(|(peer, _)| *peer)
    }

    fn is_over(&self, now: Instant) -> bool {
        let is_deserted = self.parts.is_empty() && now >= self.opened + ANSWERS_WITHIN;
        self.players.is_empty() || is_deserted
    }
}
