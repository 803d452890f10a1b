//! Shows emojis to members; who made them, to those who manage them.

use std::collections::HashMap;

use voxlink_protocol::{Emoji, EmojiId, GuildId, Permissions, UserId};

use crate::{Chat, Refusal, store::emojis};

impl Chat {
    /// All emojis of a guild, with who made them for those with CREATE_GUILD_EXPRESSIONS or MANAGE_GUILD_EXPRESSIONS.
    ///
    /// # Errors
    /// [`Refusal::UnknownGuild`], [`Refusal::Db`] or [`Refusal::Call`].
    pub async fn emojis(&self, asker: UserId, guild: GuildId) -> Result<Vec<Emoji>, Refusal> {
        let (mut all, shows_makers) = {
            let world = self.world();
            let view = world.view_guild(guild, asker, self.inner.env.now())?;
            let shows = view.may(Permissions::CREATE_GUILD_EXPRESSIONS)
                || view.may(Permissions::MANAGE_GUILD_EXPRESSIONS);
            (view.state.guild.emojis.clone(), shows)
        };
        if shows_makers {
            let makers = self.inner.db.read(move |sql| emojis::makers(sql, guild)).await?;
            let makers: HashMap<EmojiId, UserId> = makers.into_iter().collect();
            let users = self.inner.users.get(makers.values().copied()).await?;
            for emoji in &mut all {
                emoji.user = makers.get(&emoji.id).and_then(|maker| users.get(maker)).cloned();
            }
        }
        Ok(all)
    }

    /// One emoji, as [`Chat::emojis`].
    ///
    /// # Errors
    /// [`Refusal::UnknownGuild`], [`Refusal::UnknownEmoji`], [`Refusal::Db`] or [`Refusal::Call`].
    pub async fn emoji(&self, asker: UserId, guild: GuildId, id: EmojiId) -> Result<Emoji, Refusal> {
        let all = self.emojis(asker, guild).await?;
        all.into_iter().find(|emoji| emoji.id == id).ok_or(Refusal::UnknownEmoji)
    }
}
