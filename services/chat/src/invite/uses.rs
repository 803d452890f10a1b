//! Who came by an invite.

use serde::Serialize;
use voxlink_protocol::{Permissions, Timestamp, User, UserId};

use crate::{Chat, Refusal, store::invites};

/// The most that are shown of one invite.
const MOST_SHOWN: u32 = 1000;

/// Someone who came by an invite.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct InviteUse {
    /// Who.
    pub user: User,
    /// When.
    pub at: Timestamp,
}

impl Chat {
    /// Who came by an invite, the first first; needs MANAGE_GUILD. Also for one that has ended, for as long as the audit
    /// log is kept.
    ///
    /// # Errors
    /// [`Refusal::UnknownInvite`], [`Refusal::Forbidden`], [`Refusal::Db`] or [`Refusal::Call`].
    pub async fn invite_uses(&self, asker: UserId, code: &str) -> Result<Vec<InviteUse>, Refusal> {
        let wanted = code.to_owned();
        let guild = self.inner.db.read(move |sql| invites::guild_of(sql, &wanted)).await?;
        let guild = guild.ok_or(Refusal::UnknownInvite)?;
        self.world()
            .view_guild(guild, asker, self.inner.env.now())
            .map_err(|_| Refusal::UnknownInvite)?
            .require(Permissions::MANAGE_GUILD)?;
        let code = code.to_owned();
        let uses = self.inner.db.read(move |sql| invites::uses(sql, guild, &code, MOST_SHOWN)).await?;
        let mut users = self.inner.users.get(uses.iter().map(|(user, _)| *user)).await?;
        let present = |(id, at)| Some(InviteUse { user: users.remove(&id)?, at });
        Ok(uses.into_iter().filter_map(present).collect())
    }
}
