//! The thread: looks at the calls in which something is played every 20 ms, and waits for orders while there are none.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError},
    },
    time::{Duration, Instant},
};

use voxlink_audio::{FRAME_DURATION, import::Frame};
use voxlink_service_kit::Env;
use voxlink_sfu::{Copied, Listening as _, Part, PeerId, PersonId, RoomId};

use super::{MOST_ROOMS, Order, player::Player};
use crate::taps::{CallTap, CallTaps, Hears};

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
    orders: Receiver<Order>,
    taps: CallTaps,
    env: Env,
    calls: HashMap<RoomId, Call>,
}

impl Hands {
    pub(super) fn new(orders: Receiver<Order>, taps: CallTaps, env: Env) -> Self {
        Self { orders, taps, env, calls: HashMap::new() }
    }

    pub(super) fn run(mut self) {
        let mut next = self.env.clock.monotonic();
        loop {
            let was_idle = self.calls.is_empty();
            let order = if was_idle {
                self.orders.recv().map_err(|_| RecvTimeoutError::Disconnected)
            } else {
                let wait = next.saturating_duration_since(self.env.clock.monotonic());
                self.orders.recv_timeout(wait)
            };
            let now = self.env.clock.monotonic();
            match order {
                Ok(Order::Stop) | Err(RecvTimeoutError::Disconnected) => return,
                Ok(Order::Play { room, peer, person, frames }) => self.play(room, peer, person, frames, now),
                Ok(Order::Silence { room, peer }) => self.silence(room, peer),
                Err(RecvTimeoutError::Timeout) => {}
            }
            if was_idle || now.saturating_duration_since(next) > FRAME_DURATION * MOST_BEHIND {
                next = now;
            }
            while next <= now && !self.calls.is_empty() {
                self.calls.values_mut().for_each(|call| call.turn(next));
                self.calls.retain(|_, call| !call.is_over(now));
                next += FRAME_DURATION;
            }
        }
    }

    fn play(&mut self, room: RoomId, peer: PeerId, person: PersonId, frames: Arc<[Frame]>, now: Instant) {
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
            call.players.entry(peer).or_insert_with(|| Player::new(room, peer, person, tick)).play(frames);
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
    /// The next frame of everything that is played.
    fn turn(&mut self, at: Instant) {
        while let Some((from, _)) = self.tap.try_next() {
            if self.parts.insert(from) {
                self.players.values_mut().for_each(Player::say_again);
            }
        }
        // Nobody would hear it yet.
        if self.parts.is_empty() {
            return;
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
        self.players = players;
        self.tap.flush();
    }

    /// To all parts of the room, and to whoever taps it.
    fn hand(&mut self, copy: &Copied) {
        for part in &self.parts {
            self.tap.leave_for(*part, copy.clone());
        }
        self.tap.tell_others(copy);
    }

    fn is_over(&self, now: Instant) -> bool {
        let is_deserted = self.parts.is_empty() && now >= self.opened + ANSWERS_WITHIN;
        self.players.is_empty() || is_deserted
    }
}
