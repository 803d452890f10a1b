//! Publishers by WHIP and viewers by WHEP: how they come, change their network, and go.
//!
//! A publisher stands beside its person's own client in the call: what it sends are that person's screen and its sound.
//! Where the person has no seat, the stream holds one. A viewer has no seat and nobody sees it; it counts against the
//! limits of the call.

use std::{
    collections::{BTreeSet, VecDeque},
    time::Instant,
};

use voxlink_protocol::{ChannelId, GuildId, Secret, Timestamp, UserId, bus::CallRights, voice::CallPass};
use voxlink_sfu::{Answer, Event, Follow, Gates, IceFragment, OfferError, PeerId, PersonId, Role, SourceSet};

use super::{
    Calls, Output, Removal, room,
    seat::{Seat, Stream},
    select_protocol::ANSWER_WITHIN,
};
use crate::{
    mixer::{Order, Rate, Wish},
    shard::Command,
    strangers::Credential,
};

/// Viewers of one person in one channel: a wall of screens, but no flood.
const MOST_VIEWERS_OF_ONE: usize = 8;
/// Viewers in one call.
const MOST_VIEWERS: usize = 1_000;

/// Names an answer that someone waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Ticket(pub(crate) u64);

/// What a stranger comes for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// WHIP.
    Publish,
    /// WHEP: this person, or whoever is on stage; with the sound of everyone, or of whom is watched.
    Watch { user: Option<UserId>, mixed: bool },
}

/// An offer to be answered.
#[derive(Debug)]
pub(crate) struct Open {
    pub(crate) pass: Secret,
    pub(crate) purpose: Purpose,
    pub(crate) credential: Credential,
    /// Unguessable; the last part of the resource's URL.
    pub(crate) resource: String,
    pub(crate) offer: String,
}

/// Which resource someone means: all of it must fit.
#[derive(Clone, Debug)]
pub(crate) struct Named {
    pub(crate) resource: String,
    pub(crate) user: UserId,
    pub(crate) channel: ChannelId,
    pub(crate) publishes: bool,
}

/// What a PATCH is about (RFC 9725 §4.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum IfMatch {
    /// Candidates of the ICE session with this tag.
    Tag(String),
    /// A new ICE session, whichever there is now.
    Any,
}

/// A resource as its owner sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Resource {
    pub(crate) name: String,
    /// Names the ICE session.
    pub(crate) tag: String,
    /// The answer, or the fragment after a restart; `None` after candidates.
    pub(crate) sdp: Option<String>,
}

/// Why not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum StrangerRefused {
    /// The pass is forged or too old.
    BadPass,
    /// May be in the call but not stream into it.
    MayNotStream,
    /// `user_limit` reached, or too many viewers.
    Full,
    /// The person sits in another call: a stream would take them out of it.
    InAnotherCall,
    /// What is wrong with the offer.
    Malformed(String),
    /// The offer is well-formed and of no use here.
    Unusable(String),
    /// No such resource (any more).
    Unknown,
    /// The tag is not that of the ICE session.
    Stale,
    /// The call crashed, or its shard does not answer.
    Crashed,
}

/// The answer to [`Open`] and to a patch.
pub(crate) type Reply = Result<Resource, StrangerRefused>;

/// A publisher or viewer in the engine, or on its way there.
pub(super) struct Stranger {
    /// Where it is and what it may do; its session is the one under which a stream holds a seat.
    pub(super) pass: CallPass,
    deaf: bool,
    purpose: Purpose,
    credential: Credential,
    resource: String,
    restarts: u32,
    /// Answered, and so in the call.
    admitted: bool,
    /// Who waits for the shard, and until when, oldest first.
    waiting: VecDeque<(Ticket, Instant)>,
}

impl Stranger {
    fn gates(&self) -> Gates {
        Gates {
            may_speak: self.pass.may_speak,
            may_stream: self.pass.may_stream,
            deafened: self.deaf,
            muted: false,
        }
    }

    fn is_in(&self, user: UserId, channel: ChannelId) -> bool {
        self.pass.user_id == user && self.pass.channel_id == channel
    }

    fn is_publisher(&self) -> bool {
        self.purpose == Purpose::Publish
    }

    fn role(&self) -> Role {
        match self.purpose {
            Purpose::Publish => Role::Publisher,
            Purpose::Watch { user: None, .. } => Role::Viewer(Follow::Stage),
            Purpose::Watch { user: Some(user), .. } => Role::Viewer(Follow::Person(PersonId(user.get()))),
        }
    }

    fn tag(&self, peer: PeerId) -> String {
        format!("{:x}-{}", peer.0, self.restarts)
    }
}

impl Calls {
    /// Someone wants to publish or watch; the shard's answer is the answer to `ticket`.
    pub(crate) fn open_stranger(&mut self, open: Open, ticket: Ticket, wall: Timestamp, now: Instant) {
        let pass = match self.may_open(&open, wall) {
            Ok(pass) => pass,
            Err(refused) => return self.reply(ticket, Err(refused)),
        };
        let (peer, user, channel) = (self.fresh_peer(), pass.user_id, pass.channel_id);
        let stranger = Stranger {
            pass,
            deaf: false,
            purpose: open.purpose,
            credential: open.credential,
            resource: open.resource.clone(),
            restarts: 0,
            admitted: false,
            waiting: VecDeque::from([(ticket, now + ANSWER_WITHIN)]),
        };
        let join = Command::Join {
            room: room(channel),
            peer,
            person: PersonId(user.get()),
            revision: 0,
            offer: open.offer,
            role: stranger.role(),
            gates: stranger.gates(),
        };
        self.resources.insert(open.resource, peer);
        self.strangers.insert(peer, stranger);
        self.tell_shard(channel, join);
    }

    fn may_open(&self, open: &Open, wall: Timestamp) -> Result<CallPass, StrangerRefused> {
        let pass = self.pass_key.verify(&open.pass, wall).ok_or(StrangerRefused::BadPass)?;
        let (user, channel) = (pass.user_id, pass.channel_id);
        let viewers =
            || self.strangers.values().filter(|one| one.pass.channel_id == channel && !one.is_publisher());
        match open.purpose {
            Purpose::Publish if !pass.may_stream => return Err(StrangerRefused::MayNotStream),
            Purpose::Publish => match self.seats.get(&user) {
                Some(seat) if seat.channel == channel => return Ok(pass),
                Some(_) => return Err(StrangerRefused::InAnotherCall),
                None => {}
            },
            Purpose::Watch { .. } => {
                let theirs = viewers().filter(|one| one.pass.user_id == user).count();
                if theirs >= MOST_VIEWERS_OF_ONE || viewers().count() >= MOST_VIEWERS {
                    return Err(StrangerRefused::Full);
                }
            }
        }
        let there = self.people_in(channel).filter(|other| *other != user).count() + viewers().count();
        if pass.user_limit > 0 && there >= pass.user_limit as usize {
            return Err(StrangerRefused::Full);
        }
        Ok(pass)
    }

    /// Candidates, or a restart of ICE.
    pub(crate) fn patch_stranger(
        &mut self,
        named: &Named,
        condition: &IfMatch,
        fragment: IceFragment,
        ticket: Ticket,
        now: Instant,
    ) {
        let Some((peer, stranger)) = self.named(named) else {
            return self.reply(ticket, Err(StrangerRefused::Unknown));
        };
        let tag = stranger.tag(peer);
        match condition {
            IfMatch::Tag(shown) if *shown != tag => self.reply(ticket, Err(StrangerRefused::Stale)),
            IfMatch::Tag(_) => {
                let name = named.resource.clone();
                self.reply(ticket, Ok(Resource { name, tag, sdp: None }));
            }
            IfMatch::Any => {
                let channel = stranger.pass.channel_id;
                stranger.restarts += 1;
                stranger.waiting.push_back((ticket, now + ANSWER_WITHIN));
                self.tell_shard(channel, Command::RestartIce { peer, fragment });
            }
        }
    }

    /// Whether there is such a resource.
    pub(crate) fn knows_stranger(&mut self, named: &Named) -> bool {
        self.named(named).is_some()
    }

    /// False when there is no such resource.
    pub(crate) fn close_stranger(&mut self, named: &Named) -> bool {
        let Some((peer, _)) = self.named(named) else { return false };
        self.end_stranger(peer, StrangerRefused::Unknown);
        true
    }

    fn named(&mut self, named: &Named) -> Option<(PeerId, &mut Stranger)> {
        let peer = *self.resources.get(&named.resource)?;
        let stranger = self.strangers.get_mut(&peer)?;
        let fits = stranger.is_in(named.user, named.channel) && stranger.is_publisher() == named.publishes;
        fits.then_some((peer, stranger))
    }

    /// A login or a key does not count any more.
    pub(crate) fn credential_gone(&mut self, credential: Credential) {
        self.end_strangers(|one| one.credential == credential);
    }

    /// The shard's answer to an offer or a restart.
    pub(super) fn stranger_answered(
        &mut self,
        peer: PeerId,
        result: Result<Answer, OfferError>,
        now: Instant,
    ) {
        let Some(stranger) = self.strangers.get_mut(&peer) else { return };
        let Some((ticket, _)) = stranger.waiting.pop_front() else { return };
        let refused = match result {
            Ok(answer) => {
                let first = !std::mem::replace(&mut stranger.admitted, true);
                let resource = Resource {
                    name: stranger.resource.clone(),
                    tag: stranger.tag(peer),
                    sdp: Some(answer.sdp),
                };
                if first && stranger.is_publisher() && !self.seat_stream(peer, now) {
                    StrangerRefused::InAnotherCall
                } else {
                    return self.reply(ticket, Ok(resource));
                }
            }
            Err(OfferError::Malformed(words)) => StrangerRefused::Malformed(words),
            Err(OfferError::Unusable(words)) => StrangerRefused::Unusable(words),
            Err(OfferError::UnknownPeer) => StrangerRefused::Unknown,
        };
        self.reply(ticket, Err(refused.clone()));
        self.end_stranger(peer, refused);
    }

    /// Puts a stream beside its person, in place of an older one of theirs. False when they sit elsewhere.
    fn seat_stream(&mut self, peer: PeerId, now: Instant) -> bool {
        let Some(stranger) = self.strangers.get(&peer) else { return false };
        let pass = stranger.pass.clone();
        let (user, channel) = (pass.user_id, pass.channel_id);
        let stream = Stream { peer, session_id: pass.session_id.clone(), shown: false };
        match self.seats.get_mut(&user) {
            Some(seat) if seat.channel == channel => {
                // Of the new one's, in case the seat lives on with it alone.
                if seat.is_held_by_stream() {
                    seat.session_id.clone_from(&stream.session_id);
                }
                if let Some(older) = seat.stream.replace(stream) {
                    self.forget_stranger(older.peer, StrangerRefused::Unknown);
                }
            }
            Some(_) => return false,
            None => self.sit_down(Seat { stream: Some(stream), ..Seat::new(&pass, now) }),
        }
        self.publish_state_of(user);
        true
    }

    /// What the engine says about a stranger's transport; false when it is none.
    pub(super) fn heard_of_stranger(&mut self, event: &Event) -> bool {
        match event {
            Event::Connected { peer } if self.strangers.contains_key(peer) => {
                self.show_stream(*peer);
                self.mix_for_viewer(*peer, true);
                true
            }
            Event::Disconnected { peer } if self.strangers.contains_key(peer) => {
                self.end_stranger(*peer, StrangerRefused::Unknown);
                true
            }
            // Nothing that could be told by plain HTTP.
            Event::Slots { peer, .. } | Event::Encodings { peer, .. } | Event::Redundancy { peer, .. } => {
                self.strangers.contains_key(peer)
            }
            Event::Connected { .. } | Event::Disconnected { .. } | Event::Speaking { .. } => false,
        }
    }

    /// Media may flow: a publisher's is shown from now on.
    fn show_stream(&mut self, peer: PeerId) {
        let Some(pass) = self.strangers.get(&peer).map(|one| &one.pass) else { return };
        let (user, channel) = (pass.user_id, pass.channel_id);
        let Some(seat) = self.seats.get_mut(&user) else { return };
        let Some(stream) = seat.stream.as_mut().filter(|stream| stream.peer == peer && !stream.shown) else {
            return;
        };
        stream.shown = true;
        let sources = SourceSet { screen: true, screen_audio: true, ..SourceSet::default() };
        self.tell_shard(channel, Command::SetSources { peer, sources });
        self.tell_sources(user);
        self.publish_state_of(user);
    }

    /// A viewer who asked for the sound of everyone gets the mix, or no more. Where there is none they hear whom they
    /// would hear anyway.
    fn mix_for_viewer(&mut self, peer: PeerId, hears: bool) {
        let Some(stranger) = self.strangers.get(&peer) else { return };
        if !matches!(stranger.purpose, Purpose::Watch { mixed: true, .. }) {
            return;
        }
        let wish =
            hears.then(|| Wish { rate: Rate::High, loss: 0, hears_self: true, without: BTreeSet::new() });
        let room = room(stranger.pass.channel_id);
        self.outputs.push_back(Output::Mixer(Order::Listen { room, peer, wish }));
    }

    /// Whose media a peer sends, be it their client or their stream.
    pub(super) fn person_behind(&self, peer: PeerId) -> Option<UserId> {
        let stranger = || self.strangers.get(&peer).map(|one| one.pass.user_id);
        self.peers.get(&peer).copied().or_else(stranger).or_else(|| self.sounding.player(peer))
    }

    /// The engine has dropped this peer already. False when it is no stranger.
    pub(super) fn stranger_crashed(&mut self, peer: PeerId) -> bool {
        let known = self.strangers.contains_key(&peer);
        if known {
            self.end_stranger(peer, StrangerRefused::Crashed);
        }
        known
    }

    /// Shards that do not answer.
    pub(super) fn sweep_strangers(&mut self, now: Instant) {
        let overdue = |one: &Stranger| one.waiting.front().is_some_and(|(_, deadline)| now >= *deadline);
        let crashed: Vec<PeerId> =
            self.strangers.iter().filter(|(_, one)| overdue(one)).map(|(peer, _)| *peer).collect();
        for peer in crashed {
            tracing::error!(peer = peer.0, "a shard did not answer a stranger's offer");
            self.end_stranger(peer, StrangerRefused::Crashed);
        }
    }

    /// Whom rights are to be asked for.
    pub(super) fn strangers_of(&self, guild: GuildId) -> impl Iterator<Item = (UserId, ChannelId)> + '_ {
        let passes = self.strangers.values().map(|one| &one.pass);
        passes.filter(move |pass| pass.guild_id == Some(guild)).map(|pass| (pass.user_id, pass.channel_id))
    }

    /// What chat says about this person in this channel; `None`: they may not be there.
    pub(super) fn set_rights_of_strangers(
        &mut self,
        user: UserId,
        channel: ChannelId,
        rights: Option<&CallRights>,
    ) {
        let Some(rights) = rights else {
            return self.end_strangers(|one| one.is_in(user, channel));
        };
        let mut changed = Vec::new();
        let theirs = self.strangers.iter_mut().filter(|(_, one)| one.is_in(user, channel));
        for (peer, one) in theirs {
            let before = one.gates();
            one.pass.may_speak = rights.may_speak && !rights.mute;
            (one.pass.may_stream, one.deaf) = (rights.may_stream, rights.deaf);
            let gates = one.gates();
            if gates != before {
                changed.push(Command::SetGates { peer: *peer, gates });
            }
        }
        changed.into_iter().for_each(|command| self.tell_shard(channel, command));
    }

    /// Ends those whose place in the guild is gone.
    pub(super) fn remove_strangers(&mut self, removal: Removal) {
        self.end_strangers(|one| match removal {
            Removal::Member(guild, user) => one.pass.guild_id == Some(guild) && one.pass.user_id == user,
            Removal::Channel(channel) => one.pass.channel_id == channel,
            Removal::Guild(guild) => one.pass.guild_id == Some(guild),
        });
    }

    /// Ends all for which this holds.
    fn end_strangers(&mut self, which: impl Fn(&Stranger) -> bool) {
        let ended: Vec<PeerId> =
            self.strangers.iter().filter(|(_, one)| which(one)).map(|(peer, _)| *peer).collect();
        for peer in ended {
            self.end_stranger(peer, StrangerRefused::Unknown);
        }
    }

    /// Takes a stranger out of the call; a seat that only its stream held is given up with it.
    fn end_stranger(&mut self, peer: PeerId, why: StrangerRefused) {
        let Some(user) = self.strangers.get(&peer).map(|one| one.pass.user_id) else { return };
        let streams = |seat: &&mut Seat| seat.stream.as_ref().is_some_and(|stream| stream.peer == peer);
        if let Some(seat) = self.seats.get_mut(&user).filter(streams) {
            if seat.is_held_by_stream() {
                // Ends the stream with it.
                return self.end_seat(user, None);
            }
            seat.stream = None;
            self.forget_stranger(peer, why);
            self.tell_sources(user);
            return self.publish_state_of(user);
        }
        self.forget_stranger(peer, why);
    }

    /// Lets go of everything but the seat.
    pub(super) fn forget_stranger(&mut self, peer: PeerId, why: StrangerRefused) {
        self.mix_for_viewer(peer, false);
        let Some(stranger) = self.strangers.remove(&peer) else { return };
        self.resources.remove(&stranger.resource);
        self.tell_shard(stranger.pass.channel_id, Command::Leave { peer });
        for (ticket, _) in stranger.waiting {
            self.reply(ticket, Err(why.clone()));
        }
    }

    fn reply(&mut self, ticket: Ticket, reply: Reply) {
        self.outputs.push_back(Output::Reply(ticket, Box::new(reply)));
    }
}
