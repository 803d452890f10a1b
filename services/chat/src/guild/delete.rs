//! Deletes a guild.

use voxlink_protocol::{GuildId, UserId, event::GuildChange};

use crate::{Chat, Refusal, store};

impl Chat {
    /// Deletes a guild with all that is in it; only its owner may.
    ///
    /// # Errors
    /// [`Refusal::UnknownGuild`], [`Refusal::Forbidden`] or [`Refusal::Db`].
    pub async fn delete_guild(&self, actor: UserId, id: GuildId) -> Result<(), Refusal> {
        let turn = self.turn(id).await?;
        {
            let world = self.world();
            let view = world.view_guild(id, actor, self.inner.env.now())?;
            if view.state.guild.owner_id != actor {
                return Err(Refusal::Forbidden);
            }
        }
        self.commit(id, Some(turn), move |change| {
            change.record(GuildChange::GuildDelete)?;
            Ok(store::guilds::delete(change.sql, id)?)
        })
        .await
    }
}
