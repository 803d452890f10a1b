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
