//! Tells files who may put a file where.

use voxlink_protocol::{
    Permissions,
    files::{AttachGrant, AttachRefused, MayAttach},
};

use crate::{Chat, Refusal};

impl Chat {
    /// Whether someone may attach files to messages here.
    ///
    /// # Errors
    /// See [`AttachRefused`].
    pub fn may_attach(&self, request: &MayAttach) -> Result<AttachGrant, AttachRefused> {
        let world = self.world();
        let view = world
            .view_place(request.channel, request.user, self.inner.env.now())
            .map_err(|_: Refusal| AttachRefused::Unknown)?;
        view.require_messages().map_err(|_| AttachRefused::NoMessagesHere)?;
        if !view.may(Permissions::SEND_MESSAGES | Permissions::ATTACH_FILES) {
            return Err(AttachRefused::Forbidden);
        }
        Ok(AttachGrant { guild: view.place().guild() })
    }
}
