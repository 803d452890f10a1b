//! Does this person hold their second factor?

use std::time::Duration;

use voxlink_protocol::{Secret, UserId};
use voxlink_service_kit::DbError;

use super::{digits, matching_step, recovery};
use crate::{Identity, store::StoredTotp, vault::Purpose};

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SecondFactorError {
    /// Two-factor is on and nothing was typed.
    #[error("a code of the authenticator is needed")]
    Required,
    /// Neither a code of these minutes that was not used, nor a recovery code.
    #[error("the code is wrong")]
    Wrong,
    /// Too many wrong codes.
    #[error("too many codes were tried")]
    Wait(Duration),
    #[error(transparent)]
    Store(#[from] DbError),
}

impl Identity {
    /// Checks what was typed, and uses it up. Without two-factor nothing is asked for.
    pub(crate) async fn check_second_factor(
        &self,
        user: UserId,
        typed: Option<&Secret>,
    ) -> Result<(), SecondFactorError> {
        let Some(stored) = self.inner.store.totp(user).await?.filter(|stored| stored.enabled) else {
            return Ok(());
        };
        let typed = typed.map(Secret::expose).filter(|typed| !typed.trim().is_empty());
        let typed = typed.ok_or(SecondFactorError::Required)?;
        self.inner.limits.code(user, self.inner.env.clock.monotonic()).map_err(SecondFactorError::Wait)?;
        let fits = match digits(typed) {
            Some(digits) => self.use_code(user, &stored, &digits).await?,
            None => self.inner.store.use_recovery_code(user, recovery::hash(typed)).await?,
        };
        if !fits {
            return Err(SecondFactorError::Wrong);
        }
        self.inner.limits.code_fitted(user);
        Ok(())
    }

    async fn use_code(&self, user: UserId, stored: &StoredTotp, digits: &[u8; 6]) -> Result<bool, DbError> {
        let Some(secret) = self.inner.vault.unseal(Purpose::Authenticator(user.get()), &stored.secret) else {
            tracing::error!(%user, "an authenticator's secret was sealed with another key file");
            return Ok(false);
        };
        match matching_step(&secret, digits, self.inner.env.now(), stored.last_step) {
            // Of two who bring the same code at once, one gets in.
            Some(step) => self.inner.store.use_totp(user, step).await,
            None => Ok(false),
        }
    }
}
