//! Reads all guilds into memory at start.

use std::collections::HashMap;

use voxlink_protocol::{
    Channel, ChannelId, ChannelKind, Guild, GuildId, Member, MessageId, Overwrite, OverwriteKind, Role,
    RoleId, UserId,
    guild::{RoleColor, RoleTags},
};
use voxlink_service_kit::{DbError, Sql, params};

use crate::state::{GuildState, new_member};

const SELECT_GUILDS: &str = "SELECT id, name, owner_id, version, icon, description, system_channel_id,
    preferred_locale FROM guild";

/// All guilds.
///
/// # Errors
/// See [`DbError`].
pub fn guilds(sql: &Sql<'_>) -> Result<Vec<GuildState>, DbError> {
    let mut roles = roles(sql)?;
    let mut channels = channels(sql)?;
    let mut members = members(sql)?;
    let mut emojis = grouped(super::emojis::all(sql)?);
    let mut sounds = grouped(super::sounds::all(sql)?);
    sql.query(SELECT_GUILDS, params![], |row| {
        let id: GuildId = row.get(0)?;
        let mut guild = Guild::new(id, row.get::<String>(1)?, row.get(2)?);
        guild.icon = row.get(4)?;
        guild.description = row.get(5)?;
        guild.system_channel_id = row.get(6)?;
        guild.preferred_locale = row.get(7)?;
        guild.roles = roles.remove(&id).unwrap_or_default();
        guild.emojis = emojis.remove(&id).unwrap_or_default();
        guild.soundboard_sounds = sounds.remove(&id).unwrap_or_default();
        let channels = channels.remove(&id).unwrap_or_default();
        let members = members.remove(&id).unwrap_or_default();
        Ok(GuildState::new(row.get(3)?, guild, channels, members))
    })
}

/// The newest message id ever given out, 0 when there is none.
///
/// # Errors
/// See [`DbError`].
pub fn newest_message(sql: &Sql<'_>) -> Result<MessageId, DbError> {
    let newest =
        ["SELECT max(newest_message_id) FROM guild", "SELECT max(last_message_id) FROM direct_channel"]
            .into_iter()
            .map(|select| sql.query_one(select, params![], |row| row.get::<Option<MessageId>>(0)))
            .collect::<Result<Vec<_>, _>>()?;
    Ok(newest.into_iter().flatten().flatten().max().unwrap_or(MessageId::new(0)))
}

fn roles(sql: &Sql<'_>) -> Result<HashMap<GuildId, Vec<Role>>, DbError> {
    let select =
        "SELECT guild_id, id, name, color, hoist, position, permissions, managed, mentionable, bot_id
                  FROM role ORDER BY position, id";
    let rows = sql.query(select, params![], |row| {
        let role = Role {
            id: row.get(1)?,
            name: row.get(2)?,
            color: RoleColor(row.get(3)?),
            hoist: row.get(4)?,
            position: row.get(5)?,
            permissions: row.get(6)?,
            managed: row.get(7)?,
            mentionable: row.get(8)?,
            flags: 0,
            icon: None,
            unicode_emoji: None,
            tags: row.get::<Option<UserId>>(9)?.map(|bot| RoleTags { bot_id: Some(bot) }),
        };
        Ok((row.get(0)?, role))
    })?;
    Ok(grouped(rows))
}

fn channels(sql: &Sql<'_>) -> Result<HashMap<GuildId, Vec<Channel>>, DbError> {
    let mut overwrites = overwrites(sql)?;
    let select = "SELECT id, guild_id, kind, name, position, parent_id, topic, nsfw, bitrate, user_limit, rate_limit_per_user,
                  (SELECT max(message.id) FROM message WHERE message.channel_id = channel.id),
                  (SELECT max(pinned_at) FROM message WHERE message.channel_id = channel.id AND pinned_at IS NOT NULL)
                  FROM channel";
    let rows = sql.query(select, params![], |row| {
        let (id, guild_id): (ChannelId, GuildId) = (row.get(0)?, row.get(1)?);
        let kind = ChannelKind::try_from(row.get::<u8>(2)?).map_err(stored_nonsense)?;
        let channel = Channel {
            id,
            kind,
            guild_id,
            name: row.get(3)?,
            position: row.get(4)?,
            parent_id: row.get(5)?,
            topic: row.get(6)?,
            nsfw: row.get(7)?,
            rate_limit_per_user: row.get(10)?,
            permission_overwrites: overwrites.remove(&id).unwrap_or_default(),
            last_message_id: row.get(11)?,
            last_pin_timestamp: row.get(12)?,
            bitrate: row.get(8)?,
            user_limit: row.get(9)?,
            flags: 0,
        };
        Ok((guild_id, channel))
    })?;
    Ok(grouped(rows))
}

fn overwrites(sql: &Sql<'_>) -> Result<HashMap<ChannelId, Vec<Overwrite>>, DbError> {
    let select = "SELECT channel_id, target_id, kind, allow_bits, deny_bits FROM overwrite";
    let rows = sql.query(select, params![], |row| {
        let kind = OverwriteKind::try_from(row.get::<u8>(2)?).map_err(stored_nonsense)?;
        let overwrite = Overwrite { id: row.get(1)?, kind, allow: row.get(3)?, deny: row.get(4)? };
        Ok((row.get(0)?, overwrite))
    })?;
    Ok(grouped(rows))
}

fn members(sql: &Sql<'_>) -> Result<HashMap<GuildId, Vec<(UserId, Member)>>, DbError> {
    let held = sql.query("SELECT guild_id, user_id, role_id FROM member_role", params![], |row| {
        Ok(((row.get(0)?, row.get(1)?), row.get(2)?))
    })?;
    let mut held: HashMap<(GuildId, UserId), Vec<RoleId>> = grouped(held);
    let select = "SELECT guild_id, user_id, nick, joined_at, timed_out_until, muted, deafened FROM member";
    let rows = sql.query(select, params![], |row| {
        let (guild, user): (GuildId, UserId) = (row.get(0)?, row.get(1)?);
        let mut member = new_member(row.get(3)?);
        member.nick = row.get(2)?;
        member.communication_disabled_until = row.get(4)?;
        (member.mute, member.deaf) = (row.get(5)?, row.get(6)?);
        member.roles = held.remove(&(guild, user)).unwrap_or_default();
        Ok((guild, (user, member)))
    })?;
    Ok(grouped(rows))
}

fn stored_nonsense(what: &'static str) -> DbError {
    DbError::Other(what.to_owned())
}

fn grouped<K: std::hash::Hash + Eq, V>(rows: Vec<(K, V)>) -> HashMap<K, Vec<V>> {
    let mut groups: HashMap<K, Vec<V>> = HashMap::new();
    for (key, value) in rows {
        groups.entry(key).or_default().push(value);
    }
    groups
}
