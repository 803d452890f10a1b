//! Leaves a guild.

use voxlink_protocol::{GuildId, UserId};

use crate::{Chat, Refusal, member::end::MemberEnding};

impl Chat {
    /// Ends one's own membership.
    ///
    /// # Errors
    /// [`Refusal::UnknownGuild`], [`Refusal::OwnerCannotLeave`] or [`Refusal::Db`].
    pub async fn leave_guild(&self, user: UserId, id: GuildId) -> Result<(), Refusal> {
        let turn = self.turn(id).await?;
        let ending = {
            let world = self.world();
            let view = world.view_guild(id, user, self.inner.env.now())?;
            if view.state.guild.owner_id == user {
                return Err(Refusal::OwnerCannotLeave);
            }
            MemberEnding::of(view.state, user)
        };
        self.commit(id, Some(turn), move |change| ending.commit(change)).await
    }
}
