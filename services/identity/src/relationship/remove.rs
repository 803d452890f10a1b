//! Ends a friendship, withdraws or refuses a request, or lifts a block.

use voxlink_protocol::UserId;

use super::{RelateError, Sides};
use crate::Identity;

impl Identity {
    /// Ends whatever it is. Fine when there is nothing, or nobody.
    pub(crate) async fn remove_relationship(&self, me: UserId, other: UserId) -> Result<(), RelateError> {
        match self.relate(me, other, Sides::remove).await {
            Ok(_) | Err(RelateError::UnknownUser) => Ok(()),
            Err(error) => Err(error),
        }
    }
}
