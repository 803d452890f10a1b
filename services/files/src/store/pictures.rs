//! Rows of avatars, icons and emojis.

use voxlink_protocol::files::ImagePurpose;
use voxlink_service_kit::{DbError, Sql, params};

use crate::blobs::BlobName;

/// A picture as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredPicture {
    /// The still form, a WebP.
    pub still: BlobName,
    /// The moving form, a GIF.
    pub moving: Option<BlobName>,
}

/// The numbers under which purposes are stored.
fn stored(purpose: ImagePurpose) -> (u8, u64) {
    match purpose {
        ImagePurpose::Avatar(user) => (0, user.get()),
        ImagePurpose::Banner(user) => (1, user.get()),
        ImagePurpose::GuildIcon(guild) => (2, guild.get()),
        ImagePurpose::ChannelIcon(channel) => (3, channel.get()),
        ImagePurpose::ApplicationIcon(application) => (4, application.get()),
        ImagePurpose::Emoji(emoji) => (5, emoji.get()),
        ImagePurpose::Sound(sound) => (6, sound.get()),
    }
}

/// Stores one.
///
/// # Errors
/// See [`DbError`].
pub fn insert(
    sql: &Sql<'_>,
    purpose: ImagePurpose,
    hash: &str,
    picture: &StoredPicture,
) -> Result<(), DbError> {
    let (kind, owner) = stored(purpose);
    let insert = "INSERT INTO picture (purpose, owner_id, hash, still, moving) VALUES ($1, $2, $3, $4, $5)";
    let moving = picture.moving.as_ref().map(BlobName::as_str);
    sql.execute(insert, params![kind, owner, hash, picture.still.as_str(), moving]).map(|_| ())
}

/// One by its hash; without a hash the one there is (an emoji has one picture for ever, and a sound one file).
///
/// # Errors
/// See [`DbError`].
pub fn find(
    sql: &Sql<'_>,
    purpose: ImagePurpose,
    hash: Option<&str>,
) -> Result<Option<StoredPicture>, DbError> {
    let (kind, owner) = stored(purpose);
    let Ok(owner) = i64::try_from(owner) else { return Ok(None) };
    let read = |row: &voxlink_service_kit::db::Row<'_>| {
        let moving: Option<String> = row.get(1)?;
        Ok(StoredPicture { still: BlobName::stored(row.get(0)?), moving: moving.map(BlobName::stored) })
    };
    match hash {
        Some(hash) => sql.query_one(
            "SELECT still, moving FROM picture WHERE purpose = $1 AND owner_id = $2 AND hash = $3",
            params![kind, owner, hash],
            read,
        ),
        None => sql.query_one(
            "SELECT still, moving FROM picture WHERE purpose = $1 AND owner_id = $2 ORDER BY hash LIMIT 1",
            params![kind, owner],
            read,
        ),
    }
}

/// Deletes the row and returns what it held; the caller dooms the blobs.
///
/// # Errors
/// See [`DbError`].
pub fn delete(sql: &Sql<'_>, purpose: ImagePurpose, hash: &str) -> Result<Option<StoredPicture>, DbError> {
    let found = find(sql, purpose, Some(hash))?;
    let (kind, owner) = stored(purpose);
    sql.execute(
        "DELETE FROM picture WHERE purpose = $1 AND owner_id = $2 AND hash = $3",
        params![kind, owner, hash],
    )?;
    Ok(found)
}
