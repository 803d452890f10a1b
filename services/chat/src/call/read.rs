//! Which calls someone may see.

use voxlink_protocol::{ChannelId, UserId, direct::DirectCall};

use super::keeper::Inquiry;
use crate::Chat;

impl Chat {
    /// The calls of someone's conversations that ring or go on; `None` when the server ends.
    pub async fn calls_of(&self, user: UserId) -> Option<Vec<DirectCall>> {
        let channels: Vec<ChannelId> = self.world().directs.of(user).map(|direct| direct.id).collect();
        self.inner.calls.ask(|reply| Inquiry::Shown(channels, reply)).await
    }
}
