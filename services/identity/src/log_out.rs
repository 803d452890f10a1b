//! Ends the login that asks for it.

use voxlink_protocol::bus::TokenOwner;
use voxlink_service_kit::DbError;

use crate::Identity;

impl Identity {
    /// Ends it; the token is worth nothing and its sockets are closed from now on. Logging out twice is fine.
    pub(crate) async fn log_out(&self, owner: &TokenOwner) -> Result<(), DbError> {
        self.inner.store.end_login(owner.user.id, owner.login).await.map(|_ended| ())
    }
}
