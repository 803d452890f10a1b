//! Calls of direct conversations.

use voxlink_protocol::bus::EndDirectSeats;

use super::*;

pub(super) const PAIR: ChannelId = ChannelId::new(300);

impl World {
    fn direct_pass(&self, user: u64, session: &str) -> CallPass {
        CallPass { guild_id: None, ..self.pass(user, PAIR, session) }
    }

    pub(super) fn call(&mut self, user: u64, session: &str) -> Secret {
        let pass = self.direct_pass(user, session);
        self.take_with(&pass).unwrap();
        self.key.sign(&pass)
    }
}

#[test]
fn the_call_of_a_conversation_is_named_by_its_channel() {
    let mut world = World::new();
    let token = world.call(ANNA, "a");
    let seen = world.seen();
    assert!(
        matches!(&seen[0], Seen::State { channel: Some(PAIR), state, .. } if state.get("guild_id").is_none()),
        "{seen:?}"
    );
    let socket = SocketId(9);
    world.ask(socket, json!({"op":0,"d":{"server_id":PAIR,"user_id":ANNA,"session_id":"a","token":token}}));
    assert!(matches!(&world.seen()[..], [Seen::Frame(to, frame)] if *to == socket && frame["op"] == 2));
    assert_eq!(world.calls.voice_states_in(&[PAIR, LOUNGE]).len(), 1);
    assert_eq!(world.calls.voice_states_of(GUILD), []);
    assert_eq!(world.seats(), 1);
}

#[test]
fn a_pass_to_a_guild_opens_no_conversation() {
    let mut world = World::new();
    let token = world.take(ANNA, LOUNGE, "a");
    world.seen();
    let asked = json!({"op":0,"d":{"server_id":LOUNGE,"user_id":ANNA,"session_id":"a","token":token}});
    world.ask(SocketId(9), asked);
    assert_eq!(world.seen(), [Seen::Close(SocketId(9), VoiceClose::BadPass)]);
}

#[test]
fn who_goes_from_a_guild_into_a_conversation_has_left_the_guild() {
    let mut world = World::new();
    world.take(ANNA, LOUNGE, "a");
    world.seen();
    world.call(ANNA, "a");
    let seen = world.seen();
    assert!(is_leave(&seen[0], ANNA), "{seen:?}");
    assert!(matches!(&seen[1], Seen::State { channel: Some(PAIR), .. }));
    assert_eq!(world.seats(), 1);
    world.take(ANNA, LOUNGE, "a");
    let seen = world.seen();
    assert!(matches!(&seen[0], Seen::State { channel: None, state, .. } if state.get("guild_id").is_none()));
}

#[test]
fn a_conversation_may_put_out_one_or_all() {
    let mut world = World::new();
    world.call(ANNA, "a");
    world.call(BORIS, "b");
    world.seen();
    let one = EndDirectSeats { channel: PAIR, user: Some(UserId::new(ANNA)) };
    world.calls.end_direct_seats(&one);
    assert!(is_leave(&world.seen()[0], ANNA));
    world.calls.end_direct_seats(&EndDirectSeats { channel: PAIR, user: None });
    assert!(is_leave(&world.seen()[0], BORIS));
    assert_eq!(world.seats(), 0);
}

#[test]
fn one_mutes_in_a_conversation_without_naming_a_guild() {
    let mut world = World::new();
    world.call(ANNA, "a");
    world.seen();
    let mut request = UpdateSeat {
        user: UserId::new(ANNA),
        guild: None,
        session_id: "a".into(),
        self_mute: true,
        self_deaf: false,
    };
    assert!(world.calls.update_seat(&request));
    assert!(matches!(&world.seen()[0], Seen::State { state, .. } if state["self_mute"] == true));
    request.guild = Some(GUILD);
    assert!(!world.calls.update_seat(&request));
    let leave = LeaveSeat { user: UserId::new(ANNA), guild: None, session_id: "a".into() };
    assert!(world.calls.leave_seat(&leave));
}

#[test]
fn who_leaves_with_their_page_may_come_back_and_who_leaves_the_call_does_not() {
    let mut world = World::new();
    for (farewell, may_return) in [(Farewell::Page, true), (Farewell::Call, false)] {
        let token = world.call(ANNA, "a");
        let socket = SocketId(9);
        let asked = json!({"op":0,"d":{"server_id":PAIR,"user_id":ANNA,"session_id":"a","token":token}});
        world.ask(socket, asked);
        world.seen();
        world.calls.socket_closed(socket, farewell, world.now);
        let Some(Output::PublishDirect(told)) = world.calls.poll() else { panic!("nobody is told") };
        assert_eq!((told.state.channel_id, told.may_return), (None, may_return));
        assert_eq!(world.seats(), 0, "the others see at once that nobody is there");
    }
}

#[test]
fn a_socket_says_by_its_code_whether_the_call_the_page_or_only_the_line_is_gone() {
    assert_eq!(Farewell::of(Some(1001)), Farewell::Page);
    assert_eq!(Farewell::of(Some(1000)), Farewell::Call);
    assert_eq!(Farewell::of(Some(4000)), Farewell::None);
    assert_eq!(Farewell::of(None), Farewell::None);
}
