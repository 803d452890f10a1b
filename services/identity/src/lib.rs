//! Accounts, passwords, logins, second factors; what people say of themselves, chose, and how they stand to each
//! other; applications and their bots. Owns `identity.db`.
//!
//! It never keeps a password or a token as such: Argon2id for the one, SHA-256 of 256 random bits for the other.
//! Hashing has its own few threads and a short queue, so that a storm of logins delays only logins.

mod application;
mod change_password;
mod confirm;
mod delete_account;
mod get_users;
mod hashing;
mod http;
mod images;
mod last_used;
mod limits;
mod list_logins;
mod log_in;
mod log_out;
mod password;
mod register;
mod registration;
mod registration_invite;
mod relationship;
mod resolve_token;
mod revoke_login;
mod search_users;
mod settings;
mod store;
mod token;
mod totp;
mod update_profile;
mod vault;

use std::{path::PathBuf, sync::Arc, time::Duration};

use axum::{Router, extract::FromRef};
use voxlink_protocol::{
    Secret, Snowflake, Timestamp, User,
    bus::{GetUsers, Request, ResolveToken, SessionRevoked},
    people::{GetApplication, RelationBetween, RelationsOf, SettingsOf},
};
use voxlink_service_kit::{
    Auth, Bus, Courier, Db, DbError, DbTarget, Env, Routes, Snowflakes, Unavailable, outbox,
};

pub use registration::{Registration, UnknownRegistration};
pub use registration_invite::make_invite_offline;
pub use store::MIGRATIONS;

use crate::{hashing::HashingPool, last_used::LastUsed, limits::Limits, store::Store, vault::Vault};

/// The node number in the snowflakes of accounts and logins.
const NODE: u16 = 1;

/// How identity is set up.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where `identity.db` is or will be.
    pub database: DbTarget,
    /// The key that seals the secrets in it; made when it is missing.
    pub key_file: PathBuf,
    /// Who may make an account.
    pub registration: Registration,
    /// Whether logins and registrations are limited per account and address.
    pub rate_limits: bool,
    /// The name that `GET /api/v1/server` tells.
    pub server_name: String,
    /// The version that `GET /api/v1/server` tells.
    pub version: String,
}

/// Why identity did not start.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The database cannot be opened or brought up to date.
    #[error(transparent)]
    Database(#[from] DbError),
    /// The operating system gave no threads for hashing.
    #[error("cannot start the password threads: {0}")]
    Threads(std::io::Error),
    /// The key file cannot be read or made. Without the right one nobody's authenticator would be known any more.
    #[error("cannot use the key file: {0}")]
    KeyFile(std::io::Error),
}

/// A new login: what its person gets, once.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) token: Secret,
    pub(crate) user: User,
}

/// The service. Cloning shares it.
#[derive(Clone, Debug)]
pub struct Identity {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    config: Config,
    bus: Bus,
    auth: Auth,
    env: Env,
    ids: Snowflakes,
    store: Store,
    hashing: HashingPool,
    vault: Vault,
    limits: Limits,
    last_used: LastUsed,
    /// Carries to files what must not be lost.
    files: Courier,
}

impl Identity {
    /// Opens the database, publishes revocations that a crash left behind, and serves the bus from now on.
    ///
    /// # Errors
    /// When the database does not open or no thread can be started.
    pub async fn open(config: Config, bus: Bus, env: Env, auth: Auth) -> Result<Self, OpenError> {
        let db = Db::open(&config.database, store::MIGRATIONS)?;
        outbox::republish::<SessionRevoked>(&db, &bus).await?;
        let store = Store::new(db, bus.clone());
        let newest = store.newest_id().await?.unwrap_or(Snowflake(0));
        let inner = Inner {
            hashing: HashingPool::start().map_err(OpenError::Threads)?,
            vault: Vault::open(&config.key_file, &env).map_err(OpenError::KeyFile)?,
            limits: Limits::new(config.rate_limits),
            last_used: LastUsed::start(store.clone()),
            files: store.courier(),
            ids: Snowflakes::not_before(NODE, newest),
            config,
            bus: bus.clone(),
            auth,
            env,
            store,
        };
        let identity = Self { inner: Arc::new(inner) };
        identity.serve(&bus);
        identity.start_sweeping();
        Ok(identity)
    }

    /// Tells once more of the accounts that were deleted lately, in case a crash kept someone from hearing or from
    /// acting on it: for when all services listen.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn republish(&self) -> Result<(), DbError> {
        /// No server that crashes is left alone for longer.
        const LATELY: Duration = Duration::from_secs(7 * 24 * 3600);
        let now = self.inner.env.now();
        let lately_ms = u64::try_from(LATELY.as_millis()).unwrap_or(u64::MAX);
        self.inner.store.tell_of_the_gone(Timestamp(now.0.saturating_sub(lately_ms))).await
    }

    fn serve(&self, bus: &Bus) {
        self.answer(
            bus,
            |this, request: ResolveToken| async move { this.resolve_token(&request.token).await },
        );
        self.answer(bus, |this, request: GetUsers| async move { this.get_users(request.ids).await });
        self.answer(bus, |this, request: SettingsOf| async move { this.settings(request.user).await });
        self.answer(bus, |this, request: RelationsOf| async move { this.relationships(request.user).await });
        self.answer(bus, |this, request: RelationBetween| async move {
            this.relation_between(request.a, request.b).await
        });
        self.answer(
            bus,
            |this, request: GetApplication| async move { this.get_application(request.id).await },
        );
    }

    /// Serves one kind of request from the database.
    fn answer<R, F>(&self, bus: &Bus, operation: fn(Self, R) -> F)
    where
        R: Request,
        F: Future<Output = Result<R::Reply, DbError>> + Send + 'static,
    {
        let this = self.clone();
        bus.try_serve(move |request: R| {
            let answer = operation(this.clone(), request);
            async move { answer.await.map_err(unavailable) }
        });
    }

    /// The routes of `/api/v1/auth`, `/api/v1/users`, `/api/v1/server` and `/api/v10/users` that are identity's.
    pub fn router(&self) -> Router {
        self.routes().into_router()
    }

    /// As [`Identity::router`], with its table.
    pub fn routes(&self) -> Routes {
        http::routes(self.clone())
    }
}

fn unavailable(error: DbError) -> Unavailable {
    tracing::error!(%error, "a question from the bus could not be answered");
    Unavailable
}

impl FromRef<Identity> for Auth {
    fn from_ref(identity: &Identity) -> Self {
        identity.inner.auth.clone()
    }
}

#[cfg(test)]
mod tests;
