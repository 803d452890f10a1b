//! Takes in what media says of seats, and passes it on to the people of the conversation.

use std::sync::{Arc, Weak};

use tokio::{runtime::Handle, sync::mpsc};
use voxlink_protocol::{
    UserId,
    bus::DirectVoiceState,
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
        let (waiting, queue) = mpsc::channel(MOST_WAITING);
        let (calls, runtime) = (self.inner.calls.clone(), Handle::current());
        self.inner.bus.subscribe(move |told: &Arc<DirectVoiceState>| {
            calls.certainly(Inquiry::Seat(Box::new(DirectVoiceState::clone(told))), &runtime);
            certainly(&waiting, told.clone(), &runtime);
        });
        tokio::spawn(pass_on(Arc::downgrade(&self.inner), queue));
    }
}

async fn pass_on(inner: Weak<Inner>, mut queue: mpsc::Receiver<Arc<DirectVoiceState>>) {
    while let Some(told) = queue.recv().await {
        let Some(chat) = inner.upgrade().map(|inner| Chat { inner }) else { return };
        let DirectVoiceState { channel, state } = &*told;
        let mut to: Vec<UserId> = {
            let world = chat.world();
            let people = world.directs.get(*channel).map(|direct| &direct.people);
            people.into_iter().flat_map(|people| people.keys().copied()).collect()
        };
        // Whoever was taken out of a group learns that they are out of its call as well.
        if !to.contains(&state.user_id) {
            to.push(state.user_id);
        }
        let change = UserChange::VoiceState { channel_id: *channel, state: Box::new(state.clone()) };
        chat.inner.bus.publish(UserEvent { to, change });
    }
}
