//! Parses what clients send; past this the type is the proof.

use serde::Deserialize;
use serde_json::value::RawValue;
use voxlink_protocol::gateway::{
    Activity, CloseCode, Identify, MemberListRequest, PresenceUpdate, RequestGuildMembers, RequestSounds,
    Resume, VoiceStateRequest, op,
};

/// An op of a client.
#[derive(Debug)]
pub(crate) enum ClientOp {
    /// Op 1, with the last `s` seen.
    Heartbeat(Option<u64>),
    /// Op 2.
    Identify(Box<Identify>),
    /// Op 3.
    Presence(PresenceUpdate),
    /// Op 4.
    Voice(VoiceStateRequest),
    /// Op 6.
    Resume(Box<Resume>),
    /// Op 8.
    RequestMembers(Box<RequestGuildMembers>),
    /// Op 14.
    MemberList(MemberListRequest),
    /// Op 31.
    RequestSounds(RequestSounds),
    /// An op of an identified client whose body is wrong: 4003 before IDENTIFY, 4002 after.
    Malformed,
}

#[derive(Deserialize)]
struct Envelope<'a> {
    op: u8,
    #[serde(borrow, default)]
    d: Option<&'a RawValue>,
}

/// Reads a frame.
///
/// # Errors
/// The close code that says what is wrong: 4002 for what is no op at all, 4001 for one that we do not know.
pub(crate) fn parse(text: &str) -> Result<ClientOp, CloseCode> {
    let envelope: Envelope<'_> = serde_json::from_str(text).map_err(|_| CloseCode::DecodeError)?;
    let d = envelope.d.map_or("null", RawValue::get);
    match envelope.op {
        op::HEARTBEAT => body(d).map(ClientOp::Heartbeat),
        op::IDENTIFY => body(d).map(ClientOp::Identify),
        op::PRESENCE_UPDATE => {
            let update: Option<PresenceUpdate> = body(d).ok().filter(bounded);
            Ok(update.map_or(ClientOp::Malformed, ClientOp::Presence))
        }
        op::VOICE_STATE_UPDATE => Ok(body(d).map_or(ClientOp::Malformed, ClientOp::Voice)),
        op::RESUME => body(d).map(ClientOp::Resume),
        op::REQUEST_GUILD_MEMBERS => {
            let request: Option<RequestGuildMembers> = body(d).ok();
            // v10: a nonce of up to 32 bytes comes back, a longer one does not.
            let request = request.map(|mut request| {
                request.nonce = request.nonce.filter(|nonce| nonce.len() <= MOST_NONCE);
                request
            });
            Ok(request.map_or(ClientOp::Malformed, |request| ClientOp::RequestMembers(Box::new(request))))
        }
        op::MEMBER_LIST => Ok(body(d).map_or(ClientOp::Malformed, ClientOp::MemberList)),
        op::REQUEST_SOUNDBOARD_SOUNDS => Ok(body(d).map_or(ClientOp::Malformed, ClientOp::RequestSounds)),
        _ => Err(CloseCode::UnknownOpcode),
    }
}

/// v10: bytes of an op 8 nonce.
const MOST_NONCE: usize = 32;

fn bounded(update: &PresenceUpdate) -> bool {
    let activities = update.activities.as_deref().unwrap_or_default();
    activities.len() <= Activity::MOST && activities.iter().all(Activity::is_bounded)
}

fn body<'de, T: Deserialize<'de>>(d: &'de str) -> Result<T, CloseCode> {
    serde_json::from_str(d).map_err(|_| CloseCode::DecodeError)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use voxlink_protocol::GuildId;

    use super::*;

    #[test]
    fn ops_are_read_and_nonsense_gets_its_code() {
        assert!(matches!(parse(r#"{"op":1,"d":null}"#), Ok(ClientOp::Heartbeat(None))));
        assert!(matches!(parse(r#"{"d":7,"op":1}"#), Ok(ClientOp::Heartbeat(Some(7)))));
        let Ok(ClientOp::Voice(voice)) = parse(r#"{"op":4,"d":{"guild_id":2000,"channel_id":null}}"#) else {
            panic!("ids may arrive as numbers")
        };
        assert_eq!((voice.guild_id, voice.channel_id), (Some(GuildId::new(2000)), None));
        let Ok(ClientOp::Voice(direct)) = parse(r#"{"op":4,"d":{"guild_id":null,"channel_id":"7"}}"#) else {
            panic!("the call of a conversation has no guild")
        };
        assert_eq!(direct.guild_id, None);
        assert!(matches!(parse(r#"{"op":3,"d":{"status":"asleep"}}"#), Ok(ClientOp::Malformed)));
        for (text, code) in [
            ("", CloseCode::DecodeError),
            ("[]", CloseCode::DecodeError),
            (r#"{"op":"2"}"#, CloseCode::DecodeError),
            (r#"{"op":2,"d":{"token":5}}"#, CloseCode::DecodeError),
            (r#"{"op":99,"d":{}}"#, CloseCode::UnknownOpcode),
        ] {
            assert_eq!(parse(text).unwrap_err(), code, "{text}");
        }
    }
}
