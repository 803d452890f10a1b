//! Deletes a sound.

use voxlink_protocol::{GuildId, SoundId, event::GuildChange, files::ImagePurpose};

use super::LOGGED;
use crate::{
    Chat, Refusal,
    audit::{Action, Actor, Entry},
    emoji::update::may_manage,
    store::sounds,
};

impl Chat {
    /// Deletes a sound; needs what changing it needs. Where it is being played it goes on to its end.
    ///
    /// # Errors
    /// [`Refusal::UnknownGuild`], [`Refusal::UnknownSound`], [`Refusal::Forbidden`], [`Refusal::Db`] or
    /// [`Refusal::Call`].
    pub async fn delete_sound(
        &self,
        actor: impl Into<Actor>,
        guild: GuildId,
        id: SoundId,
    ) -> Result<(), Refusal> {
        let actor = actor.into();
        let turn = self.turn(guild).await?;
        let maker = self.sound_maker(actor.id, guild, id).await?;
        let sound = {
            let world = self.world();
            let view = world.view_guild(guild, actor.id, self.inner.env.now())?;
            may_manage(&view, maker)?;
            let mut all = view.state.guild.soundboard_sounds.iter();
            all.find(|one| one.sound_id == id).ok_or(Refusal::UnknownSound)?.clone()
        };
        self.commit(guild, Some(turn), move |change| {
            let hash = sounds::delete(change.sql, id)?.ok_or(Refusal::UnknownSound)?;
            change.record(GuildChange::SoundDelete(id))?;
            change.release_image(ImagePurpose::Sound(id), hash)?;
            let entry = Entry::new(Action::SoundDelete, &actor, id.0);
            change.audit(entry.fields(Some(&sound), None, LOGGED))
        })
        .await
    }
}
