//! Registration invites: each for one account, gone once used.

use super::{DbError, SecretHash, Sql, Store, Timestamp, UserId, params};

impl Store {
    /// Stores a code's hash; `made_by` is absent when the operator made it at the console.
    pub(crate) async fn add_registration_invite(
        &self,
        code: SecretHash,
        made_by: Option<UserId>,
        now: Timestamp,
    ) -> Result<(), DbError> {
        let insert = "INSERT INTO registration_invites (code, made_by, created_at) VALUES ($1, $2, $3)";
        self.db.write(move |sql| sql.execute(insert, params![&code.0, made_by, now]).map(|_one| ())).await
    }
}

pub(super) fn exists(sql: &Sql<'_>, code: SecretHash) -> Result<bool, DbError> {
    let select = "SELECT 1 FROM registration_invites WHERE code = $1";
    Ok(sql.query_one(select, params![&code.0], |_| Ok(()))?.is_some())
}

pub(super) fn use_up(sql: &Sql<'_>, code: SecretHash) -> Result<(), DbError> {
    sql.execute("DELETE FROM registration_invites WHERE code = $1", params![&code.0]).map(|_one| ())
}
