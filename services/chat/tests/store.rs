//! The contract of every store verb, on real SQLite files and on PostgreSQL.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod common;

use common::{Folder, channel_name};
use voxlink_chat::store::{
    MIGRATIONS, channels, guilds,
    invites::{self, StoredInvite},
    load, members,
    messages::{self, Position, StoredMessage},
};
use voxlink_protocol::{
    Channel, ChannelId, ChannelKind, Guild, GuildId, InviteCode, MessageId, Overwrite, OverwriteKind,
    Permissions, Snowflake, Timestamp, UserId,
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
        bitrate: Some(64_000),
        user_limit: Some(5),
        flags: 0,
    }
}

/// A database with one guild, one channel and its owner as a member.
async fn database(folder: &Folder) -> Db {
    let db = Db::open(&folder.database(), MIGRATIONS).unwrap();
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
        (0..2500_u64).try_for_each(|id| messages::insert(sql, TEXT, MessageId::new(id), OWNER, "x"))
    })
    .await;
    write(&db, |sql| channels::delete(sql, TEXT)).await;
    assert!(write(&db, |sql| invites::find(sql, "abc")).await.is_none());
    let mut rounds = 0;
    while write(&db, messages::clear_doomed).await {
        rounds += 1;
    }
    assert_eq!(rounds, 4, "three rounds of a thousand, one to find nothing left");
    let left = db.read(|sql| messages::page(sql, TEXT, Position::Latest, 10)).await;
    assert_eq!(left, Ok(Vec::<StoredMessage>::new()));
}

#[tokio::test]
async fn a_deleted_guild_leaves_nothing() {
    let folder = Folder::new();
    let db = database(&folder).await;
    write(&db, |sql| {
        invites::insert(sql, &invite("abc", 0))?;
        messages::insert(sql, TEXT, MessageId::new(5), OWNER, "x")?;
        guilds::delete(sql, GUILD)
    })
    .await;
    while write(&db, messages::clear_doomed).await {}
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

fn ids(page: &[StoredMessage]) -> Vec<u64> {
    page.iter().map(|message| message.id.get()).collect()
}

#[tokio::test]
async fn pages_are_newest_first_on_every_side_of_a_message() {
    let folder = Folder::new();
    let db = database(&folder).await;
    write(&db, |sql| {
        messages::insert(sql, ChannelId::new(12), MessageId::new(7), OWNER, "elsewhere")?;
        (1..=9_u64).try_for_each(|id| messages::insert(sql, TEXT, MessageId::new(id), OWNER, "x"))
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
async fn a_message_is_found_edited_and_deleted_once() {
    let folder = Folder::new();
    let db = database(&folder).await;
    let id = MessageId::new(5);
    write(&db, move |sql| messages::insert(sql, TEXT, id, OWNER, "one")).await;
    assert!(write(&db, move |sql| messages::edit(sql, TEXT, id, "two", NOW)).await);
    let found = write(&db, move |sql| messages::find(sql, TEXT, id)).await;
    let wanted = StoredMessage { id, author: OWNER, content: "two".to_owned(), edited_at: Some(NOW) };
    assert_eq!(found, Some(wanted));
    assert!(write(&db, move |sql| messages::delete(sql, TEXT, id)).await);
    assert!(!write(&db, move |sql| messages::delete(sql, TEXT, id)).await);
    assert!(!write(&db, move |sql| messages::edit(sql, TEXT, id, "three", NOW)).await);
    assert_eq!(write(&db, move |sql| messages::find(sql, TEXT, id)).await, None);
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
