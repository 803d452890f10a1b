//! Listening to a call from inside the server, for recordings and mixes.
//!
//! A tap is one more part of the call's room ([`voxlink_sfu::Tap`] makes sense of what it says). What it does not take in
//! time is lost to it, and to nobody else.

use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU32, Ordering},
    },
};

use tokio::{runtime::Handle, sync::mpsc};
use voxlink_protocol::ChannelId;
use voxlink_sfu::{Copied, Listen, Listening, Part, RoomId};

use crate::{
    control::{Control, Inquiry},
    shard::{Command, ShardHandle},
};

/// Above the numbers of all shards.
const FIRST_PART: u32 = 1 << 16;
/// Some seconds of a large call.
const MOST_COPIES: usize = 8_192;

/// What waits for shards, at most: half a second of many mixes.
const MOST_WAITING: usize = 1_024;

/// A copy, and the part of the room that made it.
pub(crate) type FromPart = (Part, Copied);

/// Where each tap takes what shards have for it.
#[derive(Debug, Default)]
pub(crate) struct Listeners(RwLock<HashMap<Part, (ChannelId, mpsc::Sender<FromPart>)>>);

impl Listeners {
    /// Hands over a copy; gives it back when the listener has not kept up.
    pub(crate) fn offer(&self, to: Part, from_part: FromPart) -> Result<(), FromPart> {
        let all = self.0.read().unwrap_or_else(PoisonError::into_inner);
        match all.get(&to).map(|(_, queue)| queue.try_send(from_part)) {
            // Nobody listens any more: the room hears of it soon.
            None | Some(Ok(()) | Err(mpsc::error::TrySendError::Closed(_))) => Ok(()),
            Some(Err(mpsc::error::TrySendError::Full(from_part))) => Err(from_part),
        }
    }

    /// Hands a copy to all who listen to a call, but to the one that it comes from. Who does not keep up loses it.
    fn offer_all(&self, channel: ChannelId, from: Part, copy: &Copied) {
        let all = self.0.read().unwrap_or_else(PoisonError::into_inner);
        for (_, (_, queue)) in all.iter().filter(|(part, (of, _))| **part != from && *of == channel) {
            // It is said again to whoever missed it.
            let _lost = queue.try_send((from, copy.clone()));
        }
    }

    fn add(&self, part: Part, channel: ChannelId, queue: mpsc::Sender<FromPart>) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert(part, (channel, queue));
    }

    fn remove(&self, part: Part) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).remove(&part);
    }
}

/// What a tap is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hears {
    /// All that is sent in the call: two who could talk directly talk over the server.
    Everything,
    /// Whatever comes to the server anyhow.
    WhatComes,
}

/// True for the number of a tap.
pub(crate) fn is_tap(part: Part) -> bool {
    part.0 >= FIRST_PART
}

/// Opens taps. Cloning shares it.
#[derive(Clone)]
pub struct CallTaps {
    control: Control,
    shards: Vec<ShardHandle>,
    listeners: Arc<Listeners>,
    next: Arc<AtomicU32>,
    runtime: Handle,
}

impl std::fmt::Debug for CallTaps {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CallTaps")
    }
}

impl CallTaps {
    /// Needs a tokio runtime.
    pub(crate) fn new(control: Control, shards: Vec<ShardHandle>, listeners: Arc<Listeners>) -> Self {
        let next = Arc::new(AtomicU32::new(FIRST_PART));
        Self { control, shards, listeners, next, runtime: Handle::current() }
    }
}

impl CallTaps {
    /// As [`Listen::listen`], also for somebody who has something to say as well.
    pub(crate) fn open(&self, room: RoomId, hears: Hears) -> CallTap {
        let channel = ChannelId::new(room.0);
        let part = Part(self.next.fetch_add(1, Ordering::Relaxed).max(FIRST_PART));
        let (queue, copies) = mpsc::channel(MOST_COPIES);
        self.listeners.add(part, channel, queue);
        self.control.certainly(&self.runtime, Inquiry::Tap(channel, part, Some(hears)));
        CallTap { part, channel, copies, taps: self.clone(), waiting: VecDeque::new() }
    }
}

impl Listen for CallTaps {
    fn listen(&self, room: RoomId) -> Box<dyn Listening> {
        Box::new(self.open(room, Hears::Everything))
    }
}

/// One call, listened to.
pub(crate) struct CallTap {
    part: Part,
    channel: ChannelId,
    copies: mpsc::Receiver<FromPart>,
    taps: CallTaps,
    /// For shards, in order.
    waiting: VecDeque<(Part, Command)>,
}

impl CallTap {
    /// Something for a part of the room, to be handed over by the next [`Listening::flush`]. Media that finds too much
    /// before it is lost.
    pub(crate) fn leave_for(&mut self, to: Part, copy: Copied) {
        if !copy.is_media() || self.waiting.len() < MOST_WAITING {
            self.waiting.push_back((to, Command::Copy { from: self.part, copy }));
        }
    }

    /// The same for all others who listen to the call from inside the server, at once.
    pub(crate) fn tell_others(&self, copy: &Copied) {
        self.taps.listeners.offer_all(self.channel, self.part, copy);
    }

    /// The same for a command to the shard that holds this part.
    pub(crate) fn leave_command(&mut self, to: Part, command: Command) {
        self.waiting.push_back((to, command));
    }
}

impl Listening for CallTap {
    fn try_next(&mut self) -> Option<(Part, Copied)> {
        self.copies.try_recv().ok()
    }

    fn ask(&mut self, to: Part, copy: Copied) {
        self.leave_for(to, copy);
        self.flush();
    }

    fn flush(&mut self) {
        let mut woken = BTreeSet::new();
        while let Some((to, command)) = self.waiting.pop_front() {
            let Some(shard) = usize::try_from(to.0).ok().and_then(|index| self.taps.shards.get(index)) else {
                continue;
            };
            woken.insert(to.0 as usize);
            if let Err(command) = shard.offer(command) {
                self.waiting.push_front((to, command));
                break;
            }
        }
        woken.into_iter().filter_map(|shard| self.taps.shards.get(shard)).for_each(ShardHandle::wake);
    }
}

impl Drop for CallTap {
    fn drop(&mut self) {
        self.taps.listeners.remove(self.part);
        self.taps.control.certainly(&self.taps.runtime, Inquiry::Tap(self.channel, self.part, None));
    }
}
