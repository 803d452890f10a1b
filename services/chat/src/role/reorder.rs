//! Moves roles about.

use voxlink_protocol::{GuildId, Permissions, Role, RoleId, event::GuildChange, hierarchy::Rank};

use super::MAX_ROLES;
use crate::{
    Chat, Refusal,
    audit::{Action, Actor, Entry},
    store,
};

/// Positions are 32-bit signed in v10; nobody needs more than there can be roles.
const MAX_POSITION: u32 = 10_000;

/// Where a role goes; `None` leaves it where it is.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
pub struct RoleMove {
    pub id: RoleId,
    pub position: Option<u32>,
}

impl Chat {
    /// Moves several roles at once; needs MANAGE_ROLES, and each stands below one's own before and after. Returns all
    /// roles.
    ///
    /// # Errors
    /// [`Refusal::UnknownGuild`], [`Refusal::UnknownRole`], [`Refusal::Forbidden`], [`Refusal::Form`] or
    /// [`Refusal::Db`].
    pub async fn reorder_roles(
        &self,
        actor: impl Into<Actor>,
        guild: GuildId,
        moves: Vec<RoleMove>,
    ) -> Result<Vec<Role>, Refusal> {
        let actor = actor.into();
        let turn = self.turn(guild).await?;
        let (moved, roles) = {
            let world = self.world();
            let view = world.view_guild(guild, actor.id, self.inner.env.now())?;
            view.require(Permissions::MANAGE_ROLES)?;
            if moves.len() > MAX_ROLES {
                return Err(Refusal::field("_body", "BASE_TYPE_MAX_LENGTH", "Must be 250 or fewer."));
            }
            let mut roles = view.state.guild.roles.clone();
            let mut moved: Vec<(Role, u32)> = Vec::new();
            for RoleMove { id, position } in moves {
                let before = view.role(id)?;
                let Some(position) = position.filter(|position| *position != before.position) else {
                    continue;
                };
                check(guild, id, position)?;
                view.require_above_role(before.rank())?;
                view.require_above_role(Rank::of(id, position))?;
                moved.retain(|(other, _)| other.id != id);
                moved.push((Role { position, ..before.clone() }, before.position));
            }
            for (role, _) in &moved {
                roles.retain(|other| other.id != role.id);
                roles.push(role.clone());
            }
            roles.sort_by_key(|role| (role.position, role.id));
            (moved, roles)
        };
        self.commit(guild, Some(turn), move |change| {
            for (role, before) in moved {
                store::roles::update(change.sql, &role)?;
                let entry = Entry::new(Action::RoleUpdate, &actor, role.id.0);
                change.audit(entry.change("position", Some(before), Some(role.position)))?;
                change.record(GuildChange::RoleUpdate(role))?;
            }
            Ok(roles)
        })
        .await
    }
}

fn check(guild: GuildId, id: RoleId, position: u32) -> Result<(), Refusal> {
    let message = if id == guild.everyone() {
        "@everyone stays below all other roles."
    } else if !(1..=MAX_POSITION).contains(&position) {
        "int value should be between 1 and 10000."
    } else {
        return Ok(());
    };
    Err(Refusal::field("position", "NUMBER_TYPE_OUT_OF_RANGE", message))
}
