//! Who may write to whom.

use voxlink_protocol::{ChannelId, DirectKind, UserId};

use crate::{Chat, Refusal};

impl Chat {
    /// One may write to people with whom one shares a guild.
    ///
    /// # Errors
    /// [`Refusal::CannotMessage`] whatever the reason, also when there is no such person.
    pub(super) fn may_contact(&self, from: UserId, to: UserId) -> Result<(), Refusal> {
        if self.world().share_a_guild(from, to) { Ok(()) } else { Err(Refusal::CannotMessage) }
    }

    /// May this person write here, as far as that depends on the people and not on permissions? To be asked before a
    /// message is posted or changed. Channels of guilds pass, and so do channels that they cannot see: whoever looks
    /// at permissions refuses those.
    ///
    /// # Errors
    /// [`Refusal::CannotMessage`] or [`Refusal::Call`].
    pub(crate) async fn may_write(&self, user: UserId, channel: ChannelId) -> Result<(), Refusal> {
        let Ok(state) = self.direct_state(user, channel) else { return Ok(()) };
        // Remembered from now on: those who had closed the conversation are shown it again with the message.
        self.faces(state.people.keys().copied()).await?;
        match state.kind {
            DirectKind::Group => Ok(()),
            DirectKind::Pair => {
                let other = state.people.keys().find(|person| **person != user);
                other.map_or(Ok(()), |other| self.may_contact(user, *other))
            }
        }
    }
}
