//! Deletes a guild.

use voxlink_protocol::{GuildId, UserId, event::GuildChange, files::ImagePurpose};

use crate::{Chat, Refusal, store};

impl Chat {
    /// Deletes a guild with all that is in it; only its owner may.
    ///
    /// # Errors
    /// [`Refusal::UnknownGuild`], [`Refusal::Forbidden`] or [`Refusal::Db`].
    pub async fn delete_guild(&self, actor: UserId, id: GuildId) -> Result<(), Refusal> {
        let turn = self.turn(id).await?;
        let icon = {
            let world = self.world();
            let view = world.view_guild(id, actor, self.inner.env.now())?;
            if view.state.guild.owner_id != actor {
                return Err(Refusal::Forbidden);
            }
            view.state.guild.icon.clone()
        };
        self.commit(id, Some(turn), move |change| {
            if let Some(hash) = icon {
                change.release_image(ImagePurpose::GuildIcon(id), hash)?;
            }
            for (emoji, hash) in store::emojis::pictures(change.sql, id)? {
                change.release_image(ImagePurpose::Emoji(emoji), hash)?;
            }
            for (sound, hash) in store::sounds::kept(change.sql, id)? {
                change.release_image(ImagePurpose::Sound(sound), hash)?;
            }
            change.record(GuildChange::GuildDelete)?;
            Ok(store::guilds::delete(change.sql, id)?)
        })
        .await
    }
}
