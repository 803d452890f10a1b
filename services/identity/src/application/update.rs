//! Changes what an application and its bot are called and say.

use voxlink_protocol::{ApplicationId, UserId, text::DisplayName};
use voxlink_service_kit::DbError;

use super::{ApplicationError, INTENT_FLAGS, View, bot_of};
use crate::{
    Identity,
    store::{ApplicationChange, ChangeProfileError, ProfileChange},
};

/// What may change; `None` stays as it is.
#[derive(Debug, Default)]
pub(crate) struct ApplicationForm {
    /// The bot's name too.
    pub(crate) name: Option<DisplayName>,
    pub(crate) description: Option<String>,
    pub(crate) tags: Option<Vec<String>>,
    /// Only the intents count; what else is set stays unset.
    pub(crate) flags: Option<u32>,
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum UpdateApplicationError {
    #[error(transparent)]
    Application(#[from] ApplicationError),
    #[error(transparent)]
    Store(#[from] DbError),
}

impl Identity {
    /// Changes it, for its maker or its bot.
    pub(crate) async fn update_application(
        &self,
        id: ApplicationId,
        asker: UserId,
        form: ApplicationForm,
    ) -> Result<View, UpdateApplicationError> {
        let _may = self.application(id, asker).await?;
        let ApplicationForm { name, description, tags, flags } = form;
        let change = ApplicationChange { description, tags, flags: flags.map(|flags| flags & INTENT_FLAGS) };
        self.inner.store.change_application(id, change).await?;
        if let Some(name) = name {
            let renamed = ProfileChange { global_name: Some(Some(name)), ..ProfileChange::default() };
            match self.inner.store.change_profile(bot_of(id), renamed).await {
                Ok(_) => {}
                Err(ChangeProfileError::Store(error)) => return Err(error.into()),
                Err(ChangeProfileError::Unknown | ChangeProfileError::UsernameTaken) => {
                    return Err(ApplicationError::Unknown.into());
                }
            }
        }
        Ok(self.application(id, asker).await?)
    }
}
