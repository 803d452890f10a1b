//! A person's place in a call, and the media session on it.

use std::{collections::VecDeque, time::Instant};

use voxlink_protocol::{ChannelId, GuildId, Secret, Snowflake, UserId, VoiceState, voice::CallPass};
use voxlink_sfu::{Gates, PeerId, SourceSet};

use super::{SocketId, listening::Hearing, quality::Timeline, relief::Strain};
use crate::voice::replay::Replay;

/// A place in a voice channel.
pub(super) struct Seat {
    pub(super) user: UserId,
    /// `None` in the call of a direct conversation.
    pub(super) guild: Option<GuildId>,
    pub(super) channel: ChannelId,
    /// The gateway session that holds it.
    pub(super) session_id: String,
    pub(super) may_speak: bool,
    pub(super) may_stream: bool,
    /// Muted and deafened by a moderator.
    pub(super) mute: bool,
    pub(super) deaf: bool,
    pub(super) self_mute: bool,
    pub(super) self_deaf: bool,
    /// What the client says it sends.
    pub(super) sources: SourceSet,
    pub(super) live: Option<Live>,
    /// Since when there is no live session.
    pub(super) vacant_since: Instant,
    /// What is published by WHIP beside the live session, or without one.
    pub(super) stream: Option<Stream>,
}

/// A publication by WHIP.
pub(super) struct Stream {
    pub(super) peer: PeerId,
    /// Under which it holds the seat when nobody else does.
    pub(super) session_id: String,
    /// Its media flows: it takes the place of the screen that the live session may share.
    pub(super) shown: bool,
}

/// What a voice socket opened: it outlives the socket.
pub(super) struct Live {
    pub(super) peer: PeerId,
    pub(super) media_session: String,
    /// The pass it was opened with; a resume must show it again.
    pub(super) token: Secret,
    pub(super) socket: Option<SocketId>,
    /// Since when there is no socket; means nothing while there is one.
    pub(super) alone_since: Instant,
    pub(super) link: Link,
    /// The engine knows this peer (or is about to).
    pub(super) joined: bool,
    /// The others know that this person's media is in the call.
    pub(super) present: bool,
    pub(super) speaking: bool,
    /// When the shard must have answered each offer, oldest first.
    pub(super) unanswered: VecDeque<Instant>,
    pub(super) replay: Replay,
    pub(super) timeline: Timeline,
    /// How this person hears.
    pub(super) strain: Strain,
    /// Each of the others, or all in one.
    pub(super) hearing: Hearing,
    /// They were asked to send less, for those who listen.
    pub(super) relieves: bool,
    /// Their client may be connected directly with the only other one.
    pub(super) willing: bool,
    /// When this person may react again.
    pub(super) reacts_from: Instant,
}

/// What the engine last said about the transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Link {
    /// Nothing yet.
    New,
    Connected,
    Disconnected,
}

impl Seat {
    pub(super) fn new(pass: &CallPass, now: Instant) -> Self {
        Self {
            user: pass.user_id,
            guild: pass.guild_id,
            channel: pass.channel_id,
            session_id: pass.session_id.clone(),
            may_speak: pass.may_speak,
            may_stream: pass.may_stream,
            mute: false,
            deaf: false,
            self_mute: false,
            self_deaf: false,
            sources: SourceSet::default(),
            live: None,
            vacant_since: now,
            stream: None,
        }
    }

    /// What a voice socket calls the server of this call, as [`CallPass::server`].
    pub(super) fn server(&self) -> Snowflake {
        self.guild.map_or(self.channel.0, |guild| guild.0)
    }

    /// Nobody but the stream sits here.
    pub(super) fn is_held_by_stream(&self) -> bool {
        self.stream.as_ref().is_some_and(|stream| stream.session_id == self.session_id)
    }

    /// What the live session's engine is to take: one person has one screen.
    pub(super) fn taken_sources(&self) -> SourceSet {
        let streams = self.stream.as_ref().is_some_and(|stream| stream.shown);
        match streams {
            true => SourceSet { screen: false, screen_audio: false, ..self.sources },
            false => self.sources,
        }
    }

    /// What the engine lets through.
    pub(super) fn gates(&self) -> Gates {
        Gates {
            may_speak: self.may_speak && !self.mute,
            may_stream: self.may_stream,
            deafened: self.self_deaf || self.deaf,
            muted: self.self_mute,
        }
    }

    /// What the others see.
    pub(super) fn state(&self) -> VoiceState {
        VoiceState {
            guild_id: self.guild,
            channel_id: Some(self.channel),
            user_id: self.user,
            member: None,
            session_id: self.session_id.clone(),
            deaf: self.deaf,
            mute: self.mute,
            self_deaf: self.self_deaf,
            self_mute: self.self_mute,
            self_stream: (self.sources.screen || self.stream.as_ref().is_some_and(|stream| stream.shown))
                && self.may_stream,
            self_video: self.sources.camera && self.may_stream,
            suppress: !self.may_speak && !self.mute,
            request_to_speak_timestamp: None,
        }
    }

    /// What the others see once it is given up.
    pub(super) fn left_state(&self) -> VoiceState {
        VoiceState {
            channel_id: None,
            self_stream: false,
            self_video: false,
            suppress: false,
            ..self.state()
        }
    }
}
