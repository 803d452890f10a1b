//! Deletes an invite.

use voxlink_protocol::{Invite, Permissions, event::GuildChange};

use super::{Audience, log, present};
use crate::{
    Chat, Refusal,
    audit::{Action, Actor},
    store::invites,
};

impl Chat {
    /// Deletes an invite: one's own, or with MANAGE_CHANNELS in its channel or MANAGE_GUILD any.
    ///
    /// # Errors
    /// [`Refusal::UnknownInvite`], [`Refusal::Forbidden`], [`Refusal::Db`] or [`Refusal::Call`].
    pub async fn delete_invite(&self, actor: impl Into<Actor>, code: &str) -> Result<Invite, Refusal> {
        let actor = actor.into();
        let now = self.inner.env.now();
        let stored = self.living_invite(code).await?;
        let inviter = self.inner.users.one(stored.inviter).await?;
        let turn = self.turn(stored.guild).await.map_err(|_| Refusal::UnknownInvite)?;
        {
            let world = self.world();
            // Anyone with the code sees the invite, so strangers are forbidden rather than told it is unknown.
            let guild = world.view_guild(stored.guild, actor.id, now).map_err(|_| Refusal::Forbidden)?;
            let manages_channel = world
                .view_channel(stored.channel, actor.id, now)
                .is_ok_and(|view| view.permissions.contains(Permissions::MANAGE_CHANNELS));
            if stored.inviter != actor.id && !manages_channel {
                guild.require(Permissions::MANAGE_GUILD)?;
            }
        }
        let chat = self.clone();
        self.commit(stored.guild, Some(turn), move |change| {
            if !invites::delete(change.sql, &stored.code.0)? {
                return Err(Refusal::UnknownInvite);
            }
            let invite = present(&chat.world(), &stored, Audience::Person(inviter))?;
            let entry = log(Action::InviteDelete, &actor, stored.guild, Some(&stored), None);
            let code = stored.code.0;
            change.record(GuildChange::InviteDelete { code, channel_id: stored.channel })?;
            change.audit(entry)?;
            Ok(invite)
        })
        .await
    }
}
