//! Shows conversations to those who are in them.

use std::cmp::Reverse;

use voxlink_protocol::{ChannelId, DirectChannel, UserId};

use super::AnyChannel;
use crate::{Chat, Refusal, state::direct::DirectState};

impl Chat {
    /// A channel of a guild or a direct conversation.
    ///
    /// # Errors
    /// [`Refusal::UnknownChannel`] or [`Refusal::Call`].
    pub async fn any_channel(&self, user: UserId, id: ChannelId) -> Result<AnyChannel, Refusal> {
        let Ok(state) = self.direct_state(user, id) else {
            return self.channel(user, id).map(|channel| AnyChannel::Guild(Box::new(channel)));
        };
        let faces = self.faces(state.people.keys().copied()).await?;
        Ok(AnyChannel::Direct(Box::new(faces.present(&state, user))))
    }

    /// Someone's conversations that they have not closed, the one with the newest message first.
    ///
    /// # Errors
    /// [`Refusal::Call`].
    pub async fn direct_channels(&self, user: UserId) -> Result<Vec<DirectChannel>, Refusal> {
        let mut shown: Vec<DirectState> = {
            let world = self.world();
            world.directs.of(user).filter(|state| state.people.get(&user) == Some(&true)).cloned().collect()
        };
        shown.sort_by_key(|state| Reverse((state.last_message_id.map(|id| id.0), state.id.0)));
        let faces = self.faces(shown.iter().flat_map(|state| state.people.keys().copied())).await?;
        Ok(shown.iter().map(|state| faces.present(state, user)).collect())
    }

    /// True for a direct conversation that this person is in.
    pub(crate) fn is_direct(&self, user: UserId, id: ChannelId) -> bool {
        self.world().directs.view(id, user).is_ok()
    }
}
