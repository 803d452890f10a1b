//! Who stands above whom: v10's role hierarchy. Pure; chat decides by it, and the client shows what it would decide.

use std::cmp::Reverse;

use crate::{
    guild::{Guild, Role},
    id::{RoleId, UserId},
};

/// Where a role stands: the higher position outranks; of two on one position the older role (the lesser id) does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rank(u32, Reverse<RoleId>);

impl Role {
    /// Where it stands.
    #[must_use]
    pub const fn rank(&self) -> Rank {
        Rank(self.position, Reverse(self.id))
    }
}

impl Rank {
    /// Where a role would stand.
    #[must_use]
    pub const fn of(id: RoleId, position: u32) -> Self {
        Self(position, Reverse(id))
    }
}

/// Someone in a guild, as the hierarchy sees them.
#[derive(Clone, Copy, Debug)]
pub struct Standing<'a> {
    /// Who.
    pub user: UserId,
    /// Their roles, without `@everyone`, in any order. Ids that are not in the guild's list count for nothing.
    pub roles: &'a [RoleId],
}

/// The highest of these roles; that of `@everyone` for those without any.
#[must_use]
pub fn highest(guild: &Guild, held: &[RoleId]) -> Rank {
    let everyone = Rank::of(guild.id.everyone(), 0);
    let ranks = guild.roles.iter().filter(|role| held.contains(&role.id)).map(Role::rank);
    ranks.fold(everyone, Ord::max)
}

/// True when `actor` stands above a role and so may change, give, take or move it (with MANAGE_ROLES). Nobody may touch
/// a role at or above their own highest; the owner stands above all of them.
#[must_use]
pub fn outranks_role(guild: &Guild, actor: Standing<'_>, role: Rank) -> bool {
    actor.user == guild.owner_id || highest(guild, actor.roles) > role
}

/// True when `actor` stands above `target` and so may kick, ban, rename or silence them (with the permission for it).
/// Nobody stands above themselves or the owner; the owner stands above everyone else.
#[must_use]
pub fn can_act_on(guild: &Guild, actor: Standing<'_>, target: Standing<'_>) -> bool {
    if actor.user == target.user || target.user == guild.owner_id {
        return false;
    }
    actor.user == guild.owner_id || highest(guild, actor.roles) > highest(guild, target.roles)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::GuildId;

    const OWNER: UserId = UserId::new(1);
    const ANNA: UserId = UserId::new(2);
    const BORIS: UserId = UserId::new(3);

    /// Roles by id and position.
    fn guild(roles: &[(u64, u32)]) -> Guild {
        let mut guild = Guild::new(GuildId::new(10), "Harbour", OWNER);
        for (id, position) in roles {
            let role = Role { id: RoleId::new(*id), position: *position, ..Role::everyone(guild.id) };
            guild.roles.push(role);
        }
        guild
    }

    fn anna(roles: &[RoleId]) -> Standing<'_> {
        Standing { user: ANNA, roles }
    }

    fn boris(roles: &[RoleId]) -> Standing<'_> {
        Standing { user: BORIS, roles }
    }

    #[test]
    fn a_higher_position_outranks_and_the_older_of_equals_does() {
        let guild = guild(&[(20, 1), (21, 1), (22, 2)]);
        let [low, same, high] = [20, 21, 22].map(RoleId::new);
        assert!(can_act_on(&guild, anna(&[high]), boris(&[low, same])));
        assert!(can_act_on(&guild, anna(&[low]), boris(&[same])));
        assert!(!can_act_on(&guild, anna(&[same]), boris(&[low])));
        assert!(!can_act_on(&guild, anna(&[low]), boris(&[low])));
        assert!(!can_act_on(&guild, anna(&[]), boris(&[])));
        assert!(!can_act_on(&guild, anna(&[RoleId::new(99)]), boris(&[])));
    }

    #[test]
    fn the_owner_stands_above_all_and_nobody_above_themselves() {
        let guild = guild(&[(20, 1)]);
        let owner = Standing { user: OWNER, roles: &[] };
        let role = Rank::of(RoleId::new(20), 1);
        assert!(can_act_on(&guild, owner, boris(&[RoleId::new(20)])));
        assert!(!can_act_on(&guild, boris(&[RoleId::new(20)]), owner));
        assert!(!can_act_on(&guild, owner, owner));
        assert!(outranks_role(&guild, owner, role));
        assert!(!outranks_role(&guild, anna(&[RoleId::new(20)]), role));
        assert!(outranks_role(&guild, anna(&[RoleId::new(20)]), Rank::of(guild.id.everyone(), 0)));
    }
}
