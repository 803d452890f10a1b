//! Writes down when a login was last used: seldom, in batches, and never while someone waits for it.

use std::time::Duration;

use tokio::sync::mpsc;
use voxlink_protocol::{LoginId, Timestamp};

use crate::store::Store;

/// A login in steady use is written this often at most.
const EVERY: Duration = Duration::from_secs(60);
/// What does not fit is dropped: the next use brings it again.
const QUEUE: usize = 1024;

#[derive(Debug)]
pub(crate) struct LastUsed {
    uses: mpsc::Sender<(LoginId, Timestamp)>,
}

impl LastUsed {
    /// Starts the task; it ends when this is dropped.
    pub(crate) fn start(store: Store) -> Self {
        let (uses, mut waiting) = mpsc::channel(QUEUE);
        tokio::spawn(async move {
            let mut batch = Vec::with_capacity(QUEUE);
            while waiting.recv_many(&mut batch, QUEUE).await > 0 {
                if let Err(error) = store.touch_logins(std::mem::take(&mut batch)).await {
                    tracing::warn!(%error, "the last use of logins was not written");
                }
            }
        });
        Self { uses }
    }

    /// Notes a use, if the one that is stored is old.
    pub(crate) fn note(&self, login: LoginId, stored: Timestamp, now: Timestamp) {
        if now >= stored.plus(EVERY) {
            let _dropped_when_full = self.uses.try_send((login, now));
        }
    }
}
