//! Which calls someone may see.

use voxlink_protocol::{ChannelId, UserId, bus::VoiceStatesIn, direct::DirectCall};
use voxlink_service_kit::CallError;

use super::REGION;
use crate::Chat;

impl Chat {
    /// The calls of someone's conversations that go on.
    ///
    /// # Errors
    /// When media does not answer.
    pub async fn calls_of(&self, user: UserId) -> Result<Vec<DirectCall>, CallError> {
        let channels: Vec<ChannelId> = self.world().directs.of(user).map(|direct| direct.id).collect();
        let states = match self.inner.bus.call(VoiceStatesIn { channels: channels.clone() }).await {
            // A server without media has no calls.
            Err(CallError::NoService(_)) => Vec::new(),
            answer => answer?,
        };
        let calls = channels.into_iter().map(|channel| DirectCall {
            channel_id: channel,
            message_id: None,
            region: REGION.to_owned(),
            ringing: Vec::new(),
            voice_states: states.iter().filter(|one| one.channel_id == Some(channel)).cloned().collect(),
        });
        Ok(calls.filter(|call| !call.voice_states.is_empty()).collect())
    }
}
