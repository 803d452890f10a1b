//! Accounts.

use voxlink_protocol::text::Username;

use super::{
    Admission, DbError, LoginId, NewAccount, NewLogin, PasswordHash, RegisterError, Row, Sql, Store, USER,
    User, UserId, WIDTH, invites, logins, params, user, user_by_id,
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
                if taken(sql, username.as_str())? { Err(RegisterError::UsernameTaken) } else { Ok(()) }
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

    /// The person who signs in with this name: not a bot, not one that is gone.
    pub(crate) async fn account_by_name(
        &self,
        username: String,
    ) -> Result<Option<(User, PasswordHash)>, DbError> {
        let select = format!(
            "SELECT {USER}, password FROM accounts WHERE username = $1 AND bot = $2 AND deleted_at IS NULL"
        );
        let account = |row: &Row<'_>| Ok((user(row)?, PasswordHash(row.get(WIDTH)?)));
        self.db.read(move |sql| sql.query_one(&select, params![&username, false], account)).await
    }

    /// The password of a person.
    pub(crate) async fn password_of(&self, id: UserId) -> Result<Option<PasswordHash>, DbError> {
        let select = "SELECT password FROM accounts WHERE id = $1 AND bot = $2 AND deleted_at IS NULL";
        let password = |row: &Row<'_>| Ok(PasswordHash(row.get(0)?));
        self.db.read(move |sql| sql.query_one(select, params![id, false], password)).await
    }

    /// Replaces the password, if it is still the one that was checked, and ends all other logins of this person.
    /// False: it changed meanwhile.
    pub(crate) async fn change_password(
        &self,
        id: UserId,
        checked: PasswordHash,
        new: PasswordHash,
        keep: LoginId,
    ) -> Result<bool, DbError> {
        self.telling(move |sql| {
            let update =
                "UPDATE accounts SET password = $1 WHERE id = $2 AND password = $3 AND deleted_at IS NULL";
            if sql.execute(update, params![&new.0, id, &checked.0])? == 0 {
                return Ok((false, Vec::new()));
            }
            Ok((true, logins::end_all(sql, id, Some(keep))?))
        })
        .await
    }

    /// Those that exist, also those that are gone.
    pub(crate) async fn users(&self, ids: Vec<UserId>) -> Result<Vec<User>, DbError> {
        let find = move |sql: &Sql<'_>| {
            let found: Result<Vec<Option<User>>, DbError> =
                ids.iter().map(|id| user_by_id(sql, *id)).collect();
            Ok(found?.into_iter().flatten().collect())
        };
        self.db.read(find).await
    }

    /// The first account that was made here: the operator's.
    pub(crate) async fn first_account(&self) -> Result<Option<UserId>, DbError> {
        let select = "SELECT id FROM accounts ORDER BY id LIMIT 1";
        self.db.read(move |sql| sql.query_one(select, params![], |row| row.get(0))).await
    }

    /// People whose username begins with `prefix` (lower case), then those whose display name does.
    pub(crate) async fn search(&self, prefix: String, limit: usize) -> Result<Vec<User>, DbError> {
        let search = move |sql: &Sql<'_>| {
            // Text is compared byte by byte, and no character sorts after this one.
            let end = format!("{prefix}\u{10FFFF}");
            let wanted = u32::try_from(limit).unwrap_or(u32::MAX);
            let mut found: Vec<User> = Vec::new();
            for column in ["username", "display_folded"] {
                let select = format!(
                    "SELECT {USER} FROM accounts WHERE {column} >= $1 AND {column} < $2 AND {column} <> '' \
                     AND bot = $3 AND deleted_at IS NULL ORDER BY {column}, id LIMIT $4"
                );
                let more = sql.query(&select, params![&prefix, &end, false, wanted], user)?;
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

pub(super) fn insert(sql: &Sql<'_>, account: &NewAccount) -> Result<(), RegisterError> {
    let insert = "INSERT INTO accounts (id, username, global_name, display_folded, password, created_at, bot) \
                  VALUES ($1, $2, $3, $4, $5, $6, $7)";
    let NewAccount { user, password, created_at } = account;
    let folded = user.global_name.as_deref().map(str::to_lowercase).unwrap_or_default();
    let values = params![
        user.id,
        &user.username,
        user.global_name.as_ref(),
        &folded,
        &password.0,
        *created_at,
        user.bot
    ];
    match sql.execute(insert, values) {
        Ok(_) => Ok(()),
        Err(DbError::Unique(column)) if column.contains("username") => Err(RegisterError::UsernameTaken),
        Err(error) => Err(error.into()),
    }
}

/// Whether someone has this username.
pub(super) fn taken(sql: &Sql<'_>, username: &str) -> Result<bool, DbError> {
    let select = "SELECT 1 FROM accounts WHERE username = $1";
    Ok(sql.query_one(select, params![username], |_| Ok(()))?.is_some())
}
