//! Secrets of authenticators (sealed) and recovery codes (hashed).

use super::{DbError, SecretHash, Sql, Store, UserId, params};

/// What is stored of an authenticator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StoredTotp {
    /// Sealed by the vault.
    pub(crate) secret: Vec<u8>,
    /// False until the first right code proves that the authenticator has the secret.
    pub(crate) enabled: bool,
    /// The newest half minute whose code was used; none of it or before counts again.
    pub(crate) last_step: u64,
}

impl Store {
    /// This person's authenticator, enabled or not.
    pub(crate) async fn totp(&self, user: UserId) -> Result<Option<StoredTotp>, DbError> {
        let select = "SELECT secret, enabled, last_step FROM totp WHERE user_id = $1";
        self.db
            .read(move |sql| {
                sql.query_one(select, params![user], |row| {
                    Ok(StoredTotp { secret: row.get(0)?, enabled: row.get(1)?, last_step: row.get(2)? })
                })
            })
            .await
    }

    /// Stores a secret that is not enabled yet. False: one is enabled.
    pub(crate) async fn prepare_totp(&self, user: UserId, secret: Vec<u8>) -> Result<bool, DbError> {
        self.db
            .write(move |sql| {
                let insert = "INSERT INTO totp (user_id, secret, enabled, last_step) VALUES ($1, $2, $3, $4) \
                              ON CONFLICT (user_id) DO UPDATE SET secret = excluded.secret, last_step = excluded.last_step \
                              WHERE totp.enabled = $5";
                Ok(sql.execute(insert, params![user, &secret[..], false, 0_u64, false])? > 0)
            })
            .await
    }

    /// Enables the prepared secret and stores recovery codes. False: another one was prepared or enabled meanwhile.
    pub(crate) async fn enable_totp(
        &self,
        user: UserId,
        secret: Vec<u8>,
        step: u64,
        codes: Vec<SecretHash>,
    ) -> Result<bool, DbError> {
        self.db
            .write(move |sql| {
                let update = "UPDATE totp SET enabled = $1, last_step = $2 \
                              WHERE user_id = $3 AND secret = $4 AND enabled = $5";
                if sql.execute(update, params![true, step, user, &secret[..], false])? == 0 {
                    return Ok(false);
                }
                replace_codes(sql, user, &codes)?;
                Ok(true)
            })
            .await
    }

    /// Takes the second factor away.
    pub(crate) async fn disable_totp(&self, user: UserId) -> Result<(), DbError> {
        self.db.write(move |sql| forget(sql, user)).await
    }

    /// Stores recovery codes in place of all former ones. False: there is no second factor.
    pub(crate) async fn replace_recovery_codes(
        &self,
        user: UserId,
        codes: Vec<SecretHash>,
    ) -> Result<bool, DbError> {
        self.db
            .write(move |sql| {
                let select = "SELECT 1 FROM totp WHERE user_id = $1 AND enabled = $2";
                if sql.query_one(select, params![user, true], |_| Ok(()))?.is_none() {
                    return Ok(false);
                }
                replace_codes(sql, user, &codes)?;
                Ok(true)
            })
            .await
    }

    /// Uses the code of this half minute up. False: it or a later one was used already.
    pub(crate) async fn use_totp(&self, user: UserId, step: u64) -> Result<bool, DbError> {
        let update = "UPDATE totp SET last_step = $1 WHERE user_id = $2 AND enabled = $3 AND last_step < $4";
        self.db.write(move |sql| Ok(sql.execute(update, params![step, user, true, step])? > 0)).await
    }

    /// Uses a recovery code up. False: there is none like it (any more).
    pub(crate) async fn use_recovery_code(&self, user: UserId, code: SecretHash) -> Result<bool, DbError> {
        let delete = "DELETE FROM recovery_codes WHERE user_id = $1 AND hash = $2";
        self.db.write(move |sql| Ok(sql.execute(delete, params![user, &code.0])? > 0)).await
    }
}

fn replace_codes(sql: &Sql<'_>, user: UserId, codes: &[SecretHash]) -> Result<(), DbError> {
    sql.execute("DELETE FROM recovery_codes WHERE user_id = $1", params![user])?;
    for code in codes {
        let insert = "INSERT INTO recovery_codes (user_id, hash) VALUES ($1, $2)";
        sql.execute(insert, params![user, &code.0])?;
    }
    Ok(())
}

pub(super) fn forget(sql: &Sql<'_>, user: UserId) -> Result<(), DbError> {
    sql.execute("DELETE FROM totp WHERE user_id = $1", params![user])?;
    sql.execute("DELETE FROM recovery_codes WHERE user_id = $1", params![user])?;
    Ok(())
}
