//! Ends an account for good.

use voxlink_protocol::{Secret, UserId, people::OwnedGuilds};
use voxlink_service_kit::{CallError, DbError};

use crate::{Identity, confirm::ConfirmError};

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum DeleteAccountError {
    /// They give their guilds away or delete them first: others live there.
    #[error("they own guilds with other people in them")]
    OwnsGuilds,
    #[error(transparent)]
    Confirm(#[from] ConfirmError),
    #[error(transparent)]
    Bus(#[from] CallError),
    #[error(transparent)]
    Store(#[from] DbError),
}

impl Identity {
    /// Erases the account and the bots they made. Their name is free again; what they wrote stays, under
    /// `deleted.<id>`. All logins end, and everyone who keeps something for them is told.
    pub(crate) async fn delete_account(
        &self,
        user: UserId,
        password: Secret,
        totp: Option<Secret>,
    ) -> Result<(), DeleteAccountError> {
        // Asked before the code is used up: who is refused here still has it.
        if self.owned_guilds(user).await? > 0 {
            return Err(DeleteAccountError::OwnsGuilds);
        }
        self.confirm(user, password, totp.as_ref()).await?;
        let gone = self.inner.store.erase_account(user, self.inner.env.now()).await?;
        self.inner.files.wake();
        tracing::info!(%user, accounts = gone.len(), "an account was deleted");
        Ok(())
    }

    async fn owned_guilds(&self, user: UserId) -> Result<u32, CallError> {
        match self.inner.bus.call(OwnedGuilds { user }).await {
            // Where nobody keeps guilds nobody owns one.
            Err(CallError::NoService(_)) => Ok(0),
            answer => answer,
        }
    }
}
