//! Codes that let one person register each on a server with `--registration invite`.

use voxlink_protocol::{Secret, UserId};
use voxlink_service_kit::{Bus, Db, DbError, DbTarget, Env};

use crate::{
    Identity,
    store::{self, Store},
    token::{SecretHash, new_code},
};

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum MakeInviteError {
    /// Only the first account of a server may.
    #[error("only the server's first account makes registration invites")]
    Forbidden,
    #[error(transparent)]
    Store(#[from] DbError),
}

impl Identity {
    /// Makes a code for one registration.
    pub(crate) async fn make_registration_invite(&self, by: UserId) -> Result<Secret, MakeInviteError> {
        if self.inner.store.first_account().await? != Some(by) {
            return Err(MakeInviteError::Forbidden);
        }
        Ok(make(&self.inner.store, &self.inner.env, Some(by)).await?)
    }
}

/// Makes a code for one registration in this database, for the operator at the console. The server may be running
/// on it.
///
/// # Errors
/// When the database does not open or cannot be written.
pub async fn make_invite_offline(database: &DbTarget, env: &Env) -> Result<Secret, DbError> {
    let store = Store::new(Db::open(database, store::MIGRATIONS)?, Bus::in_process());
    make(&store, env, None).await
}

async fn make(store: &Store, env: &Env, by: Option<UserId>) -> Result<Secret, DbError> {
    let code = new_code(env);
    store.add_registration_invite(SecretHash::of(code.expose()), by, env.now()).await?;
    Ok(code)
}
