//! Wants nothing of someone any more.

use voxlink_protocol::{Relationship, UserId};

use super::{RelateError, Sides};
use crate::Identity;

impl Identity {
    /// Blocks. The other learns no more than that friendship or request ended.
    pub(crate) async fn block(&self, me: UserId, other: UserId) -> Result<Relationship, RelateError> {
        self.relate(me, other, Sides::block).await?.ok_or(RelateError::UnknownUser)
    }
}
