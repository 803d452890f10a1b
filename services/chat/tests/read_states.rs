//! What people have read, on all of their devices and after a restart.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod common;

use common::{Folder, Stage, draft, open, user};
use voxlink_chat::{Refusal, notify::update::NotifyFields, role::RoleFields};
use voxlink_protocol::{
    ChannelId, Message, MessageId, ReadState, UserId, bus::ReadStatesOf, event::UserChange,
};

const ANNA: u64 = 1;
const BORIS: u64 = 2;
const CLARA: u64 = 3;

fn id(user: u64) -> UserId {
    UserId::new(user)
}

async fn say(stage: &Stage, who: u64, channel: ChannelId, text: &str) -> Message {
    stage.chat.send(&user(who), channel, draft(text, None)).await.unwrap()
}

async fn states(stage: &Stage, who: u64) -> Vec<ReadState> {
    stage.bus.call(ReadStatesOf { user: id(who) }).await.unwrap()
}

fn read(channel_id: ChannelId, last: &Message, mention_count: u32) -> ReadState {
    ReadState { channel_id, last_message_id: Some(last.id), mention_count }
}

/// What the devices of someone were told of their reading since the last time.
fn acks(stage: &Stage, who: u64) -> Vec<ReadState> {
    let told = stage.told_to(who).into_iter();
    told.filter_map(|change| match change {
        UserChange::ReadState(state) => Some(state),
        _ => None,
    })
    .collect()
}

#[test]
fn everything_here_holds_on_postgresql() {
    voxlink_test_postgres::run_all_again();
}

#[tokio::test]
async fn what_was_read_is_read_on_all_devices_after_a_restart_and_never_less() {
    let folder = Folder::new();
    let stage = open(&folder).await;
    let (guild, text, _) = stage.guild(ANNA).await;
    stage.join(ANNA, text, BORIS).await;
    let first = say(&stage, ANNA, text, "one").await;
    let second = say(&stage, ANNA, text, "two").await;
    assert_eq!(states(&stage, BORIS).await, [], "nothing is known of what one never read");
    assert_eq!(states(&stage, ANNA).await, [read(text, &second, 0)], "one has read what one wrote");
    let boris = user(BORIS);
    stage.chat.ack(&boris, text, second.id, false).await.unwrap();
    assert_eq!(acks(&stage, BORIS), [read(text, &second, 0)]);
    stage.chat.ack(&boris, text, first.id, false).await.unwrap();
    assert_eq!(acks(&stage, BORIS), [], "an older device does not take it back");
    stage.chat.ack(&boris, text, first.id, true).await.unwrap();
    assert_eq!(acks(&stage, BORIS), [read(text, &first, 0)], "by hand one may");
    stage.chat.ack(&boris, text, MessageId::new(u64::MAX >> 1), false).await.unwrap();
    assert_eq!(acks(&stage, BORIS), [read(text, &second, 0)], "what is not written yet cannot be read");
    let third = say(&stage, ANNA, text, "three").await;
    drop(stage);

    let stage = open(&folder).await;
    assert_eq!(states(&stage, BORIS).await, [read(text, &second, 0)]);
    stage.chat.ack_guild(&boris, guild).await.unwrap();
    assert_eq!(acks(&stage, BORIS), [read(text, &third, 0)]);
    stage.chat.ack_guild(&boris, guild).await.unwrap();
    assert_eq!(acks(&stage, BORIS), [], "what changes nothing is told to nobody");
    assert_eq!(acks(&stage, ANNA), []);
    let unknown = stage.chat.ack(&user(CLARA), text, third.id, false).await;
    assert_eq!(unknown, Err(Refusal::UnknownChannel));
    assert_eq!(stage.chat.ack_guild(&user(CLARA), guild).await, Err(Refusal::UnknownGuild));
    stage.chat.leave_guild(boris.id, guild).await.unwrap();
    assert_eq!(states(&stage, BORIS).await, []);
}

#[tokio::test]
async fn in_direct_conversations_every_message_counts_until_it_is_read_or_deleted() {
    let folder = Folder::new();
    let stage = open(&folder).await;
    let (_, text, _) = stage.guild(ANNA).await;
    stage.join(ANNA, text, BORIS).await;
    let pair = stage.chat.open_direct(&user(ANNA), [id(BORIS)]).await.unwrap().id;
    let mut sent = Vec::new();
    for number in 0..5 {
        sent.push(say(&stage, ANNA, pair, &format!("message {number}")).await);
    }
    let unread = |mention_count| ReadState { channel_id: pair, last_message_id: None, mention_count };
    assert_eq!(states(&stage, BORIS).await, [unread(5)]);
    stage.chat.delete_message(id(ANNA), pair, sent[4].id).await.unwrap();
    assert_eq!(states(&stage, BORIS).await, [unread(4)]);
    stage.chat.ack(&user(BORIS), pair, sent[1].id, false).await.unwrap();
    assert_eq!(acks(&stage, BORIS), [read(pair, &sent[1], 2)]);
    let answer = say(&stage, BORIS, pair, "yes").await;
    assert_eq!(states(&stage, BORIS).await, [read(pair, &answer, 0)], "who answers has read");
    assert_eq!(states(&stage, ANNA).await, [read(pair, &sent[4], 1)]);
    let bulk = vec![(pair, None), (text, None), (ChannelId::new(5), None)];
    stage.chat.ack_bulk(&user(ANNA), bulk).await.unwrap();
    assert_eq!(acks(&stage, ANNA), [read(pair, &answer, 0)]);
    let too_many = vec![(pair, None); 101];
    assert!(matches!(stage.chat.ack_bulk(&user(ANNA), too_many).await, Err(Refusal::Form(_))));
}

#[tokio::test]
async fn mentions_of_a_person_a_role_and_everyone_count_once_each_until_read_or_deleted() {
    let folder = Folder::new();
    let stage = open(&folder).await;
    let (guild, text, voice) = stage.guild(ANNA).await;
    say(&stage, ANNA, text, "@everyone before Boris came").await;
    stage.join(ANNA, text, BORIS).await;
    stage.join(ANNA, text, CLARA).await;
    let (anna, chat) = (id(ANNA), &stage.chat);
    let fields = RoleFields { mentionable: Some(true), ..RoleFields::default() };
    let sailors = chat.create_role(anna, guild, fields).await.unwrap().id;
    chat.give_role(anna, guild, id(BORIS), sailors, true).await.unwrap();
    say(&stage, ANNA, text, &format!("<@{BORIS}> and <@&{sailors}> and @everyone")).await;
    say(&stage, ANNA, text, &format!("<@&{sailors}>")).await;
    let third = say(&stage, ANNA, text, "@everyone").await;
    say(&stage, ANNA, text, "nobody").await;
    let elsewhere = say(&stage, ANNA, voice, &format!("<@{BORIS}>")).await;
    let unread = |channel_id, mention_count| ReadState { channel_id, last_message_id: None, mention_count };
    assert_eq!(states(&stage, BORIS).await, [unread(text, 3), unread(voice, 1)]);
    assert_eq!(states(&stage, CLARA).await, [unread(text, 2)]);
    drop(stage);

    let stage = open(&folder).await;
    let chat = &stage.chat;
    assert_eq!(states(&stage, BORIS).await, [unread(text, 3), unread(voice, 1)], "also after a restart");
    chat.delete_message(anna, text, third.id).await.unwrap();
    chat.delete_message(anna, voice, elsewhere.id).await.unwrap();
    assert_eq!(states(&stage, BORIS).await, [unread(text, 2)]);
    let quiet =
        NotifyFields { suppress_everyone: Some(true), suppress_roles: Some(true), ..NotifyFields::default() };
    chat.set_notify(&user(BORIS), Some(guild), quiet).await.unwrap();
    assert_eq!(states(&stage, BORIS).await, [unread(text, 1)], "their own name still counts");
    assert_eq!(states(&stage, CLARA).await, [unread(text, 1)]);
    chat.ack_guild(&user(CLARA), guild).await.unwrap();
    assert!(acks(&stage, CLARA).iter().all(|state| state.mention_count == 0));
    chat.delete_channel(anna, text).await.unwrap();
    assert_eq!(states(&stage, BORIS).await, []);
    chat.sweep().await.unwrap();
}
