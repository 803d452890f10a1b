//! Deletes an emoji.

use voxlink_protocol::{EmojiId, GuildId, event::GuildChange, files::ImagePurpose};

use super::{LOGGED, update::may_manage};
use crate::{
    Chat, Refusal,
    audit::{Action, Actor, Entry},
    store::emojis,
};

impl Chat {
    /// Deletes an emoji; needs what changing it needs. Where it was used its name stays.
    ///
    /// # Errors
    /// [`Refusal::UnknownGuild`], [`Refusal::UnknownEmoji`], [`Refusal::Forbidden`], [`Refusal::Db`] or
    /// [`Refusal::Call`].
    pub async fn delete_emoji(
        &self,
        actor: impl Into<Actor>,
        guild: GuildId,
        id: EmojiId,
    ) -> Result<(), Refusal> {
        let actor = actor.into();
        let turn = self.turn(guild).await?;
        let maker = self.emoji_maker(actor.id, guild, id).await?;
        let (emoji, all) = {
            let world = self.world();
            let view = world.view_guild(guild, actor.id, self.inner.env.now())?;
            may_manage(&view, maker)?;
            let (gone, all): (Vec<_>, Vec<_>) =
                view.state.guild.emojis.iter().cloned().partition(|one| one.id == id);
            (gone.into_iter().next().ok_or(Refusal::UnknownEmoji)?, all)
        };
        self.commit(guild, Some(turn), move |change| {
            let hash = emojis::delete(change.sql, id)?.ok_or(Refusal::UnknownEmoji)?;
            change.record(GuildChange::EmojisUpdate(all))?;
            change.release_image(ImagePurpose::Emoji(id), hash)?;
            let entry = Entry::new(Action::EmojiDelete, &actor, id.0);
            change.audit(entry.fields(Some(&emoji), None, LOGGED))
        })
        .await
    }
}
