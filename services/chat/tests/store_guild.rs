//! The contract of the store verbs of guild life, on real databases.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod common;

use common::Folder;
use voxlink_chat::{
    ban::{purge::Purge, read::BansPage},
    store::{
        MIGRATIONS, audit, bans, emojis, guilds,
        invites::{self, StoredInvite},
        load, members, purges, roles,
    },
};
use voxlink_protocol::{
    AuditLogChange, AuditLogEntry, AuditLogEntryId, Channel, ChannelId, ChannelKind, Emoji, EmojiId, Guild,
    GuildId, InviteCode, MessageId, Overwrite, OverwriteKind, Permissions, Role, RoleId, Snowflake,
    Timestamp, UserId, guild::RoleTags,
};
use voxlink_service_kit::{Db, DbError, Sql};

const GUILD: GuildId = GuildId::new(10);
const OWNER: UserId = UserId::new(1);
const TEXT: ChannelId = ChannelId::new(11);
const CREW: RoleId = RoleId::new(12);
const NOW: Timestamp = Timestamp(1_795_000_000_000);

fn crew() -> Role {
    Role {
        id: CREW,
        name: "Crew 🚢".to_owned(),
        position: 3,
        permissions: Permissions::every_named(),
        managed: true,
        tags: Some(RoleTags { bot_id: Some(UserId::new(9)) }),
        ..Role::everyone(GUILD)
    }
}

fn text() -> Channel {
    Channel {
        id: TEXT,
        kind: ChannelKind::Text,
        guild_id: GUILD,
        name: "General".to_owned(),
        position: 0,
        parent_id: None,
        topic: None,
        nsfw: false,
        rate_limit_per_user: 30,
        permission_overwrites: vec![Overwrite {
            id: CREW.0,
            kind: OverwriteKind::Role,
            allow: Permissions::SPEAK,
            deny: Permissions::empty(),
        }],
        last_message_id: None,
        last_pin_timestamp: None,
        bitrate: None,
        user_limit: None,
        flags: 0,
    }
}

/// A database with one guild, its owner, a role and a channel.
async fn database(folder: &Folder) -> Db {
    let db = Db::open(folder.database(), MIGRATIONS).unwrap();
    let rows = |sql: &Sql<'_>| {
        guilds::insert(sql, &Guild::new(GUILD, "Harbour", OWNER), NOW)?;
        roles::insert(sql, GUILD, &crew())?;
        voxlink_chat::store::channels::insert(sql, &text())?;
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
async fn roles_and_members_are_loaded_as_they_were_stored_and_a_role_goes_with_all_of_it() {
    let folder = Folder::new();
    let db = database(&folder).await;
    write(&db, |sql| roles::give(sql, GUILD, OWNER, CREW)).await;
    write(&db, |sql| roles::give(sql, GUILD, OWNER, CREW)).await;
    write(&db, |sql| {
        let mut member = voxlink_chat::state::new_member(NOW);
        (member.nick, member.mute) = (Some("Кэп".to_owned()), true);
        member.communication_disabled_until = Some(Timestamp(5));
        members::update(sql, GUILD, OWNER, &member)
    })
    .await;
    let state = db.read(load::guilds).await.unwrap().remove(0);
    assert_eq!(state.guild.roles.last(), Some(&crew()));
    assert_eq!(state.channels.get(&TEXT), Some(&text()));
    let member = state.members.get(&OWNER).unwrap();
    assert_eq!((member.nick.as_deref(), member.mute, member.deaf), (Some("Кэп"), true, false));
    assert_eq!((&member.roles[..], member.communication_disabled_until), (&[CREW][..], Some(Timestamp(5))));
    let renamed = Role { name: "Deck".to_owned(), permissions: Permissions::empty(), ..crew() };
    let stored = renamed.clone();
    write(&db, move |sql| roles::update(sql, &stored)).await;
    assert_eq!(db.read(load::guilds).await.unwrap()[0].guild.roles.last(), Some(&renamed));
    write(&db, |sql| roles::take(sql, GUILD, OWNER, CREW)).await;
    write(&db, |sql| roles::give(sql, GUILD, OWNER, CREW)).await;
    write(&db, |sql| roles::delete(sql, CREW)).await;
    let state = db.read(load::guilds).await.unwrap().remove(0);
    assert_eq!((state.guild.roles.len(), state.members[&OWNER].roles.len()), (1, 0));
    assert!(state.channels[&TEXT].permission_overwrites.is_empty());
}

#[tokio::test]
async fn bans_are_stored_once_paged_and_lifted() {
    let folder = Folder::new();
    let db = database(&folder).await;
    for id in [7, 5, 9] {
        assert!(write(&db, move |sql| bans::insert(sql, GUILD, UserId::new(id), Some("spam"))).await);
    }
    assert!(!write(&db, |sql| bans::insert(sql, GUILD, UserId::new(5), None)).await);
    let page = async |page: BansPage| {
        let bans = db.read(move |sql| bans::page(sql, GUILD, page, 2)).await.unwrap();
        bans.into_iter().map(|(user, _)| user.get()).collect::<Vec<_>>()
    };
    assert_eq!(page(BansPage::After(UserId::new(0))).await, [5, 7]);
    assert_eq!(page(BansPage::After(UserId::new(7))).await, [9]);
    assert_eq!(page(BansPage::Before(UserId::new(u64::MAX))).await, [7, 9]);
    let five = db.read(|sql| bans::find(sql, GUILD, UserId::new(5))).await.unwrap();
    assert_eq!(five, Some(Some("spam".to_owned())));
    assert!(write(&db, |sql| bans::delete(sql, GUILD, UserId::new(5))).await);
    assert!(!write(&db, |sql| bans::delete(sql, GUILD, UserId::new(5))).await);
    assert_eq!(db.read(|sql| bans::find(sql, GUILD, UserId::new(5))).await, Ok(None));
}

#[tokio::test]
async fn a_purge_goes_on_from_where_it_was_and_a_second_one_widens_it() {
    let folder = Folder::new();
    let db = database(&folder).await;
    let purge = |after, through| Purge {
        author: UserId::new(5),
        after: MessageId::new(after),
        through: MessageId::new(through),
    };
    write(&db, move |sql| purges::put(sql, TEXT, purge(100, 200))).await;
    write(&db, |sql| purges::advance(sql, TEXT, UserId::new(5), MessageId::new(150))).await;
    assert_eq!(db.read(purges::next).await, Ok(Some((TEXT, purge(150, 200)))));
    write(&db, move |sql| purges::put(sql, TEXT, purge(120, 300))).await;
    assert_eq!(db.read(purges::next).await, Ok(Some((TEXT, purge(120, 300)))));
    // The first one is done: the second one goes further.
    write(&db, move |sql| purges::finish(sql, TEXT, purge(150, 200))).await;
    assert_eq!(db.read(purges::next).await, Ok(Some((TEXT, purge(120, 300)))));
    write(&db, move |sql| purges::finish(sql, TEXT, purge(120, 300))).await;
    assert_eq!(db.read(purges::next).await, Ok(None));
}

#[tokio::test]
async fn the_log_keeps_what_it_was_told_and_forgets_what_is_old() {
    let folder = Folder::new();
    let db = database(&folder).await;
    let entry = |id: u64, action_type| AuditLogEntry {
        id: AuditLogEntryId::new(id),
        action_type,
        user_id: Some(OWNER),
        target_id: Some(Snowflake(7)),
        changes: vec![AuditLogChange {
            key: "name".to_owned(),
            old_value: None,
            new_value: Some("a".into()),
        }],
        options: None,
        reason: Some("why".to_owned()),
    };
    for id in 1..=4 {
        write(&db, move |sql| audit::insert(sql, GUILD, &entry(id, 10 + u32::try_from(id % 2).unwrap())))
            .await;
    }
    let page = async |page: audit::Page| db.read(move |sql| audit::page(sql, GUILD, page)).await.unwrap();
    let all = audit::Page { limit: 10, ..audit::Page::default() };
    assert_eq!(page(all).await, [4, 3, 2, 1].map(|id| entry(id, 10 + u32::try_from(id % 2).unwrap())));
    let ids = |found: Vec<AuditLogEntry>| found.iter().map(|one| one.id.get()).collect::<Vec<_>>();
    assert_eq!(ids(page(audit::Page { action: Some(11), ..all }).await), [3, 1]);
    assert_eq!(ids(page(audit::Page { before: Some(AuditLogEntryId::new(3)), limit: 1, ..all }).await), [2]);
    assert_eq!(ids(page(audit::Page { after: Some(AuditLogEntryId::new(2)), ..all }).await), [3, 4]);
    assert_eq!(ids(page(audit::Page { user: Some(UserId::new(2)), ..all }).await), [0; 0]);
    while write(&db, |sql| audit::prune(sql, AuditLogEntryId::new(3))).await {}
    assert_eq!(ids(page(all).await), [4, 3]);
}

#[tokio::test]
async fn emojis_are_loaded_with_their_roles_and_leave_their_picture_behind() {
    let folder = Folder::new();
    let db = database(&folder).await;
    let emoji = Emoji {
        id: EmojiId::new(50),
        name: "ara".to_owned(),
        roles: vec![CREW],
        user: None,
        require_colons: true,
        managed: false,
        animated: true,
        available: true,
    };
    let stored = emoji.clone();
    write(&db, move |sql| emojis::insert(sql, GUILD, &stored, "a_hash", OWNER)).await;
    assert_eq!(db.read(emojis::all).await, Ok(vec![(GUILD, emoji.clone())]));
    let loaded = db.read(load::guilds).await.unwrap();
    assert_eq!(loaded[0].guild.emojis, std::slice::from_ref(&emoji));
    let renamed = Emoji { name: "kea".to_owned(), roles: Vec::new(), ..emoji };
    let stored = renamed.clone();
    write(&db, move |sql| emojis::update(sql, &stored)).await;
    assert_eq!(db.read(emojis::all).await, Ok(vec![(GUILD, renamed)]));
    assert_eq!(db.read(|sql| emojis::makers(sql, GUILD)).await, Ok(vec![(EmojiId::new(50), OWNER)]));
    assert_eq!(db.read(|sql| emojis::maker(sql, EmojiId::new(50))).await, Ok(Some(OWNER)));
    let pictures = db.read(|sql| emojis::pictures(sql, GUILD)).await;
    assert_eq!(pictures, Ok(vec![(EmojiId::new(50), "a_hash".to_owned())]));
    assert_eq!(write(&db, |sql| emojis::delete(sql, EmojiId::new(50))).await.as_deref(), Some("a_hash"));
    assert_eq!(write(&db, |sql| emojis::delete(sql, EmojiId::new(50))).await, None);
}

#[tokio::test]
async fn who_used_an_invite_is_known_after_it_is_gone_but_not_for_ever() {
    let folder = Folder::new();
    let db = database(&folder).await;
    let invite = StoredInvite {
        code: InviteCode("abc".to_owned()),
        guild: GUILD,
        channel: TEXT,
        inviter: OWNER,
        uses: 0,
        max_uses: 0,
        max_age: 0,
        created_at: NOW,
        expires_at: None,
    };
    write(&db, move |sql| invites::insert(sql, &invite)).await;
    for (user, at) in [(5, 20), (4, 10), (5, 30)] {
        write(&db, move |sql| invites::note_use(sql, GUILD, "abc", UserId::new(user), Timestamp(at))).await;
    }
    let uses = async || {
        let uses = db.read(|sql| invites::uses(sql, GUILD, "abc", 10)).await.unwrap();
        uses.into_iter().map(|(user, at)| (user.get(), at.0)).collect::<Vec<_>>()
    };
    assert_eq!(uses().await, [(4, 10), (5, 30)]);
    // As long as the invite is there its uses are.
    assert!(!write(&db, |sql| invites::prune_uses(sql, Timestamp(100))).await);
    assert!(write(&db, |sql| invites::delete(sql, "abc")).await);
    assert_eq!(db.read(|sql| invites::guild_of(sql, "abc")).await, Ok(Some(GUILD)));
    while write(&db, |sql| invites::prune_uses(sql, Timestamp(20))).await {}
    assert_eq!(uses().await, [(5, 30)]);
    while write(&db, |sql| invites::prune_uses(sql, Timestamp(100))).await {}
    assert_eq!(db.read(|sql| invites::guild_of(sql, "abc")).await, Ok(None));
}
