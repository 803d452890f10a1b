//! What services ask of and hear from identity about people and bots, beyond tokens and names (those are in
//! [`crate::bus`]).

use serde::{Deserialize, Serialize};

use crate::{
    application::Application,
    bus::{Announcement, Request},
    id::{ApplicationId, UserId},
    relationship::Relationship,
    settings::UserSettings,
};

/// To identity: how this person stands to others, for READY.
#[derive(Debug, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct RelationsOf {
    pub user: UserId,
}

/// To identity: how two people stand to each other: may one write to the other?
#[derive(Debug, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct RelationBetween {
    pub a: UserId,
    pub b: UserId,
}

/// How two people stand to each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Relation {
    /// Both agreed.
    pub friends: bool,
    /// `a` wants nothing of `b`.
    pub blocked_by_a: bool,
    /// `b` wants nothing of `a`. `a` must not learn it.
    pub blocked_by_b: bool,
}

/// To identity: what this person chose; a custom status that is over is left out.
#[derive(Debug, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct SettingsOf {
    pub user: UserId,
}

/// To identity: this application, unless there is none.
#[derive(Debug, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct GetApplication {
    pub id: ApplicationId,
}

/// To chat: how many guilds with other people in them does this person own? They give them away before they go.
#[derive(Debug, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct OwnedGuilds {
    pub user: UserId,
}

impl Request for RelationsOf {
    const NAME: &'static str = "identity.relations_of";
    type Reply = Vec<Relationship>;
    fn routing_key(&self) -> u64 {
        self.user.get()
    }
}
impl Request for RelationBetween {
    const NAME: &'static str = "identity.relation_between";
    type Reply = Relation;
    fn routing_key(&self) -> u64 {
        self.a.get()
    }
}
impl Request for SettingsOf {
    const NAME: &'static str = "identity.settings_of";
    type Reply = UserSettings;
    fn routing_key(&self) -> u64 {
        self.user.get()
    }
}
impl Request for GetApplication {
    const NAME: &'static str = "identity.get_application";
    type Reply = Option<Application>;
    fn routing_key(&self) -> u64 {
        self.id.get()
    }
}
impl Request for OwnedGuilds {
    const NAME: &'static str = "chat.owned_guilds";
    type Reply = u32;
    fn routing_key(&self) -> u64 {
        self.user.get()
    }
}

/// From identity: a person changed their status, custom status or language, or a custom status is over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct SettingsUpdated {
    pub user: UserId,
    pub settings: UserSettings,
}

/// From identity: this account, a person's or a bot's, is gone: end its memberships. What it wrote stays, under
/// `deleted.<id>`. Told again at each start for a week: who hears it twice must not mind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct AccountDeleted {
    pub user: UserId,
}

impl Announcement for SettingsUpdated {
    const NAME: &'static str = "identity.settings_updated";
}
impl Announcement for AccountDeleted {
    const NAME: &'static str = "identity.account_deleted";
}
