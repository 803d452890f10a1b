//! Changes an emoji.

use voxlink_protocol::{
    Emoji, EmojiId, GuildId, Permissions, RoleId, UserId, event::GuildChange, text::EmojiName,
};

use super::{LOGGED, check_roles};
use crate::{
    Chat, Refusal,
    audit::{Action, Actor, Entry},
    state::GuildView,
    store::emojis,
};

impl Chat {
    /// Changes the name of an emoji and who may use it; needs MANAGE_GUILD_EXPRESSIONS, or to have made it and
    /// CREATE_GUILD_EXPRESSIONS. What changes nothing is told to nobody.
    ///
    /// # Errors
    /// [`Refusal::UnknownGuild`], [`Refusal::UnknownEmoji`], [`Refusal::Forbidden`], [`Refusal::UnknownRole`],
    /// [`Refusal::Form`], [`Refusal::Db`] or [`Refusal::Call`].
    pub async fn update_emoji(
        &self,
        actor: impl Into<Actor>,
        guild: GuildId,
        id: EmojiId,
        name: Option<EmojiName>,
        roles: Option<Vec<RoleId>>,
    ) -> Result<Emoji, Refusal> {
        let actor = actor.into();
        let turn = self.turn(guild).await?;
        let maker = self.emoji_maker(actor.id, guild, id).await?;
        let (before, emoji, mut all) = {
            let world = self.world();
            let view = world.view_guild(guild, actor.id, self.inner.env.now())?;
            may_manage(&view, maker)?;
            let all = view.state.guild.emojis.clone();
            let before = all.iter().find(|one| one.id == id).ok_or(Refusal::UnknownEmoji)?.clone();
            let mut emoji = before.clone();
            if let Some(name) = name {
                emoji.name = name.into_string();
            }
            if let Some(roles) = roles {
                emoji.roles = check_roles(&view, roles)?;
            }
            (before, emoji, all)
        };
        let user = Some(self.inner.users.one(maker).await?);
        if emoji == before {
            return Ok(Emoji { user, ..emoji });
        }
        all.iter_mut().filter(|one| one.id == id).for_each(|one| one.clone_from(&emoji));
        self.commit(guild, Some(turn), move |change| {
            emojis::update(change.sql, &emoji)?;
            change.record(GuildChange::EmojisUpdate(all))?;
            let entry = Entry::new(Action::EmojiUpdate, &actor, id.0);
            change.audit(entry.fields(Some(&before), Some(&emoji), LOGGED))?;
            Ok(Emoji { user, ..emoji })
        })
        .await
    }

    /// Who made an emoji that a member asks about.
    pub(super) async fn emoji_maker(
        &self,
        asker: UserId,
        guild: GuildId,
        id: EmojiId,
    ) -> Result<UserId, Refusal> {
        {
            let world = self.world();
            let view = world.view_guild(guild, asker, self.inner.env.now())?;
            view.state.guild.emojis.iter().find(|one| one.id == id).ok_or(Refusal::UnknownEmoji)?;
        }
        let maker = self.inner.db.read(move |sql| emojis::maker(sql, id)).await?;
        maker.ok_or(Refusal::UnknownEmoji)
    }
}

/// v10: who made an emoji, or a sound, may change and delete it as long as they may make some.
pub(crate) fn may_manage(view: &GuildView<'_>, maker: UserId) -> Result<(), Refusal> {
    let own = maker == view.user && view.may(Permissions::CREATE_GUILD_EXPRESSIONS);
    if own { Ok(()) } else { view.require(Permissions::MANAGE_GUILD_EXPRESSIONS) }
}
