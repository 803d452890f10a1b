//! Changes what others see of an account.

use voxlink_protocol::{
    Secret, User, UserId,
    files::ImagePurpose,
    text::{DisplayName, Username},
};
use voxlink_service_kit::DbError;

use crate::{
    Identity,
    confirm::ConfirmError,
    images::{FreshImages, ImageError},
    register::is_reserved,
    store::{ChangeProfileError, Me, Profile, ProfileChange},
};

/// What an account wants of itself.
#[derive(Debug, Default)]
pub(crate) struct ProfileForm {
    /// A person's needs their password.
    pub(crate) username: Option<String>,
    pub(crate) password: Option<Secret>,
    /// Data URIs.
    pub(crate) avatar: Option<Option<String>>,
    pub(crate) banner: Option<Option<String>>,
    /// The rest; its username and pictures are not read.
    pub(crate) change: ProfileChange,
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum UpdateProfileError {
    #[error("no such account")]
    Unknown,
    #[error("the username is taken")]
    UsernameTaken,
    #[error(transparent)]
    Username(#[from] voxlink_protocol::text::TextError),
    #[error(transparent)]
    Image(#[from] ImageError),
    #[error(transparent)]
    Confirm(#[from] ConfirmError),
    #[error(transparent)]
    Store(#[from] DbError),
}

impl From<ChangeProfileError> for UpdateProfileError {
    fn from(error: ChangeProfileError) -> Self {
        match error {
            ChangeProfileError::Unknown => Self::Unknown,
            ChangeProfileError::UsernameTaken => Self::UsernameTaken,
            ChangeProfileError::Store(error) => Self::Store(error),
        }
    }
}

impl Identity {
    /// Changes it, then tells everyone who knows the account.
    pub(crate) async fn update_profile(
        &self,
        user: &User,
        form: ProfileForm,
    ) -> Result<Me, UpdateProfileError> {
        let ProfileForm { username, password, avatar, banner, mut change } = form;
        match username {
            // v10 bots are called by one name, which may hold anything: here that is the one to show.
            Some(name) if user.bot => change.global_name = Some(Some(DisplayName::parse(&name)?)),
            Some(name) => {
                let name = Username::parse(&name)?;
                if name.as_str() != user.username {
                    if is_reserved(&name) {
                        return Err(UpdateProfileError::UsernameTaken);
                    }
                    let password = password.unwrap_or_else(|| Secret::new(""));
                    self.confirm_password(user.id, password).await?;
                    change.username = Some(name);
                }
            }
            None => {}
        }
        let mut fresh = FreshImages::default();
        let changed = async {
            let purpose = ImagePurpose::Avatar(user.id);
            change.avatar = self.store_image(&mut fresh, "avatar", purpose, avatar).await?;
            let purpose = ImagePurpose::Banner(user.id);
            change.banner = self.store_image(&mut fresh, "banner", purpose, banner).await?;
            Ok(self.inner.store.change_profile(user.id, change).await?)
        };
        if let Err(error) = changed.await {
            self.discard(fresh).await;
            return Err(error);
        }
        self.inner.files.wake();
        self.me(user).await?.ok_or(UpdateProfileError::Unknown)
    }

    /// What an account sees of itself.
    pub(crate) async fn me(&self, user: &User) -> Result<Option<Me>, DbError> {
        self.inner.store.me(user.id).await
    }

    /// What others see of an account, unless it is gone.
    pub(crate) async fn profile(&self, of: UserId) -> Result<Option<Profile>, DbError> {
        self.inner.store.profile(of).await
    }
}
