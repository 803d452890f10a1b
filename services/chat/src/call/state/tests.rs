//! Calls as timelines, in virtual time.

use super::*;

const PAIR: ChannelId = ChannelId::new(20);
const ANNA: UserId = UserId::new(1);
const BORIS: UserId = UserId::new(2);
const CLARA: UserId = UserId::new(3);
const MESSAGE: MessageId = MessageId::new(900);

struct Line {
    calls: Calls,
    now: Instant,
}

fn state(user: UserId, channel: Option<ChannelId>) -> VoiceState {
    VoiceState {
        guild_id: None,
        channel_id: channel,
        user_id: user,
        member: None,
        session_id: format!("s{user}"),
        deaf: false,
        mute: false,
        self_deaf: false,
        self_mute: false,
        self_stream: false,
        self_video: false,
        suppress: false,
        request_to_speak_timestamp: None,
    }
}

impl Line {
    fn new() -> Self {
        Self { calls: Calls::default(), now: Instant::now() }
    }

    fn comes(&mut self, user: UserId) {
        self.seat(user, Some(PAIR), false);
    }

    fn goes(&mut self, user: UserId) {
        self.seat(user, None, false);
    }

    /// Their page goes away, and they with it.
    fn page_goes(&mut self, user: UserId) {
        self.seat(user, None, true);
    }

    fn seat(&mut self, user: UserId, channel: Option<ChannelId>, may_return: bool) {
        let told = DirectVoiceState { channel: PAIR, state: state(user, channel), may_return };
        self.calls.seat(told, self.now);
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
        self.calls.tick(self.now);
    }

    fn ring(&mut self, by: UserId, whom: &[UserId]) -> bool {
        self.calls.ring(PAIR, by, whom, self.now)
    }

    /// What is to be done, in words; a message is stored at once.
    fn said(&mut self) -> Vec<String> {
        let mut said = Vec::new();
        while let Some(output) = self.calls.poll() {
            said.push(match output {
                Output::Begin { channel, caller } => {
                    self.calls.stored(channel, Some(MESSAGE));
                    format!("{caller} calls")
                }
                Output::Joined { participants, .. } => format!("were in: {participants:?}"),
                Output::Ended { participants, message, .. } => {
                    assert_eq!(message, Some(MESSAGE));
                    format!("over: {participants:?}")
                }
                Output::Created(call) => format!("create {}", call.voice_states.len()),
                Output::Updated(call) => format!("ringing {:?}", call.ringing),
                Output::Check { .. } => continue,
            });
        }
        said
    }

    fn is_on(&self) -> bool {
        !self.calls.shown(&[PAIR]).is_empty()
    }
}

#[test]
fn a_call_begins_rings_is_answered_and_ends_with_the_last() {
    let mut line = Line::new();
    line.comes(ANNA);
    assert_eq!(line.said(), ["1 calls", "create 1"]);
    assert!(line.ring(ANNA, &[ANNA, BORIS]));
    assert_eq!(line.said(), ["ringing [UserId(2)]"]);
    line.comes(BORIS);
    assert_eq!(line.said(), ["were in: [UserId(1), UserId(2)]", "ringing []"]);
    line.goes(ANNA);
    assert_eq!(line.said(), [""; 0]);
    assert!(line.is_on());
    line.goes(BORIS);
    assert_eq!(line.said(), ["over: [UserId(1), UserId(2)]"]);
    assert!(!line.is_on());
}

#[test]
fn who_declines_rings_no_more_and_the_caller_stays() {
    let mut line = Line::new();
    line.comes(ANNA);
    line.ring(ANNA, &[BORIS, CLARA]);
    line.said();
    assert!(line.calls.stop_ringing(PAIR, BORIS, &[BORIS]));
    assert_eq!(line.said(), ["ringing [UserId(3)]"]);
    assert!(!line.calls.stop_ringing(PAIR, BORIS, &[CLARA]), "one declines for oneself");
    assert!(line.calls.stop_ringing(PAIR, ANNA, &[CLARA]), "whoever calls may stop");
    assert_eq!(line.said(), ["ringing []"]);
    assert!(line.is_on());
}

#[test]
fn a_caller_who_gives_up_ends_the_call_that_nobody_answered() {
    let mut line = Line::new();
    line.comes(ANNA);
    line.ring(ANNA, &[BORIS]);
    line.said();
    line.goes(ANNA);
    assert_eq!(line.said(), ["over: [UserId(1)]"]);
}

#[test]
fn a_caller_whose_page_loads_anew_is_in_the_same_call_and_it_rings_on() {
    let mut line = Line::new();
    line.comes(ANNA);
    line.ring(ANNA, &[BORIS]);
    line.said();
    line.page_goes(ANNA);
    line.pass(Duration::from_secs(5));
    assert_eq!(line.said(), [""; 0], "nobody hears anything of it");
    let call = line.calls.shown(&[PAIR]).pop();
    assert_eq!(call.map(|call| (call.ringing, call.voice_states.len())), Some((vec![BORIS], 0)));
    line.comes(ANNA);
    line.pass(RETURNS_WITHIN);
    assert_eq!(line.said(), [""; 0], "it is the call that they left");
    line.comes(BORIS);
    assert_eq!(line.said(), ["were in: [UserId(1), UserId(2)]", "ringing []"]);
}

#[test]
fn a_caller_who_closed_the_page_for_good_is_waited_for_and_the_call_ends() {
    let mut line = Line::new();
    line.comes(ANNA);
    line.ring(ANNA, &[BORIS]);
    line.said();
    line.page_goes(ANNA);
    line.pass(RETURNS_WITHIN - Duration::from_millis(1));
    assert_eq!(line.said(), [""; 0]);
    line.pass(Duration::from_millis(1));
    assert_eq!(line.said(), ["over: [UserId(1)]"]);
    assert!(!line.is_on());
}

#[test]
fn who_was_left_alone_may_load_their_page_anew_and_then_leave_for_good() {
    let mut line = Line::new();
    line.comes(ANNA);
    line.comes(BORIS);
    line.page_goes(BORIS);
    line.said();
    line.page_goes(ANNA);
    line.pass(Duration::from_secs(10));
    line.comes(ANNA);
    assert_eq!(line.said(), [""; 0]);
    line.goes(ANNA);
    assert_eq!(line.said(), ["over: [UserId(1), UserId(2)]"], "whoever hangs up is not waited for");
}

#[test]
fn one_answers_while_the_page_of_the_caller_loads_anew() {
    let mut line = Line::new();
    line.comes(ANNA);
    line.ring(ANNA, &[BORIS]);
    line.said();
    line.page_goes(ANNA);
    line.comes(BORIS);
    line.pass(RETURNS_WITHIN);
    assert_eq!(line.said(), ["were in: [UserId(1), UserId(2)]", "ringing []"]);
    assert!(line.is_on(), "Boris is there, whether Anna comes back or not");
}

#[test]
fn nobody_waits_for_somebody_who_is_in_the_group_no_more() {
    let mut line = Line::new();
    line.comes(ANNA);
    line.page_goes(ANNA);
    line.said();
    line.calls.left(PAIR, ANNA);
    assert_eq!(line.said(), ["over: [UserId(1)]"]);
}

#[test]
fn ringing_ends_by_itself() {
    let mut line = Line::new();
    line.comes(ANNA);
    line.ring(ANNA, &[BORIS]);
    line.said();
    line.calls.tick(line.now + RINGS_FOR - Duration::from_millis(1));
    assert_eq!(line.said(), [""; 0]);
    line.now += RINGS_FOR;
    line.calls.tick(line.now);
    assert_eq!(line.said(), ["ringing []"]);
    line.ring(ANNA, &[BORIS]);
    assert_eq!(line.said(), ["ringing [UserId(2)]"], "and may begin again");
}

#[test]
fn a_third_who_comes_stops_only_their_own_devices() {
    let mut line = Line::new();
    line.comes(ANNA);
    line.ring(ANNA, &[BORIS, CLARA]);
    line.said();
    line.comes(CLARA);
    assert_eq!(line.said(), ["were in: [UserId(1), UserId(3)]", "ringing [UserId(2)]"]);
    line.goes(ANNA);
    assert_eq!(line.said(), [""; 0], "the others go on, and Boris may still answer");
    line.goes(CLARA);
    line.comes(CLARA);
    assert_eq!(line.said(), ["over: [UserId(1), UserId(3)]", "3 calls", "create 1"]);
}

#[test]
fn nobody_rings_from_outside_and_nobody_who_is_inside() {
    let mut line = Line::new();
    assert!(!line.ring(ANNA, &[BORIS]));
    line.comes(ANNA);
    line.comes(BORIS);
    line.said();
    assert!(!line.ring(CLARA, &[BORIS]));
    assert!(line.ring(ANNA, &[BORIS]));
    assert_eq!(line.said(), ["ringing []"]);
}

#[test]
fn who_left_the_group_is_not_called_any_more() {
    let mut line = Line::new();
    line.comes(ANNA);
    line.ring(ANNA, &[BORIS]);
    line.said();
    line.calls.left(PAIR, BORIS);
    assert_eq!(line.said(), ["ringing []"]);
}

#[test]
fn coming_back_is_no_news_of_who_was_there() {
    let mut line = Line::new();
    line.comes(ANNA);
    line.comes(BORIS);
    line.said();
    line.goes(BORIS);
    line.comes(BORIS);
    line.comes(BORIS);
    assert_eq!(line.said(), [""; 0]);
}
