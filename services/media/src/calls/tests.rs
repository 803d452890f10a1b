//! Stories of calls, in virtual time and without a socket.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::time::Duration;

use serde_json::{Value, json};
use voxlink_protocol::{
    Secret,
    bus::{self, LeaveSeat, SeatRefused, TakeSeat, UpdateSeat},
    voice::CallPass,
};
use voxlink_sfu::{
    Answer, Bitrate, EncodingState, Event, MediaKind, OfferError, Picture, Quality, Slot, SlotContent,
    Source, Wanted,
};

use super::{quality::Shown, *};
use crate::{shard::Report, voice::frame};

mod direct;
mod listening;
mod pair;
mod play;
mod react;
mod relief;
mod strangers;

const GUILD: GuildId = GuildId::new(100);
const LOUNGE: ChannelId = ChannelId::new(200);
const STUDY: ChannelId = ChannelId::new(201);
const ANNA: u64 = 1;
const BORIS: u64 = 2;

struct World {
    calls: Calls,
    key: PassKey,
    start: Instant,
    now: Instant,
    sockets: u64,
}

/// What happened, in words that tests can compare.
#[derive(Debug, PartialEq)]
enum Seen {
    State { user: u64, channel: Option<ChannelId>, session: String, state: Value },
    Frame(SocketId, Value),
    Close(SocketId, VoiceClose),
    Shard(String),
    Mixer(Order),
    Sounds(String),
    Effect(Value),
    Reply(Ticket, Reply),
}

impl World {
    fn new() -> Self {
        let (key, now) = (PassKey::new(&[7; 32]), Instant::now());
        let calls = Calls::new(key.clone(), 4, 250, Timestamp(0xabc));
        Self { calls, key, start: now, now, sockets: 0 }
    }

    fn wall(&self) -> Timestamp {
        Timestamp(1_000_000).plus(self.now - self.start)
    }

    fn pass(&self, user: u64, channel: ChannelId, session: &str) -> CallPass {
        CallPass {
            user_id: UserId::new(user),
            guild_id: Some(GUILD),
            channel_id: channel,
            session_id: session.to_owned(),
            may_speak: true,
            may_stream: true,
            e2ee: false,
            user_limit: 0,
            expires: self.wall().plus(Duration::from_secs(60)),
        }
    }

    fn take_with(&mut self, pass: &CallPass) -> Result<bus::Seat, SeatRefused> {
        let request = TakeSeat { pass: self.key.sign(pass), self_mute: false, self_deaf: false };
        self.calls.take_seat(&request, self.wall(), self.now)
    }

    fn take(&mut self, user: u64, channel: ChannelId, session: &str) -> Secret {
        let pass = self.pass(user, channel, session);
        self.take_with(&pass).unwrap();
        self.key.sign(&pass)
    }

    fn ask(&mut self, socket: SocketId, text: Value) {
        let ask = match frame::parse(&text.to_string(), true).unwrap() {
            frame::ClientFrame::Identify(identify) => Ask::Identify(identify),
            frame::ClientFrame::Resume(resume) => Ask::Resume(resume),
            frame::ClientFrame::SelectProtocol(select) => Ask::SelectProtocol(select),
            frame::ClientFrame::Sources(sources) => Ask::Sources(sources),
            frame::ClientFrame::Experience(experience) => Ask::Experience(experience),
            frame::ClientFrame::Wants(wants) => Ask::Wants(wants),
            frame::ClientFrame::Willing(willing) => Ask::Willing(willing),
            frame::ClientFrame::Relay(relay) => Ask::Relay(relay),
            frame::ClientFrame::Path(path) => Ask::Path(path),
            frame::ClientFrame::Reaction(emoji) => Ask::Reaction(emoji),
            frame::ClientFrame::Listening(asked) => Ask::Listening(asked),
            frame::ClientFrame::Heartbeat(beat) => Ask::Seen(beat.seq_ack.unwrap().try_into().unwrap()),
        };
        self.calls.ask(socket, ask, self.wall(), self.now);
    }

    fn identify(&mut self, user: u64, session: &str, token: &Secret) -> SocketId {
        self.sockets += 1;
        let socket = SocketId(self.sockets);
        self.ask(
            socket,
            json!({"op":0,"d":{"server_id":GUILD,"user_id":user,"session_id":session,"token":token}}),
        );
        socket
    }

    fn resume(&mut self, session: &str, token: &Secret, seen: u64) -> SocketId {
        self.sockets += 1;
        let socket = SocketId(self.sockets);
        self.ask(
            socket,
            json!({"op":7,"d":{"server_id":GUILD,"session_id":session,"token":token,"seq_ack":seen}}),
        );
        socket
    }

    fn offer(&mut self, socket: SocketId, revision: u64) {
        let sources = json!([{"mid":"0","source":"microphone"}]);
        self.ask(
            socket,
            json!({"op":1,"d":{"protocol":"sdp","data":{"revision":revision,"sdp":"offer","sources":sources}}}),
        );
    }

    /// Sits down, identifies, offers, is answered and connected; nothing of it stays unseen.
    fn join(&mut self, user: u64, session: &str) -> (SocketId, PeerId, Secret) {
        let token = self.take(user, LOUNGE, session);
        let socket = self.identify(user, session, &token);
        self.offer(socket, 1);
        let peer = self.peer(user);
        self.answered(peer, 1);
        self.heard(Event::Connected { peer });
        self.seen();
        (socket, peer, token)
    }

    fn peer(&self, user: u64) -> PeerId {
        self.calls.seats[&UserId::new(user)].live.as_ref().unwrap().peer
    }

    fn answered(&mut self, peer: PeerId, revision: u64) {
        let result = Ok(Answer { sdp: "answer".to_owned() });
        self.calls.heard(Report::Answered { peer, revision, result }, self.now);
    }

    fn heard(&mut self, event: Event) {
        self.calls.heard(Report::Engine(event), self.now);
    }

    /// Lets time pass, sweeping each second.
    fn wait(&mut self, seconds: u64) {
        for _ in 0..seconds {
            self.now += Duration::from_secs(1);
            self.calls.sweep(self.now);
        }
    }

    fn seen(&mut self) -> Vec<Seen> {
        std::iter::from_fn(|| self.calls.poll())
            .map(|output| match output {
                Output::Publish(event) => {
                    assert_eq!(event.version, None);
                    match event.change {
                        GuildChange::VoiceStateUpdate(state) => state_seen(*state),
                        GuildChange::VoiceEffect(effect) => {
                            Seen::Effect(serde_json::to_value(effect).unwrap())
                        }
                        GuildChange::CallPlaybackUpdate(told) => {
                            Seen::Effect(serde_json::to_value(told).unwrap())
                        }
                        other => panic!("not of calls: {other:?}"),
                    }
                }
                Output::PublishDirect(told) => {
                    assert!(told.state.channel_id.is_none_or(|channel| channel == told.channel));
                    state_seen(told.state)
                }
                Output::Send(socket, text) => {
                    Seen::Frame(socket, serde_json::from_str(&text.text()).unwrap())
                }
                Output::Close(socket, close) => Seen::Close(socket, close),
                Output::Shard(_, command) => Seen::Shard(format!("{command:?}")),
                Output::Mixer(order) => Seen::Mixer(order),
                Output::Sounds(sounds::Order::Play { peer, person, frames, .. }) => {
                    Seen::Sounds(format!("play for {} through {}, {} frames", person.0, peer.0, frames.len()))
                }
                Output::Sounds(sounds::Order::Silence { peer, .. }) => {
                    Seen::Sounds(format!("silence {}", peer.0))
                }
                Output::Sounds(sounds::Order::File { peer, person, .. }) => {
                    Seen::Sounds(format!("file for {} through {}", person.0, peer.0))
                }
                Output::Sounds(sounds::Order::Pause { peer, paused, .. }) => {
                    Seen::Sounds(format!("{} {}", if paused { "hold" } else { "resume" }, peer.0))
                }
                Output::Sounds(sounds::Order::EndFile { peer, .. }) => {
                    Seen::Sounds(format!("end file {}", peer.0))
                }
                Output::Sounds(sounds::Order::Stop) => panic!("calls do not end the thread"),
                Output::Reply(ticket, reply) => Seen::Reply(ticket, *reply),
            })
            .collect()
    }

    fn frames(&mut self, socket: SocketId) -> Vec<Value> {
        let frames = self.seen().into_iter().filter_map(|seen| match seen {
            Seen::Frame(to, frame) if to == socket => Some(frame),
            _ => None,
        });
        frames.collect()
    }

    fn seats(&self) -> usize {
        let calls = &self.calls;
        assert_eq!(calls.seats.len(), calls.rooms.len());
        let in_guilds = calls.seats.values().filter(|seat| seat.guild.is_some());
        assert_eq!(in_guilds.count(), calls.guilds.len());
        let sitting = calls.seats.values().filter(|seat| !seat.is_held_by_stream()).count();
        assert_eq!(sitting, calls.sessions.len());
        assert_eq!(calls.strangers.len(), calls.resources.len());
        let live = calls.seats.values().filter_map(|seat| seat.live.as_ref());
        assert_eq!(live.clone().count(), calls.peers.len());
        assert_eq!(live.filter(|live| live.socket.is_some()).count(), calls.sockets.len());
        calls.seats.len()
    }
}

fn state_seen(state: VoiceState) -> Seen {
    Seen::State {
        user: state.user_id.get(),
        channel: state.channel_id,
        session: state.session_id.clone(),
        state: serde_json::to_value(state).unwrap(),
    }
}

fn is_leave(seen: &Seen, of: u64) -> bool {
    matches!(seen, Seen::State { user, channel: None, .. } if *user == of)
}

fn is_shard(seen: &Seen, name: &str) -> bool {
    matches!(seen, Seen::Shard(command) if command.starts_with(name))
}

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

#[test]
fn how_everyone_hears_is_kept_while_they_are_in_the_call() {
    let mut world = World::new();
    assert!(world.calls.quality_of(LOUNGE, world.wall(), world.now).is_none());
    let (socket, peer, _) = world.join(ANNA, "a");
    let (_, other, _) = world.join(BORIS, "b");
    world.ask(socket, json!({"op":24,"d":{"concealed":0.25,"frozen_ms":400,"microphone_kbps":24}}));
    let picture = Picture { peer, source: Source::Camera, rid: Some("h".into()), width: 640, height: 360 };
    for seconds in [2, 4, 6] {
        world.now += Duration::from_secs(2);
        let counted =
            |reported_lost| Quality { reported: 100 * seconds, reported_lost, ..Quality::default() };
        let seen = Quality { picture_down: Some(picture.clone()), target: Bitrate::kbps(700), ..counted(0) };
        let measured = vec![(peer, counted(20 * seconds)), (other, seen)];
        world.calls.heard(Report::Measured(measured), world.now);
    }
    let call = world.calls.quality_of(LOUNGE, world.wall(), world.now).unwrap();
    let (user, samples) = &call.people[0];
    assert_eq!((call.guild, *user, samples.len()), (Some(GUILD), UserId::new(ANNA), 2));
    assert_eq!(samples[1].0, world.wall());
    assert_eq!(samples[1].1.down.loss, Some(0.2));
    assert_eq!(samples[1].1.experience.unwrap().concealed, 0.25);
    assert_eq!((samples[1].1.up.target_kbps, samples[1].1.down.target_kbps), (Some(24), None));
    let down = &call.people[1].1[1].1.down;
    assert_eq!((down.loss, down.target_kbps), (Some(0.0), Some(700)));
    assert_eq!(down.picture, Some(Shown { user: UserId::new(ANNA), picture }));
    world.calls.leave_seat(&LeaveSeat {
        guild: Some(GUILD),
        user: UserId::new(ANNA),
        session_id: "a".to_owned(),
    });
    assert_eq!(world.calls.quality_of(LOUNGE, world.wall(), world.now).unwrap().people.len(), 1);
}
