//! Turns two-factor on, once the authenticator has proved that it holds the secret.

use voxlink_protocol::{Secret, UserId};
use voxlink_service_kit::DbError;

use super::{digits, matching_step, recovery::new_codes};
use crate::{Identity, confirm::ConfirmError, vault::Purpose};

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum EnableTotpError {
    #[error("there is no secret to enable: set it up first")]
    NotSetUp,
    #[error("two-factor is on already")]
    Enabled,
    #[error(transparent)]
    Confirm(#[from] ConfirmError),
    #[error(transparent)]
    Store(#[from] DbError),
}

impl Identity {
    /// Enables the prepared secret by one of its codes, and gives the recovery codes, this once.
    pub(crate) async fn enable_totp(
        &self,
        user: UserId,
        typed: &str,
    ) -> Result<Vec<Secret>, EnableTotpError> {
        let stored = self.inner.store.totp(user).await?.ok_or(EnableTotpError::NotSetUp)?;
        if stored.enabled {
            return Err(EnableTotpError::Enabled);
        }
        let now = self.inner.env.clock.monotonic();
        self.inner.limits.code(user, now).map_err(ConfirmError::Wait)?;
        let secret = self.inner.vault.unseal(Purpose::Authenticator(user.get()), &stored.secret);
        let secret = secret.ok_or(EnableTotpError::NotSetUp)?;
        let step = digits(typed)
            .and_then(|typed| matching_step(&secret, &typed, self.inner.env.now(), stored.last_step))
            .ok_or(ConfirmError::WrongTotp)?;
        let (codes, hashes) = new_codes(&self.inner.env);
        if !self.inner.store.enable_totp(user, stored.secret, step, hashes).await? {
            return Err(EnableTotpError::NotSetUp);
        }
        self.inner.limits.code_fitted(user);
        tracing::info!(%user, "two-factor was turned on");
        Ok(codes)
    }
}
