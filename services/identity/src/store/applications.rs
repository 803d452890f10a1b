//! Applications and their bots.

use voxlink_protocol::{ApplicationId, files::ImagePurpose};

use super::{
    DbError, NewAccount, NewLogin, Row, Sql, Store, Timestamp, USER_A, User, UserId, WIDTH, accounts, erase,
    logins, params, release_image, user,
};
use crate::register::RegisterError;

/// An application, with its bot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StoredApplication {
    pub(crate) bot: User,
    pub(crate) owner: UserId,
    /// Hash of its icon.
    pub(crate) icon: Option<String>,
    pub(crate) description: String,
    pub(crate) tags: Vec<String>,
    pub(crate) flags: u32,
    /// The seed of its Ed25519 key, sealed by the vault.
    pub(crate) signing_key: Vec<u8>,
}

impl StoredApplication {
    pub(crate) const fn id(&self) -> ApplicationId {
        ApplicationId(self.bot.id.0)
    }

    pub(crate) fn name(&self) -> &str {
        self.bot.display_name()
    }
}

/// An application to be stored. The first of `usernames` that is free becomes its bot's.
#[derive(Debug)]
pub(crate) struct NewApplication {
    pub(crate) application: StoredApplication,
    pub(crate) usernames: Vec<String>,
    pub(crate) created_at: Timestamp,
    pub(crate) login: NewLogin,
}

/// What is to change of an application besides its bot's profile.
#[derive(Clone, Debug, Default)]
pub(crate) struct ApplicationChange {
    pub(crate) description: Option<String>,
    pub(crate) tags: Option<Vec<String>>,
    pub(crate) flags: Option<u32>,
    pub(crate) icon: Option<Option<String>>,
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum StoreApplicationError {
    #[error("this person has as many applications as they may")]
    TooMany,
    #[error("no username is free for the bot")]
    NoName,
    #[error(transparent)]
    Store(#[from] DbError),
}

impl Store {
    /// Stores an application, its bot's account and its bot's token.
    pub(crate) async fn add_application(
        &self,
        new: NewApplication,
        most: i64,
    ) -> Result<StoredApplication, StoreApplicationError> {
        self.db
            .write(move |sql| {
                let NewApplication { mut application, usernames, created_at, login } = new;
                let count = "SELECT count(*) FROM applications WHERE owner_id = $1";
                let count = sql.query_one(count, params![application.owner], |row| row.get::<i64>(0))?;
                if count.unwrap_or(0) >= most {
                    return Err(StoreApplicationError::TooMany);
                }
                application.bot.username = free(sql, usernames)?.ok_or(StoreApplicationError::NoName)?;
                let account = NewAccount {
                    user: application.bot.clone(),
                    // No password hashes to nothing: nobody logs in as a bot.
                    password: crate::hashing::PasswordHash(String::new()),
                    created_at,
                };
                accounts::insert(sql, &account).map_err(|error| match error {
                    RegisterError::Store(error) => StoreApplicationError::Store(error),
                    _ => StoreApplicationError::NoName,
                })?;
                logins::insert(sql, &login)?;
                insert(sql, &application)?;
                Ok(application)
            })
            .await
    }

    /// This application.
    pub(crate) async fn application(&self, id: ApplicationId) -> Result<Option<StoredApplication>, DbError> {
        let select = format!("{SELECT_FROM} WHERE p.id = $1", SELECT_FROM = select_from());
        self.db.read(move |sql| sql.query_one(&select, params![id], application)).await
    }

    /// Those of this person, oldest first.
    pub(crate) async fn applications_of(&self, owner: UserId) -> Result<Vec<StoredApplication>, DbError> {
        let select =
            format!("{SELECT_FROM} WHERE p.owner_id = $1 ORDER BY p.id", SELECT_FROM = select_from());
        self.db.read(move |sql| sql.query(&select, params![owner], application)).await
    }

    /// Changes an application.
    pub(crate) async fn change_application(
        &self,
        id: ApplicationId,
        change: ApplicationChange,
    ) -> Result<(), DbError> {
        self.db
            .write(move |sql| {
                if let Some(description) = &change.description {
                    let update = "UPDATE applications SET description = $1 WHERE id = $2";
                    sql.execute(update, params![description, id])?;
                }
                if let Some(tags) = &change.tags {
                    let update = "UPDATE applications SET tags = $1 WHERE id = $2";
                    sql.execute(update, params![&joined(tags), id])?;
                }
                if let Some(flags) = change.flags {
                    sql.execute("UPDATE applications SET flags = $1 WHERE id = $2", params![flags, id])?;
                }
                if let Some(icon) = &change.icon {
                    release_icon(sql, id)?;
                    let update = "UPDATE applications SET icon = $1 WHERE id = $2";
                    sql.execute(update, params![icon.as_ref(), id])?;
                }
                Ok(())
            })
            .await
    }

    /// Puts a new token in the place of all former ones; their sockets are closed. False: no such application.
    pub(crate) async fn replace_bot_token(&self, login: NewLogin) -> Result<bool, DbError> {
        self.telling(move |sql| {
            let select = "SELECT 1 FROM applications WHERE id = $1";
            if sql.query_one(select, params![login.user], |_| Ok(()))?.is_none() {
                return Ok((false, Vec::new()));
            }
            let news = logins::end_all(sql, login.user, None)?;
            logins::insert(sql, &login)?;
            Ok((true, news))
        })
        .await
    }

    /// Erases an application and its bot. False: it was gone already.
    pub(crate) async fn erase_application(&self, id: ApplicationId, now: Timestamp) -> Result<bool, DbError> {
        self.telling(move |sql| {
            let news = erase::erase(sql, UserId(id.0), now)?;
            Ok((!news.is_empty(), news))
        })
        .await
    }

    /// Whose application it is.
    pub(crate) async fn owner_of_application(&self, id: ApplicationId) -> Result<Option<UserId>, DbError> {
        let select = "SELECT owner_id FROM applications WHERE id = $1";
        self.db.read(move |sql| sql.query_one(select, params![id], |row| row.get(0))).await
    }
}

/// The first name that nobody has.
fn free(sql: &Sql<'_>, names: Vec<String>) -> Result<Option<String>, DbError> {
    for name in names {
        if !accounts::taken(sql, &name)? {
            return Ok(Some(name));
        }
    }
    Ok(None)
}

fn select_from() -> String {
    format!(
        "SELECT {USER_A}, p.owner_id, p.icon, p.description, p.tags, p.flags, p.signing_key \
         FROM applications p JOIN accounts a ON a.id = p.id"
    )
}

fn application(row: &Row<'_>) -> Result<StoredApplication, DbError> {
    let tags: String = row.get(WIDTH + 3)?;
    Ok(StoredApplication {
        bot: user(row)?,
        owner: row.get(WIDTH)?,
        icon: row.get(WIDTH + 1)?,
        description: row.get(WIDTH + 2)?,
        tags: tags.lines().map(str::to_owned).collect(),
        flags: row.get(WIDTH + 4)?,
        signing_key: row.get(WIDTH + 5)?,
    })
}

fn release_icon(sql: &Sql<'_>, id: ApplicationId) -> Result<(), DbError> {
    let icon = "SELECT icon FROM applications WHERE id = $1";
    let icon: Option<String> = sql.query_one(icon, params![id], |row| row.get(0))?.flatten();
    release_image(sql, ImagePurpose::ApplicationIcon(id), icon.as_ref())
}

/// The application of an account that goes; most have none.
pub(super) fn forget(sql: &Sql<'_>, id: ApplicationId) -> Result<(), DbError> {
    release_icon(sql, id)?;
    sql.execute("DELETE FROM applications WHERE id = $1", params![id]).map(|_one| ())
}

/// Tags are single lines.
fn joined(tags: &[String]) -> String {
    tags.join("\n")
}

fn insert(sql: &Sql<'_>, application: &StoredApplication) -> Result<(), DbError> {
    let StoredApplication { bot, owner, icon, description, tags, flags, signing_key } = application;
    let insert = "INSERT INTO applications (id, owner_id, icon, description, tags, flags, signing_key) \
                  VALUES ($1, $2, $3, $4, $5, $6, $7)";
    let tags = joined(tags);
    let values = params![bot.id, *owner, icon.as_ref(), description, &tags, *flags, &signing_key[..]];
    sql.execute(insert, values).map(|_one| ())
}
