//! The contract of every store verb, on real SQLite files and on PostgreSQL.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod common;

use common::{Folder, channel_name};
use std::time::Duration;

use voxlink_chat::store::{
    MIGRATIONS, channels, guilds,
    invites::{self, StoredInvite},
    load, members,
    messages::{self, Cleared, Position, StoredMessage},
    pins,
    reactions::{self, Of},
    slow_mode,
};
use voxlink_protocol::{
    Channel, ChannelId, ChannelKind, Embed, EmojiId, Guild, GuildId, InviteCode, MessageFlags, MessageId,
    MessageKind, Overwrite, OverwriteKind, Permissions, Reaction, ReactionEmoji, RoleId, Snowflake,
    Timestamp, UserId,
};
use voxlink_service_kit::{Db, DbError, Sql, params};

const GUILD: GuildId = GuildId::new(10);
const OWNER: UserId = UserId::new(1);
const TEXT: ChannelId = ChannelId::new(11);
const NOW: Timestamp = Timestamp(1_795_000_000_000);

fn channel(id: ChannelId, kind: ChannelKind) -> Channel {
    Channel {
        id,
        kind,
        guild_id: GUILD,
        name: channel_name("General").into_string(),
        position: 3,
        parent_id: None,
        topic: Some("boats".to_owned()),
        nsfw: true,
        rate_limit_per_user: 0,
        permission_overwrites: vec![Overwrite {
            id: Snowflake(10),
            kind: OverwriteKind::Role,
            allow: Permissions::SPEAK,
            deny: Permissions::VIEW_CHANNEL,
        }],
        last_message_id: None,
        last_pin_timestamp: None,
        bitrate: Some(64_000),
        user_limit: Some(5),
        flags: 0,
    }
}

/// A database with one guild, one channel and its owner as a member.
async fn database(folder: &Folder) -> Db {
    let db = Db::open(folder.database(), MIGRATIONS).unwrap();
    let rows = |sql: &Sql<'_>| {
        guilds::insert(sql, &Guild::new(GUILD, "Harbour", OWNER), NOW)?;
        channels::insert(sql, &channel(TEXT, ChannelKind::Text))?;
        members::insert(sql, GUILD, OWNER, NOW)
    };
    db.write(rows).await.unwrap();
    db
}

async fn write<T: Send + 'static>(
    db: &Db,
    rows: impl FnOnce(&Sql<'_>) -> Result<T, DbError> + Send + 'static,
) -> T {
    db.write(rows).await.unwrap()
}

#[test]
fn everything_here_holds_on_postgresql() {
    voxlink_test_postgres::run_all_again();
}

#[tokio::test]
async fn what_was_stored_of_a_guild_is_loaded_again() {
    let folder = Folder::new();
    let db = database(&folder).await;
    write(&db, |sql| guilds::update(sql, &Guild::new(GUILD, "Port", OWNER))).await;
    let first = write(&db, |sql| guilds::next_version(sql, GUILD)).await;
    let id = MessageId::new(500);
    let second = write(&db, move |sql| guilds::next_version_for_message(sql, id, GUILD, TEXT)).await;
    assert_eq!((first, second), (Some(1), Some(2)));
    let mut loaded = db.read(load::guilds).await.unwrap();
    let state = loaded.remove(0);
    assert_eq!((state.version, state.guild.name.as_str(), state.guild.owner_id), (2, "Port", OWNER));
    assert_eq!(state.guild.roles, Guild::new(GUILD, "Port", OWNER).roles);
    assert_eq!(state.channels.get(&TEXT), Some(&channel(TEXT, ChannelKind::Text)));
    assert_eq!(state.members.get(&OWNER).map(|member| member.joined_at), Some(NOW));
    assert_eq!(db.read(load::newest_message).await, Ok(id));
}

#[tokio::test]
async fn there_is_no_version_for_what_is_gone() {
    let folder = Folder::new();
    let db = database(&folder).await;
    let id = MessageId::new(500);
    assert_eq!(write(&db, |sql| guilds::next_version(sql, GuildId::new(99))).await, None);
    let elsewhere = ChannelId::new(99);
    let version = write(&db, move |sql| guilds::next_version_for_message(sql, id, GUILD, elsewhere)).await;
    assert_eq!(version, None);
}

#[tokio::test]
async fn a_changed_channel_is_loaded_as_changed() {
    let folder = Folder::new();
    let db = database(&folder).await;
    let changed = Channel {
        name: "Boats".to_owned(),
        topic: None,
        permission_overwrites: Vec::new(),
        ..channel(TEXT, ChannelKind::Text)
    };
    let wanted = changed.clone();
    write(&db, move |sql| channels::update(sql, &changed)).await;
    let loaded = db.read(load::guilds).await.unwrap();
    assert_eq!(loaded[0].channels.get(&TEXT), Some(&wanted));
}

#[tokio::test]
async fn a_deleted_channel_takes_its_invites_along_and_its_messages_a_little_later() {
    let folder = Folder::new();
    let db = database(&folder).await;
    write(&db, |sql| {
        invites::insert(sql, &invite("abc", 0))?;
        (0..2500_u64).try_for_each(|id| messages::insert(sql, TEXT, &plain(id, "x")))
    })
    .await;
    write(&db, |sql| channels::delete(sql, TEXT)).await;
    assert!(write(&db, |sql| invites::find(sql, "abc")).await.is_none());
    let mut rounds = 0;
    while write(&db, messages::clear_doomed).await == Cleared::Some {
        rounds += 1;
    }
    assert_eq!(rounds, 3, "of a thousand each");
    assert_eq!(write(&db, messages::clear_doomed).await, Cleared::Nothing);
    let left = db.read(|sql| messages::page(sql, TEXT, Position::Latest, 10)).await;
    assert_eq!(left, Ok(Vec::<StoredMessage>::new()));
}

#[tokio::test]
async fn a_deleted_guild_leaves_nothing() {
    let folder = Folder::new();
    let db = database(&folder).await;
    write(&db, |sql| {
        invites::insert(sql, &invite("abc", 0))?;
        messages::insert(sql, TEXT, &plain(5, "x"))?;
        guilds::delete(sql, GUILD)
    })
    .await;
    while write(&db, messages::clear_doomed).await != Cleared::Nothing {}
    for table in ["guild", "role", "channel", "overwrite", "member", "invite", "message", "doomed_channel"] {
        let select = format!("SELECT count(*) FROM {table}");
        let count: Result<Option<u64>, DbError> =
            db.read(move |sql| sql.query_one(&select, params![], |row| row.get(0))).await;
        assert_eq!(count, Ok(Some(0)), "{table}");
    }
}

#[tokio::test]
async fn one_is_a_member_once_and_counted_by_guild() {
    let folder = Folder::new();
    let db = database(&folder).await;
    let again = db.write(|sql| members::insert(sql, GUILD, OWNER, NOW)).await;
    assert!(matches!(again, Err(DbError::Unique(_))), "{again:?}");
    assert_eq!(write(&db, |sql| members::count_guilds_of(sql, OWNER)).await, 1);
    write(&db, |sql| members::delete(sql, GUILD, OWNER)).await;
    assert_eq!(write(&db, |sql| members::count_guilds_of(sql, OWNER)).await, 0);
}

fn invite(code: &str, max_uses: u32) -> StoredInvite {
    StoredInvite {
        code: InviteCode(code.to_owned()),
        guild: GUILD,
        channel: TEXT,
        inviter: OWNER,
        uses: 0,
        max_uses,
        max_age: 60,
        created_at: NOW,
        expires_at: Some(Timestamp(NOW.0 + 60_000)),
    }
}

#[tokio::test]
async fn an_invite_is_used_as_often_as_it_says_and_not_after_its_end() {
    let folder = Folder::new();
    let db = database(&folder).await;
    write(&db, |sql| invites::insert(sql, &invite("abc", 2))).await;
    assert_eq!(write(&db, |sql| invites::find(sql, "abc")).await, Some(invite("abc", 2)));
    let use_at = |now| move |sql: &Sql<'_>| invites::take_use(sql, "abc", now);
    let ended = Timestamp(NOW.0 + 60_000);
    assert_eq!(write(&db, use_at(ended)).await, None);
    assert_eq!(write(&db, use_at(NOW)).await.map(|used| (used.uses, used.is_used_up())), Some((1, false)));
    assert_eq!(write(&db, use_at(NOW)).await.map(|used| (used.uses, used.is_used_up())), Some((2, true)));
    assert_eq!(write(&db, use_at(NOW)).await, None);
    assert_eq!(write(&db, |sql| invites::of_guild(sql, GUILD, NOW)).await, []);
}

#[tokio::test]
async fn invites_are_listed_while_they_live_deleted_once_and_pruned_when_ended() {
    let folder = Folder::new();
    let db = database(&folder).await;
    write(&db, |sql| {
        invites::insert(sql, &invite("abc", 0))?;
        invites::insert(sql, &StoredInvite { expires_at: None, ..invite("ever", 0) })
    })
    .await;
    assert_eq!(write(&db, |sql| invites::of_guild(sql, GUILD, NOW)).await.len(), 2);
    let later = Timestamp(NOW.0 + 60_000);
    assert_eq!(write(&db, move |sql| invites::of_guild(sql, GUILD, later)).await.len(), 1);
    assert_eq!(write(&db, move |sql| invites::prune(sql, later)).await, 1);
    assert!(write(&db, |sql| invites::delete(sql, "ever")).await);
    assert!(!write(&db, |sql| invites::delete(sql, "ever")).await);
}

fn plain(id: u64, content: &str) -> StoredMessage {
    StoredMessage::new(MessageId::new(id), OWNER, content)
}

fn ids(page: &[StoredMessage]) -> Vec<u64> {
    page.iter().map(|message| message.id.get()).collect()
}

#[tokio::test]
async fn pages_are_newest_first_on_every_side_of_a_message() {
    let folder = Folder::new();
    let db = database(&folder).await;
    write(&db, |sql| {
        messages::insert(sql, ChannelId::new(12), &plain(7, "elsewhere"))?;
        (1..=9_u64).try_for_each(|id| messages::insert(sql, TEXT, &plain(id, "x")))
    })
    .await;
    let page = |position, limit| {
        let db = db.clone();
        async move { ids(&db.read(move |sql| messages::page(sql, TEXT, position, limit)).await.unwrap()) }
    };
    let at = MessageId::new;
    assert_eq!(page(Position::Latest, 3).await, [9, 8, 7]);
    assert_eq!(page(Position::Before(at(4)), 2).await, [3, 2]);
    assert_eq!(page(Position::After(at(4)), 2).await, [6, 5]);
    assert_eq!(page(Position::Around(at(5)), 5).await, [7, 6, 5, 4, 3]);
    assert_eq!(page(Position::Around(at(5)), 1).await, [5]);
    assert_eq!(page(Position::After(at(u64::MAX)), 5).await, [0_u64; 0]);
    assert_eq!(page(Position::Before(at(u64::MAX)), 1).await, [9]);
    assert_eq!(page(Position::Around(at(u64::MAX)), 4).await, [9, 8]);
}

#[tokio::test]
async fn a_message_is_found_changed_and_deleted_once() {
    let folder = Folder::new();
    let db = database(&folder).await;
    let id = MessageId::new(5);
    write(&db, |sql| messages::insert(sql, TEXT, &plain(5, "one"))).await;
    assert_eq!(write(&db, move |sql| messages::find(sql, TEXT, id)).await, Some(plain(5, "one")));
    let changed = StoredMessage {
        edited_at: Some(NOW),
        flags: MessageFlags::SUPPRESS_EMBEDS,
        mention_everyone: true,
        mentions: vec![OWNER, UserId::new(2)],
        mention_roles: vec![RoleId::new(3)],
        embeds: vec![Embed { title: Some("Лодка 🚤".to_owned()), ..Embed::default() }],
        ..plain(5, "two")
    };
    let wanted = changed.clone();
    assert!(write(&db, move |sql| messages::update(sql, TEXT, &changed)).await);
    assert_eq!(write(&db, move |sql| messages::find(sql, TEXT, id)).await, Some(wanted.clone()));
    let many = [id, MessageId::new(6), MessageId::new(u64::MAX)];
    assert_eq!(
        write(&db, move |sql| messages::find_many(sql, TEXT, &many)).await,
        std::slice::from_ref(&wanted)
    );
    assert!(write(&db, move |sql| messages::delete(sql, TEXT, id)).await);
    assert!(!write(&db, move |sql| messages::delete(sql, TEXT, id)).await);
    assert!(!write(&db, move |sql| messages::update(sql, TEXT, &wanted)).await);
    assert_eq!(write(&db, move |sql| messages::find(sql, TEXT, id)).await, None);
}

#[tokio::test]
async fn what_a_message_is_and_answers_is_stored_with_it() {
    let folder = Folder::new();
    let db = database(&folder).await;
    let stored = StoredMessage {
        kind: MessageKind::Reply,
        flags: MessageFlags::SUPPRESS_NOTIFICATIONS,
        reference: Some(MessageId::new(4)),
        ..plain(5, "\u{202b}שלום\u{202c} 👩‍🚀")
    };
    let wanted = stored.clone();
    write(&db, move |sql| messages::insert(sql, TEXT, &stored)).await;
    assert_eq!(write(&db, |sql| messages::find(sql, TEXT, MessageId::new(5))).await, Some(wanted));
}

#[tokio::test]
async fn pins_are_in_the_order_of_pinning_also_within_a_millisecond() {
    let folder = Folder::new();
    let db = database(&folder).await;
    write(&db, |sql| (1..=4_u64).try_for_each(|id| messages::insert(sql, TEXT, &plain(id, "x")))).await;
    let pin = |id| move |sql: &Sql<'_>| pins::pin(sql, TEXT, MessageId::new(id), NOW);
    let first = write(&db, pin(3)).await.unwrap();
    let second = write(&db, pin(1)).await.unwrap();
    assert!(first < second);
    assert_eq!(write(&db, pin(3)).await, None, "pinned already");
    assert_eq!(write(&db, pin(99)).await, None, "no such message");
    assert_eq!(write(&db, |sql| pins::count(sql, TEXT)).await, 2);
    assert_eq!(write(&db, |sql| pins::newest(sql, TEXT)).await, Some(second));
    let page = |before, limit| move |sql: &Sql<'_>| pins::page(sql, TEXT, before, limit);
    assert_eq!(ids(&write(&db, page(None, 10)).await), [1, 3]);
    assert_eq!(ids(&write(&db, page(Some(second), 10)).await), [3]);
    assert_eq!(ids(&write(&db, page(None, 1)).await), [1]);
    assert!(write(&db, |sql| pins::unpin(sql, TEXT, MessageId::new(1))).await);
    assert!(!write(&db, |sql| pins::unpin(sql, TEXT, MessageId::new(1))).await);
    assert_eq!(write(&db, |sql| pins::newest(sql, TEXT)).await, Some(first));
}

fn unicode(name: &str) -> ReactionEmoji {
    ReactionEmoji { id: None, name: Some(name.to_owned()), animated: false }
}

#[tokio::test]
async fn reactions_count_each_person_once_and_keep_the_order_in_which_emojis_came() {
    let folder = Folder::new();
    let db = database(&folder).await;
    let id = MessageId::new(5);
    write(&db, |sql| messages::insert(sql, TEXT, &plain(5, "x"))).await;
    let own = ReactionEmoji { id: Some(EmojiId::new(77)), name: Some("boat".to_owned()), animated: true };
    let add = |emoji: &ReactionEmoji, user, place| {
        let emoji = emoji.clone();
        move |sql: &Sql<'_>| reactions::add(sql, TEXT, id, &emoji, UserId::new(user), Snowflake(place))
    };
    assert!(write(&db, add(&unicode("👍"), 1, 10)).await);
    assert!(write(&db, add(&own, 2, 11)).await);
    assert!(write(&db, add(&unicode("👍"), 2, 12)).await);
    assert!(!write(&db, add(&unicode("👍"), 2, 13)).await, "chosen before");
    let seen = |which: u64, reader| {
        move |sql: &Sql<'_>| {
            let ids = [id];
            let which = if which == 0 { Of::Between(id, id) } else { Of::These(&ids) };
            reactions::of(sql, TEXT, which, reader).map(|mut found| found.remove(&id).unwrap_or_default())
        }
    };
    let wanted = vec![Reaction::new(unicode("👍"), 2, true), Reaction::new(own.clone(), 1, false)];
    assert_eq!(write(&db, seen(0, Some(OWNER))).await, wanted);
    assert_eq!(write(&db, seen(1, Some(OWNER))).await, wanted);
    assert!(write(&db, seen(0, None)).await.iter().all(|reaction| !reaction.me));
    let people = |after| move |sql: &Sql<'_>| reactions::people(sql, TEXT, id, "👍", UserId::new(after), 10);
    assert_eq!(write(&db, people(0)).await, [UserId::new(1), UserId::new(2)]);
    assert_eq!(write(&db, people(1)).await, [UserId::new(2)]);
    let remove = |user| move |sql: &Sql<'_>| reactions::remove(sql, TEXT, id, "👍", UserId::new(user));
    assert!(write(&db, remove(1)).await);
    assert!(!write(&db, remove(1)).await);
    assert_eq!(write(&db, |sql| reactions::count_emojis(sql, TEXT, MessageId::new(5))).await, 2);
    assert!(write(&db, remove(2)).await);
    assert_eq!(write(&db, move |sql| reactions::find(sql, TEXT, id, "👍")).await, None);
    assert_eq!(write(&db, move |sql| reactions::find(sql, TEXT, id, "77")).await, Some(own));
    assert!(write(&db, move |sql| reactions::clear_emoji(sql, TEXT, id, "77")).await);
    assert!(!write(&db, move |sql| reactions::clear(sql, TEXT, id)).await);
    write(&db, add(&unicode("🚤"), 1, 20)).await;
    write(&db, move |sql| messages::delete(sql, TEXT, id)).await;
    assert_eq!(write(&db, seen(0, None)).await, []);
    assert_eq!(write(&db, people(0)).await, []);
}

#[tokio::test]
async fn slow_mode_gives_everyone_one_turn_in_a_while() {
    let folder = Folder::new();
    let db = database(&folder).await;
    let gap = Duration::from_secs(10);
    let take = |user, at: u64| {
        move |sql: &Sql<'_>| slow_mode::take_turn(sql, TEXT, UserId::new(user), Timestamp(at), gap)
    };
    assert_eq!(write(&db, take(1, 1000)).await, None);
    assert_eq!(write(&db, take(2, 2000)).await, None);
    assert_eq!(write(&db, take(1, 4000)).await, Some(Duration::from_secs(7)));
    assert_eq!(write(&db, take(1, 11_000)).await, None);
    while write(&db, |sql| slow_mode::prune(sql, Timestamp(11_000))).await {}
    assert_eq!(write(&db, take(2, 2001)).await, None, "forgotten");
    assert!(write(&db, take(1, 12_000)).await.is_some(), "not forgotten");
}

#[tokio::test]
async fn a_nonce_belongs_to_one_author_in_one_channel_until_it_is_pruned() {
    let folder = Folder::new();
    let db = database(&folder).await;
    let claim = |channel: u64, author: u64, id: u64| {
        move |sql: &Sql<'_>| {
            messages::claim_nonce(sql, ChannelId::new(channel), UserId::new(author), "n", MessageId::new(id))
        }
    };
    assert_eq!(write(&db, claim(1, 1, 100)).await, None);
    assert_eq!(write(&db, claim(1, 1, 101)).await, Some(MessageId::new(100)));
    assert_eq!(write(&db, claim(2, 1, 102)).await, None);
    assert_eq!(write(&db, claim(1, 2, 103)).await, None);
    let before = MessageId::new(101);
    while write(&db, move |sql| messages::prune_nonces(sql, before)).await {}
    assert_eq!(write(&db, claim(1, 1, 104)).await, None, "the old one was pruned");
    assert_eq!(write(&db, claim(2, 1, 105)).await, Some(MessageId::new(102)), "the younger one was not");
}
