//! What people want to hear of, on all of their devices.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod common;

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use common::{Folder, open, open_with, user};
use voxlink_chat::{Refusal, notify::update::NotifyFields};
use voxlink_protocol::{
    ChannelId, GuildId, UserId,
    bus::UserGuildSettingsOf,
    event::UserChange,
    read_state::{ChannelOverride, NotificationLevel},
};
use voxlink_service_kit::{
    Bus, Env,
    env::{Clock, ManualClock},
};

fn muted(channel_id: ChannelId) -> ChannelOverride {
    ChannelOverride {
        channel_id,
        muted: true,
        mute_until: None,
        message_notifications: NotificationLevel::Inherit,
    }
}

#[test]
fn everything_here_holds_on_postgresql() {
    voxlink_test_postgres::run_all_again();
}

#[tokio::test]
async fn a_mute_ends_with_its_time_and_the_rest_stays_after_a_restart() {
    let folder = Folder::new();
    let clock = ManualClock::at(SystemTime::now());
    let env = Env { clock: clock.clone() as Arc<dyn Clock>, ..Env::real() };
    let stage = open_with(&folder.database(), Bus::in_process(), env.clone()).await;
    let (guild, text, voice) = stage.guild(1).await;
    let (anna, here) = (user(1), Some(guild));
    let hour = env.now().plus(Duration::from_secs(3600));
    let fields = NotifyFields {
        muted: Some(true),
        mute_until: Some(Some(hour)),
        message_notifications: Some(NotificationLevel::Mentions),
        suppress_everyone: Some(true),
        channel_overrides: vec![ChannelOverride { mute_until: Some(hour), ..muted(text) }, muted(voice)],
        ..NotifyFields::default()
    };
    let set = stage.chat.set_notify(&anna, here, fields).await.unwrap();
    assert_eq!((set.muted, set.mute_until, set.channel_overrides.len()), (true, Some(hour), 2));
    assert_eq!(stage.told_to(1), [UserChange::GuildSettings(Box::new(set.clone()))]);
    drop(stage);

    let stage = open_with(&folder.database(), Bus::in_process(), env).await;
    let all = stage.bus.call(UserGuildSettingsOf { user: anna.id }).await.unwrap();
    assert_eq!(all, [set]);
    clock.advance(Duration::from_secs(3600));
    let later = stage.chat.notify_settings(anna.id, here).await.unwrap();
    assert_eq!((later.muted, later.mute_until), (false, None));
    assert_eq!((later.message_notifications, later.suppress_everyone), (NotificationLevel::Mentions, true));
    assert_eq!(later.channel_overrides, [muted(voice)]);
    let unmute = ChannelOverride { muted: false, ..muted(voice) };
    let fields = NotifyFields { channel_overrides: vec![unmute], ..NotifyFields::default() };
    assert_eq!(stage.chat.set_notify(&anna, here, fields).await.unwrap().channel_overrides, []);
}

#[tokio::test]
async fn one_sets_only_what_one_sees() {
    let folder = Folder::new();
    let stage = open(&folder).await;
    let (guild, text, _) = stage.guild(1).await;
    stage.join(1, text, 2).await;
    let pair = stage.chat.open_direct(&user(1), [UserId::new(2)]).await.unwrap().id;
    let set = |who: u64, guild: Option<GuildId>, channel: ChannelId| {
        let fields = NotifyFields { channel_overrides: vec![muted(channel)], ..NotifyFields::default() };
        let chat = stage.chat.clone();
        async move { chat.set_notify(&user(who), guild, fields).await.map(|set| set.channel_overrides.len()) }
    };
    assert_eq!(set(1, None, pair).await, Ok(1));
    assert_eq!(set(1, Some(guild), pair).await, Err(Refusal::UnknownChannel));
    assert_eq!(set(1, None, text).await, Err(Refusal::UnknownChannel));
    assert_eq!(set(3, None, pair).await, Err(Refusal::UnknownChannel));
    assert_eq!(set(3, Some(guild), text).await, Err(Refusal::UnknownGuild));
    let level =
        NotifyFields { message_notifications: Some(NotificationLevel::Inherit), ..NotifyFields::default() };
    assert!(matches!(stage.chat.set_notify(&user(1), Some(guild), level).await, Err(Refusal::Form(_))));
    assert_eq!(stage.bus.call(UserGuildSettingsOf { user: UserId::new(3) }).await.unwrap(), []);
}
