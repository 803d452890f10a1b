//! Shows someone what they have set.

use voxlink_protocol::{GuildId, UserId, read_state::UserGuildSettings};

use super::{at, untouched};
use crate::{Chat, Refusal, store::notify};

impl Chat {
    /// All that someone has set for guilds that they are in, and for direct conversations.
    ///
    /// # Errors
    /// [`Refusal::Db`].
    pub async fn all_notify_settings(&self, user: UserId) -> Result<Vec<UserGuildSettings>, Refusal> {
        let now = self.inner.env.now();
        let all = self.inner.db.read(move |sql| notify::of_user(sql, user)).await?;
        let world = self.world();
        let is_inside = |guild: GuildId| world.view_guild(guild, user, now).is_ok();
        let mine = all.into_iter().filter(|settings| settings.guild_id.is_none_or(is_inside));
        Ok(mine.map(|settings| at(settings, now)).collect())
    }

    /// What someone has set for a guild; `None`: for direct conversations.
    ///
    /// # Errors
    /// [`Refusal::UnknownGuild`] or [`Refusal::Db`].
    pub async fn notify_settings(
        &self,
        user: UserId,
        guild: Option<GuildId>,
    ) -> Result<UserGuildSettings, Refusal> {
        let now = self.inner.env.now();
        if let Some(guild) = guild {
            self.world().view_guild(guild, user, now)?;
        }
        let all = self.inner.db.read(move |sql| notify::of_user(sql, user)).await?;
        let found = all.into_iter().find(|settings| settings.guild_id == guild);
        Ok(at(found.unwrap_or_else(|| untouched(guild)), now))
    }
}
