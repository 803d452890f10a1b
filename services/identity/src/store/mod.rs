//! identity.db: accounts, logins, what people chose and how they stand to each other, applications, registration
//! invites and the outbox.

mod accounts;
mod applications;
mod erase;
mod invites;
mod logins;
mod news;
mod notes;
mod profiles;
mod relationships;
mod second_factor;
mod settings;
#[cfg(test)]
mod tests;

use voxlink_protocol::{
    LoginId, Snowflake, Timestamp, User, UserId,
    bus::SessionRevoked,
    files::{FilesNews, ImagePurpose},
    people::AccountDeleted,
};
use voxlink_service_kit::{Bus, Courier, Db, DbError, Sql, courier, db::Row, outbox, params};

pub(crate) use applications::{ApplicationChange, NewApplication, StoreApplicationError, StoredApplication};
pub(crate) use notes::NoteError;
pub(crate) use profiles::{ChangeProfileError, Me, Profile, ProfileChange};
pub(crate) use second_factor::StoredTotp;
pub(crate) use settings::SettingsChange;

use crate::{hashing::PasswordHash, register::RegisterError, token::SecretHash};

/// Numbered migrations, in order; the list only ever grows.
pub const MIGRATIONS: &[&str] = &[
    // `display_folded` is the display name in lower case, empty without one: prefix search walks its index.
    "CREATE TABLE accounts (
       id INTEGER PRIMARY KEY,
       username TEXT NOT NULL UNIQUE,
       global_name TEXT,
       display_folded TEXT NOT NULL DEFAULT '',
       password TEXT NOT NULL,
       created_at INTEGER NOT NULL
     );
     CREATE INDEX accounts_by_display ON accounts (display_folded) WHERE display_folded <> '';
     CREATE TABLE logins (
       id INTEGER PRIMARY KEY,
       user_id INTEGER NOT NULL REFERENCES accounts (id),
       token BLOB NOT NULL UNIQUE,
       created_at INTEGER NOT NULL,
       last_used_at INTEGER NOT NULL,
       user_agent TEXT NOT NULL
     );
     CREATE INDEX logins_by_user ON logins (user_id, id);
     CREATE TABLE registration_invites (
       code BLOB PRIMARY KEY,
       made_by INTEGER REFERENCES accounts (id),
       created_at INTEGER NOT NULL
     );",
    outbox::TABLE,
    include_str!("../../migrations/0003_people.sql"),
    include_str!("../../migrations/0004_second_factor.sql"),
    include_str!("../../migrations/0005_applications.sql"),
    include_str!("../../migrations/0006_hide_address.sql"),
];

/// An account to be stored.
#[derive(Debug)]
pub(crate) struct NewAccount {
    pub(crate) user: User,
    pub(crate) password: PasswordHash,
    pub(crate) created_at: Timestamp,
}

/// A login to be stored.
#[derive(Debug)]
pub(crate) struct NewLogin {
    pub(crate) id: LoginId,
    pub(crate) user: UserId,
    pub(crate) token: SecretHash,
    pub(crate) created_at: Timestamp,
    pub(crate) user_agent: String,
}

/// A stored login, as its person may see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Login {
    pub(crate) id: LoginId,
    pub(crate) created_at: Timestamp,
    pub(crate) last_used_at: Timestamp,
    pub(crate) user_agent: String,
}

/// What an account needs in order to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    /// Nothing.
    Anyone,
    /// An unused invite, except for the first account.
    Invited(Option<SecretHash>),
}

/// The database, and the bus on which revocations and changed profiles are told once they are durable.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    db: Db,
    bus: Bus,
}

impl Store {
    pub(crate) fn new(db: Db, bus: Bus) -> Self {
        Self { db, bus }
    }

    /// Tells again of the accounts that are gone since `since`: the rows that they leave are the record of it.
    pub(crate) async fn tell_of_the_gone(&self, since: Timestamp) -> Result<(), DbError> {
        let select = "SELECT id FROM accounts WHERE deleted_at >= $1 ORDER BY deleted_at, id";
        let gone: Vec<UserId> =
            self.db.read(move |sql| sql.query(select, params![since], |row| row.get(0))).await?;
        gone.into_iter().for_each(|user| self.bus.publish(AccountDeleted { user }));
        Ok(())
    }

    /// Puts what files must hear into the outbox, for the courier.
    pub(crate) async fn tell_files(&self, news: Vec<FilesNews>) -> Result<(), DbError> {
        if news.is_empty() {
            return Ok(());
        }
        self.db.write(move |sql| news.iter().try_for_each(|one| courier::put(sql, one))).await
    }

    /// Carries what files must hear, from now on.
    pub(crate) fn courier(&self) -> Courier {
        Courier::start::<FilesNews>(self.db.clone(), self.bus.clone())
    }

    /// The newest id in use.
    pub(crate) async fn newest_id(&self) -> Result<Option<Snowflake>, DbError> {
        let newest = "SELECT max(id) FROM (SELECT max(id) AS id FROM accounts UNION ALL SELECT max(id) FROM logins) AS ids";
        self.db.read(|sql| sql.query_one(newest, params![], |row| row.get(0))).await.map(Option::flatten)
    }
}

/// The columns that [`user`] reads, and how many they are.
const USER: &str = "id, username, global_name, bot, avatar, banner, accent_color";
/// As [`USER`], of the accounts called `a`.
const USER_A: &str = "a.id, a.username, a.global_name, a.bot, a.avatar, a.banner, a.accent_color";
const WIDTH: usize = 7;

fn user(row: &Row<'_>) -> Result<User, DbError> {
    Ok(User {
        global_name: row.get(2)?,
        bot: row.get(3)?,
        avatar: row.get(4)?,
        banner: row.get(5)?,
        accent_color: row.get(6)?,
        ..User::new(row.get(0)?, row.get::<String>(1)?)
    })
}

/// A picture is not used any more.
fn release_image(sql: &Sql<'_>, purpose: ImagePurpose, hash: Option<&String>) -> Result<(), DbError> {
    let released = |hash: &String| FilesNews::ImageReleased { purpose, hash: hash.clone() };
    hash.map_or(Ok(()), |hash| courier::put(sql, &released(hash)))
}

/// The account with this id, also one that is gone.
fn user_by_id(sql: &Sql<'_>, id: UserId) -> Result<Option<User>, DbError> {
    sql.query_one(&format!("SELECT {USER} FROM accounts WHERE id = $1"), params![id], user)
}
