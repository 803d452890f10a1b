//! Exchanges name, password and perhaps a second factor for a token.

use voxlink_protocol::{LoginId, Secret, text::Username};
use voxlink_service_kit::DbError;

use crate::{
    Entry, Identity,
    hashing::Busy,
    store::NewLogin,
    token::{SecretHash, new_token},
    totp::SecondFactorError,
};

/// Logins one person may have; one more ends the oldest.
pub(crate) const MOST_LOGINS: usize = 50;

/// What a person brings. Neither name nor password need be possible ones: the answer is the same.
#[derive(Debug)]
pub(crate) struct Credentials {
    pub(crate) username: Option<Username>,
    pub(crate) password: Secret,
    /// A code of the authenticator, or a recovery code.
    pub(crate) totp: Option<Secret>,
    pub(crate) user_agent: String,
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum LogInError {
    /// The name is unknown or the password does not fit: nobody learns which.
    #[error("name and password do not fit together")]
    WrongCredentials,
    /// Name and password fit; the second factor is missing, wrong, or was tried too often.
    #[error(transparent)]
    SecondFactor(#[from] SecondFactorError),
    #[error(transparent)]
    Busy(#[from] Busy),
    #[error(transparent)]
    Store(#[from] DbError),
}

impl Identity {
    /// Makes a login with a new token.
    pub(crate) async fn log_in(&self, credentials: Credentials) -> Result<Entry, LogInError> {
        let Credentials { username, password, totp, user_agent } = credentials;
        // A name that cannot be one is looked up all the same, as a name that nobody has.
        let name = username.map(Username::into_string).unwrap_or_default();
        let (user, hash) = self.inner.store.account_by_name(name).await?.unzip();
        let fits = self.inner.hashing.verify(password, hash.clone()).await?;
        let (user, hash) = user.zip(hash).filter(|_| fits).ok_or(LogInError::WrongCredentials)?;
        self.check_second_factor(user.id, totp.as_ref()).await?;

        let now = self.inner.env.now();
        let token = new_token(&self.inner.env);
        let login = NewLogin {
            id: LoginId(self.inner.ids.next(now)),
            user: user.id,
            token: SecretHash::of(token.expose()),
            created_at: now,
            user_agent,
        };
        if !self.inner.store.add_login(login, hash, MOST_LOGINS).await? {
            // The password was changed while this one was checked.
            return Err(LogInError::WrongCredentials);
        }
        Ok(Entry { token, user })
    }
}
