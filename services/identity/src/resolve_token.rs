//! Whose token is this?

use voxlink_protocol::{Secret, bus::TokenOwner};
use voxlink_service_kit::DbError;

use crate::{Identity, token::SecretHash};

impl Identity {
    /// Its owner, unless it is wrong or was revoked.
    pub(crate) async fn resolve_token(&self, token: &Secret) -> Result<Option<TokenOwner>, DbError> {
        let found = self.inner.store.owner_of(SecretHash::of(token.expose())).await?;
        Ok(found.map(|(owner, last_used)| {
            self.inner.last_used.note(owner.login, last_used, self.inner.env.now());
            owner
        }))
    }
}
