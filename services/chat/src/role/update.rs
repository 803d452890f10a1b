//! Changes a role.

use voxlink_protocol::{GuildId, Permissions, Role, RoleId, event::GuildChange};

use super::{LOGGED, RoleFields};
use crate::{
    Chat, Refusal,
    audit::{Action, Actor, Entry},
    store,
};

impl Chat {
    /// Changes a role below one's own; needs MANAGE_ROLES. Nobody grants or takes what they do not have. What changes
    /// nothing is told to nobody.
    ///
    /// # Errors
    /// [`Refusal::UnknownGuild`], [`Refusal::UnknownRole`], [`Refusal::Forbidden`], [`Refusal::Form`] or
    /// [`Refusal::Db`].
    pub async fn update_role(
        &self,
        actor: impl Into<Actor>,
        guild: GuildId,
        id: RoleId,
        fields: RoleFields,
    ) -> Result<Role, Refusal> {
        let actor = actor.into();
        let turn = self.turn(guild).await?;
        let (before, role) = {
            let world = self.world();
            let view = world.view_guild(guild, actor.id, self.inner.env.now())?;
            let before = view.role(id)?;
            view.require(Permissions::MANAGE_ROLES)?;
            // Everyone has @everyone: nobody with roles stands below it, and those without may change it too.
            if id != guild.everyone() {
                view.require_above_role(before.rank())?;
            }
            let mut role = before.clone();
            fields.apply(&mut role, &view)?;
            if role == *before {
                return Ok(role);
            }
            (before.clone(), role)
        };
        self.commit(guild, Some(turn), move |change| {
            store::roles::update(change.sql, &role)?;
            change.record(GuildChange::RoleUpdate(role.clone()))?;
            let entry = Entry::new(Action::RoleUpdate, &actor, id.0);
            change.audit(entry.fields(Some(&before), Some(&role), LOGGED))?;
            Ok(role)
        })
        .await
    }
}
