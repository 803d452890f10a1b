//! The words of the voice gateway: JSON in, typed; typed out, JSON.

use std::{borrow::Cow, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{json, value::RawValue};
use voxlink_protocol::{Secret, Snowflake, UserId};
use voxlink_sfu::{EncodingState, Mid, Source, SourceSet, Want, Wanted};

use super::{
    close::VoiceClose,
    direct::{self, DirectFrame, Path, Relay},
    listening::{self, Asked, Told},
};

/// Server to client, how often a client beats: that of the v10 voice gateway.
pub(crate) const HEARTBEAT_INTERVAL_MS: u64 = 13_750;

/// RFC 5888 as we read it: as long as the engine's tags.
const MOST_MID_BYTES: usize = 16;
/// RFC 6716 §2.1.1: Opus takes 510 kbit/s at most.
const MOST_OPUS_KBPS: u32 = 510;
/// As many video slots as the engine gives a client.
const MOST_WANTS: usize = 64;
/// Four sources, and some air for what comes.
const MOST_SOURCES: usize = 16;

pub(super) mod op {
    pub(super) const IDENTIFY: u64 = 0;
    pub(super) const SELECT_PROTOCOL: u64 = 1;
    pub(super) const READY: u64 = 2;
    pub(super) const HEARTBEAT: u64 = 3;
    pub(super) const SESSION_DESCRIPTION: u64 = 4;
    pub(super) const SPEAKING: u64 = 5;
    pub(super) const HEARTBEAT_ACK: u64 = 6;
    pub(super) const RESUME: u64 = 7;
    pub(super) const HELLO: u64 = 8;
    pub(super) const RESUMED: u64 = 9;
    pub(super) const CLIENTS_CONNECT: u64 = 11;
    pub(super) const CLIENT_DISCONNECT: u64 = 13;
    pub(super) const SOURCES: u64 = 20;
    pub(super) const SLOTS: u64 = 21;
    pub(super) const WANTS: u64 = 22;
    pub(super) const ENCODINGS: u64 = 23;
    pub(super) const EXPERIENCE: u64 = 24;
    pub(super) const REDUNDANCY: u64 = 25;
    pub(super) const BITRATE: u64 = 26;
    pub(in crate::voice) const DIRECT: u64 = 27;
    pub(in crate::voice) const RELAY: u64 = 28;
    pub(in crate::voice) const PATH: u64 = 29;
    pub(in crate::voice) const LISTENING: u64 = 30;
    pub(super) const REACTION: u64 = 31;
}

/// What a client says.
#[derive(Clone, Debug)]
pub(crate) enum ClientFrame {
    Identify(Identify),
    SelectProtocol(SelectProtocol),
    Heartbeat(Heartbeat),
    Resume(Resume),
    Sources(SourceSet),
    Wants(Vec<Want>),
    Experience(Experience),
    /// Op 27: whether this client may be connected directly from now on.
    Willing(bool),
    Relay(Relay),
    Path(Path),
    /// Op 30: how this client wants to hear the others.
    Listening(Asked),
    /// Op 31.
    Reaction(Emoji),
}

/// One emoji of Unicode, in its usual spelling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Emoji(&'static str);

impl Emoji {
    /// `None` for anything else, be it two of them.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        emojis::get(text).map(|emoji| Self(emoji.as_str()))
    }
}

/// Op 24: what a client's own counters say of the last seconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Experience {
    /// Share of the sound played that had to be made up, 0 to 1.
    pub(crate) concealed: f32,
    /// How long pictures stood still.
    pub(crate) frozen: Duration,
    /// What it lets its microphone take, kbit/s, redundancy apart.
    pub(crate) microphone_kbps: Option<u32>,
}

/// Op 0.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Identify {
    pub(crate) server_id: Snowflake,
    pub(crate) user_id: UserId,
    pub(crate) session_id: String,
    pub(crate) token: Secret,
    /// It may be connected directly with the only other one in a call.
    #[serde(default)]
    pub(crate) peer: bool,
}

/// Op 1.
#[derive(Clone, Debug)]
pub(crate) struct SelectProtocol {
    pub(crate) revision: u64,
    pub(crate) offer: String,
    pub(crate) sources: Vec<(Mid, Source)>,
}

/// Op 3. The nonce is anything and goes back as it came.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Heartbeat {
    #[serde(default)]
    pub(crate) t: Option<Box<RawValue>>,
    #[serde(default)]
    pub(crate) seq_ack: Option<i64>,
}

/// Op 7.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Resume {
    pub(crate) server_id: Snowflake,
    pub(crate) session_id: String,
    pub(crate) token: Secret,
    #[serde(default)]
    pub(crate) seq_ack: Option<i64>,
}

#[derive(Deserialize)]
struct Envelope<'a> {
    op: u64,
    #[serde(borrow, default)]
    d: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Protocol<'a> {
    #[serde(borrow)]
    protocol: std::borrow::Cow<'a, str>,
    #[serde(borrow, default)]
    data: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct SdpData {
    revision: u64,
    sdp: String,
    sources: Vec<SdpSource>,
}

#[derive(Deserialize)]
struct SdpSource {
    mid: String,
    source: SourceName,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum SourceName {
    Microphone,
    Camera,
    Screen,
    ScreenAudio,
    #[serde(skip_deserializing)]
    Sound,
    #[serde(skip_deserializing)]
    Mixed,
}

#[derive(Deserialize)]
struct SourcesData {
    microphone: bool,
    camera: bool,
    screen: bool,
    screen_audio: bool,
}

#[derive(Deserialize)]
struct ExperienceData {
    concealed: f32,
    frozen_ms: u32,
    #[serde(default)]
    microphone_kbps: Option<u32>,
}

#[derive(Deserialize)]
struct ReactionData {
    emoji: String,
}

#[derive(Deserialize)]
struct WantsData {
    slots: Vec<SlotWant>,
}

#[derive(Deserialize)]
struct SlotWant {
    mid: String,
    width: u16,
    height: u16,
    #[serde(default)]
    priority: u8,
}

/// Reads one frame of a client; says how to close on one that cannot be read. Before the client has identified, the
/// bodies of other ops are not looked at.
pub(crate) fn parse(text: &str, identified: bool) -> Result<ClientFrame, VoiceClose> {
    let envelope: Envelope<'_> = serde_json::from_str(text).map_err(|_| VoiceClose::Decode)?;
    match envelope.op {
        op::SELECT_PROTOCOL
        | op::SOURCES
        | op::WANTS
        | op::EXPERIENCE
        | op::DIRECT
        | op::RELAY
        | op::PATH
        | op::LISTENING
        | op::REACTION
            if !identified =>
        {
            Err(VoiceClose::NotIdentified)
        }
        op::IDENTIFY => data(envelope.d).map(ClientFrame::Identify),
        op::SELECT_PROTOCOL => select_protocol(envelope.d).map(ClientFrame::SelectProtocol),
        op::HEARTBEAT => heartbeat(envelope.d).map(ClientFrame::Heartbeat),
        op::RESUME => data(envelope.d).map(ClientFrame::Resume),
        op::SOURCES => {
            let SourcesData { microphone, camera, screen, screen_audio } = data(envelope.d)?;
            Ok(ClientFrame::Sources(SourceSet { microphone, camera, screen, screen_audio }))
        }
        op::EXPERIENCE => {
            let ExperienceData { concealed, frozen_ms, microphone_kbps } = data(envelope.d)?;
            // NaN is no share either.
            let is_opus = microphone_kbps.is_none_or(|kbps| kbps <= MOST_OPUS_KBPS);
            if !(0.0..=1.0).contains(&concealed) || !is_opus {
                return Err(VoiceClose::Decode);
            }
            let frozen = Duration::from_millis(frozen_ms.into());
            Ok(ClientFrame::Experience(Experience { concealed, frozen, microphone_kbps }))
        }
        op::WANTS => wants(envelope.d).map(ClientFrame::Wants),
        op::DIRECT => direct::willing(envelope.d).map(ClientFrame::Willing),
        op::RELAY => direct::relay(envelope.d).map(ClientFrame::Relay),
        op::PATH => data(envelope.d).map(ClientFrame::Path),
        op::LISTENING => listening::asked(envelope.d).map(ClientFrame::Listening),
        op::REACTION => {
            let ReactionData { emoji } = data(envelope.d)?;
            Emoji::parse(&emoji).map(ClientFrame::Reaction).ok_or(VoiceClose::Decode)
        }
        _ => Err(VoiceClose::UnknownOp),
    }
}

fn wants(raw: Option<&RawValue>) -> Result<Vec<Want>, VoiceClose> {
    let WantsData { slots } = data(raw)?;
    if slots.len() > MOST_WANTS || slots.iter().any(|slot| slot.mid.len() > MOST_MID_BYTES) {
        return Err(VoiceClose::Decode);
    }
    let want =
        |SlotWant { mid, width, height, priority }| Want { mid: Arc::from(mid), width, height, priority };
    Ok(slots.into_iter().map(want).collect())
}

pub(super) fn data<T: DeserializeOwned>(raw: Option<&RawValue>) -> Result<T, VoiceClose> {
    serde_json::from_str(raw.map_or("null", RawValue::get)).map_err(|_| VoiceClose::Decode)
}

/// Version 8 sends `{"t","seq_ack"}`; version 4 a bare nonce.
fn heartbeat(raw: Option<&RawValue>) -> Result<Heartbeat, VoiceClose> {
    match raw {
        Some(object) if object.get().starts_with('{') => data(raw),
        nonce => Ok(Heartbeat { t: nonce.map(ToOwned::to_owned), seq_ack: None }),
    }
}

fn select_protocol(raw: Option<&RawValue>) -> Result<SelectProtocol, VoiceClose> {
    let raw = raw.map_or("null", RawValue::get);
    let protocol: Protocol<'_> = serde_json::from_str(raw).map_err(|_| VoiceClose::Decode)?;
    if protocol.protocol != "sdp" {
        return Err(VoiceClose::UnknownProtocol);
    }
    let SdpData { revision, sdp, sources } = data(protocol.data)?;
    if sources.len() > MOST_SOURCES || sources.iter().any(|source| source.mid.len() > MOST_MID_BYTES) {
        return Err(VoiceClose::Decode);
    }
    let sources = sources.into_iter().map(|one| (Arc::from(one.mid), one.source.into())).collect();
    Ok(SelectProtocol { revision, offer: sdp, sources })
}

impl From<SourceName> for Source {
    fn from(name: SourceName) -> Self {
        match name {
            SourceName::Microphone => Self::Microphone,
            SourceName::Camera => Self::Camera,
            SourceName::Screen => Self::Screen,
            SourceName::ScreenAudio => Self::ScreenAudio,
            SourceName::Sound => Self::Sound,
            SourceName::Mixed => Self::Mixed,
        }
    }
}

impl From<Source> for SourceName {
    fn from(source: Source) -> Self {
        match source {
            Source::Microphone => Self::Microphone,
            Source::Camera => Self::Camera,
            Source::Screen => Self::Screen,
            Source::ScreenAudio => Self::ScreenAudio,
            Source::Sound => Self::Sound,
            Source::Mixed => Self::Mixed,
        }
    }
}

/// A slot as the client sees it.
pub(crate) struct NamedSlot {
    pub(crate) mid: Mid,
    /// Whose and what; the mix is nobody's.
    pub(crate) content: Option<(Option<UserId>, Source)>,
    /// False when the client has no codec for the content.
    pub(crate) playable: bool,
}

/// What the server says that matters after a reconnect: numbered and kept.
pub(crate) enum ServerFrame {
    SessionDescription {
        revision: u64,
        sdp: String,
        media_session: String,
    },
    Slots {
        slots: Vec<NamedSlot>,
        wanted: Wanted,
    },
    Encodings {
        source: Source,
        encodings: Vec<EncodingState>,
    },
    Speaking {
        user: UserId,
        speaking: bool,
    },
    ClientsConnect(Vec<UserId>),
    ClientDisconnect(UserId),
    /// Send the microphone with redundancy (RFC 2198) from now on, or without.
    Redundancy(bool),
    /// The most, in bit/s, that the microphone should take from now on; `None`: as much as the channel allows.
    Bitrate(Option<u32>),
    /// Of a direct path to the other one.
    Direct(DirectFrame),
    /// Whether the mix is heard, and why not.
    Listening(Told),
}

impl ServerFrame {
    /// The frame without its number, as [`Numbered`] wants it: the same for all who are told.
    pub(crate) fn encode(&self) -> Arc<str> {
        let (op, d) = match self {
            Self::SessionDescription { revision, sdp, media_session } => (
                op::SESSION_DESCRIPTION,
                json!({"revision": revision, "type": "answer", "sdp": sdp, "media_session_id": media_session}),
            ),
            Self::Slots { slots, wanted } => {
                let slots: Vec<_> = slots
                    .iter()
                    .map(|slot| {
                        let (user, source) = slot.content.map_or((None, None), |(user, source)| {
                            (user, Some(SourceName::from(source)))
                        });
                        json!({"mid": &*slot.mid, "user_id": user, "source": source, "playable": slot.playable})
                    })
                    .collect();
                (op::SLOTS, json!({"slots": slots, "wanted": {"audio": wanted.audio, "video": wanted.video}}))
            }
            Self::Encodings { source, encodings } => {
                let encodings: Vec<_> = encodings
                    .iter()
                    .map(|encoding| json!({"rid": encoding.rid.as_deref(), "wanted": encoding.wanted}))
                    .collect();
                (op::ENCODINGS, json!({"source": SourceName::from(*source), "encodings": encodings}))
            }
            Self::Speaking { user, speaking } => {
                (op::SPEAKING, json!({"user_id": user, "speaking": u8::from(*speaking), "ssrc": 0}))
            }
            Self::ClientsConnect(users) => (op::CLIENTS_CONNECT, json!({"user_ids": users})),
            Self::ClientDisconnect(user) => (op::CLIENT_DISCONNECT, json!({"user_id": user})),
            Self::Redundancy(wanted) => (op::REDUNDANCY, json!({"microphone": wanted})),
            Self::Bitrate(most) => (op::BITRATE, json!({"microphone": most})),
            Self::Direct(frame) => frame.encode(),
            Self::Listening(told) => (op::LISTENING, told.encode()),
        };
        json!({"op": op, "d": d}).to_string().into()
    }
}

/// A frame on its way to a socket: what it says, which all who are told share, and the number that it has for this one.
#[derive(Clone, Debug)]
pub(crate) struct Numbered {
    body: Arc<str>,
    seq: Option<u64>,
}

impl Numbered {
    /// A JSON object, and the `seq` that it is to have.
    pub(crate) const fn new(body: Arc<str>, seq: u64) -> Self {
        Self { body, seq: Some(seq) }
    }

    /// What goes out.
    pub(crate) fn text(&self) -> Cow<'_, str> {
        match (self.seq, self.body.strip_suffix('}')) {
            (Some(seq), Some(open)) => format!(r#"{open},"seq":{seq}}}"#).into(),
            _ => (&*self.body).into(),
        }
    }
}

/// Without a number: it is not said again after a resume.
impl From<String> for Numbered {
    fn from(text: String) -> Self {
        Self { body: text.into(), seq: None }
    }
}

/// Op 8.
pub(crate) fn hello() -> String {
    json!({"op": op::HELLO, "d": {"v": 8, "heartbeat_interval": HEARTBEAT_INTERVAL_MS}}).to_string()
}

/// Op 2.
pub(crate) fn ready(user: UserId, media_session: &str) -> String {
    json!({"op": op::READY, "d": {"protocols": ["sdp"], "user_id": user, "media_session_id": media_session}})
        .to_string()
}

/// Op 6.
pub(crate) fn heartbeat_ack(nonce: Option<&RawValue>) -> String {
    json!({"op": op::HEARTBEAT_ACK, "d": {"t": nonce}}).to_string()
}

/// Op 31. Without a number: what was missed of it is not worth saying later.
pub(crate) fn reaction(user: UserId, Emoji(emoji): Emoji) -> String {
    json!({"op": op::REACTION, "d": {"user_id": user, "emoji": emoji}}).to_string()
}

/// Op 9.
pub(crate) fn resumed() -> String {
    json!({"op": op::RESUMED, "d": null}).to_string()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;

    fn refused(text: &str) -> Option<VoiceClose> {
        parse(text, true).err()
    }

    #[test]
    fn what_cannot_be_read_says_why() {
        for (text, why) in [
            ("", VoiceClose::Decode),
            ("{", VoiceClose::Decode),
            ("[]", VoiceClose::Decode),
            (r#"{"d":{}}"#, VoiceClose::Decode),
            (r#"{"op":"0"}"#, VoiceClose::Decode),
            (r#"{"op":-1}"#, VoiceClose::Decode),
            (r#"{"op":0}"#, VoiceClose::Decode),
            (
                r#"{"op":0,"d":{"server_id":"1","user_id":"x","session_id":"s","token":"t"}}"#,
                VoiceClose::Decode,
            ),
            (r#"{"op":2,"d":{}}"#, VoiceClose::UnknownOp),
            (r#"{"op":300}"#, VoiceClose::UnknownOp),
            (r#"{"op":1,"d":{"protocol":"udp","data":{"address":"1.2.3.4"}}}"#, VoiceClose::UnknownProtocol),
            (r#"{"op":1,"d":{"protocol":"sdp"}}"#, VoiceClose::Decode),
            (
                r#"{"op":1,"d":{"protocol":"sdp","data":{"revision":1,"sdp":"","sources":[{"mid":"0","source":"nose"}]}}}"#,
                VoiceClose::Decode,
            ),
            (
                r#"{"op":1,"d":{"protocol":"sdp","data":{"revision":1,"sdp":"","sources":[{"mid":"01234567890123456","source":"screen"}]}}}"#,
                VoiceClose::Decode,
            ),
            (r#"{"op":31,"d":{"emoji":"👍👍"}}"#, VoiceClose::Decode),
            (r#"{"op":31,"d":{"emoji":"thumbs"}}"#, VoiceClose::Decode),
            (
                r#"{"op":20,"d":{"microphone":1,"camera":false,"screen":false,"screen_audio":false}}"#,
                VoiceClose::Decode,
            ),
        ] {
            assert_eq!(refused(text), Some(why), "{text}");
        }
    }

    #[test]
    fn ids_may_be_numbers_and_unknown_fields_are_ignored() {
        let text = r#"{"op":0,"d":{"server_id":1,"user_id":"2","session_id":"s","token":"t","video":true,"x":[]},"y":1}"#;
        let Ok(ClientFrame::Identify(identify)) = parse(text, true) else { panic!("not an identify") };
        assert_eq!((identify.server_id, identify.user_id), (Snowflake(1), UserId::new(2)));
    }

    #[test]
    fn a_heartbeat_comes_back_with_its_own_nonce() {
        for (text, nonce) in [
            (r#"{"op":3,"d":{"t":1501184119561,"seq_ack":10}}"#, "1501184119561"),
            (r#"{"op":3,"d":"abc"}"#, "\"abc\""),
            (r#"{"op":3,"d":null}"#, "null"),
            (r#"{"op":3}"#, "null"),
        ] {
            let Ok(ClientFrame::Heartbeat(beat)) = parse(text, true) else { panic!("not a heartbeat") };
            assert_eq!(heartbeat_ack(beat.t.as_deref()), format!(r#"{{"d":{{"t":{nonce}}},"op":6}}"#));
        }
    }

    #[test]
    fn wants_say_how_large_slots_are_shown() {
        let text = r#"{"op":22,"d":{"slots":[{"mid":"5","width":640,"height":360,"priority":2},{"mid":"7","width":0,"height":0}]}}"#;
        let Ok(ClientFrame::Wants(wants)) = parse(text, true) else { panic!("not wants") };
        let want = |mid: &str, width, height, priority| Want { mid: Arc::from(mid), width, height, priority };
        assert_eq!(wants, [want("5", 640, 360, 2), want("7", 0, 0, 0)]);
        assert_eq!(parse(text, false).err(), Some(VoiceClose::NotIdentified));
        let many = format!(
            r#"{{"op":22,"d":{{"slots":[{}]}}}}"#,
            vec![r#"{"mid":"5","width":1,"height":1}"#; 65].join(",")
        );
        assert_eq!(refused(&many), Some(VoiceClose::Decode));
        assert_eq!(
            refused(r#"{"op":22,"d":{"slots":[{"mid":"5","width":-1,"height":1}]}}"#),
            Some(VoiceClose::Decode)
        );
    }

    #[test]
    fn a_sender_is_told_which_encodings_are_wanted() {
        let encodings = vec![
            EncodingState { rid: Some(Arc::from("q")), wanted: true },
            EncodingState { rid: None, wanted: false },
        ];
        let text = Numbered::new(ServerFrame::Encodings { source: Source::Camera, encodings }.encode(), 9)
            .text()
            .into_owned();
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        let expected = json!({"op": 23, "seq": 9, "d": {
            "source": "camera", "encodings": [{"rid":"q","wanted":true},{"rid":null,"wanted":false}],
        }});
        assert_eq!(value, expected);
    }

    #[test]
    fn slots_name_people_and_sources() {
        let slots = vec![
            NamedSlot {
                mid: Arc::from("4"),
                content: Some((Some(UserId::new(7)), Source::ScreenAudio)),
                playable: false,
            },
            NamedSlot { mid: Arc::from("5"), content: None, playable: true },
        ];
        let text =
            Numbered::new(ServerFrame::Slots { slots, wanted: Wanted { audio: 8, video: 9 } }.encode(), 3)
                .text()
                .into_owned();
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(
            value,
            json!({"op": 21, "seq": 3, "d": {
                "slots": [
                    {"mid":"4","user_id":"7","source":"screen_audio","playable":false},
                    {"mid":"5","user_id":null,"source":null,"playable":true},
                ],
                "wanted": {"audio": 8, "video": 9},
            }})
        );
    }
}
