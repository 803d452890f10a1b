//! Joins a guild by an invite.

use voxlink_protocol::{Invite, Member, MessageKind, User, event::GuildChange};

use super::{Audience, present};
use crate::{
    Chat, Refusal,
    guild::MAX_GUILDS,
    message::system::Notice,
    state::new_member,
    store::{bans, invites, members},
};

impl Chat {
    /// Makes `user` a member, counting one use of the invite in the same transaction, and tells it where the guild tells
    /// joins. For a member nothing happens, and nothing is counted.
    ///
    /// # Errors
    /// [`Refusal::UnknownInvite`], [`Refusal::Banned`], [`Refusal::TooManyGuilds`], [`Refusal::Db`] or
    /// [`Refusal::Call`].
    pub async fn join(&self, user: &User, code: &str) -> Result<Invite, Refusal> {
        let now = self.inner.env.now();
        let stored = self.stored_invite(code).await?;
        let inviter = self.inner.users.one(stored.inviter).await?;
        let guild = stored.guild;
        let turn = self.turn(guild).await.map_err(|_| Refusal::UnknownInvite)?;
        let invite = {
            let world = self.world();
            let is_member = world.guild(guild).is_some_and(|state| state.members.contains_key(&user.id));
            if is_member {
                return present(&world, &stored, Audience::Person(inviter));
            }
            if !stored.is_alive(now) {
                return Err(Refusal::UnknownInvite);
            }
            present(&world, &stored, Audience::Person(inviter))?
        };
        let member = Member { user: Some(user.clone()), ..new_member(now) };
        let system_channel = self.world().guild(guild).and_then(|state| {
            state.guild.system_channel_id.filter(|channel| state.channels.contains_key(channel))
        });
        let notice = system_channel.map(|channel| Notice {
            member: Some(Member { user: None, ..member.clone() }),
            ..Notice::new(channel, user.clone(), MessageKind::UserJoin)
        });
        let user = user.id;
        self.commit(guild, Some(turn), move |change| {
            if bans::find(change.sql, guild, user)?.is_some() {
                return Err(Refusal::Banned);
            }
            let used = invites::take_use(change.sql, &stored.code.0, now)?.ok_or(Refusal::UnknownInvite)?;
            if members::count_guilds_of(change.sql, user)? >= MAX_GUILDS {
                return Err(Refusal::TooManyGuilds);
            }
            members::insert(change.sql, guild, user, now)?;
            invites::note_use(change.sql, guild, &used.code.0, user, now)?;
            change.record(GuildChange::MemberAdd(Box::new(member)))?;
            if let Some(notice) = notice {
                change.chat.put_notice(change, notice)?;
            }
            if used.is_used_up() {
                let (code, channel_id) = (used.code.0, used.channel);
                change.record(GuildChange::InviteDelete { code, channel_id })?;
            }
            Ok(invite)
        })
        .await
    }
}
