//! Turns two-factor off.

use voxlink_protocol::{Secret, UserId};

use crate::{Identity, confirm::ConfirmError};

impl Identity {
    /// Forgets the authenticator and the recovery codes. Fine when there are none.
    pub(crate) async fn disable_totp(
        &self,
        user: UserId,
        password: Secret,
        totp: Option<Secret>,
    ) -> Result<(), ConfirmError> {
        self.confirm(user, password, totp.as_ref()).await?;
        self.inner.store.disable_totp(user).await?;
        tracing::info!(%user, "two-factor was turned off");
        Ok(())
    }
}
