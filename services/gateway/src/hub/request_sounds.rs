//! Op 31: the sounds of guilds, for bots that did not keep what GUILD_CREATE brought.

use serde_json::json;
use voxlink_protocol::gateway::RequestSounds;

use super::Hub;
use crate::{
    dispatch::{Body, Kind},
    session::SessionKey,
};

/// Guilds that are answered for at once: nobody is in more (service chat).
const MOST_ASKED: usize = 200;

impl Hub {
    /// Answers from the guilds' views; a guild that one is not in is answered with silence, as op 8 does.
    pub(super) fn request_sounds(&mut self, key: SessionKey, request: &RequestSounds) {
        let Some(user) = self.sessions.get(key).map(|session| session.user.id) else { return };
        let mut asked = request.guild_ids.clone();
        asked.sort_unstable();
        asked.dedup();
        for guild in asked.into_iter().take(MOST_ASKED) {
            let view = self.guilds.get(&guild).and_then(|entry| entry.view.as_ref());
            let Some(view) = view.filter(|view| view.members.contains_key(&user)) else { continue };
            let told = json!({"guild_id": guild, "soundboard_sounds": view.guild.soundboard_sounds});
            self.sessions.send(key, &Body::new(Kind::SOUNDBOARD_SOUNDS, &told, 1));
        }
    }
}
