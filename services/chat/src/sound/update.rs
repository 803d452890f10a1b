//! Changes a sound.

use voxlink_protocol::{
    GuildId, SoundId, SoundboardSound, UserId, event::GuildChange, soundboard::Volume, text::SoundName,
};

use super::{LOGGED, SoundEmoji};
use crate::{
    Chat, Refusal,
    audit::{Action, Actor, Entry},
    emoji::update::may_manage,
    store::sounds,
};

/// What is to be another; `None` stays.
#[derive(Clone, Debug, Default)]
pub struct SoundEdit {
    /// Its name.
    pub name: Option<SoundName>,
    /// How loud it is played from now on.
    pub volume: Option<Volume>,
    /// The emoji beside it, or none.
    pub emoji: Option<Option<SoundEmoji>>,
}

impl Chat {
    /// Changes a sound; needs MANAGE_GUILD_EXPRESSIONS, or to have made it and CREATE_GUILD_EXPRESSIONS. What changes
    /// nothing is told to nobody.
    ///
    /// # Errors
    /// [`Refusal::UnknownGuild`], [`Refusal::UnknownSound`], [`Refusal::Forbidden`], [`Refusal::Db`] or
    /// [`Refusal::Call`].
    pub async fn update_sound(
        &self,
        actor: impl Into<Actor>,
        guild: GuildId,
        id: SoundId,
        edit: SoundEdit,
    ) -> Result<SoundboardSound, Refusal> {
        let actor = actor.into();
        let turn = self.turn(guild).await?;
        let maker = self.sound_maker(actor.id, guild, id).await?;
        let before = {
            let world = self.world();
            let view = world.view_guild(guild, actor.id, self.inner.env.now())?;
            may_manage(&view, maker)?;
            let mut all = view.state.guild.soundboard_sounds.iter();
            all.find(|one| one.sound_id == id).ok_or(Refusal::UnknownSound)?.clone()
        };
        let mut sound = before.clone();
        if let Some(name) = edit.name {
            sound.name = name.into_string();
        }
        sound.volume = edit.volume.unwrap_or(sound.volume);
        if let Some(emoji) = edit.emoji {
            (sound.emoji_id, sound.emoji_name) = SoundEmoji::split(emoji);
        }
        let user = Some(self.inner.users.one(maker).await?);
        if sound == before {
            return Ok(SoundboardSound { user, ..sound });
        }
        self.commit(guild, Some(turn), move |change| {
            sounds::update(change.sql, &sound)?;
            change.record(GuildChange::SoundUpdate(Box::new(sound.clone())))?;
            let entry = Entry::new(Action::SoundUpdate, &actor, id.0);
            change.audit(entry.fields(Some(&before), Some(&sound), LOGGED))?;
            Ok(SoundboardSound { user, ..sound })
        })
        .await
    }

    /// Who made a sound that a member asks about.
    pub(super) async fn sound_maker(
        &self,
        asker: UserId,
        guild: GuildId,
        id: SoundId,
    ) -> Result<UserId, Refusal> {
        {
            let world = self.world();
            let view = world.view_guild(guild, asker, self.inner.env.now())?;
            let mut all = view.state.guild.soundboard_sounds.iter();
            all.find(|one| one.sound_id == id).ok_or(Refusal::UnknownSound)?;
        }
        let maker = self.inner.db.read(move |sql| sounds::maker(sql, id)).await?;
        maker.ok_or(Refusal::UnknownSound)
    }
}
