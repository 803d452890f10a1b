#![allow(clippy::unwrap_used, clippy::panic)]
use voxlink_protocol::UserId;

use super::*;

fn session() -> Session {
    Session::new(NewSession {
        id: "s".to_owned(),
        user: User::new(UserId::new(1), "anna"),
        login: LoginId::new(1),
        intents: 0,
        host: "localhost".to_owned(),
        link: LinkId(0),
    })
}

fn numbered(number: u64) -> Body {
    Body::new(Kind::MESSAGE_CREATE, &number, 1)
}

/// Small and seeded: a test run is decided by its seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

/// A client on a line that may be cut at any moment: what is in flight is then lost.
#[derive(Default)]
struct Client {
    seen: Vec<u64>,
    in_flight: Vec<u64>,
}

impl Client {
    fn last(&self) -> u64 {
        self.seen.last().copied().unwrap_or(0)
    }
}

#[test]
fn a_client_cut_off_at_any_moment_resumes_with_nothing_missed_and_nothing_twice() {
    for seed in 1..=300_u64 {
        let mut dice = Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        let (mut session, mut client) = (session(), Client::default());
        let (mut pushed, mut links, now) = (0, 0, Instant::now());
        for _ in 0..400 {
            match dice.below(10) {
                0..=3 => {
                    pushed += 1;
                    assert!(session.push(&numbered(pushed)));
                }
                4..=6 => {
                    if session.link().is_some()
                        && let Some((seq, _)) = session.next_unsent()
                    {
                        client.in_flight.push(seq);
                    }
                }
                7 => {
                    let arrived = usize::try_from(dice.below(client.in_flight.len() as u64 + 1)).unwrap();
                    client.seen.extend(client.in_flight.drain(..arrived));
                }
                8 => {
                    client.in_flight.clear();
                    session.detach(now, Duration::from_secs(180));
                }
                _ => {
                    session.acknowledge(client.last());
                    links += 1;
                    client.in_flight.clear();
                    session.resume(LinkId(links), client.last()).unwrap();
                }
            }
        }
        client.in_flight.clear();
        session.resume(LinkId(links + 1), client.last()).unwrap();
        while let Some((seq, _)) = session.next_unsent() {
            client.seen.push(seq);
        }
        assert_eq!(client.seen, (1..=pushed).collect::<Vec<_>>(), "seed {seed}");
    }
}

#[test]
fn a_resume_beyond_the_end_or_the_ring_is_refused() {
    let mut session = session();
    for number in 1..=3000 {
        session.push(&numbered(number));
    }
    assert_eq!(session.resume(LinkId(1), 3001), Err(ResumeError::InvalidSeq));
    assert_eq!(session.resume(LinkId(1), 951), Err(ResumeError::TooOld));
    assert_eq!(session.resume(LinkId(1), 952), Ok(()));
}

#[test]
fn a_socket_that_reads_too_slowly_is_given_up_and_may_come_back() {
    let mut session = session();
    let large = Body::new(Kind::MESSAGE_CREATE, &"x".repeat(100_000), 1);
    for _ in 0..10 {
        session.push(&large);
    }
    assert!(!session.overrun());
    session.push(&large);
    assert!(session.overrun());
    assert!(!session.push(&Body::new(Kind::TYPING_START, &(), 1)), "typing goes first under pressure");
    session.detach(Instant::now(), Duration::from_secs(180));
    session.resume(LinkId(1), 0).unwrap();
    assert!(!session.overrun(), "the replay itself is allowed for");
}

#[test]
fn the_guilds_sent_after_ready_are_no_backlog_of_a_slow_reader() {
    let mut session = session();
    for _ in 0..20 {
        session.push(&Body::new(Kind::GUILD_CREATE, &"x".repeat(200_000), 1));
    }
    assert!(!session.overrun());
    while session.next_unsent().is_some() {}
    for _ in 0..6 {
        session.push(&Body::new(Kind::MESSAGE_CREATE, &"x".repeat(200_000), 1));
    }
    assert!(session.overrun());
}

#[test]
fn a_bot_gets_what_its_intents_allow_and_a_person_everything() {
    let mut bot = session();
    bot.user.bot = true;
    bot.intents = crate::dispatch::intent::GUILDS;
    assert!(!bot.push(&numbered(1)));
    assert!(bot.push(&Body::new(Kind::CHANNEL_CREATE, &(), 1)));
    assert!(bot.push(&Body::new(Kind::READY, &(), 1)));
    assert!(session().push(&numbered(1)));
}
