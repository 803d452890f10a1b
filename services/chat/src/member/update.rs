//! Changes a member: nickname, roles, timeout, and whether they are heard in calls.

use std::{collections::BTreeSet, time::Duration};

use voxlink_protocol::{
    GuildId, Member, Permissions, RoleId, Timestamp, UserId, event::GuildChange, text::Nick,
};

use crate::{
    Chat, Refusal,
    audit::{Action, Actor, Entry, PartialRole},
    role::{MAX_ROLES, give::may_give},
    state::GuildView,
    store,
};

/// v10: the longest timeout.
const LONGEST_TIMEOUT: Duration = Duration::from_secs(28 * 24 * 60 * 60);

/// The fields to set; `None` leaves one as it is.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs)]
pub struct MemberFields {
    /// `Some(None)`: by their own name again.
    pub nick: Option<Option<Nick>>,
    /// All of them, without `@everyone`.
    pub roles: Option<Vec<RoleId>>,
    /// `Some(None)`, or a time that is over: no timeout.
    pub timed_out_until: Option<Option<Timestamp>>,
    /// Silenced in calls.
    pub mute: Option<bool>,
    /// Deafened in calls.
    pub deaf: Option<bool>,
}

impl Chat {
    /// Changes a member. A nickname needs MANAGE_NICKNAMES (one's own CHANGE_NICKNAME), roles MANAGE_ROLES, a timeout
    /// MODERATE_MEMBERS, silencing MUTE_MEMBERS and deafening DEAFEN_MEMBERS; all but silencing and deafening also
    /// rank above the member. What changes nothing is told to nobody.
    ///
    /// # Errors
    /// [`Refusal::UnknownGuild`], [`Refusal::UnknownMember`], [`Refusal::UnknownRole`], [`Refusal::InvalidRole`],
    /// [`Refusal::Forbidden`], [`Refusal::Form`], [`Refusal::Db`] or [`Refusal::Call`].
    pub async fn update_member(
        &self,
        actor: impl Into<Actor>,
        guild: GuildId,
        user: UserId,
        fields: MemberFields,
    ) -> Result<Member, Refusal> {
        let actor = actor.into();
        let now = self.inner.env.now();
        let turn = self.turn(guild).await?;
        let (before, mut after, roles) = {
            let world = self.world();
            let view = world.view_guild(guild, actor.id, now)?;
            let before = view.other(user)?;
            let mut after = before.clone();
            fields.apply(&view, user, &mut after, now)?;
            (before.clone(), after.clone(), RoleSwap::between(&view, before, &after))
        };
        let unchanged = before == after;
        after.user = Some(self.inner.users.one(user).await?);
        if unchanged {
            return Ok(after);
        }
        self.commit(guild, Some(turn), move |change| {
            store::members::update(change.sql, guild, user, &after)?;
            for role in &roles.removed {
                store::roles::take(change.sql, guild, user, role.id)?;
            }
            for role in &roles.added {
                store::roles::give(change.sql, guild, user, role.id)?;
            }
            change.record(GuildChange::MemberUpdate(Box::new(after.clone())))?;
            let names = &["nick", "communication_disabled_until", "mute", "deaf"];
            let entry = Entry::new(Action::MemberUpdate, &actor, user.0);
            let entry = entry.fields(Some(&before), Some(&after), names);
            if !entry.is_empty() {
                change.audit(entry)?;
            }
            let entry = Entry::of_roles(&actor, user, roles.added, roles.removed);
            if !entry.is_empty() {
                change.audit(entry)?;
            }
            Ok(after)
        })
        .await
    }
}

impl MemberFields {
    fn apply(
        self,
        view: &GuildView<'_>,
        user: UserId,
        member: &mut Member,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let before = member.clone();
        if let Some(nick) = self.nick {
            let nick = nick.map(Nick::into_string);
            if user != view.user {
                view.require(Permissions::MANAGE_NICKNAMES)?;
                view.require_above(user, &before)?;
            } else if !view.may(Permissions::MANAGE_NICKNAMES) {
                view.require(Permissions::CHANGE_NICKNAME)?;
            }
            member.nick = nick;
        }
        if let Some(roles) = self.roles {
            set_roles(view, user, member, roles)?;
        }
        if let Some(until) = self.timed_out_until {
            member.communication_disabled_until = time_out(view, user, &before, until, now)?;
        }
        if let Some(mute) = self.mute {
            view.require(Permissions::MUTE_MEMBERS)?;
            member.mute = mute;
        }
        if let Some(deaf) = self.deaf {
            view.require(Permissions::DEAFEN_MEMBERS)?;
            member.deaf = deaf;
        }
        Ok(())
    }
}

/// Only what differs needs the right to be given or taken.
fn set_roles(
    view: &GuildView<'_>,
    user: UserId,
    member: &mut Member,
    roles: Vec<RoleId>,
) -> Result<(), Refusal> {
    if roles.len() > MAX_ROLES {
        return Err(Refusal::field("roles", "BASE_TYPE_MAX_LENGTH", "Must be 250 or fewer."));
    }
    let held: BTreeSet<RoleId> = member.roles.iter().copied().collect();
    let wanted: BTreeSet<RoleId> = roles.into_iter().collect();
    may_give(view, user, member, held.symmetric_difference(&wanted).copied())?;
    member.roles.retain(|role| wanted.contains(role));
    member.roles.extend(wanted.difference(&held));
    Ok(())
}

/// v10: administrators cannot be timed out.
fn time_out(
    view: &GuildView<'_>,
    user: UserId,
    member: &Member,
    until: Option<Timestamp>,
    now: Timestamp,
) -> Result<Option<Timestamp>, Refusal> {
    view.require(Permissions::MODERATE_MEMBERS)?;
    view.require_above(user, member)?;
    let until = until.filter(|until| *until > now);
    if until.is_some_and(|until| until > now.plus(LONGEST_TIMEOUT)) {
        return Err(Refusal::field(
            "communication_disabled_until",
            "DATE_TIME_TOO_FAR",
            "Must be within the next 28 days.",
        ));
    }
    let subject = voxlink_protocol::permissions::Subject { user, roles: &member.roles, timed_out: false };
    let administers = view.state.guild.permissions(subject).contains(Permissions::ADMINISTRATOR);
    if until.is_some() && administers { Err(Refusal::Forbidden) } else { Ok(until) }
}

/// Roles that a member is given and loses.
struct RoleSwap {
    added: Vec<PartialRole>,
    removed: Vec<PartialRole>,
}

impl RoleSwap {
    fn between(view: &GuildView<'_>, before: &Member, after: &Member) -> Self {
        let missing_in = |of: &Member, other: &Member| {
            let ids = of.roles.iter().filter(|role| !other.roles.contains(role));
            let named = ids.filter_map(|id| view.role(*id).ok());
            named.map(|role| PartialRole { id: role.id, name: role.name.clone() }).collect()
        };
        Self { added: missing_in(after, before), removed: missing_in(before, after) }
    }
}
