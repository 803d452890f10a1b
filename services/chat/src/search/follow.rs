//! Keeps documents and the index up with messages.

use std::{sync::Weak, time::Duration};

use tokio::sync::mpsc;
use voxlink_protocol::{Message, MessageId};
use voxlink_service_kit::{DbError, Sql};

use super::{scope_id, terms};
use crate::{Chat, Inner, state::place::Place, store};

/// Messages brought into the index in one go: a few milliseconds of the writer's time.
const AT_ONCE: u32 = 512;

/// So long messages gather before they are brought in, unless someone searches: a commit for many.
const LAG: Duration = Duration::from_millis(100);

/// Stores the document of a new or changed message, in its own transaction.
pub(crate) fn note(sql: &Sql<'_>, place: Place, message: &Message, is_new: bool) -> Result<(), DbError> {
    match terms::document(place.guild(), message) {
        Some(document) => {
            let (channel, scope) = (message.channel_id, scope_id(place, message.channel_id));
            store::search::put(sql, message.id, channel, scope, &document, is_new)
        }
        None => Ok(()),
    }
}

/// The message is gone.
pub(crate) fn forget(sql: &Sql<'_>, message: MessageId) -> Result<(), DbError> {
    store::search::remove(sql, message)
}

/// Wakes the task that brings documents into the index.
#[derive(Debug)]
pub(crate) struct Follower(mpsc::Sender<()>);

impl Follower {
    /// A task to be started with [`follow`] once the service is made.
    pub(crate) fn new() -> (Self, mpsc::Receiver<()>) {
        let (wake, woken) = mpsc::channel(1);
        (Self(wake), woken)
    }

    /// There is something new.
    pub(crate) fn wake(&self) {
        // Full: it is about to look anyway.
        let _awake = self.0.try_send(());
    }
}

/// Runs until the service is dropped.
pub(crate) async fn follow(inner: Weak<Inner>, mut woken: mpsc::Receiver<()>) {
    while woken.recv().await.is_some() {
        tokio::time::sleep(LAG).await;
        let Some(inner) = inner.upgrade() else { return };
        let chat = Chat { inner };
        if let Err(error) = chat.catch_up().await {
            tracing::warn!(%error, "the search index lags behind; the next message or search tries again");
        }
    }
}

impl Chat {
    /// Returns once the index has every message that was stored before.
    pub(crate) async fn catch_up(&self) -> Result<(), DbError> {
        let db = &self.inner.db;
        while db.read(store::search::is_behind).await? {
            db.write(|sql| store::search::catch_up(sql, AT_ONCE)).await?;
        }
        Ok(())
    }
}
