//! Changes what others see of an account.

use voxlink_protocol::{User, UserId, text::DisplayName};
use voxlink_service_kit::DbError;

use crate::Identity;

impl Identity {
    /// Gives or takes the display name, then tells everyone. `None`: there is no such account.
    pub(crate) async fn update_profile(
        &self,
        user: UserId,
        display_name: Option<DisplayName>,
    ) -> Result<Option<User>, DbError> {
        self.inner.store.set_display_name(user, display_name).await
    }
}
