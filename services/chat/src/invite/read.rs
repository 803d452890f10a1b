//! Shows invites: one to whoever has its code, all to those who manage them.

use voxlink_protocol::{ChannelId, GuildId, Invite, Permissions, UserId};

use super::{Audience, present};
use crate::{
    Chat, Refusal,
    store::invites::{self, StoredInvite},
};

impl Chat {
    /// One invite. Those without an account (`logged_in` false) do not see who made it.
    ///
    /// # Errors
    /// [`Refusal::UnknownInvite`], [`Refusal::Db`] or [`Refusal::Call`].
    pub async fn invite(&self, code: &str, logged_in: bool) -> Result<Invite, Refusal> {
        let stored = self.living_invite(code).await?;
        let audience = if logged_in {
            Audience::Person(self.inner.users.one(stored.inviter).await?)
        } else {
            Audience::Stranger
        };
        present(&self.world(), &stored, audience)
    }

    /// The living invites of a guild, oldest first; needs MANAGE_GUILD.
    ///
    /// # Errors
    /// [`Refusal::UnknownGuild`], [`Refusal::Forbidden`], [`Refusal::Db`] or [`Refusal::Call`].
    pub async fn guild_invites(&self, asker: UserId, guild: GuildId) -> Result<Vec<Invite>, Refusal> {
        self.world().view_guild(guild, asker, self.inner.env.now())?.require(Permissions::MANAGE_GUILD)?;
        self.list(guild, |_| true).await
    }

    /// The living invites to a channel, oldest first; needs MANAGE_CHANNELS in it.
    ///
    /// # Errors
    /// [`Refusal::UnknownChannel`], [`Refusal::Forbidden`], [`Refusal::Db`] or [`Refusal::Call`].
    pub async fn channel_invites(&self, asker: UserId, channel: ChannelId) -> Result<Vec<Invite>, Refusal> {
        let guild = {
            let world = self.world();
            let view = world.view_channel(channel, asker, self.inner.env.now())?;
            view.require(Permissions::MANAGE_CHANNELS)?;
            view.state.guild.id
        };
        self.list(guild, move |invite| invite.channel == channel).await
    }

    async fn list(
        &self,
        guild: GuildId,
        wanted: impl Fn(&StoredInvite) -> bool,
    ) -> Result<Vec<Invite>, Refusal> {
        let now = self.inner.env.now();
        let mut stored = self.inner.db.read(move |sql| invites::of_guild(sql, guild, now)).await?;
        stored.retain(wanted);
        let users = self.inner.users.get(stored.iter().map(|invite| invite.inviter)).await?;
        let world = self.world();
        Ok(stored
            .iter()
            .filter_map(|invite| {
                let inviter = users.get(&invite.inviter)?.clone();
                present(&world, invite, Audience::Manager(inviter)).ok()
            })
            .collect())
    }

    /// An invite that can still be used.
    pub(crate) async fn living_invite(&self, code: &str) -> Result<StoredInvite, Refusal> {
        let stored = self.stored_invite(code).await?;
        if stored.is_alive(self.inner.env.now()) { Ok(stored) } else { Err(Refusal::UnknownInvite) }
    }

    pub(super) async fn stored_invite(&self, code: &str) -> Result<StoredInvite, Refusal> {
        let code = code.to_owned();
        let stored = self.inner.db.read(move |sql| invites::find(sql, &code)).await?;
        stored.ok_or(Refusal::UnknownInvite)
    }
}
