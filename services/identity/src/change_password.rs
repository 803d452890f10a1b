//! Replaces a password. Whoever else was logged in is not any more.

use voxlink_protocol::{Secret, bus::TokenOwner};
use voxlink_service_kit::DbError;

use crate::{Identity, confirm::ConfirmError, hashing::Busy, password::Password};

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ChangePasswordError {
    #[error("the password is one that everybody tries first")]
    Obvious,
    #[error(transparent)]
    Confirm(#[from] ConfirmError),
    #[error(transparent)]
    Busy(#[from] Busy),
    #[error(transparent)]
    Store(#[from] DbError),
}

impl Identity {
    /// Replaces it and ends all logins of this person but the one that asks.
    pub(crate) async fn change_password(
        &self,
        owner: &TokenOwner,
        password: Secret,
        new: Password,
        totp: Option<Secret>,
    ) -> Result<(), ChangePasswordError> {
        if new.is_obvious(&owner.user.username) {
            return Err(ChangePasswordError::Obvious);
        }
        let user = owner.user.id;
        let checked = self.confirm(user, password, totp.as_ref()).await?;
        let new = self.inner.hashing.hash(new, self.inner.env.bytes()).await?;
        if !self.inner.store.change_password(user, checked, new, owner.login).await? {
            // Someone else was quicker: the password that was typed is the old one now.
            return Err(ConfirmError::WrongPassword.into());
        }
        tracing::info!(%user, "a password was changed");
        Ok(())
    }
}
