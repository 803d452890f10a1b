//! Shows an application to its maker, its bot, and other services.

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use voxlink_protocol::{ApplicationId, User, UserId, application::Application, bus::GuildsOf};
use voxlink_service_kit::{CallError, DbError};

use super::{ApplicationError, belongs, bot_of};
use crate::{Identity, store::StoredApplication, vault::Purpose};

/// An application with what one looks up besides.
#[derive(Debug)]
pub(crate) struct View {
    pub(crate) application: StoredApplication,
    pub(crate) owner: User,
    /// Hex of the Ed25519 key that its interactions will be signed with.
    pub(crate) verify_key: String,
    /// Guilds that the bot is in.
    pub(crate) guilds: usize,
}

impl Identity {
    /// An application, for its maker or its bot.
    pub(crate) async fn application(
        &self,
        id: ApplicationId,
        asker: UserId,
    ) -> Result<View, ApplicationError> {
        let found = self.inner.store.application(id).await?;
        let application = found.filter(|found| belongs(found, asker)).ok_or(ApplicationError::Unknown)?;
        Ok(self.view(application).await?)
    }

    /// All applications of this person, oldest first.
    pub(crate) async fn applications_of(&self, owner: UserId) -> Result<Vec<View>, DbError> {
        let mut views = Vec::new();
        for application in self.inner.store.applications_of(owner).await? {
            views.push(self.view(application).await?);
        }
        Ok(views)
    }

    /// For other services.
    pub(crate) async fn get_application(&self, id: ApplicationId) -> Result<Option<Application>, DbError> {
        let found = self.inner.store.application(id).await?;
        Ok(found.map(|found| Application {
            id,
            name: found.name().to_owned(),
            owner: found.owner,
            flags: found.flags,
            bot: found.bot,
        }))
    }

    pub(crate) async fn view(&self, application: StoredApplication) -> Result<View, DbError> {
        let owner = self.inner.store.users(vec![application.owner]).await?.pop();
        let owner = owner.ok_or_else(|| DbError::Other("an application has no owner".to_owned()))?;
        Ok(View {
            owner,
            verify_key: self.verify_key(&application),
            guilds: self.guilds_of(bot_of(application.id())).await,
            application,
        })
    }

    /// Empty when the key cannot be unsealed: then nothing can be signed either.
    fn verify_key(&self, application: &StoredApplication) -> String {
        let purpose = Purpose::SigningKey(application.id().get());
        let seed = self.inner.vault.unseal(purpose, &application.signing_key);
        let pair = seed.and_then(|seed| Ed25519KeyPair::from_seed_unchecked(&seed).ok());
        let Some(pair) = pair else {
            tracing::error!(application = %application.id(), "a signing key was sealed with another key file");
            return String::new();
        };
        pair.public_key().as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    async fn guilds_of(&self, user: UserId) -> usize {
        match self.inner.bus.call(GuildsOf { user }).await {
            Ok(guilds) => guilds.len(),
            Err(CallError::NoService(_)) => 0,
            Err(error) => {
                tracing::warn!(%error, "a bot's guilds could not be counted");
                0
            }
        }
    }
}
