//! Accounts.

use voxlink_protocol::text::{DisplayName, Username};

use super::{
    Admission, Db, DbError, NewAccount, NewLogin, PasswordHash, RegisterError, Row, Sql, Store, USER, User,
    UserId, UserUpdated, invites, logins, params, user,
};

impl Store {
    /// Whether this name could register now. The answer may be old by the time of [`Store::create_account`].
    pub(crate) async fn may_register(
        &self,
        username: Username,
        admission: Admission,
    ) -> Result<(), RegisterError> {
        self.db
            .read(move |sql| {
                admit(sql, admission)?;
                let same = "SELECT id FROM accounts WHERE username = $1";
                match sql.query_one(same, params![username.as_str()], |row| row.get::<UserId>(0))? {
                    Some(_) => Err(RegisterError::UsernameTaken),
                    None => Ok(()),
                }
            })
            .await
    }

    /// Stores an account and its first login, and uses up the invite.
    pub(crate) async fn create_account(
        &self,
        account: NewAccount,
        login: NewLogin,
        admission: Admission,
    ) -> Result<(), RegisterError> {
        self.db
            .write(move |sql| {
                if let Some(invite) = admit(sql, admission)? {
                    invites::use_up(sql, invite)?;
                }
                insert(sql, &account)?;
                Ok(logins::insert(sql, &login)?)
            })
            .await
    }

    /// The account that signs in with this name.
    pub(crate) async fn account_by_name(
        &self,
        username: String,
    ) -> Result<Option<(User, PasswordHash)>, DbError> {
        let select = "SELECT id, username, global_name, password FROM accounts WHERE username = $1";
        let account = |row: &Row<'_>| Ok((user(row)?, PasswordHash(row.get(3)?)));
        self.db.read(move |sql| sql.query_one(select, params![&username], account)).await
    }

    /// Those that exist.
    pub(crate) async fn users(&self, ids: Vec<UserId>) -> Result<Vec<User>, DbError> {
        let select = "SELECT id, username, global_name FROM accounts WHERE id = $1";
        let find = move |sql: &Sql<'_>| {
            let found: Result<Vec<Option<User>>, DbError> =
                ids.iter().map(|id| sql.query_one(select, params![*id], user)).collect();
            Ok(found?.into_iter().flatten().collect())
        };
        self.db.read(find).await
    }

    /// The first account that was made here: the operator's.
    pub(crate) async fn first_account(&self) -> Result<Option<UserId>, DbError> {
        let select = "SELECT id FROM accounts ORDER BY id LIMIT 1";
        self.db.read(move |sql| sql.query_one(select, params![], |row| row.get(0))).await
    }

    /// Accounts whose username begins with `prefix` (lower case), then those whose display name does.
    pub(crate) async fn search(&self, prefix: String, limit: usize) -> Result<Vec<User>, DbError> {
        let search = move |sql: &Sql<'_>| {
            // Text is compared byte by byte, and no character sorts after this one.
            let end = format!("{prefix}\u{10FFFF}");
            let wanted = u32::try_from(limit).unwrap_or(u32::MAX);
            let mut found: Vec<User> = Vec::new();
            for column in ["username", "display_folded"] {
                let select = format!(
                    "SELECT {USER} FROM accounts WHERE {column} >= $1 AND {column} < $2 AND {column} <> '' \
                     ORDER BY {column}, id LIMIT $3"
                );
                let more = sql.query(&select, params![&prefix, &end, wanted], user)?;
                found.extend(
                    more.into_iter()
                        .filter(|one| !found.iter().any(|known| known.id == one.id))
                        .collect::<Vec<_>>(),
                );
            }
            found.truncate(limit);
            Ok(found)
        };
        self.db.read(search).await
    }

    /// Changes the display name and tells everyone after the commit.
    pub(crate) async fn set_display_name(
        &self,
        id: UserId,
        name: Option<DisplayName>,
    ) -> Result<Option<User>, DbError> {
        let bus = self.bus.clone();
        let update = move |sql: &Sql<'_>| {
            let name = name.as_ref().map(DisplayName::as_str);
            let folded = name.map(str::to_lowercase).unwrap_or_default();
            let update = "UPDATE accounts SET global_name = $1, display_folded = $2 WHERE id = $3 \
                          RETURNING id, username, global_name";
            sql.query_one(update, params![name, &folded, id], user)
        };
        let tell = move |updated: &Option<User>| {
            if let Some(user) = updated {
                bus.publish(UserUpdated(user.clone()));
            }
        };
        Db::write_then(&self.db, update, tell).await
    }
}

/// The invite to use up, if one is needed.
fn admit(sql: &Sql<'_>, admission: Admission) -> Result<Option<super::SecretHash>, RegisterError> {
    let Admission::Invited(invite) = admission else { return Ok(None) };
    let anyone = "SELECT id FROM accounts LIMIT 1";
    if sql.query_one(anyone, params![], |row| row.get::<UserId>(0))?.is_none() {
        return Ok(None);
    }
    let invite = invite.ok_or(RegisterError::InviteNeeded)?;
    if invites::exists(sql, invite)? { Ok(Some(invite)) } else { Err(RegisterError::InviteUnknown) }
}

fn insert(sql: &Sql<'_>, account: &NewAccount) -> Result<(), RegisterError> {
    let insert = "INSERT INTO accounts (id, username, password, created_at) VALUES ($1, $2, $3, $4)";
    let values = params![account.user.id, &account.user.username, &account.password.0, account.created_at];
    match sql.execute(insert, values) {
        Ok(_) => Ok(()),
        Err(DbError::Unique(column)) if column.contains("username") => Err(RegisterError::UsernameTaken),
        Err(error) => Err(error.into()),
    }
}
