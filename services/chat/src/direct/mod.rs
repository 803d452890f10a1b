//! Direct conversations: opening, showing, changing, leaving, and who may write to whom.

pub mod close;
mod contact;
pub mod forget;
pub mod open;
pub mod read;
pub mod recipients;
mod turns;
pub mod update;

use std::collections::HashMap;

use serde::Serialize;
use voxlink_protocol::{
    Channel, ChannelId, DirectChannel, DirectKind, User, UserId, direct::Group, event::UserChange,
};

use crate::{Chat, Refusal, commit::Change, state::direct::DirectState};

pub(crate) use turns::Turns;

/// v10: people in a group, its owner included.
pub const MAX_PEOPLE: usize = 10;

/// A channel of a guild or a direct conversation, as one asks for it by its id.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum AnyChannel {
    /// Of a guild.
    Guild(Box<Channel>),
    /// Without a guild.
    Direct(Box<DirectChannel>),
}

/// A conversation as one of its people sees it. `user` knows what they look like.
pub(crate) fn present(state: &DirectState, viewer: UserId, user: impl Fn(UserId) -> User) -> DirectChannel {
    DirectChannel {
        id: state.id,
        kind: state.kind,
        last_message_id: state.last_message_id,
        last_pin_timestamp: state.last_pin_timestamp,
        recipients: state.people.keys().filter(|id| **id != viewer).map(|id| user(*id)).collect(),
        flags: 0,
        group: match state.kind {
            DirectKind::Pair => None,
            DirectKind::Group => Some(Group {
                name: state.name.clone(),
                icon: state.icon.clone(),
                owner_id: state.owner.unwrap_or(viewer),
            }),
        },
    }
}

/// What the people of conversations look like, asked for before a commit.
#[derive(Clone, Debug, Default)]
struct Faces(HashMap<UserId, User>);

impl Faces {
    fn of(&self, id: UserId) -> User {
        self.0.get(&id).cloned().unwrap_or_else(|| User::new(id, format!("deleted.{id}")))
    }

    fn present(&self, state: &DirectState, viewer: UserId) -> DirectChannel {
        present(state, viewer, |id| self.of(id))
    }

    /// Tells each of its people how the conversation is now.
    fn tell_update(&self, change: &mut Change<'_>, state: &DirectState) {
        for person in state.people.keys() {
            let seen = Box::new(self.present(state, *person));
            change.tell(vec![*person], UserChange::DirectChannelUpdate(seen));
        }
    }
}

impl Chat {
    async fn faces(&self, ids: impl IntoIterator<Item = UserId>) -> Result<Faces, Refusal> {
        Ok(Faces(self.inner.users.get(ids).await?))
    }

    /// A conversation that someone is in.
    fn direct_state(&self, user: UserId, channel: ChannelId) -> Result<DirectState, Refusal> {
        self.world().directs.view(channel, user).map(|view| view.state.clone())
    }

    /// As [`Chat::direct_state`], for a group.
    fn group(&self, user: UserId, channel: ChannelId) -> Result<DirectState, Refusal> {
        let state = self.direct_state(user, channel)?;
        match state.kind {
            DirectKind::Group => Ok(state),
            DirectKind::Pair => Err(Refusal::NotOnDirect),
        }
    }
}
