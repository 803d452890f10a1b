//! Makes an account and its first login.

use voxlink_protocol::{InviteCode, LoginId, User, UserId, bus::InviteWorks, text::Username};
use voxlink_service_kit::DbError;

use crate::{
    Entry, Identity, Registration,
    hashing::Busy,
    password::Password,
    store::{Admission, NewAccount, NewLogin},
    token::{SecretHash, new_token},
};

/// Longer ones are not asked about, in bytes: chat's codes have 11 to 22.
const LONGEST_GUILD_INVITE: usize = 64;

/// What accounts that are gone are called by; nobody else is.
pub(crate) const RESERVED_PREFIX: &str = "deleted.";

/// Whether nobody may have this name.
pub(crate) fn is_reserved(username: &Username) -> bool {
    username.as_str().starts_with(RESERVED_PREFIX)
}

/// What a person wants to register with.
#[derive(Debug)]
pub(crate) struct Application {
    pub(crate) username: Username,
    pub(crate) password: Password,
    /// A registration code, or an invite into a guild.
    pub(crate) invite: Option<String>,
    pub(crate) user_agent: String,
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RegisterError {
    #[error("nobody may register here")]
    Closed,
    #[error("an invite is needed")]
    InviteNeeded,
    #[error("there is no such invite, or it was used")]
    InviteUnknown,
    #[error("the username is taken")]
    UsernameTaken,
    #[error("the password is one that everybody tries first")]
    PasswordObvious,
    #[error(transparent)]
    Busy(#[from] Busy),
    #[error(transparent)]
    Store(#[from] DbError),
}

impl Identity {
    /// Makes the account. The cheap questions come before the hash and once more in the transaction that stores.
    pub(crate) async fn register(&self, application: Application) -> Result<Entry, RegisterError> {
        let Application { username, password, invite, user_agent } = application;
        let admission = match self.inner.config.registration {
            Registration::Open => Admission::Anyone,
            // A friend's invite into a guild is an invite to the server as well.
            Registration::Invite if self.guild_invite_works(invite.as_deref()).await => Admission::Anyone,
            Registration::Invite => Admission::Invited(invite.as_deref().map(SecretHash::of)),
            Registration::Closed => return Err(RegisterError::Closed),
        };
        if password.is_obvious(username.as_str()) {
            return Err(RegisterError::PasswordObvious);
        }
        if is_reserved(&username) {
            return Err(RegisterError::UsernameTaken);
        }
        self.inner.store.may_register(username.clone(), admission).await?;
        let password = self.inner.hashing.hash(password, self.inner.env.bytes()).await?;

        let now = self.inner.env.now();
        let user = User::new(UserId(self.inner.ids.next(now)), username.into_string());
        let token = new_token(&self.inner.env);
        let login = NewLogin {
            id: LoginId(self.inner.ids.next(now)),
            user: user.id,
            token: SecretHash::of(token.expose()),
            created_at: now,
            user_agent,
        };
        let account = NewAccount { user: user.clone(), password, created_at: now };
        self.inner.store.create_account(account, login, admission).await?;
        tracing::info!(user = %user.id, "an account was made");
        Ok(Entry { token, user })
    }

    async fn guild_invite_works(&self, code: Option<&str>) -> bool {
        let Some(code) = code.filter(|code| code.len() <= LONGEST_GUILD_INVITE) else { return false };
        let asked = self.inner.bus.call(InviteWorks { code: InviteCode(code.to_owned()) }).await;
        asked.unwrap_or_else(|error| {
            tracing::warn!(%error, "an invite could not be checked");
            false
        })
    }
}
