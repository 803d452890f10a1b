//! What people live through in a guild, told on the service itself.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod common;

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use common::{Folder, Stage, channel_name, draft, open, open_with, user};
use voxlink_chat::{
    Chat, Edit, Refusal,
    channel::{ChannelFields, reorder::Move},
    invite::create::NewInvite,
    store::messages::Position,
};
use voxlink_protocol::{
    ChannelId, ChannelKind, MessageId, Overwrite, OverwriteKind, Permissions, Snowflake, UserId,
    bus::{GetUsers, GuildsOf, IssueCallPass, LoadGuild, PassRefused},
    event::{ChannelChange, GuildChange, GuildEvent},
    text::MessageText,
};
use voxlink_service_kit::{
    Bus, CallError, Env, Unavailable,
    call_pass::PassKey,
    env::{Clock, ManualClock},
};

const ANNA: u64 = 1;
const BORIS: u64 = 2;
const CLARA: u64 = 3;

const FOR_EVER: NewInvite = NewInvite { max_age: 0, max_uses: 0, unique: true };

fn hidden_from_everyone(guild: voxlink_protocol::GuildId) -> ChannelFields {
    let overwrite = Overwrite {
        id: Snowflake(guild.get()),
        kind: OverwriteKind::Role,
        allow: Permissions::empty(),
        deny: Permissions::VIEW_CHANNEL,
    };
    ChannelFields { permission_overwrites: Some(vec![overwrite]), ..ChannelFields::default() }
}

#[test]
fn everything_here_holds_on_postgresql() {
    voxlink_test_postgres::run_all_again();
}

#[tokio::test]
async fn what_one_may_not_see_is_unknown_and_what_one_may_not_do_is_forbidden() {
    let folder = Folder::new();
    let stage = open(&folder).await;
    let chat = &stage.chat;
    let (guild, text, voice) = stage.guild(ANNA).await;
    let (boris, clara) = (user(BORIS), user(CLARA));
    assert_eq!(chat.send(&boris, text, draft("hi", None)).await, Err(Refusal::UnknownChannel));
    stage.join(ANNA, text, BORIS).await;
    chat.send(&boris, text, draft("hi", None)).await.unwrap();
    chat.update_channel(UserId::new(ANNA), text, hidden_from_everyone(guild)).await.unwrap();
    assert_eq!(chat.send(&boris, text, draft("hi", None)).await, Err(Refusal::UnknownChannel));
    assert_eq!(chat.typing(&boris, text), Err(Refusal::UnknownChannel));
    assert_eq!(chat.channels(boris.id, guild).unwrap().len(), 1);
    chat.send(&user(ANNA), text, draft("alone", None)).await.unwrap();
    assert_eq!(chat.delete_channel(boris.id, text).await, Err(Refusal::UnknownChannel));
    assert_eq!(chat.delete_channel(boris.id, voice).await, Err(Refusal::Forbidden));
    assert_eq!(chat.delete_guild(boris.id, guild).await, Err(Refusal::Forbidden));
    assert_eq!(chat.delete_guild(clara.id, guild).await, Err(Refusal::UnknownGuild));
    assert_eq!(chat.guild_invites(boris.id, guild).await, Err(Refusal::Forbidden));
}

#[tokio::test]
async fn nobody_gives_away_by_an_overwrite_what_they_do_not_have() {
    let folder = Folder::new();
    let stage = open(&folder).await;
    let (guild, text, _) = stage.guild(ANNA).await;
    stage.join(ANNA, text, BORIS).await;
    let manager = Overwrite {
        id: Snowflake(BORIS),
        kind: OverwriteKind::Member,
        allow: Permissions::MANAGE_CHANNELS,
        deny: Permissions::empty(),
    };
    let fields =
        ChannelFields { permission_overwrites: Some(vec![manager.clone()]), ..ChannelFields::default() };
    stage.chat.update_channel(UserId::new(ANNA), text, fields).await.unwrap();
    let boris = UserId::new(BORIS);
    let renamed = ChannelFields { name: Some(channel_name("Boats")), ..ChannelFields::default() };
    assert_eq!(stage.chat.update_channel(boris, text, renamed).await.unwrap().name, "Boats");
    let more = Overwrite { allow: Permissions::ADMINISTRATOR, ..manager };
    let fields = ChannelFields { permission_overwrites: Some(vec![more]), ..ChannelFields::default() };
    assert_eq!(stage.chat.update_channel(boris, text, fields).await, Err(Refusal::Forbidden));
    assert_eq!(
        stage.chat.update_channel(boris, text, hidden_from_everyone(guild)).await,
        Err(Refusal::Forbidden)
    );
}

#[tokio::test]
async fn the_same_nonce_is_the_same_message_also_after_a_restart() {
    let folder = Folder::new();
    let stage = open(&folder).await;
    let (_, text, _) = stage.guild(ANNA).await;
    stage.join(ANNA, text, BORIS).await;
    let anna = user(ANNA);
    let first = stage.chat.send(&anna, text, draft("hello", Some("n1"))).await.unwrap();
    let again = stage.chat.send(&anna, text, draft("hello", Some("n1"))).await.unwrap();
    assert_eq!(first, again);
    assert_eq!(stage.announced(), 1);
    let theirs = stage.chat.send(&user(BORIS), text, draft("hello", Some("n1"))).await.unwrap();
    assert_ne!(theirs.id, first.id);
    drop(stage);
    let stage = open(&folder).await;
    let after_restart = stage.chat.send(&anna, text, draft("hello", Some("n1"))).await.unwrap();
    assert_eq!(first, after_restart);
    assert_eq!(stage.announced(), 0);
    stage.chat.delete_message(anna.id, text, first.id).await.unwrap();
    let deleted = stage.chat.send(&anna, text, draft("hello", Some("n1"))).await.unwrap();
    assert_eq!(deleted.id, first.id, "a retry does not bring back what was deleted");
    let page = stage.chat.messages(anna.id, text, Position::Latest, 50).await.unwrap();
    assert_eq!(page.iter().map(|message| message.id).collect::<Vec<_>>(), [theirs.id]);
}

#[tokio::test(flavor = "multi_thread")]
async fn retries_that_race_store_one_message() {
    let folder = Folder::new();
    let stage = open(&folder).await;
    let (_, text, _) = stage.guild(ANNA).await;
    let tasks: Vec<_> = (0..50)
        .map(|_| {
            let chat = stage.chat.clone();
            tokio::spawn(async move { chat.send(&user(ANNA), text, draft("once", Some("n"))).await })
        })
        .collect();
    let mut ids = Vec::new();
    for task in tasks {
        ids.push(task.await.unwrap().unwrap().id);
    }
    ids.dedup();
    assert_eq!(ids.len(), 1);
    assert_eq!(stage.announced(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_who_join_at_once_by_an_invite_for_one_are_one() {
    let folder = Folder::new();
    let stage = open(&folder).await;
    let (guild, text, _) = stage.guild(ANNA).await;
    let once = NewInvite { max_age: 0, max_uses: 1, unique: true };
    let code = stage.chat.create_invite(&user(ANNA), text, once).await.unwrap().code.0;
    let tasks: Vec<_> = (100..200_u64)
        .map(|id| {
            let (chat, code) = (stage.chat.clone(), code.clone());
            tokio::spawn(async move { chat.join(&user(id), &code).await.map(|_| id) })
        })
        .collect();
    let mut joined = Vec::new();
    for task in tasks {
        match task.await.unwrap() {
            Ok(id) => joined.push(id),
            Err(refusal) => assert_eq!(refusal, Refusal::UnknownInvite),
        }
    }
    assert_eq!(joined.len(), 1);
    assert_eq!(stage.chat.guild(UserId::new(ANNA), guild).unwrap().1, 2);
    stage.chat.join(&user(joined[0]), &code).await.expect("who is in may ask again");
    assert_eq!(stage.chat.join(&user(300), &code).await, Err(Refusal::UnknownInvite));
}

#[tokio::test]
async fn joining_again_counts_nothing_and_tells_nobody() {
    let folder = Folder::new();
    let stage = open(&folder).await;
    let (guild, text, _) = stage.guild(ANNA).await;
    let code = stage.chat.create_invite(&user(ANNA), text, FOR_EVER).await.unwrap().code.0;
    for _ in 0..3 {
        stage.chat.join(&user(BORIS), &code).await.unwrap();
    }
    let listed = stage.chat.guild_invites(UserId::new(ANNA), guild).await.unwrap();
    assert_eq!(listed[0].metadata.as_ref().map(|metadata| metadata.uses), Some(1));
    let added = |event: &&GuildEvent| matches!(event.change, GuildChange::MemberAdd(_));
    assert_eq!(stage.events().iter().filter(added).count(), 1);
}

#[tokio::test]
async fn an_invite_ends_with_its_time_and_strangers_do_not_see_who_made_it() {
    let folder = Folder::new();
    let clock = ManualClock::at(SystemTime::now());
    let env = Env { clock: clock.clone() as Arc<dyn Clock>, ..Env::real() };
    let stage = open_with(&folder.database(), Bus::in_process(), env).await;
    let (_, text, _) = stage.guild(ANNA).await;
    let hour = NewInvite { max_age: 3600, max_uses: 0, unique: false };
    let made = stage.chat.create_invite(&user(ANNA), text, hour).await.unwrap();
    assert_eq!(made.code.0.len(), 11);
    let same = stage.chat.create_invite(&user(ANNA), text, hour).await.unwrap();
    assert_eq!(same.code, made.code);
    let seen = stage.chat.invite(&made.code.0, false).await.unwrap();
    assert_eq!((seen.inviter, seen.metadata, seen.guild.name.as_str()), (None, None, "Harbour"));
    let seen = stage.chat.invite(&made.code.0, true).await.unwrap();
    assert_eq!((seen.inviter, seen.metadata), (Some(user(ANNA)), None));
    clock.advance(Duration::from_secs(3600));
    assert_eq!(stage.chat.invite(&made.code.0, false).await, Err(Refusal::UnknownInvite));
    assert_eq!(stage.chat.join(&user(BORIS), &made.code.0).await, Err(Refusal::UnknownInvite));
    stage.chat.sweep().await.unwrap();
}

#[tokio::test]
async fn a_nonce_lives_ten_minutes_and_not_for_ever() {
    let folder = Folder::new();
    let clock = ManualClock::at(SystemTime::now());
    let env = Env { clock: clock.clone() as Arc<dyn Clock>, ..Env::real() };
    let stage = open_with(&folder.database(), Bus::in_process(), env).await;
    let (_, text, _) = stage.guild(ANNA).await;
    let anna = user(ANNA);
    let send = || stage.chat.send(&anna, text, draft("hello", Some("n")));
    let first = send().await.unwrap().id;
    clock.advance(Duration::from_secs(600));
    stage.chat.sweep().await.unwrap();
    assert_eq!(send().await.unwrap().id, first);
    clock.advance(Duration::from_secs(1200));
    stage.chat.sweep().await.unwrap();
    assert_ne!(send().await.unwrap().id, first);
}

/// Reads on from the newest id it has until `expected` messages were seen.
async fn follow(chat: Chat, channel: ChannelId, expected: usize) -> Vec<MessageId> {
    let mut seen = Vec::new();
    while seen.len() < expected {
        let newest = seen.last().copied().unwrap_or(MessageId::new(0));
        let page =
            chat.messages(UserId::new(ANNA), channel, Position::After(newest), 37).await.expect("a page");
        seen.extend(page.iter().rev().map(|message| message.id));
        tokio::task::yield_now().await;
    }
    seen
}

#[tokio::test(flavor = "multi_thread")]
async fn after_never_skips_a_message_while_many_write() {
    let folder = Folder::new();
    let stage = open(&folder).await;
    let (guild, text, _) = stage.guild(ANNA).await;
    let reader = tokio::spawn(follow(stage.chat.clone(), text, 1600));
    let writers: Vec<_> = (0..16)
        .map(|_| {
            let chat = stage.chat.clone();
            tokio::spawn(async move {
                for _ in 0..100 {
                    chat.send(&user(ANNA), text, draft("x", None)).await.unwrap();
                }
            })
        })
        .collect();
    // Structure changes beside them share the versions.
    for count in 0..20 {
        let name = channel_name(&format!("room {count}"));
        let fields = ChannelFields::default();
        stage.chat.create_channel(UserId::new(ANNA), guild, ChannelKind::Text, name, fields).await.unwrap();
    }
    for writer in writers {
        writer.await.unwrap();
    }
    let seen =
        tokio::time::timeout(Duration::from_secs(30), reader).await.expect("no skipped message").unwrap();
    assert!(seen.is_sorted());
    let announced: Vec<MessageId> = stage
        .events()
        .iter()
        .filter_map(|event| match &event.change {
            GuildChange::Channel(ChannelChange::MessageCreate(message)) => Some(message.id),
            _ => None,
        })
        .collect();
    assert_eq!(seen, announced, "ids grow in the order of commit");
    // Each new channel also has its line in the audit log.
    assert!(stage.versions(guild) == (1..=1 + 1600 + 2 * 20).collect::<Vec<u64>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_and_the_events_after_it_make_the_whole() {
    let folder = Folder::new();
    let stage = open(&folder).await;
    let (guild, text, _) = stage.guild(ANNA).await;
    let chat = stage.chat.clone();
    let writer = tokio::spawn(async move {
        for count in 0..200 {
            let name = channel_name(&format!("room {count}"));
            chat.create_channel(UserId::new(ANNA), guild, ChannelKind::Text, name, ChannelFields::default())
                .await
                .unwrap();
            chat.send(&user(ANNA), text, draft("x", None)).await.unwrap();
        }
    });
    while !writer.is_finished() {
        let snapshot = stage.bus.call(LoadGuild { guild }).await.unwrap().unwrap();
        // Version 1 made the guild; then a channel, its line in the audit log and a message in turn.
        let channels = 2 + usize::try_from(snapshot.version).unwrap() / 3;
        assert_eq!(snapshot.channels.len(), channels, "at version {}", snapshot.version);
        tokio::task::yield_now().await;
    }
    writer.await.unwrap();
}

#[tokio::test]
async fn everything_is_there_after_a_restart_and_ids_go_on_growing_though_the_clock_went_back() {
    let folder = Folder::new();
    let stage = open(&folder).await;
    let (guild, text, voice) = stage.guild(ANNA).await;
    stage.join(ANNA, text, BORIS).await;
    stage.chat.update_channel(UserId::new(ANNA), voice, hidden_from_everyone(guild)).await.unwrap();
    let newest = stage.chat.send(&user(BORIS), text, draft("x", None)).await.unwrap();
    let before = stage.chat.load_guild(guild).await.unwrap().unwrap();
    stage.chat.delete_message(UserId::new(BORIS), text, newest.id).await.unwrap();
    drop(stage);
    let past = SystemTime::now() - Duration::from_secs(86_400);
    let env = Env { clock: ManualClock::at(past), ..Env::real() };
    let stage = open_with(&folder.database(), Bus::serialising(), env).await;
    let mut after = stage.bus.call(LoadGuild { guild }).await.unwrap().unwrap();
    assert_eq!(after.version, before.version + 1);
    after.version = before.version;
    // The newest message was deleted; only its id is remembered.
    after.channels.iter_mut().for_each(|channel| {
        channel.last_message_id =
            before.channels.iter().find(|other| other.id == channel.id).unwrap().last_message_id;
    });
    assert_eq!(after, before);
    assert_eq!(stage.bus.call(GuildsOf { user: UserId::new(BORIS) }).await, Ok(vec![guild]));
    let next = stage.chat.send(&user(BORIS), text, draft("y", None)).await.unwrap();
    assert!(next.id > newest.id);
}

#[tokio::test]
async fn deletions_are_told_once_and_forgotten_by_the_outbox() {
    let folder = Folder::new();
    let stage = open(&folder).await;
    let (guild, text, voice) = stage.guild(ANNA).await;
    stage.join(ANNA, text, BORIS).await;
    stage.chat.leave_guild(UserId::new(BORIS), guild).await.unwrap();
    assert_eq!(stage.chat.leave_guild(UserId::new(ANNA), guild).await, Err(Refusal::OwnerCannotLeave));
    stage.chat.delete_channel(UserId::new(ANNA), voice).await.unwrap();
    stage.chat.delete_guild(UserId::new(ANNA), guild).await.unwrap();
    assert_eq!(stage.chat.guilds_of(UserId::new(ANNA)), []);
    assert_eq!(stage.chat.send(&user(ANNA), text, draft("x", None)).await, Err(Refusal::UnknownChannel));
    assert_eq!(stage.bus.call(LoadGuild { guild }).await, Ok(None));
    let is_log = |change: &GuildChange| matches!(change, GuildChange::AuditLogEntryCreate(_));
    let told = stage.events().into_iter().map(|event| event.change).filter(|change| !is_log(change));
    let told: Vec<GuildChange> = told.collect();
    assert!(matches!(told[told.len() - 3], GuildChange::MemberRemove(id) if id == UserId::new(BORIS)));
    assert!(matches!(&told[told.len() - 2], GuildChange::ChannelDelete(channel) if channel.id == voice));
    assert!(matches!(told[told.len() - 1], GuildChange::GuildDelete));
    let versions = stage.versions(guild);
    assert_eq!(versions, (1..=versions.len() as u64).collect::<Vec<_>>());
    // Forgetting runs beside us; a write behind it in the queue comes after it.
    tokio::task::yield_now().await;
    stage.chat.sweep().await.unwrap();
    drop(stage);
    let stage = open(&folder).await;
    assert_eq!(stage.events(), []);
}

#[tokio::test]
async fn what_hangs_under_a_deleted_category_stays_under_none() {
    let folder = Folder::new();
    let stage = open(&folder).await;
    let anna = UserId::new(ANNA);
    let (guild, text, voice) = stage.guild(ANNA).await;
    let category = stage
        .chat
        .create_channel(anna, guild, ChannelKind::Category, channel_name("Rooms"), ChannelFields::default())
        .await
        .unwrap()
        .id;
    let under = |id| Move { id, position: Some(4), parent_id: Some(Some(category)), lock_permissions: false };
    let moves = [text, voice].map(under);
    stage.chat.reorder_channels(anna, guild, moves.to_vec()).await.unwrap();
    assert_eq!(stage.chat.channel(anna, text).unwrap().parent_id, Some(category));
    let count = stage.events().len();
    stage.chat.reorder_channels(anna, guild, moves.to_vec()).await.unwrap();
    assert_eq!(stage.events().len(), count, "what stands there already is told to nobody");
    let wrong = Move { id: text, position: None, parent_id: Some(Some(voice)), lock_permissions: false };
    assert!(matches!(stage.chat.reorder_channels(anna, guild, vec![wrong]).await, Err(Refusal::Form(_))));
    stage.chat.delete_channel(anna, category).await.unwrap();
    let moved = stage.chat.channel(anna, text).unwrap();
    assert_eq!((moved.parent_id, moved.position), (None, 4));
}

#[tokio::test]
async fn a_change_of_a_channel_does_not_forget_its_newest_message() {
    let folder = Folder::new();
    let stage = open(&folder).await;
    let (_, text, _) = stage.guild(ANNA).await;
    let message = stage.chat.send(&user(ANNA), text, draft("x", None)).await.unwrap();
    let fields = ChannelFields { name: Some(channel_name("Boats")), ..ChannelFields::default() };
    stage.chat.update_channel(UserId::new(ANNA), text, fields).await.unwrap();
    let channel = stage.chat.channel(UserId::new(ANNA), text).unwrap();
    assert_eq!((channel.name.as_str(), channel.last_message_id), ("Boats", Some(message.id)));
}

#[tokio::test]
async fn only_its_author_edits_a_message_and_who_manages_messages_deletes_any() {
    let folder = Folder::new();
    let stage = open(&folder).await;
    let (_, text, _) = stage.guild(ANNA).await;
    stage.join(ANNA, text, BORIS).await;
    let (anna, boris) = (user(ANNA), user(BORIS));
    let hers = stage.chat.send(&anna, text, draft("hers", None)).await.unwrap();
    let his = stage.chat.send(&boris, text, draft("his", None)).await.unwrap();
    let new = || Edit::text(MessageText::parse("new").unwrap());
    assert_eq!(stage.chat.edit_message(&anna, text, his.id, new()).await, Err(Refusal::NotTheAuthor));
    assert_eq!(stage.chat.delete_message(boris.id, text, hers.id).await, Err(Refusal::Forbidden));
    let edited = stage.chat.edit_message(&boris, text, his.id, new()).await.unwrap();
    assert!(edited.content == "new" && edited.edited_timestamp.is_some());
    assert_eq!(stage.chat.message(anna.id, text, his.id).await.unwrap(), edited);
    stage.chat.delete_message(anna.id, text, his.id).await.unwrap();
    assert_eq!(stage.chat.message(anna.id, text, his.id).await, Err(Refusal::UnknownMessage));
}

fn pass_request(user: u64, guild: voxlink_protocol::GuildId, channel: ChannelId) -> IssueCallPass {
    IssueCallPass { user: UserId::new(user), guild: Some(guild), channel, session_id: "s".to_owned() }
}

async fn ask(stage: &Stage, request: IssueCallPass) -> Result<voxlink_protocol::Secret, PassRefused> {
    stage.bus.call(request).await.unwrap()
}

#[tokio::test]
async fn a_call_pass_says_what_one_may_do_in_the_call() {
    let folder = Folder::new();
    let stage = open(&folder).await;
    let (guild, text, voice) = stage.guild(ANNA).await;
    stage.join(ANNA, text, BORIS).await;
    let seats = ChannelFields { user_limit: Some(2), ..ChannelFields::default() };
    stage.chat.update_channel(UserId::new(ANNA), voice, seats).await.unwrap();
    let silent = Overwrite {
        id: Snowflake(BORIS),
        kind: OverwriteKind::Member,
        allow: Permissions::empty(),
        deny: Permissions::SPEAK,
    };
    let fields = ChannelFields { permission_overwrites: Some(vec![silent]), ..ChannelFields::default() };
    stage.chat.update_channel(UserId::new(ANNA), voice, fields).await.unwrap();
    let key = PassKey::new(&[7; 32]);
    let now = Env::real().now();
    let his = key.verify(&ask(&stage, pass_request(BORIS, guild, voice)).await.unwrap(), now).unwrap();
    assert_eq!((his.may_speak, his.may_stream, his.user_limit), (false, true, 2));
    let hers = key.verify(&ask(&stage, pass_request(ANNA, guild, voice)).await.unwrap(), now).unwrap();
    assert_eq!((hers.may_speak, hers.user_limit), (true, 0));
    assert!(hers.expires <= Env::real().now().plus(Duration::from_secs(60)));
    assert_eq!(ask(&stage, pass_request(CLARA, guild, voice)).await, Err(PassRefused::Unknown));
    assert_eq!(ask(&stage, pass_request(ANNA, guild, text)).await, Err(PassRefused::NotVoice));
    let elsewhere = voxlink_protocol::GuildId::new(5);
    assert_eq!(ask(&stage, pass_request(ANNA, elsewhere, voice)).await, Err(PassRefused::Unknown));
}

#[tokio::test]
async fn a_restart_tells_the_deletion_that_a_crash_left_untold() {
    let folder = Folder::new();
    let event = GuildEvent {
        guild_id: voxlink_protocol::GuildId::new(5),
        version: Some(9),
        change: GuildChange::GuildDelete,
    };
    {
        let db = voxlink_service_kit::Db::open(folder.database(), voxlink_chat::store::MIGRATIONS).unwrap();
        let event = event.clone();
        db.write(move |sql| voxlink_service_kit::outbox::put(sql, &event)).await.unwrap();
    }
    let stage = open(&folder).await;
    assert_eq!(stage.events(), [event]);
}

#[tokio::test]
async fn one_is_in_at_most_two_hundred_guilds() {
    let folder = Folder::new();
    let stage = open(&folder).await;
    let (_, text, _) = stage.guild(BORIS).await;
    let code = stage.chat.create_invite(&user(BORIS), text, FOR_EVER).await.unwrap().code.0;
    for _ in 0..200 {
        stage.guild(ANNA).await;
    }
    assert_eq!(stage.chat.join(&user(ANNA), &code).await, Err(Refusal::TooManyGuilds));
    let seen = stage.chat.invite(&code, false).await.unwrap();
    assert_eq!(seen.approximate_member_count, Some(1));
}

#[tokio::test]
async fn a_guild_whose_members_cannot_be_looked_up_is_not_a_guild_that_is_gone() {
    let folder = Folder::new();
    let stage = open(&folder).await;
    let (guild, _, _) = stage.guild(1).await;
    stage.bus.try_serve(|_: GetUsers| async { Err(Unavailable) });
    let answer = stage.bus.call(LoadGuild { guild }).await;
    assert_eq!(answer, Err(CallError::Unavailable("chat.load_guild")));
}
