use std::{sync::Arc, time::Duration};

use serde_json::json;
use voxlink_protocol::{
    LoginId, MessageId, ReadState,
    bus::SessionRevoked,
    event::{UserChange, UserEvent},
};

use super::world::{ANNA, BORIS, GENERAL, World, member, message};
use crate::hub::Input;

#[test]
fn a_client_gets_hello_then_ready_then_its_guilds_numbered_from_one() {
    let mut world = World::new();
    let link = world.connect();
    let hello = world.heard(link);
    assert_eq!(hello[0]["d"]["heartbeat_interval"], 41_250);
    world.say(link, 2, json!({"token": "Bearer token-1"}));
    assert_eq!(world.heard(link), [json!({"close": 4004})], "the fake identity knows no prefixes");
    let link = world.connect();
    world.say(link, 2, json!({"token": "token-1"}));
    let frames = world.heard(link);
    let numbered: Vec<_> = frames[1..].iter().map(|frame| (frame["s"].clone(), frame["t"].clone())).collect();
    assert_eq!(numbered, [(json!(1), json!("READY")), (json!(2), json!("GUILD_CREATE"))]);
    let ready = &frames[1]["d"];
    assert_eq!(ready["guilds"], json!([{"id": "10", "unavailable": true}]));
    assert_eq!(ready["resume_gateway_url"], "ws://localhost:8080/gateway");
    let guild = &frames[2]["d"];
    assert_eq!(
        (&guild["id"], &guild["member_count"], &guild["version"]),
        (&json!("10"), &json!(2), &json!(1))
    );
    assert_eq!(guild["members"].as_array().map(Vec::len), Some(2));
    assert_eq!(guild["channels"].as_array().map(Vec::len), Some(2));
}

#[test]
fn a_lost_socket_is_resumed_with_what_was_missed_and_the_old_one_is_closed() {
    let mut world = World::new();
    let (old, session) = world.join(BORIS);
    world.commit(message(100, GENERAL));
    assert_eq!(world.names(old), ["MESSAGE_CREATE"]);
    world.input(Input::Gone { link: old, code: None });
    for id in 101..=103 {
        world.commit(message(id, GENERAL));
    }
    world.pass(Duration::from_secs(170));
    let new = world.connect();
    world.say(new, 6, json!({"token": "token-2", "session_id": session, "seq": 3}));
    let frames = world.heard(new);
    let told: Vec<_> = frames[1..].iter().map(|frame| (frame["s"].as_u64(), frame["t"].as_str())).collect();
    let message = Some("MESSAGE_CREATE");
    // Boris came online in between, which he was told as well.
    assert_eq!(told.last(), Some(&(Some(8), Some("RESUMED"))));
    assert_eq!(told.iter().filter(|(_, name)| *name == message).count(), 3);
    let racing = world.connect();
    world.say(racing, 6, json!({"token": "token-2", "session_id": session, "seq": 8}));
    assert_eq!(world.heard(new), [json!({"close": 1000})]);
    assert_eq!(world.names(racing), ["RESUMED"]);
}

#[test]
fn a_resume_that_cannot_be_served_says_why() {
    let mut world = World::new();
    let (link, session) = world.join(ANNA);
    let other = world.connect();
    world.say(other, 6, json!({"token": "token-2", "session_id": session, "seq": 1}));
    assert_eq!(world.heard(other)[1]["op"], 9, "somebody else's session");
    world.say(other, 6, json!({"token": "token-1", "session_id": "nonsense", "seq": 1}));
    assert_eq!(world.heard(other)[0], json!({"op": 9, "s": null, "t": null, "d": false}));
    world.say(other, 6, json!({"token": "token-1", "session_id": session, "seq": 99}));
    assert_eq!(world.heard(other), [json!({"close": 4007})]);
    world.say(link, 1, json!(null));
    assert_eq!(world.heard(link)[0]["op"], 11, "the session itself is unharmed");
    world.input(Input::Gone { link, code: None });
    world.pass(Duration::from_secs(181));
    let late = world.connect();
    world.say(late, 6, json!({"token": "token-1", "session_id": session, "seq": 2}));
    assert_eq!(world.heard(late)[1]["op"], 9);
    world.say(late, 2, json!({"token": "token-1"}));
    assert_eq!(world.names(late)[0], "READY", "after op 9 one identifies on the same socket");
}

#[test]
fn sockets_that_are_late_are_closed_and_a_silent_session_may_come_back() {
    let mut world = World::new();
    let silent = world.connect();
    world.pass(Duration::from_secs(11));
    assert_eq!(world.heard(silent)[1], json!({"close": 4003}));
    let (link, session) = world.join(ANNA);
    world.pass(Duration::from_secs(60));
    world.say(link, 1, json!(2));
    world.pass(Duration::from_secs(61));
    assert!(!world.lines.0[&link].ended);
    world.pass(Duration::from_secs(2));
    assert_eq!(world.heard(link).last(), Some(&json!({"close": 4009})));
    let back = world.connect();
    world.say(back, 6, json!({"token": "token-1", "session_id": session, "seq": 2}));
    assert_eq!(world.names(back).last().map(String::as_str), Some("RESUMED"));
}

#[test]
fn a_revoked_login_is_closed_and_cannot_resume() {
    let mut world = World::new();
    let (link, session) = world.join(ANNA);
    let (other, _) = world.join(BORIS);
    world.input(Input::Revoked(Arc::new(SessionRevoked { user: ANNA, login: LoginId::new(1) })));
    assert_eq!(world.heard(link).last(), Some(&json!({"close": 4004})));
    let back = world.connect();
    world.say(back, 6, json!({"token": "token-1", "session_id": session, "seq": 1}));
    assert_eq!(world.heard(back)[1], json!({"close": 4004}));
    world.pass(Duration::from_secs(1));
    assert!(!world.lines.0[&other].ended);
}

#[test]
fn ops_out_of_place_get_their_close_code() {
    let mut world = World::new();
    let link = world.connect();
    world.say(link, 4, json!({"guild_id": "10", "channel_id": null}));
    assert_eq!(world.heard(link)[1], json!({"close": 4003}));
    let link = world.connect();
    world.say(link, 4, json!({}));
    assert_eq!(world.heard(link)[1], json!({"close": 4003}));
    let (link, _) = world.join(ANNA);
    world.say(link, 2, json!({"token": "token-1"}));
    assert_eq!(world.heard(link).last(), Some(&json!({"close": 4005})));
    let (link, _) = world.join(ANNA);
    world.say(link, 4, json!({}));
    assert_eq!(world.heard(link).last(), Some(&json!({"close": 4002})));
}

#[test]
fn one_address_may_hold_only_so_many_sockets_that_never_identify() {
    let mut world = World::new();
    let quiet: Vec<_> = (0..3).map(|_| world.connect()).collect();
    let fourth = world.connect();
    assert_eq!(world.heard(fourth), [json!({"close": 4008})]);
    world.say(quiet[0], 2, json!({"token": "token-1"}));
    let fifth = world.connect();
    assert_eq!(world.heard(fifth)[0]["op"], 10);
}

#[test]
fn a_socket_that_takes_bytes_slowly_gets_whole_frames_in_order() {
    let mut world = World::new();
    let (link, _) = world.join(ANNA);
    world.lines.0.get_mut(&link).unwrap().room = Some(100);
    for id in 1..=50 {
        world.commit(message(id, GENERAL));
    }
    let mut told = Vec::new();
    while told.len() < 50 {
        told.extend(world.heard(link).into_iter().map(|frame| frame["d"]["id"].clone()));
        world.lines.0.get_mut(&link).unwrap().room = Some(777);
        world.input(Input::Writable { link });
    }
    assert_eq!(told, (1..=50).map(|id| json!(id.to_string())).collect::<Vec<_>>());
}

#[test]
fn a_socket_that_takes_nothing_is_cut_and_its_client_resumes() {
    let mut world = World::new();
    let (link, session) = world.join(ANNA);
    world.lines.0.get_mut(&link).unwrap().room = Some(0);
    let mut id = 0;
    while !world.lines.0[&link].ended {
        id += 1;
        world.commit(message(id, GENERAL));
        assert!(id < 10_000, "a queue without a bound");
    }
    let back = world.connect();
    world.say(back, 6, json!({"token": "token-1", "session_id": session, "seq": 2}));
    let answer = world.heard(back);
    // Small messages overrun the ring's 2,048 before the 1 MiB, so the client may have to identify anew.
    assert!(answer[1]["op"] == 9 || answer.last().unwrap()["t"] == "RESUMED");
}

#[test]
fn a_person_has_at_most_25_sessions_and_the_oldest_goes() {
    let mut world = World::new();
    let links: Vec<_> = (0..26).map(|_| world.join(ANNA).0).collect();
    assert!(world.lines.0[&links[0]].ended);
    assert!(!world.lines.0[&links[1]].ended);
}

#[test]
fn clients_are_asked_to_come_back_spread_over_the_drain_and_then_closed() {
    let mut world = World::new();
    let links: Vec<_> = (0..10).map(|_| world.join(ANNA).0).collect();
    let until = world.now + Duration::from_secs(10);
    world.input(Input::Drain { until });
    let asked = |world: &mut World| {
        links.iter().filter(|link| world.heard(**link).iter().any(|frame| frame["op"] == 7)).count()
    };
    assert_eq!(asked(&mut world), 1);
    world.pass(Duration::from_secs(4));
    let half = asked(&mut world);
    assert!((3..=6).contains(&half), "{half}");
    world.pass(Duration::from_secs(4));
    assert_eq!(1 + half + asked(&mut world), 10);
    world.pass(Duration::from_secs(2));
    assert!(links.iter().all(|link| world.lines.0[link].ended));
}

#[test]
fn presence_is_told_once_to_those_who_share_a_guild() {
    let mut world = World::new();
    let (anna, _) = world.join(ANNA);
    world.pass(Duration::from_secs(1));
    world.heard(anna);
    let (boris, _) = world.join(BORIS);
    world.say(boris, 3, json!({"status": "dnd", "since": null, "activities": [], "afk": false}));
    world.pass(Duration::from_secs(1));
    let told = world.heard(anna);
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!((&told[0]["d"]["user"]["id"], &told[0]["d"]["status"]), (&json!("2"), &json!("dnd")));
    world.say(boris, 3, json!({"status": "invisible"}));
    world.pass(Duration::from_secs(1));
    assert_eq!(world.heard(anna)[0]["d"]["status"], "offline");
    world.say(boris, 3, json!({"status": "online"}));
    world.pass(Duration::from_secs(1));
    assert_eq!(world.heard(anna)[0]["d"]["status"], "online");
    world.input(Input::Gone { link: boris, code: None });
    world.pass(Duration::from_secs(10));
    assert_eq!(world.heard(anna), [] as [serde_json::Value; 0], "a lost socket alone is not offline");
    world.say(anna, 1, json!(null));
    for _ in 0..4 {
        world.pass(Duration::from_secs(50));
        world.say(anna, 1, json!(null));
    }
    let told = world.heard(anna);
    assert!(told.iter().any(|frame| frame["d"]["status"] == "offline"), "{told:?}");
}

#[test]
fn an_account_that_changes_is_told_to_itself_and_to_others() {
    let mut world = World::new();
    let (anna, _) = world.join(ANNA);
    let (boris, _) = world.join(BORIS);
    let mut changed = member(ANNA).user.unwrap();
    changed.global_name = Some("Anna".to_owned());
    world.heard(anna);
    world.input(Input::UserUpdated(Arc::new(voxlink_protocol::bus::UserUpdated(changed))));
    assert_eq!(world.names(anna), ["USER_UPDATE"]);
    assert_eq!(world.names(boris), ["GUILD_MEMBER_UPDATE"]);
}

#[test]
fn what_concerns_a_person_while_ready_is_being_asked_for_comes_right_after_it() {
    let mut world = World::new();
    world.hold_ready = true;
    let link = world.connect();
    world.say(link, 2, json!({"token": "token-1"}));
    let state = |count| ReadState {
        channel_id: GENERAL,
        last_message_id: Some(MessageId::new(7)),
        mention_count: count,
    };
    let told = |count| UserEvent { to: vec![ANNA], change: UserChange::ReadState(state(count)) };
    world.input(Input::User(Arc::new(told(1))));
    world.input(Input::User(Arc::new(told(0))));
    assert_eq!(world.names(link), Vec::<String>::new(), "nothing before READY");
    world.answer_ready();
    world.input(Input::Tick);
    let names = world.names(link);
    assert_eq!(names, ["READY", "MESSAGE_ACK", "MESSAGE_ACK", "GUILD_CREATE"]);
    let other = world.connect();
    world.say(other, 2, json!({"token": "token-1"}));
    for _ in 0..2000 {
        world.input(Input::User(Arc::new(told(1))));
    }
    world.answer_ready();
    world.input(Input::Tick);
    assert_eq!(world.heard(other).last(), Some(&json!({"close": 4000})), "more than can be kept: begin anew");
}
