//! Why a voice socket ends.

/// Close codes of docs/protocol/voice.md, and those of RFC 6455 that we send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub(crate) enum VoiceClose {
    /// Another socket of the same client took this one's place.
    Replaced = 1000,
    /// The server is going down.
    GoingAway = 1001,
    UnknownOp = 4001,
    /// Not JSON, or a field has the wrong type.
    Decode = 4002,
    NotIdentified = 4003,
    /// The pass is wrong or expired.
    BadPass = 4004,
    AlreadyIdentified = 4005,
    /// The session is unknown or over.
    SessionOver = 4006,
    /// More than [`super::connection::OPS_PER_MINUTE`].
    RateLimited = 4008,
    /// Heartbeats stopped, or the client does not read: resume.
    TimedOut = 4009,
    UnknownProtocol = 4012,
    /// Kicked, channel deleted, left elsewhere, joined from another device.
    Disconnected = 4014,
    /// This call crashed.
    Crashed = 4015,
    /// An SDP that cannot be answered.
    BadRequest = 4020,
}

impl VoiceClose {
    pub(crate) const fn code(self) -> u16 {
        self as u16
    }

    /// A sentence for whoever debugs a client.
    pub(crate) const fn reason(self) -> &'static str {
        match self {
            Self::Replaced => "another socket resumed this session",
            Self::GoingAway => "the server is going down",
            Self::UnknownOp => "unknown op",
            Self::Decode => "not JSON, or a field has the wrong type",
            Self::NotIdentified => "identify first, within 10 s",
            Self::BadPass => "the pass is wrong or expired",
            Self::AlreadyIdentified => "already identified",
            Self::SessionOver => "the session is unknown or over",
            Self::RateLimited => "too many ops",
            Self::TimedOut => "heartbeats stopped or nothing was read",
            Self::UnknownProtocol => "unknown protocol",
            Self::Disconnected => "disconnected from the call",
            Self::Crashed => "this call crashed",
            Self::BadRequest => "this SDP cannot be answered",
        }
    }
}
