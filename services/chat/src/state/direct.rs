//! Direct conversations in memory.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use voxlink_protocol::{ChannelId, DirectKind, MessageId, Permissions, Timestamp, UserId};

use crate::Refusal;

/// One conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirectState {
    /// Its id.
    pub id: ChannelId,
    /// Between two, or a group.
    pub kind: DirectKind,
    /// Who may take people out of a group.
    pub owner: Option<UserId>,
    /// A group's name.
    pub name: Option<String>,
    /// Hash of a group's picture.
    pub icon: Option<String>,
    /// The newest message ever posted here.
    pub last_message_id: Option<MessageId>,
    /// When the newest of the pinned messages was pinned.
    pub last_pin_timestamp: Option<Timestamp>,
    /// Who is in it, and whether it is shown in their list.
    pub people: BTreeMap<UserId, bool>,
}

impl DirectState {
    /// What is unique about a conversation between two; `None` for groups.
    #[must_use]
    pub fn pair_key(&self) -> Option<String> {
        let mut ids = self.people.keys();
        let (Some(lesser), Some(greater)) = (ids.next(), ids.next()) else { return None };
        (self.kind == DirectKind::Pair).then(|| format!("{lesser}:{greater}"))
    }
}

/// A conversation as one of its people sees it.
#[derive(Clone, Copy, Debug)]
pub struct DirectView<'a> {
    /// The conversation.
    pub state: &'a DirectState,
    /// What they may do in it.
    pub permissions: Permissions,
}

/// What the people of a conversation may do: everything but moderate each other.
#[must_use]
pub fn permissions() -> Permissions {
    Permissions::VIEW_CHANNEL
        | Permissions::SEND_MESSAGES
        | Permissions::EMBED_LINKS
        | Permissions::ATTACH_FILES
        | Permissions::ADD_REACTIONS
        | Permissions::USE_EXTERNAL_EMOJIS
        | Permissions::READ_MESSAGE_HISTORY
        | Permissions::PIN_MESSAGES
}

/// What a commit does to a conversation.
#[derive(Clone, Debug)]
pub enum DirectChange {
    /// It is new, or something about it changed.
    Put(DirectState),
    /// It is gone.
    Remove(ChannelId),
    /// Someone closed it, or opened it again.
    Shown(ChannelId, UserId, bool),
    /// A message was posted.
    Message(ChannelId, MessageId),
    /// Pins changed; the newest one is from then.
    Pinned(ChannelId, Option<Timestamp>),
}

/// All conversations.
#[derive(Debug, Default)]
pub struct Directs {
    channels: HashMap<ChannelId, DirectState>,
    of_user: HashMap<UserId, BTreeSet<ChannelId>>,
    pairs: HashMap<String, ChannelId>,
}

impl Directs {
    /// All conversations that the database has.
    #[must_use]
    pub fn new(all: Vec<DirectState>) -> Self {
        let mut directs = Self::default();
        all.into_iter().for_each(|state| directs.put(state));
        directs
    }

    /// One of them, whoever asks.
    #[must_use]
    pub fn get(&self, id: ChannelId) -> Option<&DirectState> {
        self.channels.get(&id)
    }

    /// The conversation of these two, if they have one.
    #[must_use]
    pub fn pair(&self, key: &str) -> Option<&DirectState> {
        self.pairs.get(key).and_then(|id| self.channels.get(id))
    }

    /// Those that someone is in, shown or not.
    pub fn of(&self, user: UserId) -> impl Iterator<Item = &DirectState> {
        self.of_user.get(&user).into_iter().flatten().filter_map(|id| self.channels.get(id))
    }

    /// A conversation as one of its people sees it.
    ///
    /// # Errors
    /// [`Refusal::UnknownChannel`] also for those who are not in it.
    pub fn view(&self, id: ChannelId, user: UserId) -> Result<DirectView<'_>, Refusal> {
        let state = self.channels.get(&id).filter(|state| state.people.contains_key(&user));
        let state = state.ok_or(Refusal::UnknownChannel)?;
        Ok(DirectView { state, permissions: permissions() })
    }

    /// Those who closed a conversation: a message shows it to them again.
    pub(crate) fn hidden_from(&self, id: ChannelId) -> Vec<UserId> {
        let people = self.channels.get(&id).map(|state| &state.people);
        people.into_iter().flatten().filter(|(_, shown)| !**shown).map(|(user, _)| *user).collect()
    }

    /// Takes in what was committed.
    pub fn apply(&mut self, change: DirectChange) {
        match change {
            DirectChange::Put(state) => self.put(state),
            DirectChange::Remove(id) => self.remove(id),
            DirectChange::Shown(id, user, is_shown) => {
                let people = self.channels.get_mut(&id).map(|state| &mut state.people);
                if let Some(shown) = people.and_then(|people| people.get_mut(&user)) {
                    *shown = is_shown;
                }
            }
            DirectChange::Pinned(id, newest) => {
                if let Some(state) = self.channels.get_mut(&id) {
                    state.last_pin_timestamp = newest;
                }
            }
            DirectChange::Message(id, message) => {
                if let Some(state) = self.channels.get_mut(&id) {
                    state.last_message_id = state.last_message_id.max(Some(message));
                    state.people.values_mut().for_each(|shown| *shown = true);
                }
            }
        }
    }

    fn put(&mut self, mut state: DirectState) {
        let id = state.id;
        if let Some(before) = self.channels.get(&id) {
            state.last_message_id = state.last_message_id.max(before.last_message_id);
            state.last_pin_timestamp = before.last_pin_timestamp;
        }
        self.remove(id);
        for user in state.people.keys() {
            self.of_user.entry(*user).or_default().insert(id);
        }
        if let Some(key) = state.pair_key() {
            self.pairs.insert(key, id);
        }
        self.channels.insert(id, state);
    }

    fn remove(&mut self, id: ChannelId) {
        let Some(state) = self.channels.remove(&id) else { return };
        for user in state.people.keys() {
            if let Some(channels) = self.of_user.get_mut(user) {
                channels.remove(&id);
                if channels.is_empty() {
                    self.of_user.remove(user);
                }
            }
        }
        if let Some(key) = state.pair_key() {
            self.pairs.remove(&key);
        }
    }
}
