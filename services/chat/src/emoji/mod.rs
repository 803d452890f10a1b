//! A guild's own emojis.

pub mod create;
pub mod delete;
pub mod read;
pub mod update;

/// v10: emojis of a guild that stand still, and as many that move.
pub const MAX_OF_A_KIND: usize = 50;

/// What the audit log tells of an emoji.
const LOGGED: &[&str] = &["name"];

use voxlink_protocol::RoleId;

use crate::{Refusal, role::MAX_ROLES, state::GuildView};

/// For whom an emoji is: all of them roles of the guild.
fn check_roles(view: &GuildView<'_>, mut roles: Vec<RoleId>) -> Result<Vec<RoleId>, Refusal> {
    roles.sort_unstable();
    roles.dedup();
    if roles.len() > MAX_ROLES {
        return Err(Refusal::field("roles", "BASE_TYPE_MAX_LENGTH", "Must be 250 or fewer."));
    }
    roles.iter().try_for_each(|role| view.role(*role).map(|_| ()))?;
    Ok(roles)
}
