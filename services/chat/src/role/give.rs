//! Gives a role to a member, or takes it.

use voxlink_protocol::{GuildId, Member, Permissions, RoleId, UserId, event::GuildChange};

use crate::{
    Chat, Refusal,
    audit::{Actor, Entry, PartialRole},
    state::GuildView,
    store,
};

impl Chat {
    /// Gives a role below one's own to a member below oneself, or takes it (`give` false); needs MANAGE_ROLES. What
    /// changes nothing is told to nobody.
    ///
    /// # Errors
    /// [`Refusal::UnknownGuild`], [`Refusal::UnknownMember`], [`Refusal::UnknownRole`], [`Refusal::InvalidRole`],
    /// [`Refusal::Forbidden`], [`Refusal::Db`] or [`Refusal::Call`].
    pub async fn give_role(
        &self,
        actor: impl Into<Actor>,
        guild: GuildId,
        user: UserId,
        role: RoleId,
        give: bool,
    ) -> Result<(), Refusal> {
        let actor = actor.into();
        let turn = self.turn(guild).await?;
        let (mut member, named) = {
            let world = self.world();
            let view = world.view_guild(guild, actor.id, self.inner.env.now())?;
            let member = view.other(user)?;
            let named = PartialRole { id: role, name: view.role(role)?.name.clone() };
            may_give(&view, user, member, [role])?;
            if member.roles.contains(&role) == give {
                return Ok(());
            }
            (member.clone(), named)
        };
        member.roles.retain(|other| *other != role);
        if give {
            member.roles.push(role);
        }
        member.user = Some(self.inner.users.one(user).await?);
        self.commit(guild, Some(turn), move |change| {
            let entry = if give {
                store::roles::give(change.sql, guild, user, role)?;
                Entry::of_roles(&actor, user, vec![named], Vec::new())
            } else {
                store::roles::take(change.sql, guild, user, role)?;
                Entry::of_roles(&actor, user, Vec::new(), vec![named])
            };
            change.record(GuildChange::MemberUpdate(Box::new(member)))?;
            change.audit(entry)
        })
        .await
    }
}

/// Whether the one who looks may give these roles to a member, and take them.
pub(crate) fn may_give(
    view: &GuildView<'_>,
    user: UserId,
    member: &Member,
    roles: impl IntoIterator<Item = RoleId>,
) -> Result<(), Refusal> {
    view.require(Permissions::MANAGE_ROLES)?;
    if user != view.user {
        view.require_above(user, member)?;
    }
    for id in roles {
        let role = view.role(id)?;
        if role.managed || id == view.state.guild.id.everyone() {
            return Err(Refusal::InvalidRole);
        }
        view.require_above_role(role.rank())?;
    }
    Ok(())
}
