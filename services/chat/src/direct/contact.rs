//! Who may write to whom.

use voxlink_protocol::{
    ChannelId, DirectKind, UserId,
    people::{Relation, RelationBetween},
};

use crate::{Chat, Refusal};

impl Chat {
    /// One may write to friends and to people with whom one shares a guild, unless one of the two blocked the other.
    ///
    /// # Errors
    /// [`Refusal::CannotMessage`] whatever the reason, also when there is no such person; [`Refusal::Call`].
    pub(super) async fn may_contact(&self, from: UserId, to: UserId) -> Result<(), Refusal> {
        let relation = self.inner.bus.call(RelationBetween { a: from, b: to }).await?;
        let Relation { friends, blocked_by_a, blocked_by_b } = relation;
        let is_known = friends || self.world().share_a_guild(from, to);
        if is_known && !blocked_by_a && !blocked_by_b { Ok(()) } else { Err(Refusal::CannotMessage) }
    }

    /// May this person write here, as far as that depends on the people and not on permissions? To be asked before a
    /// message is posted, changed or reacted to. Channels of guilds pass, and so do channels that they cannot see:
    /// whoever looks at permissions refuses those.
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
                match other {
                    Some(other) => self.may_contact(user, *other).await,
                    None => Ok(()),
                }
            }
        }
    }
}
