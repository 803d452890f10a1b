//! Invite rows. One that has ended or is used up is as good as gone, whether or not it was pruned yet.

use std::time::Duration;

use voxlink_protocol::{ChannelId, GuildId, InviteCode, Timestamp, UserId};
use voxlink_service_kit::{DbError, Sql, db::Row, params};

/// An invite as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct StoredInvite {
    pub code: InviteCode,
    pub guild: GuildId,
    pub channel: ChannelId,
    pub inviter: UserId,
    pub uses: u32,
    /// 0: no limit.
    pub max_uses: u32,
    /// Seconds, 0: for ever.
    pub max_age: u32,
    pub created_at: Timestamp,
    pub expires_at: Option<Timestamp>,
}

impl StoredInvite {
    /// Neither ended nor used up.
    #[must_use]
    pub fn is_alive(&self, now: Timestamp) -> bool {
        !self.is_used_up() && self.expires_at.is_none_or(|end| end > now)
    }

    /// No use is left.
    #[must_use]
    pub const fn is_used_up(&self) -> bool {
        self.max_uses > 0 && self.uses >= self.max_uses
    }
}

/// A used-up invite is kept this long: one who joined by it and asks again is told that they are in.
const USED_UP_KEPT: Duration = Duration::from_secs(3600);
const COLUMNS: &str =
    "code, guild_id, channel_id, inviter_id, uses, max_uses, max_age, created_at, expires_at";
fn alive(now: &str) -> String {
    format!("(expires_at IS NULL OR expires_at > {now}) AND (max_uses = 0 OR uses < max_uses)")
}

fn read(row: &Row<'_>) -> Result<StoredInvite, DbError> {
    Ok(StoredInvite {
        code: InviteCode(row.get(0)?),
        guild: row.get(1)?,
        channel: row.get(2)?,
        inviter: row.get(3)?,
        uses: row.get(4)?,
        max_uses: row.get(5)?,
        max_age: row.get(6)?,
        created_at: row.get(7)?,
        expires_at: row.get(8)?,
    })
}

/// Stores a new invite.
///
/// # Errors
/// [`DbError::Unique`] when the code is taken.
pub fn insert(sql: &Sql<'_>, invite: &StoredInvite) -> Result<(), DbError> {
    sql.execute(
        "INSERT INTO invite (code, guild_id, channel_id, inviter_id, uses, max_uses, max_age, created_at, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        params![
            &invite.code.0,
            invite.guild,
            invite.channel,
            invite.inviter,
            invite.uses,
            invite.max_uses,
            invite.max_age,
            invite.created_at,
            invite.expires_at
        ],
    )
    .map(|_| ())
}

/// An invite, alive or not.
///
/// # Errors
/// See [`DbError`].
pub fn find(sql: &Sql<'_>, code: &str) -> Result<Option<StoredInvite>, DbError> {
    sql.query_one(&format!("SELECT {COLUMNS} FROM invite WHERE code = $1"), params![code], read)
}

/// The living invites of a guild, oldest first.
///
/// # Errors
/// See [`DbError`].
pub fn of_guild(sql: &Sql<'_>, guild: GuildId, now: Timestamp) -> Result<Vec<StoredInvite>, DbError> {
    let alive = alive("$1");
    let select =
        format!("SELECT {COLUMNS} FROM invite WHERE {alive} AND guild_id = $2 ORDER BY created_at, code");
    sql.query(&select, params![now, guild], read)
}

/// Counts one use and returns the invite after it; `None` when it is gone, ended or used up.
///
/// # Errors
/// See [`DbError`].
pub fn take_use(sql: &Sql<'_>, code: &str, now: Timestamp) -> Result<Option<StoredInvite>, DbError> {
    let alive = alive("$2");
    let update = format!(
        "UPDATE invite SET uses = uses + 1,
         expires_at = CASE WHEN max_uses > 0 AND uses + 1 >= max_uses THEN $1 ELSE expires_at END
         WHERE {alive} AND code = $3 RETURNING {COLUMNS}"
    );
    sql.query_one(&update, params![now.plus(USED_UP_KEPT), now, code], read)
}

/// Deletes it; `false` when it was gone.
///
/// # Errors
/// See [`DbError`].
pub fn delete(sql: &Sql<'_>, code: &str) -> Result<bool, DbError> {
    Ok(sql.execute("DELETE FROM invite WHERE code = $1", params![code])? == 1)
}

/// Clears away invites that ended.
///
/// # Errors
/// See [`DbError`].
pub fn prune(sql: &Sql<'_>, now: Timestamp) -> Result<usize, DbError> {
    sql.execute("DELETE FROM invite WHERE expires_at <= $1", params![now])
}

/// Notes who came by an invite, and when.
///
/// # Errors
/// See [`DbError`].
pub fn note_use(
    sql: &Sql<'_>,
    guild: GuildId,
    code: &str,
    user: UserId,
    at: Timestamp,
) -> Result<(), DbError> {
    sql.execute(
        "INSERT INTO invite_use (guild_id, code, user_id, used_at) VALUES ($1, $2, $3, $4)
         ON CONFLICT (guild_id, code, user_id) DO UPDATE SET used_at = excluded.used_at",
        params![guild, code, user, at],
    )
    .map(|_| ())
}

/// The guild that an invite leads to or led to, as long as either it or who used it is known.
///
/// # Errors
/// See [`DbError`].
pub fn guild_of(sql: &Sql<'_>, code: &str) -> Result<Option<GuildId>, DbError> {
    let living =
        sql.query_one("SELECT guild_id FROM invite WHERE code = $1", params![code], |row| row.get(0))?;
    if living.is_some() {
        return Ok(living);
    }
    let select = "SELECT guild_id FROM invite_use WHERE code = $1 LIMIT 1";
    sql.query_one(select, params![code], |row| row.get(0))
}

/// Who came by an invite, the first first; at most `limit`.
///
/// # Errors
/// See [`DbError`].
pub fn uses(
    sql: &Sql<'_>,
    guild: GuildId,
    code: &str,
    limit: u32,
) -> Result<Vec<(UserId, Timestamp)>, DbError> {
    sql.query(
        "SELECT user_id, used_at FROM invite_use WHERE guild_id = $1 AND code = $2
         ORDER BY used_at, user_id LIMIT $3",
        params![guild, code, limit],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )
}

/// Forgets some of what is known of invites that are gone and were used before this; `true` when there may be more.
///
/// # Errors
/// See [`DbError`].
pub fn prune_uses(sql: &Sql<'_>, before: Timestamp) -> Result<bool, DbError> {
    let gone = sql.execute(
        "DELETE FROM invite_use WHERE (guild_id, code, user_id) IN
         (SELECT guild_id, code, user_id FROM invite_use WHERE used_at < $1
          AND NOT EXISTS (SELECT 1 FROM invite WHERE invite.code = invite_use.code) LIMIT 1000)",
        params![before],
    )?;
    Ok(gone > 0)
}
