//! Ends another login of the same person.

use voxlink_protocol::{LoginId, UserId};
use voxlink_service_kit::DbError;

use crate::Identity;

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RevokeLoginError {
    /// There is none with this id, or it is someone else's.
    #[error("no such login")]
    Unknown,
    #[error(transparent)]
    Store(#[from] DbError),
}

impl Identity {
    /// Ends it; the token is worth nothing and its sockets are closed from now on.
    pub(crate) async fn revoke_login(&self, user: UserId, login: LoginId) -> Result<(), RevokeLoginError> {
        if self.inner.store.end_login(user, login).await? { Ok(()) } else { Err(RevokeLoginError::Unknown) }
    }
}
