//! Emojis under messages: who chose which, and how many chose each.

use std::collections::HashMap;

use voxlink_protocol::{ChannelId, EmojiId, MessageId, Reaction, ReactionEmoji, Snowflake, UserId};
use voxlink_service_kit::{
    DbError, Sql,
    db::{Row, Value},
    params,
};

use super::messages::{among, bound};

/// Of which messages.
#[derive(Clone, Copy, Debug)]
pub enum Of<'a> {
    /// All of the channel between these two, both included: what a page of history needs.
    Between(MessageId, MessageId),
    /// These.
    These(&'a [MessageId]),
}

/// What identifies an emoji among the reactions of a message.
#[must_use]
pub fn key(emoji: &ReactionEmoji) -> String {
    match (emoji.id, &emoji.name) {
        (Some(id), _) => id.to_string(),
        (None, name) => name.clone().unwrap_or_default(),
    }
}

/// A Unicode emoji is never digits alone: a keycap ends in U+20E3.
fn emoji(key: String, name: Option<String>, animated: bool) -> ReactionEmoji {
    match key.parse::<u64>() {
        Ok(id) => ReactionEmoji { id: Some(EmojiId::new(id)), name, animated },
        Err(_) => ReactionEmoji { id: None, name: Some(key), animated: false },
    }
}

/// The reactions of messages, in the order in which each emoji came; `me` is set as this reader sees it.
///
/// # Errors
/// See [`DbError`].
pub fn of(
    sql: &Sql<'_>,
    channel: ChannelId,
    which: Of<'_>,
    reader: Option<UserId>,
) -> Result<HashMap<MessageId, Vec<Reaction>>, DbError> {
    let mut values = vec![Value::from(reader), Value::from(channel)];
    let range = match which {
        Of::Between(first, last) => {
            values.extend([bound(first), bound(last)]);
            "r.message_id >= $3 AND r.message_id <= $4".to_owned()
        }
        Of::These([]) => return Ok(HashMap::new()),
        Of::These(ids) => {
            let (places, ids) = among(3, ids);
            values.extend(ids.into_iter().map(bound));
            format!("r.message_id IN ({places})")
        }
    };
    let select = format!(
        "SELECT r.message_id, r.emoji, r.name, r.animated, r.people, EXISTS (SELECT 1 FROM reaction_of_user u
         WHERE u.channel_id = r.channel_id AND u.message_id = r.message_id AND u.emoji = r.emoji AND u.user_id = $1)
         FROM reaction r WHERE r.channel_id = $2 AND {range} ORDER BY r.message_id, r.place"
    );
    let mut found: HashMap<MessageId, Vec<Reaction>> = HashMap::new();
    let read = |row: &Row<'_>| {
        let emoji = emoji(row.get(1)?, row.get(2)?, row.get(3)?);
        Ok((row.get::<MessageId>(0)?, Reaction::new(emoji, row.get(4)?, row.get(5)?)))
    };
    for (message, reaction) in sql.query(&select, &values, read)? {
        found.entry(message).or_default().push(reaction);
    }
    Ok(found)
}

/// The emoji as it stands under the message, if anyone chose it.
///
/// # Errors
/// See [`DbError`].
pub fn find(
    sql: &Sql<'_>,
    channel: ChannelId,
    message: MessageId,
    key: &str,
) -> Result<Option<ReactionEmoji>, DbError> {
    let select =
        "SELECT emoji, name, animated FROM reaction WHERE channel_id = $1 AND message_id = $2 AND emoji = $3";
    let read = |row: &Row<'_>| Ok(emoji(row.get(0)?, row.get(1)?, row.get(2)?));
    sql.query_one(select, params![channel, message, key], read)
}

/// How many different emojis a message has.
///
/// # Errors
/// See [`DbError`].
pub fn count_emojis(sql: &Sql<'_>, channel: ChannelId, message: MessageId) -> Result<u64, DbError> {
    let select = "SELECT count(*) FROM reaction WHERE channel_id = $1 AND message_id = $2";
    Ok(sql.query_one(select, params![channel, message], |row| row.get(0))?.unwrap_or(0))
}

/// Someone chooses an emoji; `false` when they did before. `place` orders emojis that are new to the message.
///
/// # Errors
/// See [`DbError`].
pub fn add(
    sql: &Sql<'_>,
    channel: ChannelId,
    message: MessageId,
    emoji: &ReactionEmoji,
    user: UserId,
    place: Snowflake,
) -> Result<bool, DbError> {
    let key = key(emoji);
    let added = sql.execute(
        "INSERT INTO reaction_of_user (channel_id, message_id, emoji, user_id) VALUES ($1, $2, $3, $4)
         ON CONFLICT DO NOTHING",
        params![channel, message, &key, user],
    )?;
    if added == 0 {
        return Ok(false);
    }
    let name = emoji.id.and(emoji.name.as_ref());
    sql.execute(
        "INSERT INTO reaction (channel_id, message_id, emoji, name, animated, people, place)
         VALUES ($1, $2, $3, $4, $5, 1, $6)
         ON CONFLICT (channel_id, message_id, emoji) DO UPDATE SET people = reaction.people + 1",
        params![channel, message, &key, name, emoji.animated, place],
    )?;
    Ok(true)
}

/// Someone takes their emoji away; `false` when they had not chosen it.
///
/// # Errors
/// See [`DbError`].
pub fn remove(
    sql: &Sql<'_>,
    channel: ChannelId,
    message: MessageId,
    key: &str,
    user: UserId,
) -> Result<bool, DbError> {
    let delete = "DELETE FROM reaction_of_user
                  WHERE channel_id = $1 AND message_id = $2 AND emoji = $3 AND user_id = $4";
    if sql.execute(delete, params![channel, message, key, user])? == 0 {
        return Ok(false);
    }
    let update = "UPDATE reaction SET people = people - 1
                  WHERE channel_id = $1 AND message_id = $2 AND emoji = $3 RETURNING people";
    let left: Option<u32> = sql.query_one(update, params![channel, message, key], |row| row.get(0))?;
    if left == Some(0) {
        let delete = "DELETE FROM reaction WHERE channel_id = $1 AND message_id = $2 AND emoji = $3";
        sql.execute(delete, params![channel, message, key])?;
    }
    Ok(true)
}

/// Takes everyone's emojis of one kind away; `false` when there were none.
///
/// # Errors
/// See [`DbError`].
pub fn clear_emoji(
    sql: &Sql<'_>,
    channel: ChannelId,
    message: MessageId,
    key: &str,
) -> Result<bool, DbError> {
    let delete = "DELETE FROM reaction WHERE channel_id = $1 AND message_id = $2 AND emoji = $3";
    let gone = sql.execute(delete, params![channel, message, key])?;
    let delete = "DELETE FROM reaction_of_user WHERE channel_id = $1 AND message_id = $2 AND emoji = $3";
    sql.execute(delete, params![channel, message, key])?;
    Ok(gone > 0)
}

/// Takes all emojis of a message away; `false` when there were none.
///
/// # Errors
/// See [`DbError`].
pub fn clear(sql: &Sql<'_>, channel: ChannelId, message: MessageId) -> Result<bool, DbError> {
    let key = [Value::from(channel), bound(message)];
    let gone = sql.execute("DELETE FROM reaction WHERE channel_id = $1 AND message_id = $2", &key)?;
    if gone > 0 {
        sql.execute("DELETE FROM reaction_of_user WHERE channel_id = $1 AND message_id = $2", &key)?;
    }
    Ok(gone > 0)
}

/// Who chose an emoji, by id, after someone.
///
/// # Errors
/// See [`DbError`].
pub fn people(
    sql: &Sql<'_>,
    channel: ChannelId,
    message: MessageId,
    key: &str,
    after: UserId,
    limit: u32,
) -> Result<Vec<UserId>, DbError> {
    let after = i64::try_from(after.get()).unwrap_or(i64::MAX);
    sql.query(
        "SELECT user_id FROM reaction_of_user WHERE channel_id = $1 AND message_id = $2 AND emoji = $3
         AND user_id > $4 ORDER BY user_id LIMIT $5",
        params![channel, message, key, after, limit],
        |row| row.get(0),
    )
}
