//! Shows members to each other.

use voxlink_protocol::{GuildId, Member, Permissions, UserId};

use crate::{Chat, Refusal};

impl Chat {
    /// At most `limit` members by user id, those after `after`.
    ///
    /// # Errors
    /// [`Refusal::UnknownGuild`] or [`Refusal::Call`].
    pub async fn members(
        &self,
        asker: UserId,
        guild: GuildId,
        after: UserId,
        limit: usize,
    ) -> Result<Vec<Member>, Refusal> {
        let page: Vec<(UserId, Member)> = {
            let world = self.world();
            let view = world.view_guild(guild, asker, self.inner.env.now())?;
            let next = std::ops::Bound::Excluded(after);
            let members = view.state.members.range((next, std::ops::Bound::Unbounded));
            members.take(limit).map(|(id, member)| (*id, member.clone())).collect()
        };
        let mut users = self.inner.users.get(page.iter().map(|(id, _)| *id)).await?;
        Ok(page.into_iter().map(|(id, member)| Member { user: users.remove(&id), ..member }).collect())
    }

    /// One member.
    ///
    /// # Errors
    /// [`Refusal::UnknownGuild`], [`Refusal::UnknownMember`] or [`Refusal::Call`].
    pub async fn member(&self, asker: UserId, guild: GuildId, id: UserId) -> Result<Member, Refusal> {
        let member = {
            let world = self.world();
            world.view_guild(guild, asker, self.inner.env.now())?.other(id)?.clone()
        };
        Ok(Member { user: Some(self.inner.users.one(id).await?), ..member })
    }

    /// Oneself as a member, and what one may do in the guild as a whole.
    ///
    /// # Errors
    /// [`Refusal::UnknownGuild`] or [`Refusal::Call`].
    pub async fn own_member(&self, me: UserId, guild: GuildId) -> Result<(Member, Permissions), Refusal> {
        let (member, permissions) = {
            let world = self.world();
            let view = world.view_guild(guild, me, self.inner.env.now())?;
            (view.member.clone(), view.permissions)
        };
        Ok((Member { user: Some(self.inner.users.one(me).await?), ..member }, permissions))
    }
}
