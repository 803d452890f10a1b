//! Requests that must not be lost: stored in the transaction that causes them, carried to the service that serves
//! them, in order, and deleted once that has answered.
//!
//! They lie in the outbox table ([`crate::outbox::TABLE`]) beside announcements. After a crash they are carried again:
//! whoever serves them may see one twice and must not mind.

use std::time::Duration;

use tokio::{sync::mpsc, time::timeout};
use voxlink_protocol::bus::Request;

use crate::{Bus, Db, DbError, Sql, params};

/// Carried at once: keeps one failing request from holding many in memory.
const AT_ONCE: u32 = 100;
/// Looked for even when nobody called: the service at the other end may have come back.
const EVERY: Duration = Duration::from_secs(30);
/// After a request that could not be carried.
const AGAIN: Duration = Duration::from_secs(2);

/// Stores a request in the running transaction.
///
/// # Errors
/// When it cannot be stored.
pub fn put<R: Request>(sql: &Sql<'_>, request: &R) -> Result<(), DbError> {
    let body = serde_json::to_string(request).map_err(|error| DbError::Other(error.to_string()))?;
    sql.execute("INSERT INTO outbox (name, body) VALUES ($1, $2)", params![R::NAME, &body]).map(|_| ())
}

/// Carries the requests of one kind of one service. Ends when the last clone is dropped.
#[derive(Clone, Debug)]
pub struct Courier {
    calls: mpsc::Sender<()>,
}

impl Courier {
    /// Carries what is there, and from now on whatever comes. Needs a tokio runtime.
    #[must_use]
    pub fn start<R: Request>(db: Db, bus: Bus) -> Self {
        let (calls, mut called) = mpsc::channel(1);
        tokio::spawn(async move {
            loop {
                let wait = match carry::<R>(&db, &bus).await {
                    Ok(()) => EVERY,
                    Err(error) => {
                        tracing::warn!(%error, name = R::NAME, "requests wait in the outbox");
                        AGAIN
                    }
                };
                match timeout(wait, called.recv()).await {
                    Ok(Some(())) | Err(_) => {}
                    Ok(None) => return,
                }
            }
        });
        Self { calls }
    }

    /// There is something to carry.
    pub fn wake(&self) {
        // A full channel means that it is about to look anyway.
        let _called_already = self.calls.try_send(());
    }
}

async fn carry<R: Request>(db: &Db, bus: &Bus) -> Result<(), String> {
    loop {
        let select = "SELECT id, body FROM outbox WHERE name = $1 ORDER BY id LIMIT $2";
        let waiting: Vec<(u64, String)> = db
            .read(move |sql| {
                sql.query(select, params![R::NAME, AT_ONCE], |row| Ok((row.get(0)?, row.get(1)?)))
            })
            .await
            .map_err(|error: DbError| error.to_string())?;
        if waiting.is_empty() {
            return Ok(());
        }
        for (id, body) in waiting {
            match serde_json::from_str::<R>(&body) {
                Ok(request) => {
                    bus.call(request).await.map_err(|error| error.to_string())?;
                }
                Err(error) => {
                    tracing::error!(%error, id, name = R::NAME, "an outbox entry cannot be read and is dropped");
                }
            }
            db.write(move |sql| sql.execute("DELETE FROM outbox WHERE id = $1", params![id]))
                .await
                .map_err(|error: DbError| error.to_string())?;
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::{Arc, Mutex};

    use voxlink_protocol::{AttachmentId, MessageId, files::FilesNews};

    use super::*;
    use crate::{Unavailable, outbox};

    fn news(message: u64) -> FilesNews {
        FilesNews::AttachmentsUsed { message: MessageId::new(message), ids: vec![AttachmentId::new(1)] }
    }

    #[tokio::test]
    async fn a_request_is_carried_in_order_and_again_until_it_is_answered() {
        let path = std::env::temp_dir().join(format!("voxlink-courier-{}.db", std::process::id()));
        let _old = std::fs::remove_file(&path);
        let db = Db::open(&path, &[outbox::TABLE]).unwrap();
        let bus = Bus::in_process();
        let heard: Arc<Mutex<Vec<FilesNews>>> = Arc::default();
        let (done, mut all_heard) = mpsc::channel(1);
        let ears = heard.clone();
        bus.try_serve(move |request: FilesNews| {
            let mut heard = ears.lock().unwrap();
            heard.push(request);
            // The first try of the first one fails.
            let outcome = if heard.len() == 1 { Err(Unavailable) } else { Ok(()) };
            if heard.len() == 4 {
                let _full = done.try_send(());
            }
            async move { outcome }
        });
        db.write(|sql| (1..=2).try_for_each(|id| put(sql, &news(id)))).await.unwrap();
        let courier = Courier::start::<FilesNews>(db.clone(), bus.clone());
        db.write(|sql| put(sql, &news(3))).await.unwrap();
        courier.wake();
        all_heard.recv().await.unwrap();
        assert_eq!(*heard.lock().unwrap(), [news(1), news(1), news(2), news(3)]);
        let _left = std::fs::remove_file(&path);
    }
}
