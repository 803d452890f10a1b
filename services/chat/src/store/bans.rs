//! Who is banned from which guild.

use voxlink_protocol::{GuildId, UserId};
use voxlink_service_kit::{DbError, Sql, db::Value, params};

use crate::ban::read::BansPage;

/// Stores a ban; `false` when they were banned already.
///
/// # Errors
/// See [`DbError`].
pub fn insert(sql: &Sql<'_>, guild: GuildId, user: UserId, reason: Option<&str>) -> Result<bool, DbError> {
    let stored = sql.execute(
        "INSERT INTO ban (guild_id, user_id, reason) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
        params![guild, user, reason],
    )?;
    Ok(stored == 1)
}

/// Lifts a ban; `false` when there was none.
///
/// # Errors
/// See [`DbError`].
pub fn delete(sql: &Sql<'_>, guild: GuildId, user: UserId) -> Result<bool, DbError> {
    let delete = "DELETE FROM ban WHERE guild_id = $1 AND user_id = $2";
    Ok(sql.execute(delete, params![guild, user])? == 1)
}

/// A ban with its reason, if there is one.
///
/// # Errors
/// See [`DbError`].
pub fn find(sql: &Sql<'_>, guild: GuildId, user: UserId) -> Result<Option<Option<String>>, DbError> {
    let select = "SELECT reason FROM ban WHERE guild_id = $1 AND user_id = $2";
    sql.query_one(select, params![guild, user], |row| row.get(0))
}

/// At most `limit` bans, by user id.
///
/// # Errors
/// See [`DbError`].
pub fn page(
    sql: &Sql<'_>,
    guild: GuildId,
    page: BansPage,
    limit: u32,
) -> Result<Vec<(UserId, Option<String>)>, DbError> {
    let (user, select) = match page {
        BansPage::After(user) => (
            user,
            "SELECT user_id, reason FROM ban WHERE guild_id = $1 AND user_id > $2 ORDER BY user_id LIMIT $3",
        ),
        BansPage::Before(user) => (
            user,
            "SELECT user_id, reason FROM ban WHERE guild_id = $1 AND user_id < $2 ORDER BY user_id DESC LIMIT $3",
        ),
    };
    // Stored ids are below 2^63; a greater one from outside compares like the greatest.
    let user = Value::Integer(i64::try_from(user.get()).unwrap_or(i64::MAX));
    let read = |row: &voxlink_service_kit::db::Row<'_>| Ok((row.get(0)?, row.get(1)?));
    let mut bans = sql.query(select, &[guild.into(), user, limit.into()], read)?;
    bans.sort_by_key(|(user, _): &(UserId, _)| *user);
    Ok(bans)
}
