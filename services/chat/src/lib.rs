//! Chat: guilds, channels, members, invites, permissions and messages. Owns chat.db.
//!
//! A request is checked against memory ([`state::World`]), stored in one transaction that also takes the guild's
//! next version ([`commit`]), and told on the bus after the commit. The database is the truth: an event may be lost
//! and is made good from history; what was acknowledged is not lost.

pub mod audit;
pub mod ban;
pub mod call;
pub mod channel;
mod commit;
pub mod direct;
pub mod emoji;
pub mod guild;
mod http;
mod image;
pub mod invite;
pub mod member;
pub mod message;
pub mod notify;
pub mod pin;
pub mod reaction;
pub mod read_state;
mod refusal;
pub mod role;
pub mod search;
mod serve;
pub mod sound;
pub mod state;
pub mod store;
mod sweep;
mod users;

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use axum::extract::FromRef;
use tokio::sync::Semaphore;
use voxlink_protocol::{event::GuildEvent, files::FilesNews};
use voxlink_service_kit::{
    Auth, Bus, Db, DbError, DbTarget, Env, Routes, Snowflakes, call_pass::PassKey, courier::Courier, outbox,
};

pub use message::{
    draft::{Draft, Edit},
    send::SendError,
};
pub use refusal::Refusal;
use state::World;
use users::Users;

/// Where chat keeps its data and who it is.
#[derive(Clone, Debug)]
pub struct ChatConfig {
    /// Where chat.db is or will be.
    pub database: DbTarget,
    /// This node's number in ids, 0 to 1,023.
    pub node: u16,
}

/// The chat service. Cloning shares it.
#[derive(Clone)]
pub struct Chat {
    inner: Arc<Inner>,
}

struct Inner {
    db: Db,
    bus: Bus,
    env: Env,
    auth: Auth,
    pass_key: PassKey,
    ids: Snowflakes,
    users: Users,
    direct_turns: direct::Turns,
    search: search::Follower,
    calls: call::keeper::Keeper,
    /// Carries news to files.
    courier: Courier,
    /// One permit for each message that waits for the cards of its links.
    previews: Arc<Semaphore>,
    /// Written only on the writer thread after a commit; never held across an await.
    world: RwLock<World>,
}

impl std::fmt::Debug for Chat {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Chat")
    }
}

impl Chat {
    /// Opens the database, loads all guilds, serves the bus and tells what a crash left untold. Needs a tokio
    /// runtime: clearing away what is old runs beside it until the last clone is dropped.
    ///
    /// # Errors
    /// When the database cannot be opened or read.
    pub async fn open(
        config: ChatConfig,
        bus: Bus,
        env: Env,
        auth: Auth,
        pass_key: PassKey,
    ) -> Result<Self, DbError> {
        let db = Db::open(&config.database, store::MIGRATIONS)?;
        let (guilds, newest) = db
            .read(|sql| Ok::<_, DbError>((store::load::guilds(sql)?, store::load::newest_message(sql)?)))
            .await?;
        let directs = db.read(store::direct::all).await?;
        let (follower, woken) = search::Follower::new();
        let (calls, inquiries) = call::keeper::Keeper::new();
        let inner = Inner {
            users: Users::new(bus.clone()),
            direct_turns: direct::Turns::default(),
            search: follower,
            calls,
            courier: Courier::start::<FilesNews>(db.clone(), bus.clone()),
            previews: Arc::new(Semaphore::new(message::MOST_WAITING_FOR_CARDS)),
            ids: Snowflakes::not_before(config.node, newest.0),
            world: RwLock::new(World::new(guilds, directs)),
            db,
            bus,
            env,
            auth,
            pass_key,
        };
        let chat = Self { inner: Arc::new(inner) };
        chat.serve_bus();
        outbox::republish::<GuildEvent>(&chat.inner.db, &chat.inner.bus).await?;
        if let Err(error) = chat.close_open_calls().await {
            tracing::error!(%error, "calls that a stop cut off are still told as going on");
        }
        tokio::spawn(call::keeper::keep(Arc::downgrade(&chat.inner), inquiries));
        tokio::spawn(search::follow(Arc::downgrade(&chat.inner), woken));
        chat.inner.search.wake();
        chat.start_sweeping();
        Ok(chat)
    }

    /// All routes, with their full paths.
    pub fn router(&self) -> axum::Router {
        self.routes().into_router()
    }

    /// As [`Chat::router`], with its table.
    pub fn routes(&self) -> Routes {
        http::routes(self.clone())
    }

    fn world(&self) -> RwLockReadGuard<'_, World> {
        self.inner.world.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn world_mut(&self) -> RwLockWriteGuard<'_, World> {
        self.inner.world.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl FromRef<Chat> for Auth {
    fn from_ref(chat: &Chat) -> Self {
        chat.inner.auth.clone()
    }
}
