//! Leaves a guild.

use voxlink_protocol::{GuildId, UserId, event::GuildChange};

use crate::{Chat, Refusal, store};

impl Chat {
    /// Ends one's own membership.
    ///
    /// # Errors
    /// [`Refusal::UnknownGuild`], [`Refusal::OwnerCannotLeave`] or [`Refusal::Db`].
    pub async fn leave_guild(&self, user: UserId, id: GuildId) -> Result<(), Refusal> {
        let turn = self.turn(id).await?;
        {
            let world = self.world();
            let view = world.view_guild(id, user, self.inner.env.now())?;
            if view.state.guild.owner_id == user {
                return Err(Refusal::OwnerCannotLeave);
            }
        }
        self.commit(id, Some(turn), move |change| {
            store::members::delete(change.sql, id, user)?;
            change.record(GuildChange::MemberRemove(user)).map(|_| ())
        })
        .await
    }
}
