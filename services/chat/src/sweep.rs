//! Clears away, a little at a time, what nobody will ask for again.

use std::{sync::Arc, time::Duration};

use voxlink_protocol::{MessageId, Snowflake, Timestamp};
use voxlink_service_kit::DbError;

use crate::{Chat, store};

/// A retry with the same nonce is recognised for at least this long (the promise is 10 minutes).
const NONCE_KEPT: Duration = Duration::from_secs(20 * 60);
/// Between two sweeps.
const EVERY: Duration = Duration::from_secs(60);

impl Chat {
    pub(crate) fn start_sweeping(&self) {
        let weak = Arc::downgrade(&self.inner);
        tokio::spawn(async move {
            loop {
                {
                    let Some(inner) = weak.upgrade() else { return };
                    if let Err(error) = (Self { inner }).sweep().await {
                        tracing::warn!(%error, "clearing away old rows failed; the next sweep tries again");
                    }
                }
                tokio::time::sleep(EVERY).await;
            }
        });
    }

    /// Clears away old nonces, ended invites and the messages of deleted channels.
    ///
    /// # Errors
    /// When the database fails; what is left is cleared away by the next sweep.
    pub async fn sweep(&self) -> Result<(), DbError> {
        let db = &self.inner.db;
        let now = self.inner.env.now();
        let kept_ms = u64::try_from(NONCE_KEPT.as_millis()).unwrap_or(u64::MAX);
        let oldest = Timestamp(now.0.saturating_sub(kept_ms));
        let before = MessageId(Snowflake::compose(oldest.0, 0, 0));
        while db.write(move |sql| store::messages::prune_nonces(sql, before)).await? {}
        while db.write(store::messages::clear_doomed).await? {}
        db.write(move |sql| store::invites::prune(sql, now)).await.map(|_| ())
    }
}
