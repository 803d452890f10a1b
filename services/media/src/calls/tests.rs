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
mod ends;
mod listening;
mod pair;
mod play;
mod quality;
mod react;
mod relief;
mod seats;
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
