//! Member lists by range, members on request, presences, and what bots get.

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};
use voxlink_protocol::{
    GuildId, Member, Permissions, Relationship, RelationshipKind, Role, RoleId, Timestamp, User, UserId,
    UserSettings,
    event::{GuildChange, UserChange, UserEvent},
    gateway::Status,
    guild::RoleColor,
    people::SettingsUpdated,
    settings::CustomStatus,
};

use super::world::{ANNA, BORIS, CLARA, GENERAL, GUILD, SECRET, World, member, message, user};
use crate::hub::Input;

fn lists(frames: Vec<Value>) -> Vec<Value> {
    frames
        .into_iter()
        .filter(|frame| frame["t"] == "GUILD_MEMBER_LIST_UPDATE")
        .map(|mut frame| frame["d"].take())
        .collect()
}

fn rows(list: &Value) -> Vec<String> {
    let name = |item: &Value| match item["member"]["user"]["id"].as_str() {
        Some(id) => id.to_owned(),
        None => format!("{}:{}", item["group"]["id"].as_str().unwrap(), item["group"]["count"]),
    };
    list["ops"][0]["items"].as_array().unwrap().iter().map(name).collect()
}

fn look(world: &mut World, link: crate::session::LinkId, channel: u64, ranges: Value) {
    world.say(link, 14, json!({"guild_id": GUILD, "channel_id": channel.to_string(), "ranges": ranges}));
}

fn hoisted(id: u64) -> Role {
    Role {
        id: RoleId::new(id),
        hoist: true,
        position: 3,
        color: RoleColor(0x00FF_8800),
        permissions: Permissions::empty(),
        ..Role::everyone(GuildId::new(id))
    }
}

#[test]
fn a_list_groups_who_is_online_under_hoisted_roles_and_is_told_again_when_it_changes() {
    let mut world = World::new();
    let (anna, _) = world.join(ANNA);
    world.pass(Duration::from_secs(1));
    world.heard(anna);
    look(&mut world, anna, 20, json!([[0, 99]]));
    let first = lists(world.heard(anna)).pop().unwrap();
    assert_eq!(rows(&first), ["online:1", "1", "offline:1", "2"]);
    assert_eq!((&first["member_count"], &first["online_count"]), (&json!(2), &json!(1)));
    world.commit(GuildChange::RoleCreate(hoisted(50)));
    let raised = Member { roles: vec![RoleId::new(50)], ..member(ANNA) };
    world.commit(GuildChange::MemberUpdate(Box::new(raised)));
    let (_boris, _) = world.join(BORIS);
    world.pass(Duration::from_secs(3));
    let last = lists(world.heard(anna)).pop().unwrap();
    assert_eq!(rows(&last), ["50:1", "1", "online:1", "2"]);
    world.pass(Duration::from_secs(3));
    assert_eq!(lists(world.heard(anna)), [] as [Value; 0], "nothing changed, nothing is told");
    look(&mut world, anna, 20, json!([]));
    world.commit(GuildChange::MemberUpdate(Box::new(member(ANNA))));
    world.pass(Duration::from_secs(3));
    assert_eq!(lists(world.heard(anna)), [] as [Value; 0], "nobody looks any more");
}

#[test]
fn a_list_of_a_channel_that_one_does_not_see_is_never_told() {
    let mut world = World::new();
    let (boris, _) = world.join(BORIS);
    look(&mut world, boris, SECRET.get(), json!([[0, 99]]));
    look(&mut world, boris, 999, json!([[0, 99]]));
    world.pass(Duration::from_secs(2));
    assert_eq!(lists(world.heard(boris)), [] as [Value; 0]);
    look(&mut world, boris, GENERAL.get(), json!([[0, 99]]));
    assert_eq!(lists(world.heard(boris)).len(), 1);
}

#[test]
fn ten_thousand_members_open_as_one_range_of_a_hundred() {
    let mut world = World::new();
    let snapshot = world.guilds.get_mut(&GUILD).unwrap();
    snapshot.members.extend((1000..11_000).map(|id| member(UserId::new(id))));
    let link = world.connect();
    world.say(link, 2, json!({"token": "token-1", "intents": 0}));
    let create = world.heard(link).pop().unwrap();
    assert_eq!(create["d"]["member_count"], 10_002);
    assert_eq!(create["d"]["large"], true);
    assert_eq!(create["d"]["members"].as_array().unwrap().len(), 1, "oneself");
    look(&mut world, link, 20, json!([[0, 400], [5000, 5099], [9, 3], [1, 2], [3, 4]]));
    let told = lists(world.heard(link));
    let counts: Vec<usize> = told.iter().map(|list| rows(list).len()).collect();
    assert_eq!(counts, [100, 100, 2], "at most three ranges of at most a hundred rows, wrong ones left out");
    assert_eq!(told[0]["member_count"], 10_002);
}

#[test]
fn members_are_found_by_the_beginning_of_a_name_or_by_id() {
    let mut world = World::new();
    let (anna, _) = world.join(ANNA);
    world.pass(Duration::from_secs(1));
    world.heard(anna);
    world.say(anna, 8, json!({"guild_id": GUILD, "query": "USER2", "limit": 5, "nonce": "n"}));
    let chunk = world.heard(anna).pop().unwrap();
    assert_eq!(chunk["t"], "GUILD_MEMBERS_CHUNK");
    assert_eq!(chunk["d"]["members"][0]["user"]["id"], "2");
    assert_eq!((&chunk["d"]["chunk_count"], &chunk["d"]["nonce"]), (&json!(1), &json!("n")));
    world.say(anna, 8, json!({"guild_id": GUILD, "user_ids": ["1", "77"], "limit": 0, "presences": true}));
    let chunk = world.heard(anna).pop().unwrap();
    assert_eq!(chunk["d"]["members"].as_array().unwrap().len(), 1);
    assert_eq!(chunk["d"]["not_found"], json!(["77"]));
    assert_eq!(chunk["d"]["presences"][0]["status"], "online");
    world.say(anna, 8, json!({"guild_id": "404", "query": "", "limit": 0}));
    assert_eq!(world.heard(anna), [] as [Value; 0], "of a guild that one is not in nothing is said");
}

#[test]
fn what_someone_is_up_to_is_seen_and_too_long_words_are_refused() {
    let mut world = World::new();
    let ((anna, _), (boris, _)) = (world.join(ANNA), world.join(BORIS));
    world.pass(Duration::from_secs(1));
    world.heard(anna);
    world.say(boris, 3, json!({"status": "dnd", "activities": [{"name": "Chess", "type": 0}]}));
    world.pass(Duration::from_secs(1));
    let seen = world.heard(anna).pop().unwrap();
    assert_eq!((&seen["t"], &seen["d"]["status"]), (&json!("PRESENCE_UPDATE"), &json!("dnd")));
    assert_eq!(seen["d"]["activities"][0]["name"], "Chess");
    world.say(boris, 3, json!({"status": "dnd", "activities": [{"name": "x".repeat(129)}]}));
    assert_eq!(world.heard(boris).pop().unwrap(), json!({"close": 4002}));
}

#[test]
fn a_bot_gets_content_only_if_it_asked_for_it_or_is_spoken_to() {
    let mut world = World::new();
    let robot = User { bot: true, ..user(UserId::new(100)) };
    let snapshot = world.guilds.get_mut(&GUILD).unwrap();
    snapshot.members.push(Member { user: Some(robot), ..member(UserId::new(100)) });
    let mut joined = |intents: u64| {
        let link = world.connect();
        world.say(link, 2, json!({"token": "Bot bot-100", "intents": intents}));
        world.heard(link);
        link
    };
    let messages = 1 | 1 << 9;
    let (deaf, hearing) = (joined(messages), joined(messages | 1 << 15));
    world.commit(message(100, GENERAL));
    assert_eq!(world.heard(deaf).pop().unwrap()["d"]["content"], "");
    assert_eq!(world.heard(hearing).pop().unwrap()["d"]["content"], "message 100");
    let link = world.connect();
    world.say(link, 2, json!({"token": "Bot bot-100", "intents": 1_u64 << 40}));
    assert_eq!(world.heard(link).pop().unwrap(), json!({"close": 4013}));
}

#[test]
fn who_wants_to_be_unseen_is_seen_by_nobody_and_friends_see_each_other_without_a_guild() {
    let mut world = World::new();
    let friend =
        |id: UserId| Relationship { id, kind: RelationshipKind::Friend, user: user(id), since: Timestamp(0) };
    world.relationships.insert(ANNA, vec![friend(CLARA)]);
    world.relationships.insert(CLARA, vec![friend(ANNA)]);
    world.settings.insert(BORIS, UserSettings { status: Status::Invisible, ..UserSettings::default() });
    let (anna, _) = world.join(ANNA);
    world.pass(Duration::from_secs(1));
    world.heard(anna);
    let (_boris, _) = world.join(BORIS);
    world.pass(Duration::from_secs(1));
    assert_eq!(world.heard(anna), [] as [Value; 0], "nobody is told of who is invisible");

    let link = world.connect();
    world.say(link, 2, json!({"token": "token-3", "intents": 0}));
    let ready = world.heard(link).into_iter().find(|frame| frame["t"] == "READY").unwrap();
    assert_eq!(ready["d"]["presences"][0]["user"]["id"], "1");
    assert_eq!(ready["d"]["user_settings"]["status"], "online");
    world.pass(Duration::from_secs(1));
    let seen = world.heard(anna).pop().unwrap();
    assert_eq!((&seen["t"], &seen["d"]["user"]["id"]), (&json!("PRESENCE_UPDATE"), &json!("3")));
    assert_eq!(seen["d"].get("guild_id"), None);

    let words =
        CustomStatus { text: Some("At sea".to_owned()), emoji_id: None, emoji_name: None, expires_at: None };
    let settings = UserSettings { custom_status: Some(words), ..UserSettings::default() };
    world.input(Input::Settings(Arc::new(SettingsUpdated { user: CLARA, settings })));
    assert_eq!(world.names(link), ["USER_SETTINGS_UPDATE"]);
    world.pass(Duration::from_secs(1));
    let seen = world.heard(anna).pop().unwrap();
    assert_eq!(seen["d"]["activities"][0]["state"], "At sea");

    // No longer friends: nothing more is told.
    let change = UserChange::RelationshipRemove { id: ANNA, kind: RelationshipKind::Friend };
    world.input(Input::User(Arc::new(UserEvent { to: vec![CLARA], change })));
    world.heard(anna);
    world
        .input(Input::Settings(Arc::new(SettingsUpdated { user: CLARA, settings: UserSettings::default() })));
    world.pass(Duration::from_secs(1));
    assert_eq!(world.heard(anna), [] as [Value; 0]);
}
