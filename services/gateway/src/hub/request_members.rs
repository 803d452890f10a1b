//! Op 8: members by name or id, in chunks.

use serde::Serialize;
use voxlink_protocol::{GuildId, Member, UserId, gateway::RequestGuildMembers};

use super::{Hub, presence::UserEntry};
use crate::{
    dispatch::{Body, Kind},
    session::SessionKey,
    view::PresenceOf,
};

/// v10: members in one GUILD_MEMBERS_CHUNK.
const CHUNK: usize = 1000;
/// v10: members found by a name, and ids asked for at once.
const MOST_ASKED: usize = 100;

#[derive(Serialize)]
struct Chunk<'a> {
    guild_id: GuildId,
    members: &'a [&'a Member],
    chunk_index: usize,
    chunk_count: usize,
    #[serde(skip_serializing_if = "<[UserId]>::is_empty")]
    not_found: &'a [UserId],
    #[serde(skip_serializing_if = "Option::is_none")]
    presences: Option<Vec<PresenceOf<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nonce: Option<&'a str>,
}

impl Hub {
    /// Answers from the guild's view; a guild that one is not in is answered with silence, as v10 does.
    pub(super) fn request_members(&mut self, key: SessionKey, request: &RequestGuildMembers) {
        let Some(session) = self.sessions.get(key) else { return };
        let (user, guild) = (session.user.id, request.guild_id);
        let Some(view) = self.guilds.get(&guild).and_then(|entry| entry.view.as_ref()) else { return };
        if !view.members.contains_key(&user) {
            return;
        }
        let mut found: Vec<&Member> = Vec::new();
        let mut not_found = Vec::new();
        match &request.query {
            Some(query) => {
                let prefix = query.to_lowercase();
                let fits = |member: &&Member| {
                    let user = member.user.as_ref();
                    let mut names = member.nick.iter().map(String::as_str).chain(
                        user.into_iter().flat_map(|user| [user.username.as_str(), user.display_name()]),
                    );
                    names.any(|name| name.to_lowercase().starts_with(&prefix))
                };
                // Everyone at once only with an empty query and no limit, as v10 has it.
                let limit = match (prefix.is_empty(), request.limit as usize) {
                    (true, 0) => usize::MAX,
                    (_, 0) => MOST_ASKED,
                    (_, limit) => limit.min(MOST_ASKED),
                };
                found.extend(view.members.values().filter(fits).take(limit));
            }
            None => {
                for id in request.user_ids.iter().take(MOST_ASKED) {
                    match view.members.get(id) {
                        Some(member) => found.push(member),
                        None => not_found.push(*id),
                    }
                }
            }
        }
        let chunks: Vec<&[&Member]> =
            if found.is_empty() { vec![&[]] } else { found.chunks(CHUNK).collect() };
        let bodies: Vec<Body> = chunks
            .iter()
            .enumerate()
            .map(|(chunk_index, members)| {
                let presences = request.presences.then(|| {
                    let ids = members.iter().filter_map(|member| Some(member.user.as_ref()?.id));
                    let seen = |id: &UserId| self.users.get(id).and_then(UserEntry::seen);
                    ids.filter_map(|id| Some(PresenceOf::new(id, Some(seen(&id)?), Some(guild)))).collect()
                });
                let chunk = Chunk {
                    guild_id: guild,
                    members,
                    chunk_index,
                    chunk_count: chunks.len(),
                    not_found: if chunk_index == 0 { &not_found } else { &[] },
                    presences,
                    nonce: request.nonce.as_deref(),
                };
                Body::new(Kind::GUILD_MEMBERS_CHUNK, &chunk, 1)
            })
            .collect();
        bodies.iter().for_each(|body| self.sessions.send(key, body));
    }
}
