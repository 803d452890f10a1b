//! Gives a bot a new token; the former one is worth nothing from then on.

use voxlink_protocol::{ApplicationId, Secret, UserId};

use super::{ApplicationError, bot_of};
use crate::Identity;

impl Identity {
    /// The new token, for the application's maker, this once.
    pub(crate) async fn reset_token(
        &self,
        id: ApplicationId,
        owner: UserId,
    ) -> Result<Secret, ApplicationError> {
        if self.inner.store.owner_of_application(id).await? != Some(owner) {
            return Err(ApplicationError::Unknown);
        }
        let (login, token) = self.bot_login(bot_of(id));
        let replaced = self.inner.store.replace_bot_token(login).await?;
        if replaced { Ok(token) } else { Err(ApplicationError::Unknown) }
    }
}
