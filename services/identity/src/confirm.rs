//! Is the one who holds the token also the one whose account it is? Asked before what cannot be undone.

use std::time::Duration;

use voxlink_protocol::{Secret, UserId};
use voxlink_service_kit::DbError;

use crate::{
    Identity,
    hashing::{Busy, PasswordHash},
    totp::SecondFactorError,
};

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ConfirmError {
    #[error("the password is wrong")]
    WrongPassword,
    #[error("a code of the authenticator is needed")]
    TotpRequired,
    #[error("the code is wrong")]
    WrongTotp,
    /// Too many wrong passwords or codes.
    #[error("too many were tried")]
    Wait(Duration),
    #[error(transparent)]
    Busy(#[from] Busy),
    #[error(transparent)]
    Store(#[from] DbError),
}

impl From<SecondFactorError> for ConfirmError {
    fn from(error: SecondFactorError) -> Self {
        match error {
            SecondFactorError::Required => Self::TotpRequired,
            SecondFactorError::Wrong => Self::WrongTotp,
            SecondFactorError::Wait(time) => Self::Wait(time),
            SecondFactorError::Store(error) => Self::Store(error),
        }
    }
}

impl Identity {
    /// Checks the password of someone who is logged in; gives the hash that it fitted.
    pub(crate) async fn confirm_password(
        &self,
        user: UserId,
        password: Secret,
    ) -> Result<PasswordHash, ConfirmError> {
        let now = self.inner.env.clock.monotonic();
        self.inner.limits.confirm(user, now).map_err(ConfirmError::Wait)?;
        let hash = self.inner.store.password_of(user).await?;
        let fits = self.inner.hashing.verify(password, hash.clone()).await?;
        let hash = hash.filter(|_| fits).ok_or(ConfirmError::WrongPassword)?;
        self.inner.limits.confirmed(user);
        Ok(hash)
    }

    /// Checks the password and, where two-factor is on, the second factor, which is used up.
    pub(crate) async fn confirm(
        &self,
        user: UserId,
        password: Secret,
        totp: Option<&Secret>,
    ) -> Result<PasswordHash, ConfirmError> {
        let hash = self.confirm_password(user, password).await?;
        self.check_second_factor(user, totp).await?;
        Ok(hash)
    }
}
