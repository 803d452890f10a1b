//! Makes an application, its bot, and the bot's first token.

use voxlink_protocol::{LoginId, Secret, Snowflake, User, UserId, text::DisplayName};
use voxlink_service_kit::DbError;

use super::INTENT_FLAGS;
use crate::{
    Identity,
    store::{NewApplication, NewLogin, StoreApplicationError, StoredApplication},
    token::{SecretHash, new_bot_token},
    vault::Purpose,
};

/// Applications one person may have.
const MOST_APPLICATIONS: i64 = 50;
/// What every token's login is called.
const AGENT: &str = "bot";
/// Letters of a name that its bot's username keeps: room for an id behind them within 32.
const KEPT: usize = 12;

/// An application and its token, which is told this once.
#[derive(Debug)]
pub(crate) struct Made {
    pub(crate) application: StoredApplication,
    pub(crate) token: Secret,
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CreateApplicationError {
    #[error("as many applications as one may have")]
    TooMany,
    #[error("the signing key could not be made")]
    Vault,
    #[error(transparent)]
    Store(#[from] DbError),
}

impl Identity {
    /// Makes it. The bot's name is the application's; its username is made from that.
    pub(crate) async fn create_application(
        &self,
        owner: UserId,
        name: DisplayName,
    ) -> Result<Made, CreateApplicationError> {
        let now = self.inner.env.now();
        let id = self.inner.ids.next(now);
        let seed: [u8; 32] = self.inner.env.bytes();
        let signing_key = self.inner.vault.seal(&self.inner.env, Purpose::SigningKey(id.0), &seed);
        let usernames = usernames(name.as_str(), id, self.inner.env.bytes());
        let (login, token) = self.bot_login(UserId(id));
        let bot = User { global_name: Some(name.into_string()), bot: true, ..User::new(UserId(id), "") };
        let new = NewApplication {
            application: StoredApplication {
                bot,
                owner,
                icon: None,
                description: String::new(),
                tags: Vec::new(),
                flags: INTENT_FLAGS,
                signing_key: signing_key.ok_or(CreateApplicationError::Vault)?,
            },
            usernames,
            created_at: now,
            login,
        };
        let application = self.inner.store.add_application(new, MOST_APPLICATIONS).await?;
        tracing::info!(application = %application.id(), user = %owner, "an application was made");
        Ok(Made { application, token })
    }

    /// A new token for this bot, and the login that it opens.
    pub(super) fn bot_login(&self, bot: UserId) -> (NewLogin, Secret) {
        let now = self.inner.env.now();
        let token = new_bot_token(&self.inner.env, bot);
        let login = NewLogin {
            id: LoginId(self.inner.ids.next(now)),
            user: bot,
            token: SecretHash::of(token.expose()),
            created_at: now,
            user_agent: AGENT.to_owned(),
        };
        (login, token)
    }
}

impl From<StoreApplicationError> for CreateApplicationError {
    fn from(error: StoreApplicationError) -> Self {
        match error {
            StoreApplicationError::TooMany => Self::TooMany,
            StoreApplicationError::NoName => Self::Store(DbError::Other("no username was free".to_owned())),
            StoreApplicationError::Store(error) => Self::Store(error),
        }
    }
}

/// Usernames for a bot of this name, the nicest first; the last one is nobody else's.
pub(super) fn usernames(name: &str, id: Snowflake, random: [u8; 2]) -> Vec<String> {
    let mut slug = String::new();
    for c in name.to_lowercase().chars() {
        if c.is_ascii_alphanumeric() {
            slug.push(c);
        } else if !slug.is_empty() && !slug.ends_with('_') {
            slug.push('_');
        }
    }
    slug.truncate(KEPT);
    let slug = slug.trim_matches('_');
    let slug = if slug.is_empty() { "bot" } else { slug };
    let with = |tail: String| format!("{slug}_{tail}");
    let [a, b] = random;
    let plain = if slug.len() < 2 { with("bot".to_owned()) } else { slug.to_owned() };
    vec![plain, with("bot".to_owned()), with(format!("{a:02x}{b:02x}")), with(id.to_string())]
}

#[cfg(test)]
mod tests {
    use voxlink_protocol::text::Username;

    use super::*;

    #[test]
    fn a_bots_username_is_made_of_its_name_and_is_a_username() {
        let names = |name: &str| usernames(name, Snowflake(u64::MAX), [1, 255]);
        assert_eq!(
            names("Weather Bot"),
            ["weather_bot", "weather_bot_bot", "weather_bot_01ff", "weather_bot_18446744073709551615"]
        );
        assert_eq!(names("Погода")[0], "bot");
        assert_eq!(names("X")[0], "x_bot");
        for name in ["Weather Bot 3000 of the North", "…", "a..b", "deleted.7", "ÀÉ x"] {
            for username in names(name) {
                assert!(Username::parse(&username).is_ok(), "{username}");
            }
        }
    }
}
