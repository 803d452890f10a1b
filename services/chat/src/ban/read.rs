//! Shows bans to those who may ban.

use serde::Serialize;
use voxlink_protocol::{GuildId, Permissions, User, UserId};

use crate::{Chat, Refusal, store};

/// A ban in its v10 shape.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[allow(missing_docs)]
pub struct Ban {
    pub user: User,
    pub reason: Option<String>,
}

/// Which of a guild's bans, by user id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BansPage {
    /// Those after this one.
    After(UserId),
    /// The last of those before this one.
    Before(UserId),
}

impl Chat {
    /// At most `limit` bans by user id; needs BAN_MEMBERS.
    ///
    /// # Errors
    /// [`Refusal::UnknownGuild`], [`Refusal::Forbidden`], [`Refusal::Db`] or [`Refusal::Call`].
    pub async fn bans(
        &self,
        asker: UserId,
        guild: GuildId,
        page: BansPage,
        limit: u32,
    ) -> Result<Vec<Ban>, Refusal> {
        self.may_see_bans(asker, guild)?;
        let stored = self.inner.db.read(move |sql| store::bans::page(sql, guild, page, limit)).await?;
        let mut users = self.inner.users.get(stored.iter().map(|(user, _)| *user)).await?;
        let present = |(id, reason)| Some(Ban { user: users.remove(&id)?, reason });
        Ok(stored.into_iter().filter_map(present).collect())
    }

    /// One ban; needs BAN_MEMBERS.
    ///
    /// # Errors
    /// [`Refusal::UnknownGuild`], [`Refusal::UnknownBan`], [`Refusal::Forbidden`], [`Refusal::Db`] or
    /// [`Refusal::Call`].
    pub async fn ban_of(&self, asker: UserId, guild: GuildId, user: UserId) -> Result<Ban, Refusal> {
        self.may_see_bans(asker, guild)?;
        let reason = self.inner.db.read(move |sql| store::bans::find(sql, guild, user)).await?;
        let reason = reason.ok_or(Refusal::UnknownBan)?;
        Ok(Ban { user: self.inner.users.one(user).await?, reason })
    }

    fn may_see_bans(&self, asker: UserId, guild: GuildId) -> Result<(), Refusal> {
        self.world().view_guild(guild, asker, self.inner.env.now())?.require(Permissions::BAN_MEMBERS)
    }
}
