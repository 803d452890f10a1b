//! Bans someone, member or not.

use std::time::Duration;

use voxlink_protocol::{GuildId, Permissions, UserId, event::GuildChange};

use super::purge::Purge;
use crate::{
    Chat, Refusal,
    audit::{Action, Actor, Entry},
    member::end::MemberEnding,
    store,
};

/// v10: what was written in so long can be deleted with a ban.
pub const LONGEST_PURGE: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// v10: people of one bulk ban.
pub const MOST_AT_ONCE: usize = 200;

/// What became of a bulk ban.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[allow(missing_docs)]
pub struct BulkBan {
    pub banned_users: Vec<UserId>,
    /// Not there, or not below oneself.
    pub failed_users: Vec<UserId>,
}

impl Chat {
    /// Bans someone below oneself and ends their membership; needs BAN_MEMBERS. Their messages of the last `purge` are
    /// deleted in all channels, a few at a time, after this has returned. Who is banned already stays so.
    ///
    /// # Errors
    /// [`Refusal::UnknownGuild`], [`Refusal::UnknownUser`], [`Refusal::Forbidden`], [`Refusal::Form`],
    /// [`Refusal::Db`] or [`Refusal::Call`].
    pub async fn ban(
        &self,
        actor: impl Into<Actor>,
        guild: GuildId,
        user: UserId,
        purge: Duration,
    ) -> Result<(), Refusal> {
        let actor = actor.into();
        if purge > LONGEST_PURGE {
            let message = "int value should be between 0 and 604800.";
            return Err(Refusal::field("delete_message_seconds", "NUMBER_TYPE_OUT_OF_RANGE", message));
        }
        let now = self.inner.env.now();
        let turn = self.turn(guild).await?;
        let (ending, channels) = {
            let world = self.world();
            let view = world.view_guild(guild, actor.id, now)?;
            view.require(Permissions::BAN_MEMBERS)?;
            let member = view.state.members.get(&user);
            if let Some(member) = member {
                view.require_above(user, member)?;
            }
            let channels = view.state.channels.values().filter(|channel| channel.kind.holds_messages());
            let channels: Vec<_> = channels.map(|channel| channel.id).collect();
            (member.map(|_| MemberEnding::of(view.state, user)), channels)
        };
        let person = self.inner.users.find(user).await?.ok_or(Refusal::UnknownUser)?;
        self.commit(guild, Some(turn), move |change| {
            if let Some(ending) = ending {
                ending.commit(change)?;
            }
            let reason = actor.reason.as_ref().map(|reason| reason.as_str());
            if store::bans::insert(change.sql, guild, user, reason)? {
                change.record(GuildChange::BanAdd(Box::new(person)))?;
                change.audit(Entry::new(Action::MemberBanAdd, &actor, user.0))?;
            }
            if !purge.is_zero() {
                let purge = Purge::of_last(purge, user, now, change.chat.inner.ids.next(now));
                channels
                    .into_iter()
                    .try_for_each(|channel| store::purges::put(change.sql, channel, purge))?;
            }
            Ok(())
        })
        .await?;
        if !purge.is_zero() {
            self.start_purging();
        }
        Ok(())
    }

    /// Bans several people; needs BAN_MEMBERS and MANAGE_GUILD. Those who cannot be banned are named.
    ///
    /// # Errors
    /// As [`Chat::ban`], but for what is wrong with one of the people.
    pub async fn bulk_ban(
        &self,
        actor: impl Into<Actor>,
        guild: GuildId,
        users: Vec<UserId>,
        purge: Duration,
    ) -> Result<BulkBan, Refusal> {
        let actor = actor.into();
        if users.len() > MOST_AT_ONCE {
            return Err(Refusal::field("user_ids", "BASE_TYPE_MAX_LENGTH", "Must be 200 or fewer."));
        }
        self.world()
            .view_guild(guild, actor.id, self.inner.env.now())?
            .require(Permissions::BAN_MEMBERS | Permissions::MANAGE_GUILD)?;
        let mut outcome = BulkBan::default();
        for user in users {
            match self.ban(actor.clone(), guild, user, purge).await {
                Ok(()) => outcome.banned_users.push(user),
                Err(Refusal::Forbidden | Refusal::UnknownUser) => outcome.failed_users.push(user),
                Err(other) => return Err(other),
            }
        }
        Ok(outcome)
    }
}
