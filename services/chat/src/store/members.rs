//! Who is in which guild.

use voxlink_protocol::{GuildId, Member, Timestamp, UserId};
use voxlink_service_kit::{DbError, Sql, params};

/// Stores a membership.
///
/// # Errors
/// [`DbError::Unique`] when they are a member already.
pub fn insert(sql: &Sql<'_>, guild: GuildId, user: UserId, joined_at: Timestamp) -> Result<(), DbError> {
    sql.execute(
        "INSERT INTO member (guild_id, user_id, joined_at) VALUES ($1, $2, $3)",
        params![guild, user, joined_at],
    )
    .map(|_| ())
}

/// Stores all that may change of a member but their roles.
///
/// # Errors
/// See [`DbError`].
pub fn update(sql: &Sql<'_>, guild: GuildId, user: UserId, member: &Member) -> Result<(), DbError> {
    sql.execute(
        "UPDATE member SET nick = $1, timed_out_until = $2, muted = $3, deafened = $4
         WHERE guild_id = $5 AND user_id = $6",
        params![
            member.nick.as_deref(),
            member.communication_disabled_until,
            member.mute,
            member.deaf,
            guild,
            user
        ],
    )
    .map(|_| ())
}

/// Ends a membership.
///
/// # Errors
/// See [`DbError`].
pub fn delete(sql: &Sql<'_>, guild: GuildId, user: UserId) -> Result<(), DbError> {
    sql.execute("DELETE FROM member WHERE guild_id = $1 AND user_id = $2", params![guild, user]).map(|_| ())
}

/// In how many guilds someone is.
///
/// # Errors
/// See [`DbError`].
pub fn count_guilds_of(sql: &Sql<'_>, user: UserId) -> Result<u64, DbError> {
    let select = "SELECT count(*) FROM member WHERE user_id = $1";
    Ok(sql.query_one(select, params![user], |row| row.get(0))?.unwrap_or(0))
}
