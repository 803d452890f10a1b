//! Accounts by their ids.

use voxlink_protocol::{User, UserId};
use voxlink_service_kit::DbError;

use crate::Identity;

/// What one request may ask for (`GetUsers`).
const MOST_IDS: usize = 1000;

impl Identity {
    /// Those that exist among the first 1,000 ids.
    pub(crate) async fn get_users(&self, mut ids: Vec<UserId>) -> Result<Vec<User>, DbError> {
        ids.truncate(MOST_IDS);
        self.inner.store.users(ids).await
    }
}
