//! Logins. What ends one is told through the outbox.

use voxlink_protocol::bus::TokenOwner;

use super::{
    DbError, Login, LoginId, NewLogin, PasswordHash, SecretHash, SessionRevoked, Sql, Store, Timestamp,
    USER_A, UserId, WIDTH, news::News, params, user,
};

impl Store {
    /// Stores a login, if the account's password is still the one that was checked, and ends the oldest ones of this
    /// person beyond `most`. False: the password changed, or the account went, meanwhile.
    pub(crate) async fn add_login(
        &self,
        login: NewLogin,
        checked: PasswordHash,
        most: usize,
    ) -> Result<bool, DbError> {
        self.telling(move |sql| {
            let same = "SELECT 1 FROM accounts WHERE id = $1 AND password = $2 AND deleted_at IS NULL";
            if sql.query_one(same, params![login.user, &checked.0], |_| Ok(()))?.is_none() {
                return Ok((false, Vec::new()));
            }
            insert(sql, &login)?;
            let older = "SELECT id FROM logins WHERE user_id = $1 ORDER BY id DESC LIMIT 1000 OFFSET $2";
            let most = u32::try_from(most).unwrap_or(u32::MAX);
            let older = sql.query(older, params![login.user, most], |row| row.get(0))?;
            let ended = older.into_iter().map(|older| end(sql, login.user, older));
            Ok((true, ended.filter_map(Result::transpose).collect::<Result<_, _>>()?))
        })
        .await
    }

    /// Ends a login of this person; false when there is none.
    pub(crate) async fn end_login(&self, user: UserId, login: LoginId) -> Result<bool, DbError> {
        self.telling(move |sql| {
            let ended = end(sql, user, login)?;
            Ok((ended.is_some(), ended.into_iter().collect()))
        })
        .await
    }

    /// Whose token this is, and when the login was last seen to be used.
    pub(crate) async fn owner_of(
        &self,
        token: SecretHash,
    ) -> Result<Option<(TokenOwner, Timestamp)>, DbError> {
        let select = format!(
            "SELECT {USER_A}, l.id, l.last_used_at FROM logins l JOIN accounts a ON a.id = l.user_id \
             WHERE l.token = $1"
        );
        self.db
            .read(move |sql| {
                sql.query_one(&select, params![&token.0], |row| {
                    Ok((TokenOwner { user: user(row)?, login: row.get(WIDTH)? }, row.get(WIDTH + 1)?))
                })
            })
            .await
    }

    /// Logins of this person, the newest first.
    pub(crate) async fn logins_of(&self, user: UserId) -> Result<Vec<Login>, DbError> {
        let select = "SELECT id, created_at, last_used_at, user_agent FROM logins \
                      WHERE user_id = $1 ORDER BY id DESC";
        self.db
            .read(move |sql| {
                sql.query(select, params![user], |row| {
                    Ok(Login {
                        id: row.get(0)?,
                        created_at: row.get(1)?,
                        last_used_at: row.get(2)?,
                        user_agent: row.get(3)?,
                    })
                })
            })
            .await
    }

    /// Notes when logins were used; never back in time.
    pub(crate) async fn touch_logins(&self, uses: Vec<(LoginId, Timestamp)>) -> Result<(), DbError> {
        let update = "UPDATE logins SET last_used_at = $1 WHERE id = $2 AND last_used_at < $1";
        self.db
            .write(move |sql| {
                for (login, at) in &uses {
                    sql.execute(update, params![*at, *login])?;
                }
                Ok(())
            })
            .await
    }
}

pub(super) fn insert(sql: &Sql<'_>, login: &NewLogin) -> Result<(), DbError> {
    let insert = "INSERT INTO logins (id, user_id, token, created_at, last_used_at, user_agent) \
                  VALUES ($1, $2, $3, $4, $4, $5)";
    let values = params![login.id, login.user, &login.token.0, login.created_at, &login.user_agent];
    sql.execute(insert, values).map(|_one| ())
}

/// Ends one login.
fn end(sql: &Sql<'_>, user: UserId, login: LoginId) -> Result<Option<News>, DbError> {
    if sql.execute("DELETE FROM logins WHERE id = $1 AND user_id = $2", params![login, user])? == 0 {
        return Ok(None);
    }
    News::revoked(sql, SessionRevoked { user, login }).map(Some)
}

/// Ends all logins of this account except perhaps one.
pub(super) fn end_all(sql: &Sql<'_>, user: UserId, except: Option<LoginId>) -> Result<Vec<News>, DbError> {
    let select = "SELECT id FROM logins WHERE user_id = $1 ORDER BY id";
    let logins: Vec<LoginId> = sql.query(select, params![user], |row| row.get(0))?;
    let others = logins.into_iter().filter(|login| Some(*login) != except);
    others.filter_map(|login| end(sql, user, login).transpose()).collect()
}
