//! Shows sounds to members; who made them, to those who manage them.

use std::collections::HashMap;

use voxlink_protocol::{GuildId, Permissions, SoundId, SoundboardSound, UserId};

use crate::{Chat, Refusal, store::sounds};

impl Chat {
    /// All sounds of a guild, with who made them for those with CREATE_GUILD_EXPRESSIONS or MANAGE_GUILD_EXPRESSIONS.
    ///
    /// # Errors
    /// [`Refusal::UnknownGuild`], [`Refusal::Db`] or [`Refusal::Call`].
    pub async fn sounds(&self, asker: UserId, guild: GuildId) -> Result<Vec<SoundboardSound>, Refusal> {
        let (mut all, shows_makers) = {
            let world = self.world();
            let view = world.view_guild(guild, asker, self.inner.env.now())?;
            let shows = view.may(Permissions::CREATE_GUILD_EXPRESSIONS)
                || view.may(Permissions::MANAGE_GUILD_EXPRESSIONS);
            (view.state.guild.soundboard_sounds.clone(), shows)
        };
        if shows_makers {
            let makers = self.inner.db.read(move |sql| sounds::makers(sql, guild)).await?;
            let makers: HashMap<SoundId, UserId> = makers.into_iter().collect();
            let users = self.inner.users.get(makers.values().copied()).await?;
            for sound in &mut all {
                sound.user = makers.get(&sound.sound_id).and_then(|maker| users.get(maker)).cloned();
            }
        }
        Ok(all)
    }

    /// One sound, as [`Chat::sounds`].
    ///
    /// # Errors
    /// [`Refusal::UnknownGuild`], [`Refusal::UnknownSound`], [`Refusal::Db`] or [`Refusal::Call`].
    pub async fn sound(
        &self,
        asker: UserId,
        guild: GuildId,
        id: SoundId,
    ) -> Result<SoundboardSound, Refusal> {
        let all = self.sounds(asker, guild).await?;
        all.into_iter().find(|sound| sound.sound_id == id).ok_or(Refusal::UnknownSound)
    }
}
