//! Sounds that people play.

use voxlink_audio::import::Frame;
use voxlink_protocol::{
    SoundId,
    playback::{CallPlayback, PlaybackState},
    soundboard::{VoiceEffect, Volume},
};

use super::*;

fn effect(user: u64) -> VoiceEffect {
    VoiceEffect {
        channel_id: LOUNGE,
        guild_id: GUILD,
        user_id: UserId::new(user),
        emoji: None,
        animation_type: None,
        animation_id: None,
        sound_id: SoundId::new(7),
        sound_volume: Volume::FULL,
        sound_name: "Horn".to_owned(),
    }
}

impl World {
    /// Two seconds of sound.
    fn play(&mut self, user: u64) -> Result<(), PlayRefused> {
        let frames = (0..100).map(|_| Frame { packet: vec![0xfc], level: 20 }).collect();
        self.calls.play(Play { effect: effect(user), frames }, self.now)
    }
}

#[test]
fn a_sound_goes_to_the_thread_and_is_told_to_the_guild() {
    let mut world = World::new();
    world.join(ANNA, "a");
    world.join(BORIS, "b");
    assert_eq!(world.play(ANNA), Ok(()));
    assert_eq!(
        world.seen(),
        [
            Seen::Sounds("play for 1 through 3, 100 frames".to_owned()),
            Seen::Effect(serde_json::to_value(effect(ANNA)).unwrap()),
        ]
    );
    // What others are told of her source names her.
    let peer = world.peer(BORIS);
    let content = Some(SlotContent { peer: PeerId(3), source: Source::Sound });
    let slots = vec![Slot { mid: "4".into(), kind: MediaKind::Audio, content, playable: true }];
    world.heard(Event::Slots { peer, slots, wanted: Wanted { audio: 8, video: 8 } });
    let seen = world.seen();
    let Seen::Frame(_, frame) = &seen[0] else { panic!("{seen:?}") };
    let slot = json!({"mid": "4", "user_id": "1", "source": "sound", "playable": true});
    assert_eq!(frame["d"]["slots"], json!([slot]));
    // The next one comes from the same source, and takes the place of the first.
    world.now += Duration::from_millis(600);
    assert_eq!(world.play(ANNA), Ok(()));
    assert_eq!(world.seen()[0], Seen::Sounds("play for 1 through 3, 100 frames".to_owned()));
    world.calls.leave_seat(&LeaveSeat {
        user: UserId::new(ANNA),
        guild: Some(GUILD),
        session_id: "a".into(),
    });
    assert!(world.seen().contains(&Seen::Sounds("silence 3".to_owned())));
}

#[test]
fn nobody_is_flooded_with_sounds() {
    let mut world = World::new();
    assert_eq!(world.play(ANNA), Err(PlayRefused::NotSeated));
    for user in 1..=5 {
        world.join(user, &user.to_string());
    }
    assert_eq!(world.play(1), Ok(()));
    assert_eq!(world.play(1), Err(PlayRefused::TooSoon(Duration::from_millis(500))));
    world.now += Duration::from_millis(100);
    for user in 2..=4 {
        assert_eq!(world.play(user), Ok(()));
    }
    // Four are heard at once; who is one of them may go on.
    assert_eq!(world.play(5), Err(PlayRefused::TooSoon(Duration::from_millis(1_900))));
    world.now += Duration::from_millis(500);
    assert_eq!(world.play(4), Ok(()));
    world.now += Duration::from_millis(1_400);
    assert_eq!(world.play(5), Ok(()));
}

#[test]
fn who_is_silenced_by_a_moderator_plays_nothing_and_who_mutes_themselves_does() {
    let mut world = World::new();
    world.join(ANNA, "a");
    let update = |mute, deaf| UpdateSeat {
        user: UserId::new(ANNA),
        guild: Some(GUILD),
        session_id: "a".to_owned(),
        self_mute: mute,
        self_deaf: deaf,
    };
    assert!(world.calls.update_seat(&update(true, true)));
    assert_eq!(world.play(ANNA), Err(PlayRefused::Silenced));
    assert!(world.calls.update_seat(&update(true, false)));
    assert_eq!(world.play(ANNA), Ok(()));
    world.seen();
    let rights = bus::CallRights {
        user: UserId::new(ANNA),
        channel: LOUNGE,
        may_speak: true,
        may_stream: true,
        mute: true,
        deaf: false,
    };
    world.calls.set_rights(&[(UserId::new(ANNA), LOUNGE)], &[rights]);
    assert!(world.seen().contains(&Seen::Sounds("silence 2".to_owned())));
    world.now += Duration::from_secs(5);
    assert_eq!(world.play(ANNA), Err(PlayRefused::Silenced));
}

fn song(user: u64, state: PlaybackState) -> CallPlayback {
    let title = "song.mp3".to_owned();
    CallPlayback { channel_id: LOUNGE, guild_id: GUILD, user_id: UserId::new(user), title, state }
}

impl World {
    fn play_file(&mut self, user: u64) -> Result<(), PlayRefused> {
        let (_, feed) = std::sync::mpsc::sync_channel(1);
        self.calls.play_file(PlayFile { told: song(user, PlaybackState::Playing), feed }, self.now)
    }

    fn turn_file(&mut self, user: u64, moderates: bool, turn: Turn) -> Result<(), TurnRefused> {
        self.calls.turn_file(LOUNGE, Asker { user: UserId::new(user), moderates }, turn)
    }

    fn playback_states(&mut self) -> Vec<Value> {
        let effects = self.seen().into_iter().filter_map(|seen| match seen {
            Seen::Effect(told) => Some(told["state"].clone()),
            _ => None,
        });
        effects.collect()
    }
}

#[test]
fn one_file_is_played_in_a_call_held_by_whoever_plays_it_and_ended_with_them() {
    let mut world = World::new();
    assert_eq!(world.play_file(ANNA), Err(PlayRefused::NotSeated));
    world.join(ANNA, "a");
    world.join(BORIS, "b");
    assert_eq!(world.play_file(ANNA), Ok(()));
    let seen = world.seen();
    assert_eq!(seen[0], Seen::Sounds("file for 1 through 3".to_owned()));
    assert_eq!(seen[1], Seen::Effect(serde_json::to_value(song(ANNA, PlaybackState::Playing)).unwrap()));
    assert_eq!(world.play_file(BORIS), Err(PlayRefused::Taken));
    assert_eq!(world.turn_file(BORIS, false, Turn::Pause), Err(TurnRefused::Forbidden));
    assert_eq!(world.turn_file(ANNA, false, Turn::Pause), Ok(()));
    assert_eq!(world.turn_file(ANNA, false, Turn::Pause), Ok(()));
    assert_eq!(world.playback_states(), ["paused"], "said once");
    assert_eq!(world.turn_file(ANNA, false, Turn::Resume), Ok(()));
    assert_eq!(world.turn_file(BORIS, true, Turn::Stop), Ok(()));
    assert_eq!(world.playback_states(), ["playing", "ended"]);
    assert_eq!(world.turn_file(ANNA, false, Turn::Stop), Err(TurnRefused::NothingPlays));
    // Ended by itself, and with who leaves.
    assert_eq!(world.play_file(BORIS), Ok(()));
    let peer = world.calls.files[&LOUNGE].0;
    world.calls.file_over(peer);
    assert_eq!(world.playback_states(), ["playing", "ended"]);
    assert_eq!(world.play_file(ANNA), Ok(()));
    world.calls.leave_seat(&LeaveSeat {
        user: UserId::new(ANNA),
        guild: Some(GUILD),
        session_id: "a".into(),
    });
    assert_eq!(world.playback_states(), ["playing", "ended"]);
    assert_eq!(world.calls.file_in(LOUNGE), None);
}
