//! Stories of those who publish and watch without a client of ours.

use voxlink_protocol::{LoginId, StreamKeyId};
use voxlink_sfu::IceFragment;

use super::*;
use crate::strangers::Credential;

const LOGIN: Credential = Credential::Login(LoginId::new(1));
const KEY: Credential = Credential::Key(StreamKeyId::new(2));
const FRAGMENT: &str = "a=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuvwx\r\n";

impl World {
    fn open_with(&mut self, pass: &CallPass, purpose: Purpose, credential: Credential) -> Ticket {
        self.sockets += 1;
        let ticket = Ticket(self.sockets);
        let (pass, resource) = (self.key.sign(pass), format!("resource-{}", self.sockets));
        let open = Open { pass, purpose, credential, resource, offer: "offer".to_owned() };
        self.calls.open_stranger(open, ticket, self.wall(), self.now);
        ticket
    }

    fn open(&mut self, user: u64, purpose: Purpose) -> Ticket {
        let pass = self.pass(user, LOUNGE, "stream");
        self.open_with(&pass, purpose, LOGIN)
    }

    /// The newest stranger.
    fn stranger(&self) -> PeerId {
        *self.calls.strangers.keys().max().unwrap()
    }

    /// Opened and answered; nothing of it stays unseen.
    fn opened(&mut self, user: u64, purpose: Purpose) -> (Named, PeerId) {
        let ticket = self.open(user, purpose);
        let peer = self.stranger();
        self.answered(peer, 0);
        let seen = self.seen();
        let resource = seen.iter().find_map(|seen| match seen {
            Seen::Reply(to, Ok(resource)) if *to == ticket => Some(resource.name.clone()),
            _ => None,
        });
        let named = Named {
            resource: resource.unwrap_or_else(|| panic!("no answer: {seen:?}")),
            user: UserId::new(user),
            channel: LOUNGE,
            publishes: purpose == Purpose::Publish,
        };
        (named, peer)
    }

    /// As [`World::opened`], with its media flowing.
    fn published(&mut self, user: u64) -> (Named, PeerId) {
        let (named, peer) = self.opened(user, Purpose::Publish);
        self.heard(Event::Connected { peer });
        self.seen();
        (named, peer)
    }

    fn refused(&mut self, ticket: Ticket) -> StrangerRefused {
        match self.seen().pop() {
            Some(Seen::Reply(to, Err(refused))) if to == ticket => refused,
            other => panic!("not refused: {other:?}"),
        }
    }

    fn state(&self, user: u64) -> Option<VoiceState> {
        self.calls.voice_states_of(GUILD).into_iter().find(|state| state.user_id.get() == user)
    }
}

#[test]
fn a_stream_takes_a_seat_shows_once_it_flows_and_ends_with_its_resource() {
    let mut world = World::new();
    let (named, peer) = world.opened(ANNA, Purpose::Publish);
    let state = world.state(ANNA).unwrap();
    assert_eq!((state.channel_id, state.self_stream), (Some(LOUNGE), false));
    world.heard(Event::Connected { peer });
    let seen = world.seen();
    assert!(
        matches!(&seen[0], Seen::Shard(text) if text.starts_with("SetSources") && text.contains("screen: true"))
    );
    assert!(world.state(ANNA).unwrap().self_stream);
    world.wait(600);
    assert_eq!(world.seats(), 1, "nobody has to come to it");

    let strange = Named { user: UserId::new(BORIS), ..named.clone() };
    let elsewhere = Named { channel: STUDY, ..named.clone() };
    let other_kind = Named { publishes: false, ..named.clone() };
    assert!([strange, elsewhere, other_kind].iter().all(|wrong| !world.calls.close_stranger(wrong)));
    assert!(world.calls.close_stranger(&named));
    let seen = world.seen();
    assert!(is_shard(&seen[0], "Leave") && is_leave(&seen[1], ANNA), "{seen:?}");
    assert!(!world.calls.close_stranger(&named), "gone");
    assert_eq!((world.seats(), world.calls.strangers.len()), (0, 0));
}

#[test]
fn a_stream_stands_beside_its_person_who_may_come_and_go() {
    let mut world = World::new();
    let (_, stream) = world.published(ANNA);
    let (socket, _, _) = world.join(ANNA, "a");
    assert!(world.state(ANNA).is_some_and(|state| state.session_id == "a" && state.self_stream));
    assert!(world.calls.strangers.contains_key(&stream), "the stream goes on");

    // Whoever shares a screen as well is seen with the stream: one person has one screen.
    world.ask(
        socket,
        json!({"op":20,"d":{"microphone":true,"camera":true,"screen":true,"screen_audio":true}}),
    );
    let seen = world.seen();
    assert!(
        matches!(&seen[0], Seen::Shard(text) if text.contains("camera: true, screen: false")),
        "{seen:?}"
    );

    let leave = LeaveSeat { user: UserId::new(ANNA), guild: Some(GUILD), session_id: "a".into() };
    assert!(world.calls.leave_seat(&leave));
    assert!(world.state(ANNA).is_some_and(|state| state.session_id == "stream" && state.self_stream));
    assert_eq!(world.seats(), 1);

    // And the other way round: the seat outlives the stream, and the own screen is back.
    let (socket, _, _) = world.join(ANNA, "b");
    world.ask(
        socket,
        json!({"op":20,"d":{"microphone":true,"camera":false,"screen":true,"screen_audio":false}}),
    );
    world.seen();
    world.heard(Event::Disconnected { peer: stream });
    let seen = world.seen();
    assert!(seen.iter().any(|seen| matches!(seen, Seen::Shard(text) if text.starts_with("SetSources") && text.contains("screen: true"))));
    assert!(world.state(ANNA).is_some_and(|state| state.session_id == "b" && state.self_stream));
}

#[test]
fn a_newer_stream_replaces_the_older_one_once_it_is_answered() {
    let mut world = World::new();
    let (old, _) = world.published(ANNA);
    let ticket = world.open(ANNA, Purpose::Publish);
    let peer = world.stranger();
    let result = Err(OfferError::Unusable("no".to_owned()));
    world.calls.heard(Report::Answered { peer, revision: 0, result }, world.now);
    world.calls.outputs.retain(|output| matches!(output, Output::Reply(..)));
    assert_eq!(world.refused(ticket), StrangerRefused::Unusable("no".to_owned()));
    assert!(world.calls.knows_stranger(&old), "a bad offer ends nothing");
    let (new, _) = world.opened(ANNA, Purpose::Publish);
    assert!(!world.calls.knows_stranger(&old) && world.calls.knows_stranger(&new));
    assert_eq!((world.seats(), world.calls.strangers.len()), (1, 1));
}

#[test]
fn joining_another_call_ends_the_stream_and_a_stream_takes_nobody_out_of_one() {
    let mut world = World::new();
    let (named, _) = world.published(ANNA);
    world.take(ANNA, STUDY, "a");
    assert!(!world.calls.knows_stranger(&named));
    let ticket = {
        world.seen();
        world.open(ANNA, Purpose::Publish)
    };
    assert_eq!(world.refused(ticket), StrangerRefused::InAnotherCall);
    assert_eq!(world.state(ANNA).unwrap().channel_id, Some(STUDY));
}

#[test]
fn who_may_not_stream_or_finds_the_call_full_is_refused() {
    let mut world = World::new();
    let silent = CallPass { may_stream: false, ..world.pass(ANNA, LOUNGE, "stream") };
    let ticket = world.open_with(&silent, Purpose::Publish, KEY);
    assert_eq!(world.refused(ticket), StrangerRefused::MayNotStream);
    let small = CallPass { user_limit: 2, ..world.pass(ANNA, LOUNGE, "stream") };
    world.join(BORIS, "b");
    world.opened(BORIS, Purpose::Watch { user: None, mixed: false });
    for purpose in [Purpose::Publish, Purpose::Watch { user: None, mixed: false }] {
        let ticket = world.open_with(&small, purpose, KEY);
        assert_eq!(world.refused(ticket), StrangerRefused::Full);
    }
    let old = CallPass { expires: Timestamp(1), ..world.pass(ANNA, LOUNGE, "stream") };
    let ticket = world.open_with(&old, Purpose::Publish, KEY);
    assert_eq!(world.refused(ticket), StrangerRefused::BadPass);
    for _ in 1..8 {
        world.opened(BORIS, Purpose::Watch { user: None, mixed: false });
    }
    let ticket = world.open(BORIS, Purpose::Watch { user: None, mixed: false });
    assert_eq!(world.refused(ticket), StrangerRefused::Full, "eight screens are enough for anyone");
}

#[test]
fn a_viewer_is_not_seen_and_follows_rights() {
    let mut world = World::new();
    let (named, peer) = world.opened(ANNA, Purpose::Watch { user: Some(UserId::new(BORIS)), mixed: false });
    world.heard(Event::Connected { peer });
    world.heard(Event::Slots { peer, slots: Vec::new(), wanted: Wanted::default() });
    assert_eq!((world.seen(), world.seats()), (vec![], 0));
    let anna = UserId::new(ANNA);
    assert_eq!(world.calls.seats_in(GUILD), [(anna, LOUNGE)]);
    let right = bus::CallRights {
        user: anna,
        channel: LOUNGE,
        may_speak: true,
        may_stream: true,
        mute: false,
        deaf: true,
    };
    world.calls.set_rights(&[(anna, LOUNGE)], &[right]);
    assert!(matches!(&world.seen()[..], [Seen::Shard(text)] if text.contains("deafened: true")));
    world.calls.set_rights(&[(anna, LOUNGE)], &[]);
    assert!(!world.calls.knows_stranger(&named));
}

#[test]
fn a_stream_loses_what_its_person_loses() {
    let anna = UserId::new(ANNA);
    let mut world = World::new();
    let (named, _) = world.published(ANNA);
    let right = bus::CallRights {
        user: anna,
        channel: LOUNGE,
        may_speak: true,
        may_stream: false,
        mute: false,
        deaf: false,
    };
    world.calls.set_rights(&[(anna, LOUNGE)], &[right]);
    let seen = world.seen();
    assert!(matches!(&seen[0], Seen::Shard(text) if text.contains("may_stream: false")), "{seen:?}");
    assert!(!world.state(ANNA).unwrap().self_stream);
    assert!(world.calls.knows_stranger(&named), "muted, not ended");
    assert!(world.calls.put_out(GUILD, anna));
    assert!(!world.calls.knows_stranger(&named), "put out of the call");

    for end in 0..4 {
        let (named, peer) = world.published(ANNA);
        let (watching, _) = world.opened(ANNA, Purpose::Watch { user: None, mixed: false });
        match end {
            0 => world.calls.remove(Removal::Member(GUILD, anna)),
            1 => world.calls.remove(Removal::Channel(LOUNGE)),
            2 => world.calls.credential_gone(LOGIN),
            _ => world.calls.heard(Report::Crashed { peers: vec![peer] }, world.now),
        }
        assert!(!world.calls.knows_stranger(&named), "{end}");
        assert_eq!(world.calls.knows_stranger(&watching), end == 3, "{end}");
        world.calls.credential_gone(LOGIN);
        assert_eq!((world.seats(), world.calls.strangers.len()), (0, 0));
        world.seen();
    }
}

#[test]
fn ice_restarts_change_the_tag_and_candidates_must_name_it() {
    let mut world = World::new();
    let (named, peer) = world.published(ANNA);
    let fragment = || IceFragment::parse(FRAGMENT).unwrap();
    let tag = |seen: Vec<Seen>| match &seen[..] {
        [Seen::Reply(_, Ok(resource))] => (resource.tag.clone(), resource.sdp.clone()),
        other => panic!("{other:?}"),
    };
    world.calls.patch_stranger(&named, &IfMatch::Any, fragment(), Ticket(90), world.now);
    assert!(is_shard(&world.seen()[0], "RestartIce"));
    world.answered(peer, 0);
    let (newer, sdp) = tag(world.seen());
    assert_eq!(sdp.as_deref(), Some("answer"));
    let current = IfMatch::Tag(newer.clone());
    world.calls.patch_stranger(&named, &current, fragment(), Ticket(91), world.now);
    assert_eq!(tag(world.seen()), (newer, None));
    let older = IfMatch::Tag(format!("{:x}-0", peer.0));
    world.calls.patch_stranger(&named, &older, fragment(), Ticket(92), world.now);
    assert_eq!(world.refused(Ticket(92)), StrangerRefused::Stale);
    let nobodys = Named { resource: "none".to_owned(), ..named };
    world.calls.patch_stranger(&nobodys, &IfMatch::Any, fragment(), Ticket(93), world.now);
    assert_eq!(world.refused(Ticket(93)), StrangerRefused::Unknown);
}

#[test]
fn a_shard_that_does_not_answer_a_stranger_counts_as_crashed() {
    let mut world = World::new();
    let ticket = world.open(ANNA, Purpose::Publish);
    world.seen();
    world.wait(6);
    assert_eq!(world.refused(ticket), StrangerRefused::Crashed);
    assert_eq!((world.seats(), world.calls.strangers.len()), (0, 0));
}
