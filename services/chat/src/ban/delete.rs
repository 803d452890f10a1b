//! Lifts a ban.

use voxlink_protocol::{GuildId, Permissions, UserId, event::GuildChange};

use crate::{
    Chat, Refusal,
    audit::{Action, Actor, Entry},
    store,
};

impl Chat {
    /// Lets someone come back by an invite; needs BAN_MEMBERS.
    ///
    /// # Errors
    /// [`Refusal::UnknownGuild`], [`Refusal::UnknownBan`], [`Refusal::Forbidden`], [`Refusal::Db`] or
    /// [`Refusal::Call`].
    pub async fn unban(&self, actor: impl Into<Actor>, guild: GuildId, user: UserId) -> Result<(), Refusal> {
        let actor = actor.into();
        let turn = self.turn(guild).await?;
        self.world().view_guild(guild, actor.id, self.inner.env.now())?.require(Permissions::BAN_MEMBERS)?;
        let person = self.inner.users.one(user).await?;
        self.commit(guild, Some(turn), move |change| {
            if !store::bans::delete(change.sql, guild, user)? {
                return Err(Refusal::UnknownBan);
            }
            change.record(GuildChange::BanRemove(Box::new(person)))?;
            change.audit(Entry::new(Action::MemberBanRemove, &actor, user.0))
        })
        .await
    }
}
