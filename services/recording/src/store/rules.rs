//! Rows of the rules of guilds.

use voxlink_protocol::{GuildId, RecordingPolicy};
use voxlink_service_kit::{DbError, Sql, params};

/// What a guild wants of recordings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// What it takes to be kept.
    pub policy: RecordingPolicy,
    /// For how long recordings are kept; `None`: until they are deleted.
    pub keep_days: Option<u32>,
}

impl Default for Rule {
    fn default() -> Self {
        Self { policy: RecordingPolicy::Announce, keep_days: Some(90) }
    }
}

const POLICIES: [RecordingPolicy; 3] =
    [RecordingPolicy::Announce, RecordingPolicy::Ask, RecordingPolicy::Off];

/// The rule of a guild.
///
/// # Errors
/// See [`DbError`].
pub fn of(sql: &Sql<'_>, guild: GuildId) -> Result<Rule, DbError> {
    let select = "SELECT policy, keep_days FROM guild_rule WHERE guild_id = $1";
    let found = sql.query_one(select, params![guild], |row| {
        let policy: u32 = row.get(0)?;
        let policy = usize::try_from(policy).ok().and_then(|at| POLICIES.get(at).copied());
        Ok(Rule { policy: policy.unwrap_or(RecordingPolicy::Off), keep_days: row.get(1)? })
    })?;
    Ok(found.unwrap_or_default())
}

/// Changes it.
///
/// # Errors
/// See [`DbError`].
pub fn set(sql: &Sql<'_>, guild: GuildId, rule: Rule) -> Result<(), DbError> {
    let policy = POLICIES.iter().position(|policy| *policy == rule.policy).unwrap_or_default() as u32;
    let put = "INSERT INTO guild_rule (guild_id, policy, keep_days) VALUES ($1, $2, $3)
               ON CONFLICT (guild_id) DO UPDATE SET policy = excluded.policy, keep_days = excluded.keep_days";
    sql.execute(put, params![guild, policy, rule.keep_days]).map(|_| ())
}

/// Guilds that have recordings which are over.
///
/// # Errors
/// See [`DbError`].
pub fn guilds(sql: &Sql<'_>) -> Result<Vec<GuildId>, DbError> {
    sql.query("SELECT DISTINCT guild_id FROM recording WHERE state > 1 AND state < 4", params![], |row| {
        row.get(0)
    })
}
