//! The rules of one voice socket: who may say what when, how often, and when silence is too long. No socket here.

use std::time::{Duration, Instant};

use super::{
    close::VoiceClose,
    direct::{Path, Relay},
    frame::{self, ClientFrame, Emoji, Experience, HEARTBEAT_INTERVAL_MS, Identify, Resume, SelectProtocol},
    listening::Asked,
};
use voxlink_sfu::{SourceSet, Want};

/// docs/protocol/voice.md.
pub(crate) const OPS_PER_MINUTE: u32 = 120;
const MINUTE: Duration = Duration::from_secs(60);
/// docs/protocol/voice.md.
const IDENTIFY_WITHIN: Duration = Duration::from_secs(10);
/// Two beats may be lost.
const HEARTBEAT_WITHIN: Duration = Duration::from_millis(HEARTBEAT_INTERVAL_MS * 5 / 2);

/// What a frame asks for, past the rules of the socket.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// Send this back; and perhaps the client has seen everything up to `seen`.
    Beat { reply: String, seen: Option<u64> },
    /// Ask `calls`.
    Ask(Ask),
}

/// What `calls` decides.
#[derive(Clone, Debug)]
pub(crate) enum Ask {
    Identify(Identify),
    Resume(Resume),
    SelectProtocol(SelectProtocol),
    Sources(SourceSet),
    Experience(Experience),
    Wants(Vec<Want>),
    Willing(bool),
    Relay(Relay),
    Path(Path),
    Reaction(Emoji),
    Listening(Asked),
    Seen(u64),
}

/// One socket's state.
pub(crate) struct Connection {
    identified: bool,
    /// Until when the client must have identified, then until when its next heartbeat must be here.
    deadline: Instant,
    minute_began: Instant,
    ops: u32,
}

impl Connection {
    pub(crate) fn new(now: Instant) -> Self {
        Self { identified: false, deadline: now + IDENTIFY_WITHIN, minute_began: now, ops: 0 }
    }

    /// When [`Connection::overdue`] will be true if nothing comes.
    pub(crate) const fn deadline(&self) -> Instant {
        self.deadline
    }

    /// How to close when the deadline has passed.
    pub(crate) const fn overdue(&self) -> VoiceClose {
        if self.identified { VoiceClose::TimedOut } else { VoiceClose::NotIdentified }
    }

    /// Takes one text frame.
    pub(crate) fn on_text(&mut self, text: &str, now: Instant) -> Result<Step, VoiceClose> {
        self.spend(now)?;
        let frame = frame::parse(text, self.identified)?;
        match frame {
            ClientFrame::Heartbeat(beat) => {
                if self.identified {
                    self.deadline = now + HEARTBEAT_WITHIN;
                }
                let seen = beat.seq_ack.and_then(|seq| u64::try_from(seq).ok()).filter(|_| self.identified);
                Ok(Step::Beat { reply: frame::heartbeat_ack(beat.t.as_deref()), seen })
            }
            ClientFrame::Identify(identify) => {
                self.identify(now)?;
                Ok(Step::Ask(Ask::Identify(identify)))
            }
            ClientFrame::Resume(resume) => {
                self.identify(now)?;
                Ok(Step::Ask(Ask::Resume(resume)))
            }
            ClientFrame::SelectProtocol(select) => Ok(Step::Ask(Ask::SelectProtocol(select))),
            ClientFrame::Sources(sources) => Ok(Step::Ask(Ask::Sources(sources))),
            ClientFrame::Experience(experience) => Ok(Step::Ask(Ask::Experience(experience))),
            ClientFrame::Wants(wants) => Ok(Step::Ask(Ask::Wants(wants))),
            ClientFrame::Willing(willing) => Ok(Step::Ask(Ask::Willing(willing))),
            ClientFrame::Relay(relay) => Ok(Step::Ask(Ask::Relay(relay))),
            ClientFrame::Path(path) => Ok(Step::Ask(Ask::Path(path))),
            ClientFrame::Reaction(emoji) => Ok(Step::Ask(Ask::Reaction(emoji))),
            ClientFrame::Listening(asked) => Ok(Step::Ask(Ask::Listening(asked))),
        }
    }

    fn identify(&mut self, now: Instant) -> Result<(), VoiceClose> {
        if self.identified {
            return Err(VoiceClose::AlreadyIdentified);
        }
        self.identified = true;
        self.deadline = now + HEARTBEAT_WITHIN;
        Ok(())
    }

    fn spend(&mut self, now: Instant) -> Result<(), VoiceClose> {
        if now.duration_since(self.minute_began) >= MINUTE {
            self.minute_began = now;
            self.ops = 0;
        }
        self.ops += 1;
        if self.ops > OPS_PER_MINUTE { Err(VoiceClose::RateLimited) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDENTIFY: &str = r#"{"op":0,"d":{"server_id":"1","user_id":"2","session_id":"s","token":"t"}}"#;
    const BEAT: &str = r#"{"op":3,"d":{"t":1,"seq_ack":4}}"#;

    #[test]
    fn who_has_not_identified_may_only_beat_and_not_for_long() {
        let start = Instant::now();
        let mut connection = Connection::new(start);
        let later = start + Duration::from_secs(9);
        assert!(matches!(connection.on_text(BEAT, later), Ok(Step::Beat { seen: None, .. })));
        assert_eq!(connection.deadline(), start + IDENTIFY_WITHIN);
        assert_eq!(connection.overdue(), VoiceClose::NotIdentified);
        let sources =
            r#"{"op":20,"d":{"microphone":true,"camera":false,"screen":false,"screen_audio":false}}"#;
        assert_eq!(connection.on_text(sources, later).err(), Some(VoiceClose::NotIdentified));
    }

    #[test]
    fn heartbeats_keep_an_identified_socket_and_their_absence_ends_it() {
        let start = Instant::now();
        let mut connection = Connection::new(start);
        assert!(matches!(connection.on_text(IDENTIFY, start), Ok(Step::Ask(Ask::Identify(_)))));
        assert_eq!(connection.on_text(IDENTIFY, start).err(), Some(VoiceClose::AlreadyIdentified));
        let later = start + Duration::from_secs(20);
        assert!(matches!(connection.on_text(BEAT, later), Ok(Step::Beat { seen: Some(4), .. })));
        assert_eq!(connection.deadline(), later + HEARTBEAT_WITHIN);
        assert_eq!(connection.overdue(), VoiceClose::TimedOut);
    }

    #[test]
    fn more_than_two_ops_a_second_for_a_minute_are_too_many() {
        let start = Instant::now();
        let mut connection = Connection::new(start);
        for _ in 0..OPS_PER_MINUTE {
            assert!(connection.on_text(BEAT, start).is_ok());
        }
        assert_eq!(connection.on_text(BEAT, start).err(), Some(VoiceClose::RateLimited));
        assert!(connection.on_text(BEAT, start + MINUTE).is_ok());
    }
}
