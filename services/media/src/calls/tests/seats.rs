//! Who comes into a call, sits where, and how that is seen.

use super::*;

#[test]
fn joining_is_told_to_the_guild_and_opens_media() {
    let mut world = World::new();
    let token = world.take(ANNA, LOUNGE, "a");
    let state = json!({
        "guild_id": "100", "channel_id": "200", "user_id": "1", "session_id": "a", "deaf": false, "mute": false,
        "self_deaf": false, "self_mute": false, "self_stream": false, "self_video": false, "suppress": false,
        "request_to_speak_timestamp": null,
    });
    assert_eq!(
        world.seen(),
        [Seen::State { user: ANNA, channel: Some(LOUNGE), session: "a".to_owned(), state }]
    );
    assert_eq!(world.calls.voice_states_of(GUILD).len(), 1);
    assert!(world.calls.voice_states_of(GuildId::new(101)).is_empty());

    let socket = world.identify(ANNA, "a", &token);
    let ready = json!({"protocols": ["sdp"], "user_id": "1", "media_session_id": "abc-1"});
    assert_eq!(world.frames(socket), [json!({"op": 2, "d": ready})]);

    world.offer(socket, 1);
    assert!(is_shard(
        &world.seen()[0],
        "Join { room: RoomId(200), peer: PeerId(1), person: PersonId(1), revision: 1"
    ));
    world.answered(PeerId(1), 1);
    let answer = json!({"revision": 1, "type": "answer", "sdp": "answer", "media_session_id": "abc-1"});
    assert_eq!(world.frames(socket), [json!({"op": 4, "d": answer, "seq": 1})]);

    world.offer(socket, 2);
    assert!(is_shard(&world.seen()[0], "Renegotiate { peer: PeerId(1), revision: 2"));
}

#[test]
fn those_who_are_there_and_those_who_come_hear_of_each_other() {
    let mut world = World::new();
    let (anna, anna_peer, _) = world.join(ANNA, "a");
    world.heard(Event::Speaking { room: room(LOUNGE), peer: anna_peer, speaking: true });
    assert_eq!(world.seen(), []);
    let token = world.take(BORIS, LOUNGE, "b");
    let boris = world.identify(BORIS, "b", &token);
    world.offer(boris, 1);
    let peer = world.peer(BORIS);
    world.answered(peer, 1);
    world.seen();

    world.heard(Event::Connected { peer });
    assert_eq!(
        world.seen(),
        [
            Seen::Frame(anna, json!({"op": 11, "d": {"user_ids": ["2"]}, "seq": 3})),
            Seen::Frame(boris, json!({"op": 11, "d": {"user_ids": ["1"]}, "seq": 2})),
            Seen::Frame(boris, json!({"op": 5, "d": {"user_id": "1", "speaking": 1, "ssrc": 0}, "seq": 3})),
        ]
    );
    // A revived transport is no news.
    world.heard(Event::Connected { peer });
    assert_eq!(world.seen(), []);

    let content = Some(SlotContent { peer: anna_peer, source: Source::Microphone });
    let slots = vec![Slot { mid: "4".into(), kind: MediaKind::Audio, content, playable: true }];
    world.heard(Event::Slots { peer, slots, wanted: Wanted { audio: 8, video: 8 } });
    let slots = json!([{"mid": "4", "user_id": "1", "source": "microphone", "playable": true}]);
    let wanted = json!({"audio": 8, "video": 8});
    assert_eq!(world.frames(boris), [json!({"op": 21, "d": {"slots": slots, "wanted": wanted}, "seq": 4})]);

    // What Boris shows reaches the engine, and what nobody watches of his reaches him.
    world.ask(boris, json!({"op": 22, "d": {"slots": [{"mid": "5", "width": 320, "height": 192}]}}));
    assert!(is_shard(&world.seen()[0], "SetWants { peer: PeerId(2), wants: [Want { mid: \"5\", width: 320"));
    let encodings = vec![EncodingState { rid: Some("f".into()), wanted: false }];
    world.heard(Event::Encodings { peer, source: Source::Camera, encodings });
    let encodings = json!([{"rid": "f", "wanted": false}]);
    let told = json!({"op": 23, "d": {"source": "camera", "encodings": encodings}, "seq": 5});
    assert_eq!(world.frames(boris), [told]);
    world.heard(Event::Redundancy { peer: anna_peer, wanted: true });
    assert_eq!(world.frames(anna), [json!({"op": 25, "d": {"microphone": true}, "seq": 4})]);

    world.calls.leave_seat(&LeaveSeat {
        user: UserId::new(ANNA),
        guild: Some(GUILD),
        session_id: "a".into(),
    });
    let seen = world.seen();
    assert!(is_shard(&seen[0], "Leave { peer: PeerId(1) }"));
    assert_eq!(seen[1], Seen::Close(anna, VoiceClose::Disconnected));
    assert_eq!(seen[2], Seen::Frame(boris, json!({"op": 13, "d": {"user_id": "1"}, "seq": 6})));
    assert!(is_leave(&seen[3], ANNA));
    assert_eq!((seen.len(), world.seats()), (4, 1));
}

#[test]
fn a_forged_or_old_pass_takes_no_seat_and_opens_no_session() {
    let mut world = World::new();
    let pass = world.pass(ANNA, LOUNGE, "a");
    let forged = PassKey::new(&[8; 32]).sign(&pass);
    let request = TakeSeat { pass: forged.clone(), self_mute: false, self_deaf: false };
    assert_eq!(world.calls.take_seat(&request, world.wall(), world.now), Err(SeatRefused::BadPass));
    let token = world.take(ANNA, LOUNGE, "a");
    world.seen();
    let socket = world.identify(ANNA, "a", &forged);
    assert_eq!(world.seen(), [Seen::Close(socket, VoiceClose::BadPass)]);
    let socket = world.identify(BORIS, "a", &token);
    assert_eq!(world.seen(), [Seen::Close(socket, VoiceClose::BadPass)]);
    world.now += Duration::from_secs(61);
    let socket = world.identify(ANNA, "a", &token);
    assert_eq!(world.seen(), [Seen::Close(socket, VoiceClose::BadPass)]);
    // A good pass for a seat that was never taken.
    let pass = world.pass(BORIS, LOUNGE, "b");
    let token = world.key.sign(&pass);
    let socket = world.identify(BORIS, "b", &token);
    assert_eq!(world.seen(), [Seen::Close(socket, VoiceClose::SessionOver)]);
    assert_eq!(world.seats(), 1);
}

#[test]
fn a_full_channel_lets_nobody_in_but_those_inside_and_those_without_limit() {
    let mut world = World::new();
    world.take(ANNA, LOUNGE, "a");
    let limited = CallPass { user_limit: 1, ..world.pass(BORIS, LOUNGE, "b") };
    assert_eq!(world.take_with(&limited), Err(SeatRefused::Full));
    let again = CallPass { user_limit: 1, ..world.pass(ANNA, LOUNGE, "a") };
    assert!(world.take_with(&again).is_ok());
    assert!(world.take_with(&CallPass { user_limit: 0, ..limited }).is_ok());
}

#[test]
fn joining_from_another_device_ends_the_older_one() {
    let mut world = World::new();
    let (socket, _, _) = world.join(ANNA, "phone");
    world.take(ANNA, STUDY, "desk");
    let seen = world.seen();
    assert!(is_shard(&seen[0], "Leave"));
    assert_eq!(seen[1], Seen::Close(socket, VoiceClose::Disconnected));
    assert!(matches!(&seen[2], Seen::State { channel: Some(STUDY), session, .. } if session == "desk"));
    assert_eq!((seen.len(), world.seats()), (3, 1));
    assert!(!world.calls.leave_seat(&LeaveSeat {
        user: UserId::new(ANNA),
        guild: None,
        session_id: "phone".into()
    }));
}

#[test]
fn moving_to_another_guild_is_told_to_both() {
    let mut world = World::new();
    world.join(ANNA, "a");
    let elsewhere = CallPass { guild_id: Some(GuildId::new(101)), ..world.pass(ANNA, STUDY, "a") };
    world.take_with(&elsewhere).unwrap();
    let guilds: Vec<_> = world
        .seen()
        .into_iter()
        .filter_map(|seen| match seen {
            Seen::State { channel, state, .. } => Some((state["guild_id"].clone(), channel)),
            _ => None,
        })
        .collect();
    assert_eq!(guilds, [(json!("100"), None), (json!("101"), Some(STUDY))]);
}

#[test]
fn asking_again_for_the_same_seat_keeps_the_media() {
    let mut world = World::new();
    let (_, peer, _) = world.join(ANNA, "a");
    let pass = CallPass { may_speak: false, ..world.pass(ANNA, LOUNGE, "a") };
    world.take_with(&pass).unwrap();
    let seen = world.seen();
    assert!(is_shard(&seen[0], "SetGates { peer: PeerId(1), gates: Gates { may_speak: false"));
    assert!(matches!(&seen[1], Seen::State { state, .. } if state["suppress"] == true));
    assert_eq!(world.peer(ANNA), peer);
}

#[test]
fn muting_closes_the_gate_and_is_seen() {
    let mut world = World::new();
    world.join(ANNA, "a");
    let mut request = UpdateSeat {
        user: UserId::new(ANNA),
        guild: Some(GUILD),
        session_id: "a".into(),
        self_mute: true,
        self_deaf: true,
    };
    assert!(world.calls.update_seat(&request));
    let seen = world.seen();
    assert!(matches!(&seen[0], Seen::Shard(text) if text.contains("deafened: true, muted: true")));
    assert!(
        matches!(&seen[1], Seen::State { state, .. } if state["self_mute"] == true && state["self_deaf"] == true)
    );
    request.session_id = "other".into();
    assert!(!world.calls.update_seat(&request));
}

#[test]
fn camera_and_screen_show_in_the_voice_state_when_they_may() {
    let mut world = World::new();
    let (socket, _, _) = world.join(ANNA, "a");
    let sources = |camera, screen| json!({"op":20,"d":{"microphone":true,"camera":camera,"screen":screen,"screen_audio":screen}});
    world.ask(socket, sources(true, true));
    let seen = world.seen();
    assert!(is_shard(&seen[0], "SetSources"));
    assert!(
        matches!(&seen[1], Seen::State { state, .. } if state["self_video"] == true && state["self_stream"] == true)
    );
    world.ask(socket, sources(true, true));
    assert_eq!(world.seen().len(), 1, "nothing changed for the guild");

    let pass = CallPass { may_stream: false, ..world.pass(ANNA, LOUNGE, "a") };
    world.take_with(&pass).unwrap();
    assert!(
        world
            .seen()
            .iter()
            .any(|seen| matches!(seen, Seen::State { state, .. } if state["self_video"] == false))
    );
}
