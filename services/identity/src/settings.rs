//! What a person chose, the same on all of their devices; and the end of custom statuses.

use std::{sync::Arc, time::Duration};

use voxlink_protocol::{UserId, UserSettings};
use voxlink_service_kit::DbError;

use crate::{Identity, store::SettingsChange};

/// A custom status that is over is seen for no longer than this.
const EVERY: Duration = Duration::from_secs(10);

impl Identity {
    /// What this person chose.
    pub(crate) async fn settings(&self, user: UserId) -> Result<UserSettings, DbError> {
        self.inner.store.settings(user, self.inner.env.now()).await
    }

    /// Changes it and tells the person's devices, and through the gateway those who see them.
    pub(crate) async fn change_settings(
        &self,
        user: UserId,
        change: SettingsChange,
    ) -> Result<UserSettings, DbError> {
        self.inner.store.change_settings(user, change, self.inner.env.now()).await
    }

    /// Clears custom statuses that are over and tells it.
    ///
    /// # Errors
    /// When the database fails; the next sweep clears what is left.
    pub async fn sweep(&self) -> Result<(), DbError> {
        while self.inner.store.expire_statuses(self.inner.env.now()).await? {}
        Ok(())
    }

    pub(crate) fn start_sweeping(&self) {
        let weak = Arc::downgrade(&self.inner);
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(EVERY).await;
                let Some(inner) = weak.upgrade() else { return };
                if let Err(error) = (Self { inner }).sweep().await {
                    tracing::warn!(%error, "custom statuses were not cleared; the next sweep tries again");
                }
            }
        });
    }
}
