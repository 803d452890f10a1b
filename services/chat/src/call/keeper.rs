//! The one task that owns what goes on in calls: everything that changes one goes through its queue, and what it says
//! is stored and told in that order.

use std::{sync::Weak, time::Duration};

use tokio::{
    runtime::Handle,
    sync::{
        mpsc::{self, error::TrySendError},
        oneshot,
    },
    time::{MissedTickBehavior, interval},
};
use voxlink_protocol::{
    ChannelId, UserId,
    bus::DirectVoiceState,
    direct::DirectCall,
    event::{UserChange, UserEvent},
};

use super::state::{Calls, Output};
use crate::{Chat, Inner};

/// What waits; past it askers wait, and what must be heard is queued by a task of its own.
const MOST_INQUIRIES: usize = 4096;
/// How late a telephone may stop ringing.
const TICK: Duration = Duration::from_secs(1);

/// What is asked of the task.
#[derive(Debug)]
pub(crate) enum Inquiry {
    /// From media.
    Seat(Box<DirectVoiceState>),
    /// Let these ring. False when `by` is in no call there.
    Ring { channel: ChannelId, by: UserId, whom: Vec<UserId>, reply: oneshot::Sender<bool> },
    /// Let these ring no more. False when `by` may not say so, or there is no call.
    StopRinging { channel: ChannelId, by: UserId, whom: Vec<UserId>, reply: oneshot::Sender<bool> },
    /// The calls of these conversations.
    Shown(Vec<ChannelId>, oneshot::Sender<Vec<DirectCall>>),
    /// Someone came into a group: they learn of its call.
    Came(ChannelId, UserId),
    /// Someone is in a group no more.
    Left(ChannelId, UserId),
}

/// Asks the task. Cloning shares it.
#[derive(Clone, Debug)]
pub(crate) struct Keeper(mpsc::Sender<Inquiry>);

impl Keeper {
    /// A queue, and what the task reads from it.
    pub(crate) fn new() -> (Self, mpsc::Receiver<Inquiry>) {
        let (sender, inbox) = mpsc::channel(MOST_INQUIRIES);
        (Self(sender), inbox)
    }

    /// The answer; `None` when the server ends.
    pub(crate) async fn ask<T>(&self, inquiry: impl FnOnce(oneshot::Sender<T>) -> Inquiry) -> Option<T> {
        let (reply, answer) = oneshot::channel();
        self.0.send(inquiry(reply)).await.ok()?;
        answer.await.ok()
    }

    /// Tells what must not be lost because a queue is full.
    pub(crate) fn certainly(&self, inquiry: Inquiry, runtime: &Handle) {
        certainly(&self.0, inquiry, runtime);
    }
}

/// Queues something now, or from a task when there is no room.
pub(super) fn certainly<T: Send + 'static>(queue: &mpsc::Sender<T>, item: T, runtime: &Handle) {
    if let Err(TrySendError::Full(item)) = queue.try_send(item) {
        let queue = queue.clone();
        runtime.spawn(async move { queue.send(item).await });
    }
}

/// Runs until the service ends.
pub(crate) async fn keep(inner: Weak<Inner>, mut inbox: mpsc::Receiver<Inquiry>) {
    let mut calls = Calls::default();
    let mut tick = interval(TICK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let inquiry = tokio::select! {
            inquiry = inbox.recv() => match inquiry {
                Some(inquiry) => Some(inquiry),
                None => return,
            },
            _ = tick.tick() => None,
        };
        let Some(chat) = inner.upgrade().map(|inner| Chat { inner }) else { return };
        let now = chat.inner.env.clock.monotonic();
        // Whoever asked may have been cancelled: nobody misses the answer then.
        match inquiry {
            None => calls.tick(now),
            Some(Inquiry::Seat(told)) => calls.seat(*told, now),
            Some(Inquiry::Ring { channel, by, whom, reply }) => {
                let _gone = reply.send(calls.ring(channel, by, &whom, now));
            }
            Some(Inquiry::StopRinging { channel, by, whom, reply }) => {
                let _gone = reply.send(calls.stop_ringing(channel, by, &whom));
            }
            Some(Inquiry::Shown(channels, reply)) => {
                let _gone = reply.send(calls.shown(&channels));
            }
            Some(Inquiry::Came(channel, user)) => {
                for call in calls.shown(&[channel]) {
                    chat.tell_calls(vec![user], UserChange::CallCreate(Box::new(call)));
                }
            }
            Some(Inquiry::Left(channel, user)) => calls.left(channel, user),
        }
        while let Some(output) = calls.poll() {
            carry_out(&chat, &mut calls, output).await;
        }
    }
}

async fn carry_out(chat: &Chat, calls: &mut Calls, output: Output) {
    match output {
        Output::Begin { channel, caller } => {
            let stored = chat.store_call(channel, caller).await;
            // The call goes on without a message: whoever talks is not cut off by a full disk.
            let stored = stored.inspect_err(|error| tracing::error!(%error, "a call has no message"));
            calls.stored(channel, stored.ok());
        }
        Output::Joined { channel, message, participants } => {
            chat.retell_call(channel, message, participants, false).await;
        }
        Output::Ended { channel, message, participants } => {
            chat.tell_people(channel, UserChange::CallDelete { channel_id: channel });
            if let Some(message) = message {
                chat.retell_call(channel, message, participants, true).await;
            }
        }
        Output::Created(call) => chat.tell_people(call.channel_id, UserChange::CallCreate(Box::new(call))),
        Output::Updated(call) => chat.tell_people(call.channel_id, UserChange::CallUpdate(Box::new(call))),
        Output::Check { channel, user } => {
            let chat = chat.clone();
            tokio::spawn(async move { chat.check_seat(channel, user).await });
        }
    }
}

impl Chat {
    fn tell_people(&self, channel: ChannelId, change: UserChange) {
        self.tell_calls(self.people_of(channel), change);
    }

    /// Everyone in a conversation.
    pub(super) fn people_of(&self, channel: ChannelId) -> Vec<UserId> {
        let world = self.world();
        let people = world.directs.get(channel).map(|direct| &direct.people);
        people.into_iter().flat_map(|people| people.keys().copied()).collect()
    }

    fn tell_calls(&self, to: Vec<UserId>, change: UserChange) {
        self.inner.bus.publish(UserEvent { to, change });
    }
}
