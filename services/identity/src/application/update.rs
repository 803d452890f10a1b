//! Changes what an application and its bot are called and say.

use voxlink_protocol::{ApplicationId, UserId, files::ImagePurpose, text::DisplayName};
use voxlink_service_kit::DbError;

use super::{ApplicationError, INTENT_FLAGS, View, bot_of};
use crate::{
    Identity,
    images::{FreshImages, ImageError},
    store::{ApplicationChange, ChangeProfileError, ProfileChange},
};

/// What may change; `None` stays as it is.
#[derive(Debug, Default)]
pub(crate) struct ApplicationForm {
    /// The bot's name too.
    pub(crate) name: Option<DisplayName>,
    pub(crate) description: Option<String>,
    pub(crate) tags: Option<Vec<String>>,
    /// Data URIs: the application's icon, and its bot's picture.
    pub(crate) icon: Option<Option<String>>,
    pub(crate) avatar: Option<Option<String>>,
    /// Only the intents count; what else is set stays unset.
    pub(crate) flags: Option<u32>,
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum UpdateApplicationError {
    #[error(transparent)]
    Application(#[from] ApplicationError),
    #[error(transparent)]
    Image(#[from] ImageError),
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
        let mut fresh = FreshImages::default();
        if let Err(error) = self.change_application(id, form, &mut fresh).await {
            self.discard(fresh).await;
            return Err(error);
        }
        self.inner.files.wake();
        Ok(self.application(id, asker).await?)
    }

    async fn change_application(
        &self,
        id: ApplicationId,
        form: ApplicationForm,
        fresh: &mut FreshImages,
    ) -> Result<(), UpdateApplicationError> {
        let ApplicationForm { name, description, tags, icon, avatar, flags } = form;
        let icon = self.store_image(fresh, "icon", ImagePurpose::ApplicationIcon(id), icon).await?;
        let avatar = self.store_image(fresh, "avatar", ImagePurpose::Avatar(bot_of(id)), avatar).await?;
        let profile = ProfileChange { global_name: name.map(Some), avatar, ..ProfileChange::default() };
        match self.inner.store.change_profile(bot_of(id), profile).await {
            Ok(_) => {}
            Err(ChangeProfileError::Store(error)) => return Err(error.into()),
            Err(ChangeProfileError::Unknown | ChangeProfileError::UsernameTaken) => {
                return Err(ApplicationError::Unknown.into());
            }
        }
        // The bot's picture is in use from here on.
        fresh.keep(ImagePurpose::Avatar(bot_of(id)));
        let flags = flags.map(|flags| flags & INTENT_FLAGS);
        let change = ApplicationChange { description, tags, flags, icon };
        self.inner.store.change_application(id, change).await?;
        Ok(())
    }
}
