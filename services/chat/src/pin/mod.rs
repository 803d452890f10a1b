//! Pins: messages kept for everyone to find.

pub mod add;
pub mod list;
pub mod remove;

use voxlink_protocol::{ChannelId, Permissions, UserId};

use crate::{Chat, Refusal, state::place::Place};

/// v10: pinned messages of one channel.
pub const MOST_PINS: u64 = 250;

impl Chat {
    /// Where it is, for someone who may pin there.
    fn may_pin(&self, actor: UserId, channel: ChannelId) -> Result<Place, Refusal> {
        let world = self.world();
        let view = world.view_place(channel, actor, self.inner.env.now())?;
        view.require_messages()?;
        // PIN_MESSAGES was a part of MANAGE_MESSAGES once, and older bots ask for that.
        if !view.permissions().intersects(Permissions::PIN_MESSAGES | Permissions::MANAGE_MESSAGES) {
            return Err(Refusal::Forbidden);
        }
        Ok(view.place())
    }
}
