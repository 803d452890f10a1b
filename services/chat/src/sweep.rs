//! Clears away, a little at a time, what nobody will ask for again.

use std::{sync::Arc, time::Duration};

use voxlink_protocol::{AuditLogEntryId, MessageId, Snowflake, Timestamp, files::FilesNews};
use voxlink_service_kit::{DbError, courier};

use crate::{
    Chat, Refusal,
    audit::KEPT_DAYS,
    store::{self, messages::Cleared},
};

/// A retry with the same nonce is recognised for at least this long (the promise is 10 minutes).
const NONCE_KEPT: Duration = Duration::from_secs(20 * 60);
/// v10: the longest slow mode; a turn taken before that holds nobody any more.
const LONGEST_SLOW_MODE: Duration = Duration::from_secs(21_600);
/// An entry of an audit log is kept so long, and who came by an invite that is gone.
const LOG_KEPT: Duration = Duration::from_secs(KEPT_DAYS * 24 * 60 * 60);
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

    /// Clears away old nonces, ended invites, old turns of slow mode, old entries of audit logs, the messages of deleted
    /// channels and those that went with a ban.
    ///
    /// # Errors
    /// When the database fails; what is left is cleared away by the next sweep.
    pub async fn sweep(&self) -> Result<(), Refusal> {
        let db = &self.inner.db;
        let now = self.inner.env.now();
        let kept_ms = u64::try_from(NONCE_KEPT.as_millis()).unwrap_or(u64::MAX);
        let oldest = Timestamp(now.0.saturating_sub(kept_ms));
        let slow_mode_ms = u64::try_from(LONGEST_SLOW_MODE.as_millis()).unwrap_or(u64::MAX);
        let before = MessageId(Snowflake::compose(oldest.0, 0, 0));
        while db.write(move |sql| store::messages::prune_nonces(sql, before)).await? {}
        let oldest = Timestamp(now.0.saturating_sub(slow_mode_ms));
        while db.write(move |sql| store::slow_mode::prune(sql, oldest)).await? {}
        while self.clear_doomed().await? {}
        let log_ms = u64::try_from(LOG_KEPT.as_millis()).unwrap_or(u64::MAX);
        let oldest = Timestamp(now.0.saturating_sub(log_ms));
        let log = AuditLogEntryId(Snowflake::compose(oldest.0, 0, 0));
        while db.write(move |sql| store::audit::prune(sql, log)).await? {}
        while db.write(move |sql| store::invites::prune_uses(sql, oldest)).await? {}
        db.write(move |sql| store::invites::prune(sql, now)).await?;
        self.purge().await
    }

    /// Clears away some messages of deleted channels; `true` when there may be more. Once nothing is left of a channel,
    /// files is told, also when we crash in between.
    async fn clear_doomed(&self) -> Result<bool, DbError> {
        let cleared = self.inner.db.write(|sql| {
            let cleared = store::messages::clear_doomed(sql)?;
            if let Cleared::All(channel) = cleared {
                courier::put(sql, &FilesNews::ChannelsGone { channels: vec![channel] })?;
            }
            Ok::<_, DbError>(cleared)
        });
        let cleared = cleared.await?;
        if matches!(cleared, Cleared::All(_)) {
            self.inner.courier.wake();
        }
        Ok(cleared != Cleared::Nothing)
    }
}
