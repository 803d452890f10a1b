//! Passes on what media says of seats to the people of the conversation.

use voxlink_protocol::{
    bus::DirectVoiceState,
    event::{UserChange, UserEvent},
};

use crate::Chat;

impl Chat {
    /// Runs on media's thread, so that everyone hears in the order in which it happened.
    pub(crate) fn pass_on_voice_state(&self, told: &DirectVoiceState) {
        let DirectVoiceState { channel, state } = told;
        let to = {
            let world = self.world();
            let people = world.directs.get(*channel).map(|direct| &direct.people);
            people.into_iter().flat_map(|people| people.keys().copied()).collect()
        };
        let change = UserChange::VoiceState { channel_id: *channel, state: Box::new(state.clone()) };
        self.inner.bus.publish(UserEvent { to, change });
    }
}
