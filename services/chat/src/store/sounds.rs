//! A guild's own sounds.

use voxlink_protocol::{GuildId, SoundId, SoundboardSound, UserId, soundboard::Volume};
use voxlink_service_kit::{DbError, Sql, params};

/// Stores a new sound. `hash` names what files keeps of it.
///
/// # Errors
/// See [`DbError`].
pub fn insert(sql: &Sql<'_>, sound: &SoundboardSound, hash: &str, maker: UserId) -> Result<(), DbError> {
    let insert = "INSERT INTO sound (id, guild_id, name, volume, emoji_id, emoji_name, hash, user_id)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    let SoundboardSound { name, sound_id, volume, emoji_id, emoji_name, guild_id, .. } = sound;
    let emoji_name = emoji_name.as_deref();
    sql.execute(
        insert,
        params![*sound_id, *guild_id, name, volume.thousandths(), *emoji_id, emoji_name, hash, maker],
    )
    .map(|_| ())
}

/// Stores all that may change of a sound.
///
/// # Errors
/// See [`DbError`].
pub fn update(sql: &Sql<'_>, sound: &SoundboardSound) -> Result<(), DbError> {
    let update = "UPDATE sound SET name = $1, volume = $2, emoji_id = $3, emoji_name = $4 WHERE id = $5";
    let emoji_name = sound.emoji_name.as_deref();
    sql.execute(
        update,
        params![&sound.name, sound.volume.thousandths(), sound.emoji_id, emoji_name, sound.sound_id],
    )
    .map(|_| ())
}

/// Deletes a sound; the hash under which files keeps it, or `None` when it was gone.
///
/// # Errors
/// See [`DbError`].
pub fn delete(sql: &Sql<'_>, id: SoundId) -> Result<Option<String>, DbError> {
    sql.query_one("DELETE FROM sound WHERE id = $1 RETURNING hash", params![id], |row| row.get(0))
}

/// Who made a sound.
///
/// # Errors
/// See [`DbError`].
pub fn maker(sql: &Sql<'_>, id: SoundId) -> Result<Option<UserId>, DbError> {
    sql.query_one("SELECT user_id FROM sound WHERE id = $1", params![id], |row| row.get(0))
}

/// Who made which sound of a guild.
///
/// # Errors
/// See [`DbError`].
pub fn makers(sql: &Sql<'_>, guild: GuildId) -> Result<Vec<(SoundId, UserId)>, DbError> {
    let select = "SELECT id, user_id FROM sound WHERE guild_id = $1";
    sql.query(select, params![guild], |row| Ok((row.get(0)?, row.get(1)?)))
}

/// What files keeps of a guild's sounds.
///
/// # Errors
/// See [`DbError`].
pub fn kept(sql: &Sql<'_>, guild: GuildId) -> Result<Vec<(SoundId, String)>, DbError> {
    let select = "SELECT id, hash FROM sound WHERE guild_id = $1";
    sql.query(select, params![guild], |row| Ok((row.get(0)?, row.get(1)?)))
}

/// All sounds of all guilds, without who made them.
///
/// # Errors
/// See [`DbError`].
pub fn all(sql: &Sql<'_>) -> Result<Vec<(GuildId, SoundboardSound)>, DbError> {
    let select = "SELECT guild_id, id, name, volume, emoji_id, emoji_name FROM sound ORDER BY id";
    sql.query(select, params![], |row| {
        let guild_id: GuildId = row.get(0)?;
        let sound = SoundboardSound {
            name: row.get(2)?,
            sound_id: row.get(1)?,
            volume: Volume::from_thousandths(row.get(3)?),
            emoji_id: row.get(4)?,
            emoji_name: row.get(5)?,
            guild_id,
            available: true,
            user: None,
        };
        Ok((guild_id, sound))
    })
}
