//! What ends seats and sessions, and what they outlive.

use super::*;

#[test]
fn a_client_that_lost_its_socket_gets_what_it_missed() {
    let mut world = World::new();
    let (first, peer, token) = world.join(ANNA, "a");
    world.calls.socket_closed(first, Farewell::None, world.now);
    world.join(BORIS, "b");
    world.wait(20);
    let wrong = world.resume("a", &Secret::new("x"), 2);
    assert_eq!(world.seen(), [Seen::Close(wrong, VoiceClose::BadPass)]);
    let second = world.resume("a", &token, 2);
    assert_eq!(
        world.frames(second),
        [json!({"op": 11, "d": {"user_ids": ["2"]}, "seq": 3}), json!({"op": 9, "d": null})]
    );
    assert_eq!(world.peer(ANNA), peer);
    // The next one comes before the loss of this one was noticed.
    world.ask(second, json!({"op": 3, "d": {"t": 1, "seq_ack": 3}}));
    let third = world.resume("a", &token, 3);
    let seen = world.seen();
    assert_eq!(seen[0], Seen::Close(second, VoiceClose::Replaced));
    assert_eq!(seen[1], Seen::Frame(third, json!({"op": 9, "d": null})));
    world.calls.socket_closed(second, Farewell::None, world.now);
    world.calls.leave_seat(&LeaveSeat { user: UserId::new(BORIS), guild: None, session_id: "b".into() });
    assert_eq!(world.frames(third), [json!({"op": 13, "d": {"user_id": "2"}, "seq": 4})]);
    // What was acknowledged is gone.
    let fourth = world.resume("a", &token, 1);
    assert_eq!(world.seen(), [Seen::Close(fourth, VoiceClose::SessionOver)]);
    assert_eq!(world.seats(), 1);
}

#[test]
fn a_seat_that_nobody_comes_to_is_freed() {
    let mut world = World::new();
    world.take(ANNA, LOUNGE, "a");
    world.seen();
    world.wait(29);
    assert_eq!(world.seen(), []);
    world.wait(1);
    assert!(is_leave(&world.seen()[0], ANNA));
    assert_eq!(world.seats(), 0);
}

#[test]
fn a_dead_network_frees_the_seat_and_a_live_transport_keeps_it() {
    let mut world = World::new();
    let (socket, peer, _) = world.join(ANNA, "a");
    // Media alone gone: the client is there and will restart ICE.
    world.heard(Event::Disconnected { peer });
    world.wait(300);
    assert_eq!(world.seen(), []);
    world.heard(Event::Connected { peer });
    // The socket alone gone: media goes on.
    world.calls.socket_closed(socket, Farewell::None, world.now);
    world.wait(300);
    assert_eq!(world.seen(), []);
    // Both gone.
    world.heard(Event::Disconnected { peer });
    world.wait(1);
    let seen = world.seen();
    assert!(is_shard(&seen[0], "Leave"));
    assert!(is_leave(&seen[1], ANNA));
    assert_eq!(world.seats(), 0);
}

#[test]
fn both_gone_at_once_have_fifteen_seconds_and_media_that_never_came_a_minute() {
    let mut world = World::new();
    let (socket, peer, _) = world.join(ANNA, "a");
    world.calls.socket_closed(socket, Farewell::None, world.now);
    world.heard(Event::Disconnected { peer });
    world.wait(14);
    assert_eq!(world.seats(), 1);
    world.wait(1);
    assert_eq!(world.seats(), 0);

    let token = world.take(BORIS, LOUNGE, "b");
    let socket = world.identify(BORIS, "b", &token);
    world.calls.socket_closed(socket, Farewell::None, world.now);
    world.wait(59);
    assert_eq!(world.seats(), 1);
    world.wait(1);
    assert_eq!(world.seats(), 0);
}

#[test]
fn leaving_the_page_frees_the_seat_at_once() {
    let mut world = World::new();
    let (socket, _, _) = world.join(ANNA, "a");
    world.calls.socket_closed(socket, Farewell::Page, world.now);
    let seen = world.seen();
    assert!(is_shard(&seen[0], "Leave"));
    assert!(is_leave(&seen[1], ANNA));
    assert_eq!(world.seats(), 0);
}

#[test]
fn an_offer_that_is_nonsense_ends_the_session_but_not_the_seat() {
    let mut world = World::new();
    let token = world.take(ANNA, LOUNGE, "a");
    let socket = world.identify(ANNA, "a", &token);
    world.offer(socket, 1);
    world.seen();
    let result = Err(OfferError::Malformed("no".to_owned()));
    world.calls.heard(Report::Answered { peer: PeerId(1), revision: 1, result }, world.now);
    let seen = world.seen();
    assert_eq!(seen[1], Seen::Close(socket, VoiceClose::BadRequest));
    assert_eq!(world.seats(), 1);
    let again = world.identify(ANNA, "a", &token);
    assert_eq!(world.frames(again).len(), 1);
}

#[test]
fn a_crashed_call_ends_for_everyone_in_it_and_can_be_joined_again() {
    let mut world = World::new();
    let (anna, anna_peer, token) = world.join(ANNA, "a");
    let (boris, boris_peer, _) = world.join(BORIS, "b");
    world.calls.heard(Report::Crashed { peers: vec![anna_peer, boris_peer] }, world.now);
    let seen = world.seen();
    assert!(seen.contains(&Seen::Close(anna, VoiceClose::Crashed)));
    assert!(seen.contains(&Seen::Close(boris, VoiceClose::Crashed)));
    assert!(!seen.iter().any(|seen| is_shard(seen, "Leave")), "{seen:?}");
    let again = world.identify(ANNA, "a", &token);
    world.offer(again, 1);
    assert!(world.seen().iter().any(|seen| is_shard(seen, "Join { room: RoomId(200), peer: PeerId(3)")));
}

#[test]
fn a_shard_that_does_not_answer_counts_as_crashed() {
    let mut world = World::new();
    let token = world.take(ANNA, LOUNGE, "a");
    let socket = world.identify(ANNA, "a", &token);
    world.offer(socket, 1);
    world.wait(5);
    assert!(world.seen().contains(&Seen::Close(socket, VoiceClose::Crashed)));
    // Too late: there is no such peer any more.
    world.answered(PeerId(1), 1);
    assert_eq!(world.seen(), []);
}

#[test]
fn who_is_thrown_out_of_the_guild_is_thrown_out_of_its_calls() {
    for (removal, left) in [
        (Removal::Member(GUILD, UserId::new(ANNA)), 1),
        (Removal::Member(GuildId::new(101), UserId::new(ANNA)), 2),
        (Removal::Channel(STUDY), 2),
        (Removal::Channel(LOUNGE), 0),
        (Removal::Guild(GUILD), 0),
    ] {
        let mut world = World::new();
        let (socket, _, _) = world.join(ANNA, "a");
        world.join(BORIS, "b");
        world.calls.remove(removal);
        let seen = world.seen();
        assert_eq!(world.seats(), left, "{removal:?}");
        assert_eq!(seen.contains(&Seen::Close(socket, VoiceClose::Disconnected)), left < 2);
        assert_eq!(seen.iter().filter(|seen| is_leave(seen, ANNA)).count(), usize::from(left < 2));
    }
}

#[test]
fn a_socket_without_a_session_is_not_heard() {
    let mut world = World::new();
    world.offer(SocketId(99), 1);
    world.ask(
        SocketId(99),
        json!({"op":20,"d":{"microphone":true,"camera":true,"screen":true,"screen_audio":true}}),
    );
    let unknown = world.resume("a", &Secret::new("t"), 0);
    assert_eq!(world.seen(), [Seen::Close(unknown, VoiceClose::SessionOver)]);
}

#[test]
fn whoever_may_not_be_in_a_call_any_more_is_taken_out_and_others_hear_what_changed() {
    let mut world = World::new();
    world.take(ANNA, LOUNGE, "a");
    world.take(BORIS, LOUNGE, "b");
    world.seen();
    let asked = world.calls.seats_in(GUILD);
    let (anna, boris) = (UserId::new(ANNA), UserId::new(BORIS));
    assert_eq!(asked, [(anna, LOUNGE), (boris, LOUNGE)]);
    let right = bus::CallRights {
        user: anna,
        channel: LOUNGE,
        may_speak: true,
        may_stream: true,
        mute: true,
        deaf: false,
    };
    world.calls.set_rights(&asked, &[right]);
    match &world.seen()[..] {
        [
            Seen::State { user: ANNA, channel: Some(LOUNGE), state, .. },
            Seen::State { user: BORIS, channel: None, .. },
        ] => {
            assert_eq!((&state["mute"], &state["suppress"]), (&json!(true), &json!(false)));
        }
        other => panic!("{other:?}"),
    }
    // The same answer again is no news; one about a seat that was left means nothing.
    world.calls.set_rights(&asked, &[right]);
    assert_eq!(world.seen(), []);
    assert!(!world.calls.put_out(GUILD, boris));
    assert!(world.calls.put_out(GUILD, anna));
    assert!(world.calls.voice_states_of(GUILD).is_empty());
}
