//! What people want to hear of, by guild and by channel.

use std::collections::BTreeMap;

use voxlink_protocol::{
    GuildId, UserId,
    read_state::{ChannelOverride, NotificationLevel, UserGuildSettings},
};
use voxlink_service_kit::{DbError, Sql, params};

fn level(raw: u8) -> Result<NotificationLevel, DbError> {
    NotificationLevel::try_from(raw).map_err(|what| DbError::Other(what.to_owned()))
}

/// Direct conversations have no guild.
fn stored(guild: Option<GuildId>) -> GuildId {
    guild.unwrap_or(GuildId::new(0))
}

/// All that someone has set.
///
/// # Errors
/// See [`DbError`].
pub fn of_user(sql: &Sql<'_>, user: UserId) -> Result<Vec<UserGuildSettings>, DbError> {
    let select =
        "SELECT guild_id, channel_id, muted, mute_until, level FROM notify_channel WHERE user_id = $1
                  ORDER BY guild_id, channel_id";
    let rows = sql.query(select, params![user], |row| {
        let set = ChannelOverride {
            channel_id: row.get(1)?,
            muted: row.get(2)?,
            mute_until: row.get(3)?,
            message_notifications: level(row.get(4)?)?,
        };
        Ok((row.get::<GuildId>(0)?, set))
    })?;
    let mut overrides: BTreeMap<GuildId, Vec<ChannelOverride>> = BTreeMap::new();
    for (guild, set) in rows {
        overrides.entry(guild).or_default().push(set);
    }
    let select =
        "SELECT guild_id, muted, mute_until, level, suppress_everyone, suppress_roles FROM notify_guild
                  WHERE user_id = $1 ORDER BY guild_id";
    sql.query(select, params![user], |row| {
        let guild: GuildId = row.get(0)?;
        Ok(UserGuildSettings {
            guild_id: (guild.get() != 0).then_some(guild),
            muted: row.get(1)?,
            mute_until: row.get(2)?,
            message_notifications: level(row.get(3)?)?,
            suppress_everyone: row.get(4)?,
            suppress_roles: row.get(5)?,
            channel_overrides: overrides.remove(&guild).unwrap_or_default(),
        })
    })
}

/// Stores what someone has set for a guild, or for direct conversations, with everything in it.
///
/// # Errors
/// See [`DbError`].
pub fn put(sql: &Sql<'_>, user: UserId, settings: &UserGuildSettings) -> Result<(), DbError> {
    let guild = stored(settings.guild_id);
    sql.execute(
        "INSERT INTO notify_guild (user_id, guild_id, muted, mute_until, level, suppress_everyone, suppress_roles)
         VALUES ($1, $2, $3, $4, $5, $6, $7)
         ON CONFLICT (user_id, guild_id) DO UPDATE SET muted = excluded.muted, mute_until = excluded.mute_until,
         level = excluded.level, suppress_everyone = excluded.suppress_everyone,
         suppress_roles = excluded.suppress_roles",
        params![
            user,
            guild,
            settings.muted,
            settings.mute_until,
            u8::from(settings.message_notifications),
            settings.suppress_everyone,
            settings.suppress_roles
        ],
    )?;
    sql.execute("DELETE FROM notify_channel WHERE user_id = $1 AND guild_id = $2", params![user, guild])?;
    settings.channel_overrides.iter().try_for_each(|set| {
        sql.execute(
            "INSERT INTO notify_channel (user_id, guild_id, channel_id, muted, mute_until, level)
             VALUES ($1, $2, $3, $4, $5, $6)",
            params![
                user,
                guild,
                set.channel_id,
                set.muted,
                set.mute_until,
                u8::from(set.message_notifications)
            ],
        )
        .map(|_| ())
    })
}

/// The person is gone, and with them all that they have set.
///
/// # Errors
/// See [`DbError`].
pub fn forget_user(sql: &Sql<'_>, user: UserId) -> Result<(), DbError> {
    sql.execute("DELETE FROM notify_channel WHERE user_id = $1", params![user])?;
    sql.execute("DELETE FROM notify_guild WHERE user_id = $1", params![user]).map(|_| ())
}
