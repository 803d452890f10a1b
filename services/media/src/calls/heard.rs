//! What the shards report.

use std::time::Instant;

use voxlink_protocol::UserId;
use voxlink_sfu::{Event, PeerId, Slot, Source, Wanted};

use super::{Calls, seat::Link};
use crate::{
    shard::Report,
    voice::{
        close::VoiceClose,
        frame::{NamedSlot, ServerFrame},
    },
};

impl Calls {
    /// Takes one report.
    pub(crate) fn heard(&mut self, report: Report, now: Instant) {
        if let Report::Engine(event) = &report
            && self.heard_of_stranger(event)
        {
            return;
        }
        match report {
            Report::Answered { peer, revision, result } => self.answered(peer, revision, result, now),
            Report::Engine(Event::Connected { peer }) => self.connected(peer, now),
            Report::Engine(Event::Disconnected { peer }) => self.disconnected(peer),
            Report::Engine(Event::Slots { peer, slots, wanted }) => self.slots(peer, slots, wanted),
            Report::Engine(Event::Encodings { peer, source, encodings }) => {
                if let Some(user) = self.peers.get(&peer).copied() {
                    self.tell(user, &ServerFrame::Encodings { source, encodings });
                }
            }
            Report::Engine(Event::Speaking { peer, speaking, .. }) => self.speaking(peer, speaking),
            Report::Measured(measured) => self.measured(measured, now),
            Report::Engine(Event::Redundancy { peer, wanted }) => self.redundancy(peer, wanted),
            Report::Crashed { peers } => {
                for peer in peers {
                    self.crashed(peer, now);
                }
            }
        }
    }

    /// Media may flow. The first time the others hear of it, and the newcomer of them.
    fn connected(&mut self, peer: PeerId, now: Instant) {
        let Some(user) = self.peers.get(&peer).copied() else { return };
        let Some(seat) = self.seats.get_mut(&user) else { return };
        let channel = seat.channel;
        let Some(live) = seat.live.as_mut() else { return };
        live.link = Link::Connected;
        if live.present {
            return;
        }
        let others = self.present_in(channel);
        if let Some(live) = self.seats.get_mut(&user).and_then(|seat| seat.live.as_mut()) {
            live.present = true;
        }
        self.tell_all(&others, &ServerFrame::ClientsConnect(vec![user]));
        let speakers: Vec<UserId> = others.iter().copied().filter(|other| self.is_speaking(*other)).collect();
        self.tell(user, &ServerFrame::ClientsConnect(others));
        for speaker in speakers {
            self.tell(user, &ServerFrame::Speaking { user: speaker, speaking: true });
        }
        self.pair_up(channel, now);
        self.settle_listening(user, now);
    }

    /// Nobody is told: a client that is there restarts ICE, the sweep frees one that is not.
    fn disconnected(&mut self, peer: PeerId) {
        let user = self.peers.get(&peer);
        let seat = user.and_then(|user| self.seats.get_mut(user));
        if let Some(live) = seat.and_then(|seat| seat.live.as_mut()) {
            live.link = Link::Disconnected;
        }
    }

    fn slots(&mut self, peer: PeerId, slots: Vec<Slot>, wanted: Wanted) {
        let Some(user) = self.peers.get(&peer).copied() else { return };
        let slots = slots
            .into_iter()
            .map(|slot| NamedSlot {
                mid: slot.mid,
                playable: slot.playable,
                content: slot.content.and_then(|content| match content.source {
                    Source::Mixed => Some((None, Source::Mixed)),
                    source => Some((Some(self.person_behind(content.peer)?), source)),
                }),
            })
            .collect();
        self.tell(user, &ServerFrame::Slots { slots, wanted });
    }

    fn speaking(&mut self, peer: PeerId, speaking: bool) {
        let Some(user) = self.peers.get(&peer).copied() else { return };
        let Some(seat) = self.seats.get_mut(&user) else { return };
        let channel = seat.channel;
        let Some(live) = seat.live.as_mut() else { return };
        live.speaking = speaking;
        let mut others = self.present_in(channel);
        others.retain(|other| *other != user);
        self.tell_all(&others, &ServerFrame::Speaking { user, speaking });
    }

    fn redundancy(&mut self, peer: PeerId, wanted: bool) {
        if let Some(user) = self.peers.get(&peer).copied() {
            self.tell(user, &ServerFrame::Redundancy(wanted));
        }
    }

    fn is_speaking(&self, user: UserId) -> bool {
        self.seats.get(&user).and_then(|seat| seat.live.as_ref()).is_some_and(|live| live.speaking)
    }

    /// The engine has dropped this peer already.
    fn crashed(&mut self, peer: PeerId, now: Instant) {
        if self.stranger_crashed(peer) {
            return;
        }
        let Some(user) = self.peers.get(&peer).copied() else { return };
        if let Some(live) = self.seats.get_mut(&user).and_then(|seat| seat.live.as_mut()) {
            live.joined = false;
            live.present = false;
        }
        self.reset_seat(user, VoiceClose::Crashed, now);
    }
}
