//! Who sits in which call, and what their voice sockets and the shards are told. The control side, without hands.
//!
//! Nothing here awaits, reads a clock or owns a socket. The caller (`control`) hands in what happened with the time it
//! happened, then drains [`Output`]s until `None`. One operation is one file.
//!
//! A *seat* is a person's place in a voice channel: taken by gateway op 4, seen by everyone as a voice state. A *live*
//! session is what a voice socket opened on that seat: the media transport (a peer of a shard's engine), and the
//! numbered frames that a reconnecting client may ask for again.

mod automatic;
mod end;
mod file;
mod guild_changed;
mod heard;
mod identify;
mod leave_seat;
mod listening;
mod pair;
mod parts;
mod play;
pub(crate) mod quality;
mod react;
mod relief;
mod rights;
mod seat;
mod select_protocol;
mod set_sources;
mod set_wants;
mod stranger;
mod sweep;
mod take_seat;
#[cfg(test)]
mod tests;
mod update_seat;

use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    sync::Arc,
    time::Instant,
};

use pair::Pair;
use play::Sounding;
use react::Stir;
use seat::{Live, Seat};
use stranger::Stranger;
use voxlink_protocol::{
    ChannelId, GuildId, Timestamp, UserId, VoiceState,
    bus::DirectVoiceState,
    event::{GuildChange, GuildEvent},
};
use voxlink_service_kit::call_pass::PassKey;
use voxlink_sfu::{PeerId, RoomId};

use parts::Places;

use crate::{
    mixer::Order,
    shard::Command,
    sounds,
    voice::{
        close::VoiceClose,
        connection::Ask,
        frame::{Numbered, ServerFrame},
    },
};

pub(crate) use file::{Asker, PlayFile, Turn, TurnRefused};
pub(crate) use guild_changed::Removal;
pub(crate) use play::{Play, PlayRefused};
pub(crate) use rights::concerns_rights;
pub(crate) use stranger::{IfMatch, Named, Open, Purpose, Reply, StrangerRefused, Ticket};

/// A voice socket, numbered by the shell; never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct SocketId(pub(crate) u64);

/// How a voice socket ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Farewell {
    /// Cut off, or closed with a promise to be back.
    None,
    /// The person left the call.
    Call,
    /// The person left the page: for good, or because it loads anew.
    Page,
}

impl Farewell {
    /// RFC 6455 §7.4.1: our client closes with 1000 when the person leaves the call, a browser with 1001 when they
    /// leave the page. With any other code, or none, the client may resume.
    pub(crate) const fn of(code: Option<u16>) -> Self {
        match code {
            Some(1000) => Self::Call,
            Some(1001) => Self::Page,
            Some(_) | None => Self::None,
        }
    }
}

/// What the shell must do.
#[derive(Debug)]
pub(crate) enum Output {
    /// Tell everyone.
    Publish(Box<GuildEvent>),
    /// Tell chat, which tells the people of the conversation.
    PublishDirect(Box<DirectVoiceState>),
    /// Send a frame.
    Send(SocketId, Numbered),
    /// Close a voice socket.
    Close(SocketId, VoiceClose),
    /// Tell the mixer.
    Mixer(Order),
    /// Tell the thread that plays sounds.
    Sounds(sounds::Order),
    /// Tell the shard of this number.
    Shard(usize, Command),
    /// Answer a stranger.
    Reply(Ticket, Box<Reply>),
}

/// The control side of all calls of this node.
pub(crate) struct Calls {
    pass_key: PassKey,
    places: Places,
    /// Tells this start's media sessions from those of another.
    started: Timestamp,
    next_peer: u64,
    /// One seat per person.
    seats: HashMap<UserId, Seat>,
    /// Who sits where, in the order of people's ids.
    rooms: BTreeSet<(ChannelId, UserId)>,
    guilds: BTreeSet<(GuildId, UserId)>,
    peers: HashMap<PeerId, UserId>,
    sockets: HashMap<SocketId, UserId>,
    sessions: HashMap<String, UserId>,
    /// Publishers and viewers that are not our clients.
    strangers: HashMap<PeerId, Stranger>,
    resources: HashMap<String, PeerId>,
    /// Conversations whose two people may talk directly, or do.
    pairs: HashMap<ChannelId, Pair>,
    next_epoch: u64,
    /// Calls where somebody reacted this second, and how many did.
    stirred: HashMap<ChannelId, Stir>,
    /// What people play.
    sounding: Sounding,
    files: file::Files,
    outputs: VecDeque<Output>,
}

impl Calls {
    /// No calls yet. A call of more than `part` people is spread over several of the `shards`.
    pub(crate) fn new(pass_key: PassKey, shards: usize, part: usize, started: Timestamp) -> Self {
        Self {
            pass_key,
            places: Places::new(shards, part),
            started,
            next_peer: 1,
            seats: HashMap::new(),
            rooms: BTreeSet::new(),
            guilds: BTreeSet::new(),
            peers: HashMap::new(),
            sockets: HashMap::new(),
            sessions: HashMap::new(),
            strangers: HashMap::new(),
            resources: HashMap::new(),
            pairs: HashMap::new(),
            next_epoch: 1,
            stirred: HashMap::new(),
            sounding: Sounding::default(),
            files: file::Files::new(),
            outputs: VecDeque::new(),
        }
    }

    /// What is to be done next, in order.
    pub(crate) fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Who is in the calls of a guild.
    pub(crate) fn voice_states_of(&self, guild: GuildId) -> Vec<VoiceState> {
        let members = self.guilds.range((guild, UserId::new(0))..=(guild, UserId::new(u64::MAX)));
        members.filter_map(|(_, user)| self.seats.get(user)).map(Seat::state).collect()
    }

    /// Who is in the calls of these direct conversations.
    pub(crate) fn voice_states_in(&self, channels: &[ChannelId]) -> Vec<VoiceState> {
        let people = channels.iter().flat_map(|channel| self.people_in(*channel));
        people
            .filter_map(|user| self.seats.get(&user))
            .filter(|seat| seat.guild.is_none())
            .map(Seat::state)
            .collect()
    }

    /// What a voice socket asks for.
    pub(crate) fn ask(&mut self, socket: SocketId, ask: Ask, wall: Timestamp, now: Instant) {
        match ask {
            Ask::Identify(identify) => self.identify(socket, &identify, wall, now),
            Ask::Resume(resume) => self.resume(socket, &resume),
            Ask::SelectProtocol(select) => self.select_protocol(socket, select, now),
            Ask::Sources(sources) => self.set_sources(socket, sources),
            Ask::Experience(experience) => self.experienced(socket, experience, now),
            Ask::Wants(wants) => self.set_wants(socket, wants),
            Ask::Willing(willing) => self.set_willing(socket, willing, now),
            Ask::Relay(relay) => self.relay(socket, relay),
            Ask::Path(path) => self.path_is(socket, path, now),
            Ask::Reaction(emoji) => self.react(socket, emoji, now),
            Ask::Listening(asked) => self.set_listening(socket, asked, now),
            Ask::Seen(seq) => {
                if let Some(live) = self.live_of(socket) {
                    live.replay.acknowledge(seq);
                }
            }
        }
    }

    /// A voice socket is gone.
    pub(crate) fn socket_closed(&mut self, socket: SocketId, farewell: Farewell, now: Instant) {
        let Some(user) = self.sockets.remove(&socket) else { return };
        match farewell {
            Farewell::None => {}
            Farewell::Call => return self.give_up_seat(user, None),
            Farewell::Page => return self.leave_page(user),
        }
        if let Some(live) = self.seats.get_mut(&user).and_then(|seat| seat.live.as_mut()) {
            live.socket = None;
            live.alone_since = now;
        }
    }

    /// Lets the call of this channel panic: for tests of what that ends.
    pub(crate) fn panic_in(&mut self, channel: ChannelId) {
        self.tell_shard(channel, Command::Panic { room: room(channel) });
    }

    fn fresh_peer(&mut self) -> PeerId {
        let peer = PeerId(self.next_peer);
        self.next_peer += 1;
        peer
    }

    fn seat_of(&mut self, socket: SocketId) -> Option<&mut Seat> {
        let user = self.sockets.get(&socket)?;
        self.seats.get_mut(user)
    }

    fn live_of(&mut self, socket: SocketId) -> Option<&mut Live> {
        self.seat_of(socket)?.live.as_mut()
    }

    /// The people in a call.
    fn people_in(&self, channel: ChannelId) -> impl Iterator<Item = UserId> + '_ {
        let all = (channel, UserId::new(0))..=(channel, UserId::new(u64::MAX));
        self.rooms.range(all).map(|(_, user)| *user)
    }

    /// Those of a call whose media is in it.
    fn present_in(&self, channel: ChannelId) -> Vec<UserId> {
        self.people_in(channel)
            .filter(|user| {
                self.seats.get(user).and_then(|seat| seat.live.as_ref()).is_some_and(|live| live.present)
            })
            .collect()
    }

    /// Numbers and keeps a frame for a person, and sends it if their socket is there.
    fn tell(&mut self, user: UserId, frame: &ServerFrame) {
        self.say(user, frame.encode());
    }

    /// As [`Self::tell`], for many people at once.
    fn tell_all(&mut self, users: &[UserId], frame: &ServerFrame) {
        let body = frame.encode();
        for user in users {
            self.say(*user, body.clone());
        }
    }

    fn say(&mut self, user: UserId, body: Arc<str>) {
        let Some(live) = self.seats.get_mut(&user).and_then(|seat| seat.live.as_mut()) else { return };
        let frame = live.replay.push(body);
        if let Some(socket) = live.socket {
            self.outputs.push_back(Output::Send(socket, frame));
        }
    }

    fn publish(&mut self, state: VoiceState, guild_id: Option<GuildId>, channel: ChannelId) {
        let Some(guild_id) = guild_id else { return self.publish_direct(state, channel, false) };
        let change = GuildChange::VoiceStateUpdate(Box::new(state));
        self.outputs.push_back(Output::Publish(Box::new(GuildEvent { guild_id, version: None, change })));
    }

    fn publish_direct(&mut self, state: VoiceState, channel: ChannelId, may_return: bool) {
        let told = DirectVoiceState { channel, state, may_return };
        self.outputs.push_back(Output::PublishDirect(Box::new(told)));
    }

    fn publish_state_of(&mut self, user: UserId) {
        if let Some(seat) = self.seats.get(&user) {
            self.publish(seat.state(), seat.guild, seat.channel);
        }
    }
}

/// The engine's number of a channel's call.
fn room(channel: ChannelId) -> RoomId {
    RoomId(channel.get())
}
