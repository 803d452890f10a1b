//! Logins. What ends one is told through the outbox.

use voxlink_protocol::bus::TokenOwner;

use super::{
    DbError, EntryId, Login, LoginId, NewLogin, SecretHash, SessionRevoked, Sql, Store, Timestamp, UserId,
    outbox, params, user,
};

impl Store {
    /// Stores a login and ends the oldest ones of this person beyond `most`.
    pub(crate) async fn add_login(&self, login: NewLogin, most: usize) -> Result<(), DbError> {
        self.ending(move |sql| {
            insert(sql, &login)?;
            let older = "SELECT id FROM logins WHERE user_id = $1 ORDER BY id DESC LIMIT 1000 OFFSET $2";
            let most = u32::try_from(most).unwrap_or(u32::MAX);
            sql.query(older, params![login.user, most], |row| row.get(0))?
                .into_iter()
                .map(|older| end(sql, login.user, older))
                .collect::<Result<Vec<_>, _>>()
                .map(|ended| ended.into_iter().flatten().collect())
        })
        .await
        .map(|_ended| ())
    }

    /// Ends a login of this person; false when there is none.
    pub(crate) async fn end_login(&self, user: UserId, login: LoginId) -> Result<bool, DbError> {
        let ended = self.ending(move |sql| Ok(end(sql, user, login)?.into_iter().collect())).await?;
        Ok(ended > 0)
    }

    /// Runs a write that ends logins, announces them once that is durable, and counts them.
    async fn ending(
        &self,
        operation: impl FnOnce(&Sql<'_>) -> Result<Vec<Ended>, DbError> + Send + 'static,
    ) -> Result<usize, DbError> {
        let bus = self.bus.clone();
        // On the writer's thread: who stops waiting for the answer does not stop the announcement.
        let announce = move |ended: &Vec<Ended>| {
            for (_, revoked) in ended {
                bus.publish(revoked.clone());
            }
        };
        let ended = self.db.write_then(operation, announce).await?;
        let count = ended.len();
        if count > 0 {
            outbox::forget(&self.db, ended.into_iter().map(|(entry, _)| entry).collect()).await?;
        }
        Ok(count)
    }

    /// Whose token this is, and when the login was last seen to be used.
    pub(crate) async fn owner_of(
        &self,
        token: SecretHash,
    ) -> Result<Option<(TokenOwner, Timestamp)>, DbError> {
        let select = "SELECT a.id, a.username, a.global_name, l.id, l.last_used_at \
                      FROM logins l JOIN accounts a ON a.id = l.user_id WHERE l.token = $1";
        self.db
            .read(move |sql| {
                sql.query_one(select, params![&token.0], |row| {
                    Ok((TokenOwner { user: user(row)?, login: row.get(3)? }, row.get(4)?))
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

/// A login that ended, and where that waits to be announced.
type Ended = (EntryId, SessionRevoked);

pub(super) fn insert(sql: &Sql<'_>, login: &NewLogin) -> Result<(), DbError> {
    let insert = "INSERT INTO logins (id, user_id, token, created_at, last_used_at, user_agent) \
                  VALUES ($1, $2, $3, $4, $4, $5)";
    let values = params![login.id, login.user, &login.token.0, login.created_at, &login.user_agent];
    sql.execute(insert, values).map(|_one| ())
}

fn end(sql: &Sql<'_>, user: UserId, login: LoginId) -> Result<Option<Ended>, DbError> {
    if sql.execute("DELETE FROM logins WHERE id = $1 AND user_id = $2", params![login, user])? == 0 {
        return Ok(None);
    }
    let revoked = SessionRevoked { user, login };
    Ok(Some((outbox::put(sql, &revoked)?, revoked)))
}
