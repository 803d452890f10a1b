//! Calls of conversations, told on the service itself: a test's hand moves the seats that media would own.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod common;

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use common::{Folder, Stage, open, user};
use serde_json::json;
use voxlink_chat::{Refusal, store::messages::Position};
use voxlink_protocol::{
    ChannelId, Message, MessageKind, UserId, VoiceState,
    bus::{CallsOf, DirectVoiceState, EndDirectSeats, IssueCallPass, PassRefused},
    event::{ChannelChange, UserChange},
    people::{Relation, RelationBetween},
};

const ANNA: u64 = 1;
const BORIS: u64 = 2;
const CLARA: u64 = 3;

fn id(user: u64) -> UserId {
    UserId::new(user)
}

fn state(user: u64, channel: Option<ChannelId>) -> VoiceState {
    VoiceState {
        guild_id: None,
        channel_id: channel,
        user_id: id(user),
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

/// Everyone up to this number is in one guild.
async fn neighbours(folder: &Folder, most: u64) -> Stage {
    let stage = open(folder).await;
    let (_, text, _) = stage.guild(ANNA).await;
    for member in 2..=most {
        stage.join(ANNA, text, member).await;
    }
    stage
}

impl Stage {
    async fn talk(&self, owner: u64, others: &[u64]) -> ChannelId {
        let opened = self.chat.open_direct(&user(owner), others.iter().copied().map(id)).await.unwrap();
        self.told_to(owner);
        opened.id
    }

    /// Someone sits down, or stands up.
    async fn seat(&self, user: u64, channel: ChannelId, sits: bool) {
        let state = state(user, sits.then_some(channel));
        self.bus.publish(DirectVoiceState { channel, state, may_return: false });
        // An answer that comes after it was taken in.
        self.chat.calls_of(id(user)).await.unwrap();
    }

    async fn newest(&self, channel: ChannelId) -> Message {
        let mut page = self.chat.messages(id(ANNA), channel, Position::Latest, 1).await.unwrap();
        page.pop().unwrap()
    }

    /// What someone was told of calls, in words.
    fn heard_of_calls(&self, user: u64) -> Vec<String> {
        let told = self.told_to(user).into_iter().filter_map(|change| match change {
            UserChange::DirectChannelCreate(_) => Some("shown".to_owned()),
            UserChange::Channel(ChannelChange::MessageCreate(message)) => {
                Some(format!("message {}", u8::from(message.kind)))
            }
            UserChange::Channel(ChannelChange::MessageUpdate(message)) => {
                let call = message.call.unwrap();
                let over = if call.ended_timestamp.is_some() { "over" } else { "on" };
                Some(format!("{over}: {}", call.participants.len()))
            }
            UserChange::CallCreate(call) => Some(format!("create, ringing {}", call.ringing.len())),
            UserChange::CallUpdate(call) => {
                let ringing: Vec<_> = call.ringing.iter().map(ToString::to_string).collect();
                Some(format!("ringing {}", ringing.join(" ")))
            }
            UserChange::CallDelete { .. } => Some("delete".to_owned()),
            _ => None,
        });
        told.collect()
    }
}

#[test]
fn everything_here_holds_on_postgresql() {
    voxlink_test_postgres::run_all_again();
}

#[tokio::test]
async fn a_call_that_is_answered_is_told_by_one_message_that_knows_who_was_there() {
    let folder = Folder::new();
    let stage = neighbours(&folder, 2).await;
    let pair = stage.talk(ANNA, &[BORIS]).await;
    stage.seat(ANNA, pair, true).await;
    stage.chat.ring(id(ANNA), pair, None).await.unwrap();
    assert_eq!(
        stage.heard_of_calls(BORIS),
        ["shown", "message 3", "create, ringing 0", "ringing 2"],
        "one who had closed the conversation sees it again"
    );
    let message = stage.newest(pair).await;
    assert_eq!((message.kind, message.author.id), (MessageKind::Call, id(ANNA)));
    let call = message.call.unwrap();
    assert_eq!((call.participants, call.ended_timestamp), (vec![id(ANNA)], None));
    let late = stage.bus.call(CallsOf { user: id(BORIS) }).await.unwrap();
    assert_eq!((late.len(), &late[0].ringing, late[0].message_id), (1, &vec![id(BORIS)], Some(message.id)));

    stage.seat(BORIS, pair, true).await;
    assert_eq!(stage.heard_of_calls(BORIS), ["on: 2", "ringing "]);
    stage.seat(ANNA, pair, false).await;
    stage.seat(BORIS, pair, false).await;
    assert_eq!(stage.heard_of_calls(BORIS), ["delete", "over: 2"]);
    let call = stage.newest(pair).await.call.unwrap();
    assert_eq!(call.participants, [id(ANNA), id(BORIS)]);
    assert!(call.ended_timestamp.is_some());
    assert_eq!(stage.bus.call(CallsOf { user: id(BORIS) }).await.unwrap(), []);
}

#[tokio::test]
async fn seats_are_told_to_everyone_there_and_to_whoever_was_taken_out() {
    let folder = Folder::new();
    let stage = neighbours(&folder, 3).await;
    let group = stage.talk(ANNA, &[BORIS, CLARA]).await;
    for user in [ANNA, BORIS, CLARA] {
        stage.told_to(user);
    }
    stage.seat(BORIS, group, true).await;
    // Media ends the seat of whoever leaves the group.
    let bus = stage.bus.clone();
    stage.bus.serve(move |request: EndDirectSeats| {
        assert_eq!(request.user, Some(id(BORIS)));
        let state = state(BORIS, None);
        bus.publish(DirectVoiceState { channel: request.channel, state, may_return: false });
        async {}
    });
    stage.chat.remove_from_group(id(ANNA), id(BORIS), group).await.unwrap();
    for user in [ANNA, BORIS, CLARA] {
        let mut seen = Vec::new();
        while seen.len() < 2 {
            let told = stage.told_to(user).into_iter();
            seen.extend(told.filter_map(|change| match change {
                UserChange::VoiceState { channel_id, state } => Some((channel_id, state.channel_id)),
                _ => None,
            }));
            tokio::task::yield_now().await;
        }
        assert_eq!(seen, [(group, Some(group)), (group, None)]);
    }
}

#[tokio::test]
async fn who_declines_rings_no_more_and_has_missed_the_call() {
    let folder = Folder::new();
    let stage = neighbours(&folder, 2).await;
    let pair = stage.talk(ANNA, &[BORIS]).await;
    stage.seat(ANNA, pair, true).await;
    stage.chat.ring(id(ANNA), pair, Some(vec![id(BORIS)])).await.unwrap();
    stage.heard_of_calls(BORIS);
    stage.chat.stop_ringing(id(BORIS), pair, None).await.unwrap();
    assert_eq!(stage.heard_of_calls(BORIS), ["ringing "]);
    stage.seat(ANNA, pair, false).await;
    let call = stage.newest(pair).await.call.unwrap();
    assert_eq!((call.participants, call.ended_timestamp.is_some()), (vec![id(ANNA)], true));
    let unread = stage.chat.read_states(id(BORIS)).await.unwrap();
    assert_eq!(unread.iter().map(|state| state.mention_count).sum::<u32>(), 1, "it waits for who missed it");
    assert_eq!(stage.chat.stop_ringing(id(BORIS), pair, None).await, Err(Refusal::NotInCall));
}

#[tokio::test]
async fn in_a_group_everyone_rings_but_who_is_there_and_who_is_blocked() {
    let folder = Folder::new();
    let stage = neighbours(&folder, 5).await;
    let group = stage.talk(ANNA, &[BORIS, CLARA, 4]).await;
    stage.bus.serve(|request: RelationBetween| async move {
        let blocked = request.b == id(CLARA) || request.a == id(CLARA);
        Relation { blocked_by_a: blocked, ..Relation::default() }
    });
    stage.seat(ANNA, group, true).await;
    stage.seat(4, group, true).await;
    stage.chat.ring(id(ANNA), group, None).await.unwrap();
    assert_eq!(stage.bus.call(CallsOf { user: id(CLARA) }).await.unwrap()[0].ringing, [id(BORIS)]);
    assert_eq!(stage.chat.ring(id(CLARA), group, None).await, Err(Refusal::NotInCall));
    assert_eq!(stage.chat.ring(id(5), group, None).await, Err(Refusal::UnknownChannel));
    let stranger = Some(vec![id(5)]);
    assert_eq!(stage.chat.ring(id(ANNA), group, stranger).await, Err(Refusal::InvalidRecipients));

    stage.told_to(5);
    stage.bus.serve(|_: RelationBetween| async { Relation::default() });
    stage.chat.add_to_group(&user(ANNA), group, id(5)).await.unwrap();
    let mut heard = Vec::new();
    while !heard.contains(&"create, ringing 1".to_owned()) {
        heard.extend(stage.heard_of_calls(5));
        tokio::task::yield_now().await;
    }
    assert_eq!(heard.first().map(String::as_str), Some("shown"), "{heard:?}");
}

#[tokio::test]
async fn what_a_stop_of_the_server_cut_off_is_over_when_it_starts_again() {
    let folder = Folder::new();
    let stage = neighbours(&folder, 2).await;
    let pair = stage.talk(ANNA, &[BORIS]).await;
    stage.seat(ANNA, pair, true).await;
    stage.chat.ring(id(ANNA), pair, None).await.unwrap();
    drop(stage);
    let stage = open(&folder).await;
    assert_eq!(stage.bus.call(CallsOf { user: id(BORIS) }).await.unwrap(), [], "nothing rings");
    let call = stage.newest(pair).await.call.unwrap();
    assert_eq!((call.participants, call.ended_timestamp.is_some()), (vec![id(ANNA)], true));
    drop(stage);
    let again = open(&folder).await.newest(pair).await.call.unwrap();
    assert_eq!(again.ended_timestamp, call.ended_timestamp, "it ended once");
}

#[tokio::test]
async fn a_pass_is_for_those_who_may_write_and_a_seat_does_not_outlive_that() {
    let folder = Folder::new();
    let stage = neighbours(&folder, 3).await;
    let pair = stage.talk(ANNA, &[BORIS]).await;
    let asked = |user| IssueCallPass { user: id(user), guild: None, channel: pair, session_id: "s".into() };
    assert!(stage.bus.call(asked(ANNA)).await.unwrap().is_ok());
    assert_eq!(stage.bus.call(asked(CLARA)).await.unwrap(), Err(PassRefused::Unknown));
    let standing = stage.chat.call_standing(id(ANNA), pair).await.unwrap();
    assert_eq!((standing.ringable, standing.call), (true, None));

    stage.bus.serve(|_: RelationBetween| async { Relation { blocked_by_b: true, ..Relation::default() } });
    assert_eq!(stage.bus.call(asked(ANNA)).await.unwrap(), Err(PassRefused::Forbidden));
    assert!(!stage.chat.call_standing(id(ANNA), pair).await.unwrap().ringable);
    let put_out: Arc<Mutex<Vec<UserId>>> = Arc::default();
    let seen = put_out.clone();
    stage.bus.serve(move |request: EndDirectSeats| {
        seen.lock().unwrap().extend(request.user);
        async {}
    });
    // With a pass that was signed before the block.
    stage.seat(ANNA, pair, true).await;
    let ended = async {
        while put_out.lock().unwrap().is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), ended).await.unwrap();
    assert_eq!(*put_out.lock().unwrap(), [id(ANNA)]);
}

#[tokio::test]
async fn the_routes_say_what_v10_says() {
    let folder = Folder::new();
    let stage = neighbours(&folder, 3).await;
    let pair = stage.talk(ANNA, &[BORIS]).await;
    let path = |end: &str| format!("/channels/{pair}/call{end}");
    let ask = |who, method, end: &str, body| {
        let (stage, path) = (&stage, path(end));
        async move { common::routes::ask_because(stage, who, "", method, &path, &body).await }
    };
    let (status, answer) = ask(ANNA, "GET", "", json!(null)).await;
    assert_eq!((status, answer), (200, json!({"ringable": true, "call": null})));
    assert_eq!(ask(ANNA, "POST", "/ring", json!({"recipients": null})).await.0, 400, "one calls from inside");
    stage.seat(ANNA, pair, true).await;
    assert_eq!(ask(ANNA, "POST", "/ring", json!({"recipients": null})).await.0, 204);
    let (_, answer) = ask(BORIS, "GET", "", json!(null)).await;
    assert_eq!(answer["call"]["ringing"], json!(["2"]));
    assert_eq!(ask(BORIS, "POST", "/stop-ringing", json!(null)).await.0, 204);
    assert_eq!(ask(CLARA, "GET", "", json!(null)).await.0, 404);
}
