//! What goes on in all calls of conversations, and whose devices ring. Pure: seats, wishes and the time go in, what is
//! to be stored and told comes out.
//!
//! A call begins with the first seat that is taken and ends with the last that is left. It rings nobody by itself. When
//! the last one left with their page, it goes on for as long as a page may take to load anew.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    time::{Duration, Instant},
};

use voxlink_protocol::{
    ChannelId, MessageId, UserId, VoiceState,
    bus::DirectVoiceState,
    direct::{CallUpdate, DirectCall},
};

use super::REGION;

/// How long a device rings: long enough to fetch it from the next room, too short to annoy who does not want to answer.
pub(crate) const RINGS_FOR: Duration = Duration::from_secs(45);

/// How long a call waits for the last one in it, whose page is gone: as long as the gateway waits for a client that said
/// goodbye (docs/protocol/gateway.md). A reload takes one to five seconds.
pub(crate) const RETURNS_WITHIN: Duration = Duration::from_secs(15);

/// One call.
#[derive(Debug)]
struct Call {
    message: Option<MessageId>,
    seated: BTreeMap<UserId, VoiceState>,
    /// Everyone who has been in it, in the order in which they came.
    participants: Vec<UserId>,
    /// Until when.
    ringing: BTreeMap<UserId, Instant>,
    /// While nobody is in it: who was the last, and until when they may come back.
    awaited: Option<(UserId, Instant)>,
}

/// What is to be done, in order.
#[derive(Debug, PartialEq)]
pub(crate) enum Output {
    /// Store a message that tells of this call; its id comes back by [`Calls::stored`].
    Begin { channel: ChannelId, caller: UserId },
    /// These have been in it.
    Joined { channel: ChannelId, message: MessageId, participants: Vec<UserId> },
    /// It is over: its message says so.
    Ended { channel: ChannelId, message: Option<MessageId>, participants: Vec<UserId> },
    /// CALL_CREATE to everyone of the conversation.
    Created(DirectCall),
    /// CALL_UPDATE.
    Updated(CallUpdate),
    /// Someone sat down: may they still be there?
    Check { channel: ChannelId, user: UserId },
}

/// All calls.
#[derive(Debug, Default)]
pub(crate) struct Calls {
    calls: HashMap<ChannelId, Call>,
    outputs: VecDeque<Output>,
}

impl Calls {
    /// What is to be done next.
    pub(crate) fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Media says how someone is in a call, or that they left it.
    pub(crate) fn seat(&mut self, told: DirectVoiceState, now: Instant) {
        let DirectVoiceState { channel, state, may_return } = told;
        match state.channel_id {
            Some(_) => self.sit_down(channel, state),
            None => self.stand_up(channel, state.user_id, may_return.then(|| now + RETURNS_WITHIN)),
        }
    }

    fn sit_down(&mut self, channel: ChannelId, state: VoiceState) {
        let user = state.user_id;
        let Some(call) = self.calls.get_mut(&channel) else {
            let seated = BTreeMap::from([(user, state)]);
            let (participants, ringing) = (vec![user], BTreeMap::new());
            let call = Call { message: None, seated, participants, ringing, awaited: None };
            self.calls.insert(channel, call);
            self.outputs.push_back(Output::Begin { channel, caller: user });
            return self.outputs.push_back(Output::Check { channel, user });
        };
        let is_new = call.seated.insert(user, state).is_none();
        call.awaited = None;
        // Who answers on one device is not called on the others.
        let answered = call.ringing.remove(&user).is_some();
        if !call.participants.contains(&user) {
            call.participants.push(user);
            if let Some(message) = call.message {
                let participants = call.participants.clone();
                self.outputs.push_back(Output::Joined { channel, message, participants });
            }
        }
        if answered {
            self.outputs.push_back(Output::Updated(call.update(channel)));
        }
        if is_new {
            self.outputs.push_back(Output::Check { channel, user });
        }
    }

    /// `returns_until`: until when they may come back, if they may.
    fn stand_up(&mut self, channel: ChannelId, user: UserId, returns_until: Option<Instant>) {
        let Some(call) = self.calls.get_mut(&channel) else { return };
        call.seated.remove(&user);
        if !call.seated.is_empty() {
            return;
        }
        match returns_until {
            Some(until) => call.awaited = Some((user, until)),
            None => self.end(channel),
        }
    }

    fn end(&mut self, channel: ChannelId) {
        if let Some(Call { message, participants, .. }) = self.calls.remove(&channel) {
            self.outputs.push_back(Output::Ended { channel, message, participants });
        }
    }

    /// The message of a call that has just begun is stored; `None` when it could not be.
    pub(crate) fn stored(&mut self, channel: ChannelId, message: Option<MessageId>) {
        let Some(call) = self.calls.get_mut(&channel) else { return };
        call.message = message;
        self.outputs.push_back(Output::Created(call.shown(channel)));
    }

    /// Lets the devices of these people ring, unless they are in the call. False when `by` is in no call there.
    pub(crate) fn ring(&mut self, channel: ChannelId, by: UserId, whom: &[UserId], now: Instant) -> bool {
        let Some(call) = self.calls.get_mut(&channel).filter(|call| call.seated.contains_key(&by)) else {
            return false;
        };
        for user in whom.iter().filter(|user| !call.seated.contains_key(user)) {
            call.ringing.insert(*user, now + RINGS_FOR);
        }
        self.outputs.push_back(Output::Updated(call.update(channel)));
        true
    }

    /// Nobody calls these people any more: they declined, or the one who called thought better of it. `by` may stop
    /// their own devices, and others' from within the call; false when there is nothing that they may stop.
    pub(crate) fn stop_ringing(&mut self, channel: ChannelId, by: UserId, whom: &[UserId]) -> bool {
        let Some(call) = self.calls.get_mut(&channel) else { return false };
        if !call.seated.contains_key(&by) && whom.iter().any(|user| *user != by) {
            return false;
        }
        call.stop(channel, &mut self.outputs, |user, _| whom.contains(&user));
        true
    }

    /// Someone is in the conversation no more.
    pub(crate) fn left(&mut self, channel: ChannelId, gone: UserId) {
        let Some(call) = self.calls.get_mut(&channel) else { return };
        if call.awaited.is_some_and(|(user, _)| user == gone) {
            return self.end(channel);
        }
        call.stop(channel, &mut self.outputs, |user, _| user == gone);
    }

    /// Ends what has rung or waited for long enough. To be called about once a second.
    pub(crate) fn tick(&mut self, now: Instant) {
        let mut over = Vec::new();
        for (channel, call) in &mut self.calls {
            if call.awaited.is_some_and(|(_, until)| until <= now) {
                over.push(*channel);
            } else {
                call.stop(*channel, &mut self.outputs, |_, until| until <= now);
            }
        }
        for channel in over {
            self.end(channel);
        }
    }

    /// Those of these conversations that have a call.
    pub(crate) fn shown(&self, channels: &[ChannelId]) -> Vec<DirectCall> {
        let call = |channel: &ChannelId| Some(self.calls.get(channel)?.shown(*channel));
        channels.iter().filter_map(call).collect()
    }
}

impl Call {
    fn stop(
        &mut self,
        channel: ChannelId,
        outputs: &mut VecDeque<Output>,
        which: impl Fn(UserId, Instant) -> bool,
    ) {
        let before = self.ringing.len();
        self.ringing.retain(|user, until| !which(*user, *until));
        if self.ringing.len() != before {
            outputs.push_back(Output::Updated(self.update(channel)));
        }
    }

    fn shown(&self, channel: ChannelId) -> DirectCall {
        let CallUpdate { channel_id, message_id, region, ringing } = self.update(channel);
        let voice_states = self.seated.values().cloned().collect();
        DirectCall { channel_id, message_id, region, ringing, voice_states }
    }

    fn update(&self, channel: ChannelId) -> CallUpdate {
        CallUpdate {
            channel_id: channel,
            message_id: self.message,
            region: REGION.to_owned(),
            ringing: self.ringing.keys().copied().collect(),
        }
    }
}

#[cfg(test)]
mod tests;
