//! A guild's own emojis and who may use them.

use voxlink_protocol::{Emoji, EmojiId, GuildId, RoleId, UserId};
use voxlink_service_kit::{DbError, Sql, params};

/// Stores a new emoji. `hash` names its picture.
///
/// # Errors
/// See [`DbError`].
pub fn insert(
    sql: &Sql<'_>,
    guild: GuildId,
    emoji: &Emoji,
    hash: &str,
    maker: UserId,
) -> Result<(), DbError> {
    sql.execute(
        "INSERT INTO emoji (id, guild_id, name, animated, hash, user_id) VALUES ($1, $2, $3, $4, $5, $6)",
        params![emoji.id, guild, &emoji.name, emoji.animated, hash, maker],
    )?;
    insert_roles(sql, emoji)
}

/// Stores all that may change of an emoji.
///
/// # Errors
/// See [`DbError`].
pub fn update(sql: &Sql<'_>, emoji: &Emoji) -> Result<(), DbError> {
    sql.execute("UPDATE emoji SET name = $1 WHERE id = $2", params![&emoji.name, emoji.id])?;
    sql.execute("DELETE FROM emoji_role WHERE emoji_id = $1", params![emoji.id])?;
    insert_roles(sql, emoji)
}

fn insert_roles(sql: &Sql<'_>, emoji: &Emoji) -> Result<(), DbError> {
    for role in &emoji.roles {
        sql.execute("INSERT INTO emoji_role (emoji_id, role_id) VALUES ($1, $2)", params![emoji.id, *role])?;
    }
    Ok(())
}

/// Deletes an emoji; the hash of its picture, or `None` when it was gone.
///
/// # Errors
/// See [`DbError`].
pub fn delete(sql: &Sql<'_>, id: EmojiId) -> Result<Option<String>, DbError> {
    sql.query_one("DELETE FROM emoji WHERE id = $1 RETURNING hash", params![id], |row| row.get(0))
}

/// Who made an emoji.
///
/// # Errors
/// See [`DbError`].
pub fn maker(sql: &Sql<'_>, id: EmojiId) -> Result<Option<UserId>, DbError> {
    sql.query_one("SELECT user_id FROM emoji WHERE id = $1", params![id], |row| row.get(0))
}

/// Who made which emoji of a guild.
///
/// # Errors
/// See [`DbError`].
pub fn makers(sql: &Sql<'_>, guild: GuildId) -> Result<Vec<(EmojiId, UserId)>, DbError> {
    let select = "SELECT id, user_id FROM emoji WHERE guild_id = $1";
    sql.query(select, params![guild], |row| Ok((row.get(0)?, row.get(1)?)))
}

/// The pictures of a guild's emojis.
///
/// # Errors
/// See [`DbError`].
pub fn pictures(sql: &Sql<'_>, guild: GuildId) -> Result<Vec<(EmojiId, String)>, DbError> {
    let select = "SELECT id, hash FROM emoji WHERE guild_id = $1";
    sql.query(select, params![guild], |row| Ok((row.get(0)?, row.get(1)?)))
}

/// All emojis of all guilds, without who made them.
///
/// # Errors
/// See [`DbError`].
pub fn all(sql: &Sql<'_>) -> Result<Vec<(GuildId, Emoji)>, DbError> {
    let roles: Vec<(EmojiId, RoleId)> =
        sql.query("SELECT emoji_id, role_id FROM emoji_role ORDER BY emoji_id, role_id", params![], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?;
    sql.query("SELECT guild_id, id, name, animated FROM emoji ORDER BY id", params![], |row| {
        let id: EmojiId = row.get(1)?;
        let first = roles.partition_point(|(emoji, _)| *emoji < id);
        let own = roles.get(first..).unwrap_or_default().iter().take_while(|(emoji, _)| *emoji == id);
        let emoji = Emoji {
            id,
            name: row.get(2)?,
            roles: own.map(|(_, role)| *role).collect(),
            user: None,
            require_colons: true,
            managed: false,
            animated: row.get(3)?,
            available: true,
        };
        Ok((row.get(0)?, emoji))
    })
}
