//! Makes a role.

use voxlink_protocol::{GuildId, Permissions, Role, RoleId, event::GuildChange};

use super::{LOGGED, MAX_ROLES, RoleFields};
use crate::{
    Chat, Refusal,
    audit::{Action, Actor, Entry},
    store,
};

/// v10: the name of a role of which nothing else was said.
const NEW_ROLE: &str = "new role";
/// A new role stands just above `@everyone`, below all older ones.
const FIRST_POSITION: u32 = 1;

impl Chat {
    /// Makes a role; needs MANAGE_ROLES, and grants only what the maker has. Without permissions it grants what
    /// `@everyone` does.
    ///
    /// # Errors
    /// [`Refusal::UnknownGuild`], [`Refusal::Forbidden`], [`Refusal::TooManyRoles`], [`Refusal::Form`] or
    /// [`Refusal::Db`].
    pub async fn create_role(
        &self,
        actor: impl Into<Actor>,
        guild: GuildId,
        fields: RoleFields,
    ) -> Result<Role, Refusal> {
        let actor = actor.into();
        let now = self.inner.env.now();
        let turn = self.turn(guild).await?;
        let role = {
            let world = self.world();
            let view = world.view_guild(guild, actor.id, now)?;
            view.require(Permissions::MANAGE_ROLES)?;
            if view.state.guild.roles.len() >= MAX_ROLES {
                return Err(Refusal::TooManyRoles);
            }
            let everyone = view.role(guild.everyone())?;
            let mut role = Role {
                id: RoleId(self.inner.ids.next(now)),
                name: NEW_ROLE.to_owned(),
                position: FIRST_POSITION,
                // Only so much of it as its maker has: @everyone of a channel manager may lack what they have, never
                // the other way round.
                permissions: everyone.permissions & view.permissions,
                ..Role::everyone(guild)
            };
            fields.apply(&mut role, &view)?;
            role
        };
        self.commit(guild, Some(turn), move |change| {
            store::roles::insert(change.sql, guild, &role)?;
            change.record(GuildChange::RoleCreate(role.clone()))?;
            let entry = Entry::new(Action::RoleCreate, &actor, role.id.0);
            change.audit(entry.fields(None, Some(&role), LOGGED))?;
            Ok(role)
        })
        .await
    }
}
