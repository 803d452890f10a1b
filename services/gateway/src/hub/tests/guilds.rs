use std::time::Duration;

use serde_json::json;
use voxlink_protocol::{
    ChannelId, Member, Permissions, Role, RoleId, SoundId, SoundboardSound, VoiceState,
    event::GuildChange,
    soundboard::{VoiceEffect, Volume},
};

use super::world::{ANNA, BORIS, CLARA, GENERAL, GUILD, SECRET, World, channel, hidden, member, message};
use crate::hub::{Input, Refusal, VoiceOutcome};

#[test]
fn a_message_goes_to_those_who_see_its_channel() {
    let mut world = World::new();
    let ((anna, _), (boris, _)) = (world.join(ANNA), world.join(BORIS));
    world.heard(anna);
    world.commit(message(100, GENERAL));
    world.commit(message(101, SECRET));
    let ids = |frames: Vec<serde_json::Value>| {
        frames.iter().map(|frame| frame["d"]["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(ids(world.heard(anna)), ["100", "101"]);
    assert_eq!(ids(world.heard(boris)), ["100"]);
}

#[test]
fn a_guild_is_shown_without_the_channels_one_does_not_see() {
    let mut world = World::new();
    let link = world.connect();
    world.say(link, 2, json!({"token": "token-2"}));
    let guild = world.heard(link).pop().unwrap();
    assert_eq!(guild["d"]["channels"].as_array().unwrap().len(), 1);
    assert_eq!(guild["d"]["channels"][0]["id"], "20");
}

#[test]
fn events_that_come_while_the_guild_is_loaded_are_neither_lost_nor_applied_twice() {
    let mut world = World::new();
    world.hold_loads = true;
    let link = world.connect();
    world.say(link, 2, json!({"token": "token-2"}));
    // The answer on its way has version 1; one event is in it and late, the next ones are not in it.
    world.commit(GuildChange::ChannelCreate(Box::new(channel(ChannelId::new(30)))));
    world.commit(message(100, GENERAL));
    assert_eq!(world.names(link), ["READY"]);
    world.answer_load();
    assert_eq!(world.names(link), ["GUILD_CREATE", "CHANNEL_CREATE", "MESSAGE_CREATE"]);
    world.commit(message(101, GENERAL));
    assert_eq!(world.names(link), ["MESSAGE_CREATE"]);
    assert!(world.held.is_empty(), "no gap was seen");
}

#[test]
fn a_message_that_the_loaded_guild_already_counts_is_told_all_the_same() {
    let mut world = World::new();
    world.hold_loads = true;
    let link = world.connect();
    world.say(link, 2, json!({"token": "token-2"}));
    world.heard(link);
    world.commit(GuildChange::ChannelCreate(Box::new(channel(ChannelId::new(30)))));
    world.commit(message(100, GENERAL));
    // Chat answers late: its snapshot contains both events.
    world.held.clear();
    let snapshot = world.guilds[&GUILD].clone();
    world.held.push_back((GUILD, Some(snapshot)));
    world.answer_load();
    assert_eq!(world.names(link), ["GUILD_CREATE", "MESSAGE_CREATE"]);
}

#[test]
fn a_gap_is_noticed_and_the_guild_is_told_anew() {
    let mut world = World::new();
    let (link, _) = world.join(BORIS);
    let _lost = world.commit_silently(GuildChange::ChannelCreate(Box::new(channel(ChannelId::new(30)))));
    let duplicate = world.commit_silently(message(100, GENERAL));
    world.input(Input::Event(duplicate.clone()));
    let frames = world.heard(link);
    assert_eq!(frames[0]["t"], "GUILD_CREATE");
    assert_eq!(frames[0]["d"]["channels"].as_array().unwrap().len(), 2);
    assert_eq!(frames[1]["t"], "MESSAGE_CREATE");
    world.input(Input::Event(duplicate));
    assert_eq!(world.names(link), [] as [&str; 0], "an event that came twice is skipped");
}

#[test]
fn events_lost_to_a_full_queue_are_made_good() {
    let mut world = World::new();
    let (link, _) = world.join(BORIS);
    let _lost = world.commit_silently(GuildChange::MemberAdd(Box::new(member(CLARA))));
    world.input(Input::EventsLost);
    assert_eq!(world.heard(link)[0]["d"]["member_count"], 3);
}

#[test]
fn who_joins_gets_the_guild_and_who_leaves_loses_it() {
    let mut world = World::new();
    let (clara, _) = world.join(CLARA);
    let (boris, _) = world.join(BORIS);
    world.commit(GuildChange::MemberAdd(Box::new(member(CLARA))));
    assert_eq!(world.names(clara), ["GUILD_CREATE"]);
    let told = world.heard(boris);
    assert_eq!((&told[0]["t"], &told[0]["d"]["guild_id"]), (&json!("GUILD_MEMBER_ADD"), &json!("10")));
    world.commit(message(100, GENERAL));
    assert_eq!(world.names(clara), ["MESSAGE_CREATE"]);
    world.heard(boris);
    world.commit(GuildChange::MemberRemove(CLARA));
    assert_eq!(world.heard(clara)[0], json!({"op": 0, "s": 4, "t": "GUILD_DELETE", "d": {"id": "10"}}));
    let told = world.heard(boris);
    assert_eq!((&told[0]["t"], &told[0]["d"]["user"]["id"]), (&json!("GUILD_MEMBER_REMOVE"), &json!("3")));
    world.commit(message(101, GENERAL));
    assert_eq!(world.names(clara), [] as [&str; 0]);
}

#[test]
fn who_joins_is_seen_to_be_here_at_once() {
    let mut world = World::new();
    let (clara, _) = world.join(CLARA);
    let (boris, _) = world.join(BORIS);
    world.pass(Duration::from_secs(1));
    world.heard(clara);
    world.heard(boris);
    world.commit(GuildChange::MemberAdd(Box::new(member(CLARA))));
    let told = world.heard(boris);
    assert_eq!((&told[0]["t"], &told[1]["t"]), (&json!("GUILD_MEMBER_ADD"), &json!("PRESENCE_UPDATE")));
    assert_eq!((&told[1]["d"]["user"]["id"], &told[1]["d"]["status"]), (&json!("3"), &json!("online")));
    assert_eq!(world.names(clara), ["GUILD_CREATE"], "it stands in what one is told of the guild");
}

#[test]
fn the_first_member_here_of_a_guild_that_nobody_knew_gets_it_too() {
    let mut world = World::new();
    let (clara, _) = world.join(CLARA);
    world.commit(GuildChange::MemberAdd(Box::new(member(CLARA))));
    assert_eq!(world.names(clara), ["GUILD_CREATE"]);
    world.commit(message(100, GENERAL));
    assert_eq!(world.names(clara), ["MESSAGE_CREATE"]);
}

#[test]
fn a_deleted_guild_is_gone_for_everyone() {
    let mut world = World::new();
    let ((anna, _), (boris, _)) = (world.join(ANNA), world.join(BORIS));
    world.heard(anna);
    world.commit(GuildChange::GuildDelete);
    assert_eq!(world.names(anna), ["GUILD_DELETE"]);
    assert_eq!(world.names(boris), ["GUILD_DELETE"]);
}

#[test]
fn a_channel_that_is_hidden_or_opened_disappears_or_appears() {
    let mut world = World::new();
    let ((anna, _), (boris, _)) = (world.join(ANNA), world.join(BORIS));
    world.heard(anna);
    world.commit(GuildChange::ChannelUpdate(Box::new(hidden(GENERAL))));
    assert_eq!(world.names(anna), ["CHANNEL_UPDATE"]);
    assert_eq!(world.names(boris), ["CHANNEL_DELETE"]);
    world.commit(GuildChange::ChannelUpdate(Box::new(channel(SECRET))));
    assert_eq!(world.names(boris), ["CHANNEL_CREATE"]);
    let mut snapshot = world.guilds[&GUILD].guild.clone();
    snapshot.owner_id = BORIS;
    world.commit(GuildChange::GuildUpdate(Box::new(snapshot)));
    assert_eq!(world.names(boris), ["GUILD_UPDATE", "CHANNEL_CREATE"], "an owner sees everything");
}

#[test]
fn who_loses_a_role_or_its_rights_hears_nothing_more_of_what_it_showed() {
    let mut world = World::new();
    let ((anna, _), (boris, _)) = (world.join(ANNA), world.join(BORIS));
    world.heard(anna);
    let mut role = Role { id: RoleId::new(50), position: 1, ..Role::everyone(GUILD) };
    role.permissions = Permissions::ADMINISTRATOR;
    world.commit(GuildChange::RoleCreate(role.clone()));
    assert_eq!(world.names(boris), ["GUILD_ROLE_CREATE"]);
    let holder = |roles: Vec<RoleId>| GuildChange::MemberUpdate(Box::new(Member { roles, ..member(BORIS) }));
    world.commit(holder(vec![role.id]));
    assert_eq!(world.names(boris), ["GUILD_MEMBER_UPDATE", "CHANNEL_CREATE"]);
    world.commit(message(700, SECRET));
    assert_eq!(world.names(boris), ["MESSAGE_CREATE"]);
    // The role is taken: the channel goes, and with the very next message nothing comes.
    world.commit(holder(Vec::new()));
    assert_eq!(world.names(boris), ["GUILD_MEMBER_UPDATE", "CHANNEL_DELETE"]);
    world.commit(message(701, SECRET));
    assert!(world.names(boris).is_empty());
    // The same when the role loses what it grants, and when it is deleted.
    world.commit(holder(vec![role.id]));
    world.names(boris);
    world.commit(GuildChange::RoleUpdate(Role { permissions: Permissions::empty(), ..role.clone() }));
    assert_eq!(world.names(boris), ["GUILD_ROLE_UPDATE", "CHANNEL_DELETE"]);
    world.commit(GuildChange::RoleUpdate(role.clone()));
    assert_eq!(world.names(boris), ["GUILD_ROLE_UPDATE", "CHANNEL_CREATE"]);
    world.commit(GuildChange::RoleDelete(role.id));
    assert_eq!(world.names(boris), ["GUILD_ROLE_DELETE", "CHANNEL_DELETE"]);
    world.commit(message(702, SECRET));
    assert!(world.names(boris).is_empty());
}

fn seat(channel: Option<ChannelId>, session: &str) -> GuildChange {
    GuildChange::VoiceStateUpdate(Box::new(VoiceState {
        guild_id: Some(GUILD),
        channel_id: channel,
        user_id: ANNA,
        member: None,
        session_id: session.to_owned(),
        deaf: false,
        mute: false,
        self_deaf: false,
        self_mute: false,
        self_stream: false,
        self_video: false,
        suppress: false,
        request_to_speak_timestamp: None,
    }))
}

#[test]
fn joining_a_call_asks_for_a_seat_and_tells_where_to_go() {
    let mut world = World::new();
    let ((anna, session), (boris, _)) = (world.join(ANNA), world.join(BORIS));
    world.heard(anna);
    world.say(anna, 4, json!({"guild_id": "10", "channel_id": "20", "self_mute": true}));
    // While that is under way she changes her mind twice; only the last counts.
    world.say(anna, 4, json!({"guild_id": "10", "channel_id": "21"}));
    world.say(anna, 4, json!({"guild_id": "10", "channel_id": "20", "self_mute": false}));
    assert_eq!(world.asked_seats.len(), 1);
    world.announce(seat(Some(GENERAL), &session));
    let pass = voxlink_protocol::Secret::new("pass");
    world.answer_seat(VoiceOutcome::Seated { pass, endpoint: String::new() });
    let told = world.heard(anna);
    assert_eq!(told[0]["t"], "VOICE_STATE_UPDATE");
    assert_eq!(told[0]["d"]["member"]["user"]["id"], "1");
    let server = json!({"token": "pass", "guild_id": "10", "endpoint": "localhost:8080/voice"});
    assert_eq!((&told[1]["t"], &told[1]["d"]), (&json!("VOICE_SERVER_UPDATE"), &server));
    assert_eq!(world.names(boris), ["VOICE_STATE_UPDATE"]);
    assert!(world.asked_seats[0].seated, "she is there already: only mute changes");
    world.answer_seat(VoiceOutcome::NoSeat);
    assert!(!world.asked_seats[0].seated, "the seat was gone: it is taken anew");
    world.answer_seat(VoiceOutcome::Refused(Refusal::Unavailable));
    let told = &world.heard(anna)[0]["d"];
    assert_eq!(told["channel_id"], "20", "she hears where she is");
    assert_eq!(told["refused"], json!({"channel_id": "20", "reason": "unavailable"}));
}

fn horn(name: &str) -> SoundboardSound {
    SoundboardSound {
        name: name.to_owned(),
        sound_id: SoundId::new(5),
        volume: Volume::FULL,
        emoji_id: None,
        emoji_name: Some("📯".to_owned()),
        guild_id: GUILD,
        available: true,
        user: None,
    }
}

#[test]
fn sounds_come_with_the_guild_change_and_go() {
    let mut world = World::new();
    let (anna, _) = world.join(ANNA);
    world.heard(anna);
    world.commit(GuildChange::SoundCreate(Box::new(horn("horn"))));
    world.commit(GuildChange::SoundUpdate(Box::new(horn("bell"))));
    assert_eq!(world.names(anna), ["GUILD_SOUNDBOARD_SOUND_CREATE", "GUILD_SOUNDBOARD_SOUND_UPDATE"]);
    let boris = world.connect();
    world.say(boris, 2, json!({"token": "token-2"}));
    let create = world.heard(boris).pop().unwrap();
    assert_eq!(create["d"]["soundboard_sounds"][0]["name"], "bell");
    // Op 31: those of one's own guilds.
    world.say(boris, 31, json!({"guild_ids": ["10", "11", "10"]}));
    let told = world.heard(boris);
    assert_eq!((told.len(), &told[0]["t"]), (1, &json!("SOUNDBOARD_SOUNDS")));
    assert_eq!(told[0]["d"]["guild_id"], "10");
    assert_eq!(told[0]["d"]["soundboard_sounds"][0]["emoji_name"], "📯");
    world.heard(anna);
    world.commit(GuildChange::SoundDelete(SoundId::new(5)));
    let told = world.heard(anna);
    assert_eq!(told[0]["t"], "GUILD_SOUNDBOARD_SOUND_DELETE");
    assert_eq!(told[0]["d"], json!({"guild_id": "10", "sound_id": "5"}));
}

#[test]
fn only_those_in_the_call_see_who_played_what() {
    let mut world = World::new();
    let ((anna, session), (boris, _)) = (world.join(ANNA), world.join(BORIS));
    world.announce(seat(Some(GENERAL), &session));
    world.heard(anna);
    world.heard(boris);
    world.announce(GuildChange::VoiceEffect(Box::new(VoiceEffect {
        channel_id: GENERAL,
        guild_id: GUILD,
        user_id: BORIS,
        emoji: None,
        animation_type: None,
        animation_id: None,
        sound_id: SoundId::new(5),
        sound_volume: Volume::FULL,
        sound_name: "horn".to_owned(),
    })));
    assert_eq!(world.names(anna), ["VOICE_CHANNEL_EFFECT_SEND"]);
    assert!(world.names(boris).is_empty());
}

#[test]
fn who_is_not_let_into_a_call_hears_why() {
    let mut world = World::new();
    let (anna, session) = world.join(ANNA);
    for (refusal, reason) in [
        (Refusal::Full, "full"),
        (Refusal::Forbidden, "forbidden"),
        (Refusal::Unknown, "unknown"),
        (Refusal::BadPass, "bad_pass"),
        (Refusal::Unavailable, "unavailable"),
    ] {
        world.heard(anna);
        world.say(anna, 4, json!({"guild_id": "10", "channel_id": "20"}));
        world.answer_seat(VoiceOutcome::Refused(refusal));
        let told = &world.heard(anna)[0];
        assert_eq!((&told["t"], &told["d"]["channel_id"]), (&json!("VOICE_STATE_UPDATE"), &json!(null)));
        assert_eq!(told["d"]["session_id"], session);
        assert_eq!(told["d"]["refused"], json!({"channel_id": "20", "reason": reason}));
    }
}

#[test]
fn who_moves_to_a_hidden_call_has_left_for_those_outside() {
    let mut world = World::new();
    let ((anna, session), (boris, _)) = (world.join(ANNA), world.join(BORIS));
    world.announce(seat(Some(GENERAL), &session));
    world.heard(anna);
    world.heard(boris);
    world.announce(seat(Some(SECRET), &session));
    assert_eq!(world.heard(anna)[0]["d"]["channel_id"], "21");
    assert_eq!(world.heard(boris)[0]["d"]["channel_id"], json!(null));
    world.announce(seat(None, &session));
    assert_eq!(world.names(anna), ["VOICE_STATE_UPDATE"]);
    assert_eq!(world.names(boris), [] as [&str; 0], "of a call one never saw one hears nothing");
}

#[test]
fn a_session_that_ends_gives_up_its_seat() {
    let mut world = World::new();
    let (anna, session) = world.join(ANNA);
    world.say(anna, 4, json!({"guild_id": "10", "channel_id": "20"}));
    world.input(Input::Gone { link: anna, code: Some(1001) });
    world.pass(Duration::from_secs(16));
    assert_eq!(world.left_seats, [session.as_str()]);
    let pass = voxlink_protocol::Secret::new("pass");
    world.answer_seat(VoiceOutcome::Seated { pass, endpoint: String::new() });
    assert_eq!(world.left_seats.len(), 2, "a seat that came too late is given up as well");
}

#[test]
fn who_asks_for_the_seat_they_have_gets_another_pass() {
    let mut world = World::new();
    let (anna, session) = world.join(ANNA);
    world.say(anna, 4, json!({"guild_id": "10", "channel_id": "20", "self_mute": true}));
    world.announce(seat(Some(GENERAL), &session));
    world.answer_seat(VoiceOutcome::Seated {
        pass: voxlink_protocol::Secret::new("pass"),
        endpoint: String::new(),
    });
    world.say(anna, 4, json!({"guild_id": "10", "channel_id": "20", "self_mute": false}));
    assert!(world.asked_seats[0].seated, "a change of mute needs no pass");
    world.answer_seat(VoiceOutcome::Done);
    world.say(anna, 4, json!({"guild_id": "10", "channel_id": "20", "self_mute": false}));
    assert!(!world.asked_seats[0].seated, "the same again is asked by who lost the call");
}
