//! Finds people by the beginning of a name.

use voxlink_protocol::User;
use voxlink_service_kit::DbError;

use crate::Identity;

/// People in one answer at most.
pub(crate) const MOST_FOUND: usize = 25;
/// No name is longer.
const MOST_CHARS: usize = 32;

impl Identity {
    /// People whose username or display name begins so, in any case of letters; usernames come first.
    pub(crate) async fn search_users(&self, query: &str, limit: usize) -> Result<Vec<User>, DbError> {
        let prefix = query.trim().to_lowercase();
        if prefix.is_empty() || prefix.chars().count() > MOST_CHARS {
            return Ok(Vec::new());
        }
        self.inner.store.search(prefix, limit.clamp(1, MOST_FOUND)).await
    }
}
