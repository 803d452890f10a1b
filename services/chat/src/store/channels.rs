//! Channel rows and their overwrites.

use voxlink_protocol::{Channel, ChannelId};
use voxlink_service_kit::{DbError, Sql, params};

/// Stores a new channel with its overwrites.
///
/// # Errors
/// See [`DbError`].
pub fn insert(sql: &Sql<'_>, channel: &Channel) -> Result<(), DbError> {
    sql.execute(
        "INSERT INTO channel (id, guild_id, kind, name, position, parent_id, topic, nsfw, bitrate, user_limit,
         rate_limit_per_user) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        params![
            channel.id,
            channel.guild_id,
            u8::from(channel.kind),
            &channel.name,
            channel.position,
            channel.parent_id,
            channel.topic.as_deref(),
            channel.nsfw,
            channel.bitrate,
            channel.user_limit,
            channel.rate_limit_per_user
        ],
    )?;
    insert_overwrites(sql, channel)
}

/// Stores all that may change of a channel, overwrites included.
///
/// # Errors
/// See [`DbError`].
pub fn update(sql: &Sql<'_>, channel: &Channel) -> Result<(), DbError> {
    sql.execute(
        "UPDATE channel SET name = $1, position = $2, parent_id = $3, topic = $4, nsfw = $5, bitrate = $6,
         user_limit = $7, rate_limit_per_user = $8 WHERE id = $9",
        params![
            &channel.name,
            channel.position,
            channel.parent_id,
            channel.topic.as_deref(),
            channel.nsfw,
            channel.bitrate,
            channel.user_limit,
            channel.rate_limit_per_user,
            channel.id
        ],
    )?;
    sql.execute("DELETE FROM overwrite WHERE channel_id = $1", params![channel.id])?;
    insert_overwrites(sql, channel)
}

fn insert_overwrites(sql: &Sql<'_>, channel: &Channel) -> Result<(), DbError> {
    for overwrite in &channel.permission_overwrites {
        sql.execute(
            "INSERT INTO overwrite (channel_id, target_id, kind, allow_bits, deny_bits) VALUES ($1, $2, $3, $4, $5)",
            params![channel.id, overwrite.id, u8::from(overwrite.kind), overwrite.allow, overwrite.deny],
        )?;
    }
    Ok(())
}

/// Deletes it and its invites; its messages are cleared away later ([`super::messages::clear_doomed`]).
///
/// # Errors
/// See [`DbError`].
pub fn delete(sql: &Sql<'_>, channel: ChannelId) -> Result<(), DbError> {
    sql.execute("INSERT INTO doomed_channel (id) VALUES ($1)", params![channel])?;
    sql.execute("DELETE FROM channel WHERE id = $1", params![channel]).map(|_| ())
}
