//! Where a person is logged in.

use voxlink_protocol::UserId;
use voxlink_service_kit::DbError;

use crate::{Identity, store::Login};

impl Identity {
    /// All logins of this person, the newest first.
    pub(crate) async fn list_logins(&self, user: UserId) -> Result<Vec<Login>, DbError> {
        self.inner.store.logins_of(user).await
    }
}
