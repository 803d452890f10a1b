//! What people live through in direct conversations, told on the service itself.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod common;

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU32, Ordering},
};

use common::{Folder, Stage, channel_name, draft, open, user};
use voxlink_chat::{
    Refusal,
    direct::{AnyChannel, MAX_PEOPLE, update::GroupFields},
    message::draft::Edit,
    store::messages::Position,
};
use voxlink_protocol::{
    ChannelId, DirectChannel, MessageKind, UserId,
    event::{ChannelChange, UserChange},
    files::{FilesNews, ImagePurpose, ImageRefused, StoreImage, StoredImage},
    people::{Relation, RelationBetween},
    text::MessageText,
};

const ANNA: u64 = 1;
const BORIS: u64 = 2;
const CLARA: u64 = 3;
/// In no guild with the others.
const STRANGER: u64 = 99;

fn id(user: u64) -> UserId {
    UserId::new(user)
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

impl common::Stage {
    async fn pair(&self, one: u64, other: u64) -> ChannelId {
        self.chat.open_direct(&user(one), [id(other)]).await.unwrap().id
    }

    async fn group_of(&self, owner: u64, others: &[u64]) -> DirectChannel {
        self.chat.open_direct(&user(owner), others.iter().copied().map(id)).await.unwrap()
    }
}

fn name(change: &UserChange) -> &'static str {
    match change {
        UserChange::DirectChannelCreate(_) => "create",
        UserChange::DirectChannelUpdate(_) => "update",
        UserChange::DirectChannelDelete(_) => "delete",
        UserChange::RecipientAdd { .. } => "came",
        UserChange::RecipientRemove { .. } => "went",
        UserChange::Channel(ChannelChange::MessageCreate(_)) => "message",
        UserChange::Channel(ChannelChange::MessageUpdate(_)) => "edit",
        UserChange::Channel(_) => "channel",
        _ => "other",
    }
}

fn names(changes: &[UserChange]) -> Vec<&'static str> {
    changes.iter().map(name).collect()
}

fn recipients(channel: &DirectChannel) -> Vec<u64> {
    channel.recipients.iter().map(|user| user.id.get()).collect()
}

#[test]
fn everything_here_holds_on_postgresql() {
    voxlink_test_postgres::run_all_again();
}

#[tokio::test]
async fn two_people_have_one_conversation_which_the_other_sees_with_the_first_message() {
    let folder = Folder::new();
    let stage = neighbours(&folder, 2).await;
    let chat = &stage.chat;
    let pair = stage.pair(ANNA, BORIS).await;
    assert_eq!(names(&stage.told_to(ANNA)), ["create"]);
    assert_eq!(stage.told_to(BORIS), []);
    assert_eq!(chat.direct_channels(id(BORIS)).await.unwrap(), []);
    let sent = chat.send(&user(ANNA), pair, draft("hi", None)).await.unwrap();
    let told = stage.told_to(BORIS);
    assert_eq!(names(&told), ["create", "message"]);
    let UserChange::DirectChannelCreate(seen) = &told[0] else { panic!("{told:?}") };
    assert_eq!((recipients(seen), seen.recipients[0].username.as_str()), (vec![ANNA], "user1"));
    assert_eq!(stage.pair(BORIS, ANNA).await, pair);
    assert_eq!(stage.told_to(BORIS), [], "it is open already");
    chat.close_direct(&user(BORIS), pair).await.unwrap();
    assert_eq!(names(&stage.told_to(BORIS)), ["delete"]);
    assert_eq!(chat.direct_channels(id(BORIS)).await.unwrap(), []);
    drop(stage);

    let stage = open(&folder).await;
    assert_eq!(stage.chat.direct_channels(id(BORIS)).await.unwrap(), [], "closed also after a restart");
    let page = stage.chat.messages(id(BORIS), pair, Position::Latest, 50).await.unwrap();
    assert_eq!(page.iter().map(|message| message.id).collect::<Vec<_>>(), [sent.id]);
    stage.chat.send(&user(ANNA), pair, draft("again", None)).await.unwrap();
    assert_eq!(names(&stage.told_to(BORIS)), ["create", "message"]);
    let mine = stage.chat.direct_channels(id(BORIS)).await.unwrap();
    assert_eq!((mine.len(), mine[0].id, recipients(&mine[0])), (1, pair, vec![ANNA]));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_who_open_it_at_once_a_hundred_times_have_one_conversation() {
    let folder = Folder::new();
    let stage = neighbours(&folder, 2).await;
    let tasks: Vec<_> = (0..100)
        .map(|turn| {
            let chat = stage.chat.clone();
            let (one, other) = if turn % 2 == 0 { (ANNA, BORIS) } else { (BORIS, ANNA) };
            tokio::spawn(async move { chat.open_direct(&user(one), [id(other)]).await.unwrap().id })
        })
        .collect();
    let mut channels = Vec::new();
    for task in tasks {
        channels.push(task.await.unwrap());
    }
    channels.dedup();
    assert_eq!(channels.len(), 1);
}

#[tokio::test]
async fn strangers_and_those_who_do_not_exist_cannot_be_written_to_and_see_nothing() {
    let folder = Folder::new();
    let stage = neighbours(&folder, 3).await;
    let chat = &stage.chat;
    let cannot = Err(Refusal::CannotMessage);
    assert_eq!(chat.open_direct(&user(ANNA), [id(STRANGER)]).await, cannot);
    assert_eq!(chat.open_direct(&user(ANNA), [id(123_456)]).await, cannot);
    assert_eq!(chat.open_direct(&user(ANNA), [id(BORIS), id(STRANGER)]).await, cannot);
    assert_eq!(chat.open_direct(&user(ANNA), [id(ANNA)]).await, Err(Refusal::InvalidRecipients));
    let pair = stage.pair(ANNA, BORIS).await;
    let unknown = Refusal::UnknownChannel;
    let clara = user(CLARA);
    assert_eq!(chat.send(&clara, pair, draft("hi", None)).await, Err(unknown.clone()));
    assert_eq!(chat.any_channel(clara.id, pair).await, Err(unknown.clone()));
    assert_eq!(chat.close_direct(&clara, pair).await, Err(unknown.clone()));
    assert_eq!(chat.add_to_group(&clara, pair, clara.id).await, Err(unknown));
    assert_eq!(chat.add_to_group(&user(ANNA), pair, clara.id).await, Err(Refusal::NotOnDirect));
}

#[tokio::test]
async fn who_shares_no_guild_any_more_reads_but_does_not_write() {
    let folder = Folder::new();
    let stage = neighbours(&folder, 2).await;
    let chat = &stage.chat;
    let pair = stage.pair(BORIS, ANNA).await;
    let sent = chat.send(&user(BORIS), pair, draft("hi", None)).await.unwrap();
    let guild = chat.guilds_of(id(BORIS))[0];
    chat.leave_guild(id(BORIS), guild).await.unwrap();
    assert_eq!(chat.send(&user(ANNA), pair, draft("hi", None)).await, Err(Refusal::CannotMessage));
    assert_eq!(chat.messages(id(ANNA), pair, Position::Latest, 50).await.unwrap()[0].id, sent.id);
}

#[tokio::test]
async fn a_group_takes_in_names_itself_and_is_handed_on() {
    let folder = Folder::new();
    let stage = neighbours(&folder, 12).await;
    let chat = &stage.chat;
    let group = stage.group_of(ANNA, &[BORIS, CLARA]).await;
    assert_eq!(recipients(&group), [BORIS, CLARA]);
    assert_eq!(group.group.as_ref().unwrap().owner_id, id(ANNA));
    for person in [ANNA, BORIS, CLARA] {
        assert_eq!(names(&stage.told_to(person)), ["create"]);
    }
    chat.add_to_group(&user(BORIS), group.id, id(4)).await.unwrap();
    let told = (names(&stage.told_to(CLARA)), names(&stage.told_to(4)));
    assert_eq!(told, (vec!["came", "message"], vec!["create", "message"]));
    let named = GroupFields { name: Some(Some(channel_name("Лодка"))), icon: None };
    let renamed = chat.update_group(&user(CLARA), group.id, named.clone()).await.unwrap();
    assert_eq!(renamed.group.unwrap().name.as_deref(), Some("Лодка"));
    chat.update_group(&user(CLARA), group.id, named).await.unwrap();
    assert_eq!(names(&stage.told_to(4)), ["update", "message"], "the same name again is told to nobody");
    let forbidden = chat.remove_from_group(id(BORIS), id(CLARA), group.id).await;
    assert_eq!(forbidden, Err(Refusal::Forbidden));
    chat.remove_from_group(id(ANNA), id(CLARA), group.id).await.unwrap();
    assert_eq!(stage.told_to(CLARA).last().map(name), Some("delete"));
    assert_eq!(chat.any_channel(id(CLARA), group.id).await, Err(Refusal::UnknownChannel));
    stage.told_to(BORIS);
    chat.close_direct(&user(ANNA), group.id).await.unwrap();
    let told = stage.told_to(BORIS);
    assert_eq!(names(&told), ["went", "update", "message"]);
    let page = chat.messages(id(BORIS), group.id, Position::Latest, 50).await.unwrap();
    let kinds: Vec<(MessageKind, u64)> =
        page.iter().rev().map(|message| (message.kind, message.author.id.get())).collect();
    let (came, went, renamed) =
        (MessageKind::RecipientAdd, MessageKind::RecipientRemove, MessageKind::ChannelNameChange);
    assert_eq!(kinds, [(came, BORIS), (renamed, CLARA), (went, ANNA), (went, ANNA)]);
    assert_eq!((page[2].content.as_str(), page[1].mentions[0].id), ("Лодка", id(CLARA)));
    let UserChange::DirectChannelUpdate(seen) = &told[1] else { panic!("{told:?}") };
    assert_eq!((recipients(seen), seen.group.as_ref().unwrap().owner_id), (vec![4], id(BORIS)));
    for person in 5..=12 {
        chat.add_to_group(&user(4), group.id, id(person)).await.unwrap();
    }
    let eleventh = chat.add_to_group(&user(4), group.id, id(CLARA)).await;
    assert_eq!(eleventh, Err(Refusal::TooManyRecipients));
    drop(stage);

    let stage = open(&folder).await;
    let AnyChannel::Direct(seen) = stage.chat.any_channel(id(4), group.id).await.unwrap() else { panic!() };
    assert_eq!(seen.recipients.len(), MAX_PEOPLE - 1);
    assert_eq!(seen.group.unwrap().name.as_deref(), Some("Лодка"));
    for person in [BORIS].into_iter().chain(4..=12) {
        stage.chat.close_direct(&user(person), group.id).await.unwrap();
    }
    assert_eq!(stage.chat.any_channel(id(4), group.id).await, Err(Refusal::UnknownChannel));
    stage.chat.sweep().await.unwrap();
    let many = (2..=11).map(id);
    assert_eq!(stage.chat.open_direct(&user(ANNA), many).await, Err(Refusal::TooManyRecipients));
}

#[tokio::test]
async fn friends_write_without_a_guild_and_who_is_blocked_does_not() {
    let folder = Folder::new();
    let stage = neighbours(&folder, 3).await;
    let chat = &stage.chat;
    // The stranger is Anna's friend; Clara blocked Anna.
    stage.bus.serve(|between: RelationBetween| async move {
        let is = |one: u64, other: u64| between.a == id(one) && between.b == id(other);
        Relation {
            friends: is(ANNA, STRANGER) || is(STRANGER, ANNA),
            blocked_by_a: is(CLARA, ANNA),
            blocked_by_b: is(ANNA, CLARA),
        }
    });
    let friends = stage.pair(ANNA, STRANGER).await;
    chat.send(&user(STRANGER), friends, draft("hi", None)).await.unwrap();
    let blocked = Err(Refusal::CannotMessage);
    assert_eq!(chat.open_direct(&user(ANNA), [id(CLARA)]).await, blocked);
    assert_eq!(chat.open_direct(&user(CLARA), [id(ANNA)]).await, blocked);
    let group = stage.group_of(BORIS, &[ANNA, CLARA]).await;
    chat.send(&user(ANNA), group.id, draft("in a group all hear", None)).await.unwrap();
    // Who opened it before is stopped as well.
    let pair = stage.pair(BORIS, ANNA).await;
    let sent = chat.send(&user(ANNA), pair, draft("hi", None)).await.unwrap();
    stage.bus.serve(|_: RelationBetween| async { Relation { blocked_by_b: true, ..Relation::default() } });
    assert_eq!(
        chat.send(&user(ANNA), pair, draft("hi", None)).await.map(|_| ()),
        Err(Refusal::CannotMessage)
    );
    let text = MessageText::parse("changed").unwrap();
    let edited = chat.edit_message(&user(ANNA), pair, sent.id, Edit::text(text)).await.map(|_| ());
    assert_eq!(edited, Err(Refusal::CannotMessage));
}

#[tokio::test]
async fn an_account_that_is_gone_is_in_no_group() {
    let folder = Folder::new();
    let stage = neighbours(&folder, 3).await;
    let group = stage.group_of(ANNA, &[BORIS, CLARA]).await;
    stage.chat.forget_in_directs(id(ANNA)).await.unwrap();
    stage.chat.forget_in_directs(id(ANNA)).await.unwrap();
    let AnyChannel::Direct(seen) = stage.chat.any_channel(id(BORIS), group.id).await.unwrap() else {
        panic!()
    };
    assert_eq!((recipients(&seen), seen.group.as_ref().unwrap().owner_id), (vec![CLARA], id(BORIS)));
}

#[tokio::test]
async fn a_group_has_a_picture_that_files_keeps_and_lets_go_of() {
    let folder = Folder::new();
    let stage = neighbours(&folder, 2).await;
    let kept = Arc::new(AtomicU32::new(0));
    stage.bus.serve(move |asked: StoreImage| {
        let hash = format!("hash{}", kept.fetch_add(1, Ordering::Relaxed));
        let stored = StoredImage { hash, animated: false };
        let refused = asked.data_uri == "nonsense";
        async move { if refused { Err(ImageRefused::NotADataUri) } else { Ok(stored) } }
    });
    let released: Arc<Mutex<Vec<FilesNews>>> = Arc::default();
    let ears = released.clone();
    stage.bus.serve(move |news: FilesNews| {
        ears.lock().unwrap().push(news);
        async {}
    });
    let group = stage.chat.open_direct(&user(ANNA), [id(BORIS), id(ANNA)]).await.unwrap();
    let set = async |icon: Option<&str>| {
        let fields = GroupFields { name: None, icon: Some(icon.map(str::to_owned)) };
        let group = stage.chat.update_group(&user(BORIS), group.id, fields).await?;
        Ok::<_, Refusal>(group.group.unwrap().icon)
    };
    assert_eq!(set(Some("data:one")).await, Ok(Some("hash0".to_owned())));
    assert!(matches!(set(Some("nonsense")).await, Err(Refusal::Form(_))));
    assert_eq!(set(None).await, Ok(None));
    let purpose = ImagePurpose::ChannelIcon(group.id);
    let expected = [FilesNews::ImageReleased { purpose, hash: "hash0".to_owned() }];
    while *released.lock().unwrap() != expected {
        tokio::task::yield_now().await;
    }
}
