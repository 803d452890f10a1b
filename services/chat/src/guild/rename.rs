//! Renames a guild.

use voxlink_protocol::{Guild, GuildId, Permissions, UserId, event::GuildChange, text::GuildName};

use crate::{Chat, Refusal, store};

impl Chat {
    /// Renames a guild; needs MANAGE_GUILD. The same name again changes nothing and is told to nobody.
    ///
    /// # Errors
    /// [`Refusal::UnknownGuild`], [`Refusal::Forbidden`] or [`Refusal::Db`].
    pub async fn rename_guild(&self, actor: UserId, id: GuildId, name: GuildName) -> Result<Guild, Refusal> {
        let turn = self.turn(id).await?;
        let guild = {
            let world = self.world();
            let view = world.view_guild(id, actor, self.inner.env.now())?;
            view.require(Permissions::MANAGE_GUILD)?;
            view.state.guild.clone()
        };
        if guild.name == name.as_str() {
            return Ok(guild);
        }
        let guild = Guild { name: name.into_string(), ..guild };
        self.commit(id, Some(turn), move |change| {
            store::guilds::update(change.sql, &guild)?;
            change.record(GuildChange::GuildUpdate(Box::new(guild.clone())))?;
            Ok(guild)
        })
        .await
    }
}
