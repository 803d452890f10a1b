//! Op 4: taking, changing and giving up a seat in a call. One request of a session at a time; of those that come
//! meanwhile only the newest counts.

use serde::Serialize;
use serde_json::json;
use voxlink_protocol::{ChannelId, Secret, UserId, VoiceState, gateway::VoiceStateRequest};

use super::{Effect, Hub};
use crate::{
    dispatch::{Body, Kind},
    session::SessionKey,
};

/// What chat and media are to be asked.
#[derive(Clone, Debug)]
pub(crate) struct VoiceAsk {
    pub(crate) session: SessionKey,
    pub(crate) session_id: String,
    pub(crate) user: UserId,
    pub(crate) request: VoiceStateRequest,
    /// The session is seated there already: only mute and deaf change.
    pub(crate) seated: bool,
}

/// What they said.
#[derive(Debug)]
pub(crate) enum VoiceOutcome {
    /// A seat was taken; an empty endpoint means this server.
    Seated { pass: Secret, endpoint: String },
    /// The seat was changed or given up, or there was none to give up.
    Done,
    /// There is no such seat to change.
    NoSeat,
    /// No seat, and why.
    Refused(Refusal),
}

/// Why nobody was let in, as `refused.reason` tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Refusal {
    /// The room holds as many as it may.
    Full,
    /// They see the room and may not enter.
    Forbidden,
    /// No such room, or none that they see; so it is for those who were banned.
    Unknown,
    /// The pass was too old when it was shown.
    BadPass,
    /// Nobody answers: asking again may help.
    Unavailable,
}

/// A voice state that says as well what was refused. v10 has no refusal, and its clients read past this.
#[derive(Serialize)]
struct RefusedState {
    #[serde(flatten)]
    state: VoiceState,
    refused: Refused,
}

#[derive(Serialize)]
struct Refused {
    channel_id: Option<ChannelId>,
    reason: Refusal,
}

impl Hub {
    pub(super) fn voice_request(&mut self, key: SessionKey, request: VoiceStateRequest) {
        let Some(session) = self.sessions.get_mut(key) else { return };
        if session.voice.busy {
            session.voice.next = Some(request);
            return;
        }
        session.voice.busy = true;
        session.voice.used = true;
        let wanted = request.channel_id.map(|channel| (request.guild_id, channel));
        // Who asks for what they have already has lost their call and needs another pass (docs/protocol/voice.md).
        let flags = Some((request.self_mute, request.self_deaf));
        let again = std::mem::replace(&mut session.voice.flags, flags) == flags;
        self.effects.push_back(Effect::Voice(VoiceAsk {
            session: key,
            session_id: session.id.clone(),
            user: session.user.id,
            request,
            seated: wanted.is_some() && wanted == session.voice.seat && !again,
        }));
    }

    pub(super) fn voice_done(&mut self, ask: VoiceAsk, outcome: VoiceOutcome) {
        let Some(session) = self.sessions.get_mut(ask.session) else {
            // It ended meanwhile, and whatever it got must not outlive it.
            self.effects.push_back(Effect::LeaveSeat { user: ask.user, session_id: ask.session_id });
            return;
        };
        session.voice.busy = false;
        let mut next = session.voice.next.take();
        match outcome {
            VoiceOutcome::Seated { pass, endpoint } => {
                session.voice.seat = ask.request.channel_id.map(|channel| (ask.request.guild_id, channel));
                let endpoint = if endpoint.is_empty() { format!("{}/voice", session.host) } else { endpoint };
                let mut told = json!({"token": pass, "guild_id": ask.request.guild_id, "endpoint": endpoint});
                // v10: the call of a conversation is named by its channel.
                if ask.request.guild_id.is_none() {
                    told["channel_id"] = json!(ask.request.channel_id);
                }
                self.sessions.send(ask.session, &Body::new(Kind::VOICE_SERVER_UPDATE, &told, 1));
            }
            VoiceOutcome::Done => {}
            VoiceOutcome::NoSeat => {
                session.voice.seat = None;
                next = next.or(Some(ask.request));
            }
            VoiceOutcome::Refused(reason) => self.tell_refusal(&ask, reason),
        }
        if let Some(next) = next {
            self.voice_request(ask.session, next);
        }
    }

    /// What media says of someone's seat in the call of a conversation.
    pub(super) fn seated_direct(&mut self, channel: ChannelId, state: &VoiceState) {
        let own = self.users.get(&state.user_id).map(|entry| entry.sessions.clone()).unwrap_or_default();
        for key in own {
            let Some(session) = self.sessions.get_mut(key) else { continue };
            let place = (None, channel);
            match state.channel_id {
                Some(_) if session.id == state.session_id => session.voice.seat = Some(place),
                // It sits on another device, or nowhere; a seat that it took meanwhile is another place.
                Some(_) | None if session.voice.seat == Some(place) => session.voice.seat = None,
                Some(_) | None => {}
            }
        }
    }

    /// The session hears where it is (nowhere, unless it already had a seat) and why not where it asked for.
    fn tell_refusal(&mut self, ask: &VoiceAsk, reason: Refusal) {
        let entry = ask.request.guild_id.and_then(|guild| self.guilds.get(&guild));
        let view = entry.and_then(|entry| entry.view.as_ref());
        let current = view.and_then(|view| Some(view.with_member(view.voice.get(&ask.user)?.clone())));
        let told = current.unwrap_or_else(|| VoiceState {
            guild_id: ask.request.guild_id,
            channel_id: None,
            user_id: ask.user,
            member: None,
            session_id: ask.session_id.clone(),
            deaf: false,
            mute: false,
            self_deaf: ask.request.self_deaf,
            self_mute: ask.request.self_mute,
            self_stream: false,
            self_video: false,
            suppress: false,
            request_to_speak_timestamp: None,
        });
        let refused = Refused { channel_id: ask.request.channel_id, reason };
        let told = RefusedState { state: told, refused };
        self.sessions.send(ask.session, &Body::new(Kind::VOICE_STATE_UPDATE, &told, 1));
    }
}
