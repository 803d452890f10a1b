//! The mixer's thread: looks at its calls every 20 ms, and waits for orders while there are none.

use std::{
    collections::HashMap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::mpsc::RecvTimeoutError,
    time::Instant,
};

use tokio::runtime::Handle;
use voxlink_audio::FRAME_DURATION;
use voxlink_service_kit::Env;
use voxlink_sfu::{Listening as _, PeerId, RoomId};

use super::{
    Inbox, MOST_ROOMS, MOST_STREAMS, Order, Wish,
    room::{MixedRoom, Word},
};
use crate::{
    control::{Control, Inquiry},
    shard::Command,
    taps::{CallTap, CallTaps, Hears},
};

/// Frames that are made up for at once when the thread was held up; past it they are left out.
const MOST_BEHIND: u32 = 5;
/// Of a processor: more, and encoders try less hard.
const SHARE: f32 = 0.5;
/// How much of a new measurement of the load is believed.
const GAIN: f32 = 0.05;

/// A call, and what listens to it.
struct Call {
    tap: CallTap,
    mixed: MixedRoom,
}

/// The thread.
pub(super) struct Hands {
    orders: Inbox,
    taps: CallTaps,
    control: Control,
    runtime: Handle,
    env: Env,
    calls: HashMap<RoomId, Call>,
    opened: u32,
    /// Time spent for each frame, as a share of what may be.
    busy: f32,
}

impl Hands {
    /// Needs a tokio runtime.
    pub(super) fn new(orders: Inbox, taps: CallTaps, control: Control, env: Env) -> Self {
        let (runtime, calls) = (Handle::current(), HashMap::new());
        Self { orders, taps, control, runtime, env, calls, opened: 0, busy: 0.0 }
    }

    pub(super) fn run(mut self) {
        let mut next = self.env.clock.monotonic();
        loop {
            let was_idle = self.calls.is_empty();
            let wait = next.saturating_duration_since(self.env.clock.monotonic());
            match self.orders.next((!was_idle).then_some(wait)) {
                Ok(Order::Stop) | Err(RecvTimeoutError::Disconnected) => return,
                Ok(Order::Listen { room, peer, wish }) => self.listen(room, peer, wish),
                Err(RecvTimeoutError::Timeout) => {}
            }
            let now = self.env.clock.monotonic();
            if was_idle || now.saturating_duration_since(next) > FRAME_DURATION * MOST_BEHIND {
                next = now;
            }
            while next <= now && !self.calls.is_empty() {
                self.turn(next);
                next += FRAME_DURATION;
            }
        }
    }

    fn listen(&mut self, room: RoomId, peer: PeerId, wish: Option<Wish>) {
        if !self.calls.contains_key(&room) {
            if wish.is_none() {
                return;
            }
            if self.calls.len() >= MOST_ROOMS {
                return self.refuse(room, [peer]);
            }
            self.opened = self.opened.wrapping_add(1) & (u32::MAX >> 1);
            let call = Call {
                tap: self.taps.open(room, Hears::WhatComes),
                mixed: MixedRoom::new(room, self.opened),
            };
            self.calls.insert(room, call);
        }
        if let Some(call) = self.calls.get_mut(&room) {
            call.mixed.listen(peer, wish);
        }
    }

    /// A frame of every call.
    fn turn(&mut self, at: Instant) {
        let began = self.env.clock.monotonic();
        let rooms: Vec<RoomId> = self.calls.keys().copied().collect();
        for room in rooms {
            let all: usize = self.calls.values().map(|call| call.mixed.streams()).sum();
            let spare = MOST_STREAMS.saturating_sub(all);
            let Some(call) = self.calls.get_mut(&room) else { continue };
            let busy = self.busy;
            let turned = catch_unwind(AssertUnwindSafe(|| call.turn(spare, busy, at)));
            match turned {
                Ok(refused) => self.refuse(room, refused),
                Err(_) => {
                    tracing::error!(room = room.0, "the mixes of a call crashed");
                    self.end(room);
                }
            }
            if self.calls.get(&room).is_some_and(|call| call.mixed.is_idle()) {
                self.calls.remove(&room);
            }
        }
        let took = self.env.clock.monotonic().saturating_duration_since(began);
        let share = took.as_secs_f32() / (FRAME_DURATION.as_secs_f32() * SHARE);
        self.busy += (share - self.busy) * GAIN;
    }

    /// Everyone there hears each one again: the shards notice that this part of the room is gone.
    fn end(&mut self, room: RoomId) {
        let Some(call) = self.calls.remove(&room) else { return };
        let listeners: Vec<PeerId> = call.mixed.listeners().collect();
        self.refuse(room, listeners);
    }

    fn refuse(&self, room: RoomId, peers: impl IntoIterator<Item = PeerId>) {
        for peer in peers {
            tracing::debug!(room = room.0, peer = peer.0, "no mix for a listener");
            self.control.certainly(&self.runtime, Inquiry::NoMix(peer));
        }
    }
}

impl Call {
    /// Makes the next frame and hands everything over; who is refused a mix.
    fn turn(&mut self, spare: usize, busy: f32, at: Instant) -> Vec<PeerId> {
        while let Some((from, copy)) = self.tap.try_next() {
            self.mixed.take(from, &copy, at);
        }
        self.mixed.frame(spare, busy, at);
        while let Some((to, word)) = self.mixed.poll() {
            match word {
                Word::Copy(copy) => self.tap.leave_for(to, copy),
                Word::Hears(peer, mix) => self.tap.leave_command(to, Command::SetMix { peer, mix }),
            }
        }
        self.tap.flush();
        self.mixed.take_refused()
    }
}
