//! Memberships end: by leaving, by being sent away, with an account.

use voxlink_protocol::{UserId, event::GuildChange};

use crate::{Refusal, commit::Change, role::delete::RoleEnding, state::GuildState, store};

/// All that goes away with a membership.
#[derive(Debug)]
pub(crate) struct MemberEnding {
    user: UserId,
    /// A bot's own role.
    roles: Vec<RoleEnding>,
}

impl MemberEnding {
    /// What goes away when this member does.
    pub(crate) fn of(state: &GuildState, user: UserId) -> Self {
        let is_own = |role: &&voxlink_protocol::Role| {
            role.managed && role.tags.as_ref().is_some_and(|tags| tags.bot_id == Some(user))
        };
        let roles = state.guild.roles.iter().filter(is_own);
        Self { user, roles: roles.map(|role| RoleEnding::of(state, role)).collect() }
    }

    /// Ends it.
    pub(crate) fn commit(self, change: &mut Change<'_>) -> Result<(), Refusal> {
        let guild = change.place.guild().ok_or(Refusal::UnknownGuild)?;
        store::members::delete(change.sql, guild, self.user)?;
        change.record(GuildChange::MemberRemove(self.user))?;
        self.roles.into_iter().try_for_each(|role| role.commit(change))
    }
}
