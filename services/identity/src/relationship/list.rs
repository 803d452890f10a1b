//! Who stands how to whom.

use voxlink_protocol::{Relationship, UserId, people::Relation};
use voxlink_service_kit::DbError;

use crate::Identity;

impl Identity {
    /// Friends, requests and blocks of this person, as they see them.
    pub(crate) async fn relationships(&self, of: UserId) -> Result<Vec<Relationship>, DbError> {
        self.inner.store.relationships(of).await
    }

    /// How two people stand to each other.
    pub(crate) async fn relation_between(&self, a: UserId, b: UserId) -> Result<Relation, DbError> {
        self.inner.store.relation_between(a, b).await
    }
}
