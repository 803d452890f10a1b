//! Roles and who has them.

use voxlink_protocol::{GuildId, Role, RoleId, UserId};
use voxlink_service_kit::{DbError, Sql, params};

/// Stores a new role.
///
/// # Errors
/// See [`DbError`].
pub fn insert(sql: &Sql<'_>, guild: GuildId, role: &Role) -> Result<(), DbError> {
    sql.execute(
        "INSERT INTO role (id, guild_id, name, color, hoist, position, permissions, managed, mentionable, bot_id)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        params![
            role.id,
            guild,
            &role.name,
            role.color.0,
            role.hoist,
            role.position,
            role.permissions,
            role.managed,
            role.mentionable,
            role.tags.as_ref().and_then(|tags| tags.bot_id)
        ],
    )
    .map(|_| ())
}

/// Stores all that may change of a role.
///
/// # Errors
/// See [`DbError`].
pub fn update(sql: &Sql<'_>, role: &Role) -> Result<(), DbError> {
    sql.execute(
        "UPDATE role SET name = $1, color = $2, hoist = $3, position = $4, permissions = $5, mentionable = $6
         WHERE id = $7",
        params![
            &role.name,
            role.color.0,
            role.hoist,
            role.position,
            role.permissions,
            role.mentionable,
            role.id
        ],
    )
    .map(|_| ())
}

/// Deletes a role with all that hangs on it: who has it, what channels say of it, which emojis are for it.
///
/// # Errors
/// See [`DbError`].
pub fn delete(sql: &Sql<'_>, role: RoleId) -> Result<(), DbError> {
    // Snowflakes are unique across kinds: nobody else's overwrite has this target.
    sql.execute("DELETE FROM overwrite WHERE target_id = $1", params![role])?;
    sql.execute("DELETE FROM role WHERE id = $1", params![role]).map(|_| ())
}

/// Gives a role to a member; nothing happens when they have it.
///
/// # Errors
/// See [`DbError`].
pub fn give(sql: &Sql<'_>, guild: GuildId, user: UserId, role: RoleId) -> Result<(), DbError> {
    sql.execute(
        "INSERT INTO member_role (guild_id, user_id, role_id) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
        params![guild, user, role],
    )
    .map(|_| ())
}

/// Takes a role from a member; nothing happens when they do not have it.
///
/// # Errors
/// See [`DbError`].
pub fn take(sql: &Sql<'_>, guild: GuildId, user: UserId, role: RoleId) -> Result<(), DbError> {
    sql.execute(
        "DELETE FROM member_role WHERE guild_id = $1 AND user_id = $2 AND role_id = $3",
        params![guild, user, role],
    )
    .map(|_| ())
}
