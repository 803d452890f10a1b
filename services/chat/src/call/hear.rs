//! Takes in what media says of seats, and passes it on to the people of the conversation.

use std::sync::{Arc, Weak};

use tokio::{runtime::Handle, sync::mpsc};
use voxlink_protocol::{
    bus::{DirectRecording, DirectVoiceState},
    event::{UserChange, UserEvent},
};

use super::keeper::{Inquiry, certainly};
use crate::{Chat, Inner};

/// Voice states that wait to be passed on; past it they are queued by tasks of their own.
const MOST_WAITING: usize = 4096;

impl Chat {
    /// Listens to media, from whose thread things are only queued. The keeper learns of a seat first: whoever heard
    /// that they have one may let others ring. People are told by a task of its own, which waits for no disk.
    pub(crate) fn hear_voice_states(&self) {
        let (waiting, queue) = mpsc::channel::<Told>(MOST_WAITING);
        let recorded = waiting.clone();
        let (calls, runtime) = (self.inner.calls.clone(), Handle::current());
        self.inner.bus.subscribe(move |told: &Arc<DirectVoiceState>| {
            calls.certainly(Inquiry::Seat(Box::new(DirectVoiceState::clone(told))), &runtime);
            certainly(&waiting, Told::Seat(told.clone()), &runtime);
        });
        let runtime = Handle::current();
        self.inner.bus.subscribe(move |told: &Arc<DirectRecording>| {
            certainly(&recorded, Told::Recording(told.clone()), &runtime);
        });
        tokio::spawn(pass_on(Arc::downgrade(&self.inner), queue));
    }
}

/// What the people of a conversation hear of.
enum Told {
    Seat(Arc<DirectVoiceState>),
    Recording(Arc<DirectRecording>),
}

async fn pass_on(inner: Weak<Inner>, mut queue: mpsc::Receiver<Told>) {
    while let Some(told) = queue.recv().await {
        let Some(chat) = inner.upgrade().map(|inner| Chat { inner }) else { return };
        let (channel, change) = match &told {
            Told::Seat(told) => {
                let DirectVoiceState { channel, state, may_return: _ } = &**told;
                let state = Box::new(state.clone());
                (*channel, UserChange::VoiceState { channel_id: *channel, state })
            }
            Told::Recording(told) => match &**told {
                DirectRecording::Call(call) => {
                    (call.channel_id, UserChange::CallRecordingUpdate(call.clone()))
                }
                DirectRecording::News(news) => (news.channel_id, UserChange::RecordingUpdate(news.clone())),
            },
        };
        let mut to = chat.people_of(channel);
        // Whoever was taken out of a group learns that they are out of its call as well.
        if let UserChange::VoiceState { state, .. } = &change
            && !to.contains(&state.user_id)
        {
            to.push(state.user_id);
        }
        chat.inner.bus.publish(UserEvent { to, change });
    }
}
