//! Ends an application and its bot.

use voxlink_protocol::{ApplicationId, UserId};

use super::ApplicationError;
use crate::Identity;

impl Identity {
    /// Erases both; the bot leaves every guild and what it wrote stays.
    pub(crate) async fn delete_application(
        &self,
        id: ApplicationId,
        owner: UserId,
    ) -> Result<(), ApplicationError> {
        let found = self.inner.store.application(id).await?;
        let found = found.filter(|found| found.owner == owner);
        if found.is_none() {
            return Err(ApplicationError::Unknown);
        }
        if !self.inner.store.erase_application(id, self.inner.env.now()).await? {
            return Err(ApplicationError::Unknown);
        }
        self.inner.files.wake();
        tracing::info!(application = %id, "an application was deleted");
        Ok(())
    }
}
