//! Makes a sound.

use voxlink_protocol::{
    GuildId, Permissions, SoundId, SoundboardSound, User,
    event::GuildChange,
    files::ImagePurpose,
    soundboard::{StoreSound, Volume},
    text::SoundName,
};

use super::{LOGGED, MAX_SOUNDS, SoundEmoji};
use crate::{
    Chat, Refusal,
    audit::{Action, Actor, Entry},
    store::sounds,
};

/// A sound to be.
#[derive(Clone, Debug)]
pub struct NewSound {
    /// Its name.
    pub name: SoundName,
    /// How loud it is played.
    pub volume: Volume,
    /// The emoji beside it.
    pub emoji: Option<SoundEmoji>,
    /// A data URI.
    pub sound: String,
}

impl Chat {
    /// Makes a sound; needs CREATE_GUILD_EXPRESSIONS or MANAGE_GUILD_EXPRESSIONS.
    ///
    /// # Errors
    /// [`Refusal::UnknownGuild`], [`Refusal::Forbidden`], [`Refusal::TooManySounds`], [`Refusal::SoundNotTaken`],
    /// [`Refusal::Db`] or [`Refusal::Call`].
    pub async fn create_sound(
        &self,
        actor: impl Into<Actor>,
        maker: &User,
        guild: GuildId,
        new: NewSound,
    ) -> Result<SoundboardSound, Refusal> {
        let actor = actor.into();
        let now = self.inner.env.now();
        let turn = self.turn(guild).await?;
        {
            let world = self.world();
            let view = world.view_guild(guild, actor.id, now)?;
            if !view.may(Permissions::CREATE_GUILD_EXPRESSIONS) {
                view.require(Permissions::MANAGE_GUILD_EXPRESSIONS)?;
            }
            if view.state.guild.soundboard_sounds.len() >= MAX_SOUNDS {
                return Err(Refusal::TooManySounds);
            }
        }
        let id = SoundId(self.inner.ids.next(now));
        let stored = self.inner.bus.call(StoreSound { sound: id, data_uri: new.sound }).await?;
        let hash = stored.map_err(Refusal::SoundNotTaken)?;
        let (emoji_id, emoji_name) = SoundEmoji::split(new.emoji);
        let sound = SoundboardSound {
            name: new.name.into_string(),
            sound_id: id,
            volume: new.volume,
            emoji_id,
            emoji_name,
            guild_id: guild,
            available: true,
            user: None,
        };
        let (kept, by) = (hash.clone(), maker.id);
        let maker = maker.clone();
        let done = self
            .commit(guild, Some(turn), move |change| {
                sounds::insert(change.sql, &sound, &kept, by)?;
                change.record(GuildChange::SoundCreate(Box::new(sound.clone())))?;
                let entry = Entry::new(Action::SoundCreate, &actor, id.0);
                change.audit(entry.fields(None, Some(&sound), LOGGED))?;
                Ok(SoundboardSound { user: Some(maker), ..sound })
            })
            .await;
        self.release_unless_stored(ImagePurpose::Sound(id), Some(hash), done).await
    }
}
