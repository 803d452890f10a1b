//! identity.db: accounts, logins, registration invites and the outbox.

mod accounts;
mod invites;
mod logins;
#[cfg(test)]
mod tests;

use voxlink_protocol::{
    LoginId, Snowflake, Timestamp, User, UserId,
    bus::{SessionRevoked, UserUpdated},
};
use voxlink_service_kit::{Bus, Db, DbError, Sql, db::Row, outbox, outbox::EntryId, params};

use crate::{hashing::PasswordHash, register::RegisterError, token::SecretHash};

pub(crate) const MIGRATIONS: &[&str] = &[
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

    /// The newest id in use.
    pub(crate) async fn newest_id(&self) -> Result<Option<Snowflake>, DbError> {
        let newest = "SELECT max(id) FROM (SELECT max(id) AS id FROM accounts UNION ALL SELECT max(id) FROM logins) AS ids";
        self.db.read(|sql| sql.query_one(newest, params![], |row| row.get(0))).await.map(Option::flatten)
    }
}

/// The columns that [`user`] reads.
const USER: &str = "id, username, global_name";

fn user(row: &Row<'_>) -> Result<User, DbError> {
    Ok(User { global_name: row.get(2)?, ..User::new(row.get(0)?, row.get::<String>(1)?) })
}
