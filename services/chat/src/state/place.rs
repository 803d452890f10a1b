//! Where messages are: a channel of a guild or a direct conversation, as one who may see it sees it.

use voxlink_protocol::{ChannelId, GuildId, Member, Permissions, Timestamp, UserId};

use super::{ChannelView, World, direct::DirectView};
use crate::Refusal;

/// Which of the two, without what is in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// A channel of this guild.
    Guild(GuildId),
    /// A direct conversation.
    Direct,
}

impl Place {
    /// The guild, if there is one.
    #[must_use]
    pub const fn guild(self) -> Option<GuildId> {
        match self {
            Self::Guild(guild) => Some(guild),
            Self::Direct => None,
        }
    }
}

/// A place as one who may see it sees it.
#[derive(Clone, Copy, Debug)]
pub enum PlaceView<'a> {
    /// A channel of a guild.
    Guild(ChannelView<'a>),
    /// A direct conversation.
    Direct(DirectView<'a>),
}

impl<'a> PlaceView<'a> {
    /// Which place it is.
    #[must_use]
    pub const fn place(&self) -> Place {
        match self {
            Self::Guild(view) => Place::Guild(view.state.guild.id),
            Self::Direct(_) => Place::Direct,
        }
    }

    /// The one who looks, as a member without `user`; `None` in direct conversations.
    #[must_use]
    pub const fn member(&self) -> Option<&'a Member> {
        match self {
            Self::Guild(view) => Some(view.member),
            Self::Direct(_) => None,
        }
    }

    /// What they may do here.
    #[must_use]
    pub const fn permissions(&self) -> Permissions {
        match self {
            Self::Guild(view) => view.permissions,
            Self::Direct(view) => view.permissions,
        }
    }

    /// True when they may do all of this here.
    #[must_use]
    pub fn may(&self, needed: Permissions) -> bool {
        self.permissions().contains(needed)
    }

    /// # Errors
    /// [`Refusal::Forbidden`] unless all of these bits are there.
    pub fn require(&self, needed: Permissions) -> Result<(), Refusal> {
        if self.may(needed) { Ok(()) } else { Err(Refusal::Forbidden) }
    }

    /// # Errors
    /// [`Refusal::NoMessagesHere`] where nothing can be posted.
    pub fn require_messages(&self) -> Result<(), Refusal> {
        match self {
            Self::Guild(view) => view.require_messages(),
            Self::Direct(_) => Ok(()),
        }
    }
}

impl World {
    /// A channel of a guild or a direct conversation, as someone sees it.
    ///
    /// # Errors
    /// [`Refusal::UnknownChannel`] also for those who may not see it.
    pub fn view_place(&self, id: ChannelId, user: UserId, now: Timestamp) -> Result<PlaceView<'_>, Refusal> {
        match self.directs.view(id, user) {
            Ok(view) => Ok(PlaceView::Direct(view)),
            Err(_) => self.view_channel(id, user, now).map(PlaceView::Guild),
        }
    }
}
