//! Calls of direct conversations, as sessions hear of them.

use std::sync::Arc;

use serde_json::json;
use voxlink_protocol::{
    ChannelId, Secret, UserId, VoiceState,
    direct::{CallUpdate, DirectCall},
    event::{UserChange, UserEvent},
};

use super::world::{ANNA, BORIS, World};
use crate::hub::{Input, VoiceOutcome};

const PAIR: ChannelId = ChannelId::new(77);

fn state(user: UserId, session: &str, channel: Option<ChannelId>) -> UserChange {
    let state = VoiceState {
        guild_id: None,
        channel_id: channel,
        user_id: user,
        member: None,
        session_id: session.to_owned(),
        deaf: false,
        mute: false,
        self_deaf: false,
        self_mute: false,
        self_stream: false,
        self_video: false,
        suppress: false,
        request_to_speak_timestamp: None,
    };
    UserChange::VoiceState { channel_id: PAIR, state: Box::new(state) }
}

impl World {
    fn tell(&mut self, change: UserChange) {
        self.input(Input::User(Arc::new(UserEvent { to: vec![ANNA, BORIS], change })));
    }
}

#[test]
fn the_door_to_a_call_of_a_conversation_is_named_by_its_channel() {
    let mut world = World::new();
    let ((anna, session), (boris, _)) = (world.join(ANNA), world.join(BORIS));
    world.say(anna, 4, json!({"guild_id": null, "channel_id": "77"}));
    world.tell(state(ANNA, &session, Some(PAIR)));
    world.answer_seat(VoiceOutcome::Seated { pass: Secret::new("pass"), endpoint: String::new() });
    let told = world.heard(anna);
    assert!(told[0]["d"].get("guild_id").is_none(), "{told:?}");
    let door =
        json!({"token": "pass", "guild_id": null, "channel_id": "77", "endpoint": "localhost:8080/voice"});
    assert_eq!((&told[1]["t"], &told[1]["d"]), (&json!("VOICE_SERVER_UPDATE"), &door));
    assert_eq!(world.names(boris), ["VOICE_STATE_UPDATE"]);

    world.say(anna, 4, json!({"guild_id": null, "channel_id": "77", "self_mute": true}));
    assert!(world.asked_seats.pop().is_some_and(|ask| ask.seated), "a change of mute needs no pass");
}

#[test]
fn who_was_put_out_of_a_call_needs_another_seat() {
    let mut world = World::new();
    let (anna, session) = world.join(ANNA);
    world.say(anna, 4, json!({"guild_id": null, "channel_id": "77"}));
    world.answer_seat(VoiceOutcome::Seated { pass: Secret::new("pass"), endpoint: String::new() });
    world.tell(state(ANNA, &session, None));
    world.say(anna, 4, json!({"guild_id": null, "channel_id": "77", "self_mute": true}));
    assert!(world.asked_seats.pop().is_some_and(|ask| !ask.seated));
}

#[test]
fn leaving_a_conversation_does_not_take_the_seat_in_a_guild() {
    let mut world = World::new();
    let (anna, session) = world.join(ANNA);
    world.say(anna, 4, json!({"guild_id": "10", "channel_id": "20"}));
    world.answer_seat(VoiceOutcome::Seated { pass: Secret::new("pass"), endpoint: String::new() });
    // Told late, by another way.
    world.tell(state(ANNA, &session, None));
    world.say(anna, 4, json!({"guild_id": "10", "channel_id": "20", "self_mute": true}));
    assert!(world.asked_seats.pop().is_some_and(|ask| ask.seated));
}

#[test]
fn calls_are_told_to_all_devices() {
    let mut world = World::new();
    let ((first, _), (second, _)) = (world.join(ANNA), world.join(ANNA));
    world.heard(first);
    world.heard(second);
    let call = DirectCall {
        channel_id: PAIR,
        message_id: None,
        region: "here".to_owned(),
        ringing: vec![ANNA],
        voice_states: Vec::new(),
    };
    world.tell(UserChange::CallCreate(Box::new(call)));
    let update =
        CallUpdate { channel_id: PAIR, message_id: None, region: "here".to_owned(), ringing: Vec::new() };
    world.tell(UserChange::CallUpdate(Box::new(update)));
    world.tell(UserChange::CallDelete { channel_id: PAIR });
    for device in [first, second] {
        let told = world.heard(device);
        assert_eq!(told[0]["d"]["ringing"], json!(["1"]));
        let names: Vec<_> = told.iter().map(|frame| frame["t"].clone()).collect();
        assert_eq!(names, ["CALL_CREATE", "CALL_UPDATE", "CALL_DELETE"]);
        assert_eq!(told[2]["d"], json!({"channel_id": "77"}));
    }
}
