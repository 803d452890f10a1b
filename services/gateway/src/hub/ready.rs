//! READY: what a session begins with, asked for in one go, and what happened while it was being asked.

use std::time::Instant;

use serde_json::json;
use voxlink_protocol::{
    DirectChannel, GuildId, ReadState, Relationship, RelationshipKind, UserId, UserSettings,
    direct::DirectCall, gateway::CloseCode, read_state::UserGuildSettings,
};

use super::Hub;
use crate::{
    dispatch::{Body, Kind},
    session::SessionKey,
};

/// What the services say of someone who identified. A new part is a field here, a question in the shell and a line in
/// [`Hub::ready`].
#[derive(Debug, Default)]
pub(crate) struct ReadyParts {
    /// Where they are a member.
    pub(crate) guilds: Vec<GuildId>,
    /// Conversations that they have not closed.
    pub(crate) direct_channels: Vec<DirectChannel>,
    /// Calls of their conversations that ring or go on.
    pub(crate) calls: Vec<DirectCall>,
    /// What they have read.
    pub(crate) read_states: Vec<ReadState>,
    /// What they want to hear of.
    pub(crate) guild_settings: Vec<UserGuildSettings>,
    /// How they stand to others.
    pub(crate) relationships: Vec<Relationship>,
    /// How they want to be seen, and what else they chose.
    pub(crate) settings: UserSettings,
}

impl Hub {
    /// The services answered: READY, then what happened since they were asked, then each guild as soon as it is known
    /// here.
    ///
    /// An answer may know already what is told after it: those dispatches say how something is, so that hearing one
    /// twice, or after a newer answer and again with the newer one, ends the same.
    pub(super) fn ready(
        &mut self,
        key: SessionKey,
        user: UserId,
        parts: Result<Box<ReadyParts>, ()>,
        now: Instant,
    ) {
        let Some(entry) = self.users.get_mut(&user) else { return };
        entry.asking = entry.asking.saturating_sub(1);
        if let Ok(parts) = &parts {
            entry.guilds = parts.guilds.iter().copied().collect();
            for (guild, inside) in entry.since.clone() {
                if inside {
                    entry.guilds.insert(guild);
                } else {
                    entry.guilds.remove(&guild);
                }
            }
        }
        let mut parts = parts;
        if let Ok(parts) = &mut parts {
            let friends = parts.relationships.iter().filter(|one| one.kind == RelationshipKind::Friend);
            let friends = friends.map(|one| one.id).collect();
            parts.settings = entry.answered(friends, std::mem::take(&mut parts.settings));
        }
        let friends = entry.friends.clone();
        if entry.asking == 0 {
            entry.since.clear();
            entry.friends_since.clear();
            entry.settings_since = None;
        }
        let mut guilds: Vec<_> = entry.guilds.iter().copied().collect();
        guilds.sort_unstable();
        let Some(session) = self.sessions.get_mut(key) else { return };
        let link = session.link();
        let (Ok(parts), Some(early)) = (parts, session.take_early()) else {
            if let Some(link) = link {
                self.fail(link, CloseCode::UnknownError, "The session cannot begin just now.", now);
            }
            return self.end_session(key);
        };
        let person = !session.user.bot;
        if person {
            self.settings_known(user, &parts.settings);
        }
        self.dirty_presence.insert(user);
        let presences = json!(self.presences_of(&friends));
        let Some(session) = self.sessions.get(key) else { return };
        let secure = link.and_then(|link| self.links.get(&link)).is_some_and(|link| link.secure);
        let scheme = if secure { "wss" } else { "ws" };
        let mut ready = json!({
            "v": 10,
            "user": session.user,
            "session_id": session.id,
            "session_type": "normal",
            "resume_gateway_url": format!("{scheme}://{}/gateway", session.host),
            "guilds": guilds.iter().map(|id| json!({"id": id, "unavailable": true})).collect::<Vec<_>>(),
            "private_channels": parts.direct_channels,
            "relationships": parts.relationships,
        });
        if session.user.bot {
            ready["application"] = json!({"id": session.user.id, "flags": 0});
        } else {
            ready["presences"] = presences;
            ready["user_settings"] = json!(parts.settings);
            ready["calls"] = json!(parts.calls);
            ready["read_state"] = json!(parts.read_states);
            ready["user_guild_settings"] = json!(parts.guild_settings);
        }
        self.sessions.send(key, &Body::new(Kind::READY, &ready, 1));
        for body in early {
            self.sessions.send(key, &body);
        }
        for guild in guilds {
            self.want_guild(guild, key, user);
        }
    }
}
