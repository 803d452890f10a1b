//! The verbs of the store, on SQLite or on PostgreSQL.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use voxlink_protocol::{ChannelId, GuildId, MessageId, RecordingId, RecordingPolicy, Timestamp, UserId};
use voxlink_recording::store::{
    MIGRATIONS,
    outputs::{self, Output, OutputState},
    recordings::{self, Recording, State},
    rules::{self, Rule},
    tracks::{self, Track},
};
use voxlink_service_kit::{Db, DbError};

const GUILD: GuildId = GuildId::new(5);
const LOUNGE: ChannelId = ChannelId::new(10);

fn recording(id: u64, channel: ChannelId) -> Recording {
    Recording {
        id: RecordingId::new(id),
        guild: Some(GUILD),
        channel,
        started_by: UserId::new(1),
        state: State::Going,
        duration_ms: None,
        problem: None,
        message: None,
    }
}

fn track(file: &str, user: u64) -> Track {
    Track {
        file: file.to_owned(),
        user: UserId::new(user),
        source: "microphone".to_owned(),
        codec: "opus".to_owned(),
        starts_ms: 20,
        duration_ms: 980,
        bytes: 4_000,
    }
}

#[test]
fn everything_here_holds_on_postgresql() {
    voxlink_test_postgres::run_all_again();
}

struct Folder(std::path::PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _stays = std::fs::remove_dir_all(&self.0);
    }
}

fn database(name: &str) -> (Db, Folder) {
    let folder = std::env::temp_dir().join(format!("voxlink-recording-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let db = Db::open(voxlink_test_postgres::target(&folder.join("recording.db")), MIGRATIONS).unwrap();
    (db, Folder(folder))
}

#[tokio::test]
async fn a_recording_goes_on_is_listed_when_it_is_over_and_is_gone_once_doomed() {
    let (db, _folder) = database("life");
    db.write(|sql| {
        assert_eq!(recordings::newest_id(sql)?.0, 0);
        let all = [(100, LOUNGE), (101, LOUNGE), (102, ChannelId::new(11))];
        all.into_iter().try_for_each(|(id, channel)| recordings::insert(sql, &recording(id, channel)))
    })
    .await
    .unwrap();
    db.write(|sql| {
        let (first, second) = (RecordingId::new(100), RecordingId::new(101));
        assert_eq!(recordings::newest_id(sql)?.0, 102);
        assert_eq!(recordings::in_state(sql, State::Going)?.len(), 3);
        let newest = RecordingId::new(i64::MAX as u64);
        assert_eq!(recordings::page(sql, LOUNGE, newest, 50)?, [], "none is over");
        assert!(recordings::set_state(sql, first, State::Ready, None)?);
        assert!(recordings::set_state(sql, second, State::Failed, Some("no disk"))?);
        recordings::set_duration(sql, first, 7_000)?;
        recordings::set_message(sql, first, MessageId::new(77))?;
        let page: Vec<u64> =
            recordings::page(sql, LOUNGE, newest, 50)?.iter().map(|one| one.id.get()).collect();
        assert_eq!(page, [101, 100]);
        assert_eq!(recordings::page(sql, LOUNGE, second, 50)?.len(), 1);
        let found = recordings::find(sql, first)?.unwrap();
        let ready = Recording {
            state: State::Ready,
            duration_ms: Some(7_000),
            message: Some(MessageId::new(77)),
            ..recording(100, LOUNGE)
        };
        assert_eq!(found, ready);
        assert_eq!(recordings::find(sql, second)?.unwrap().problem.as_deref(), Some("no disk"));
        assert_eq!(recordings::older_than(sql, GUILD, second)?, [first]);
        assert_eq!(recordings::of_channel(sql, LOUNGE)?.len(), 2);
        assert_eq!(recordings::of_guild(sql, GUILD)?.len(), 2, "the third goes on");

        assert!(recordings::set_state(sql, first, State::Doomed, None)?);
        assert!(!recordings::set_state(sql, first, State::Ready, None)?, "it stays so");
        assert_eq!(recordings::find(sql, first)?, None);
        assert_eq!(recordings::in_state(sql, State::Doomed)?.len(), 1);
        recordings::delete(sql, first)?;
        assert_eq!(recordings::in_state(sql, State::Doomed)?, []);
        Ok::<_, DbError>(())
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn tracks_and_outputs_are_replaced_and_go_with_their_recording() {
    let (db, _folder) = database("tracks");
    db.write(|sql| {
        let id = RecordingId::new(100);
        recordings::insert(sql, &recording(100, LOUNGE))?;
        let all = [track("1.microphone.0.mkv", 1), track("2.microphone.0.mkv", 2)];
        tracks::replace(sql, id, &all)?;
        tracks::replace(sql, id, &all)?;
        assert_eq!(tracks::list(sql, id)?, all);
        let mix = |state, reason: Option<&str>, bytes| Output {
            kind: "mix".to_owned(),
            state,
            reason: reason.map(str::to_owned),
            file: "mix.opus".to_owned(),
            bytes,
        };
        outputs::put(sql, id, &mix(OutputState::Waiting, None, 0))?;
        outputs::put(sql, id, &mix(OutputState::Failed, Some("no disk"), 0))?;
        outputs::put(sql, id, &mix(OutputState::Ready, None, 12))?;
        assert_eq!(outputs::list(sql, id)?, [mix(OutputState::Ready, None, 12)]);
        recordings::delete(sql, id)?;
        assert_eq!((tracks::list(sql, id)?.len(), outputs::list(sql, id)?.len()), (0, 0));
        Ok::<_, DbError>(())
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn a_guild_has_the_usual_rule_until_it_changes_it() {
    let (db, _folder) = database("rules");
    db.write(|sql| {
        let usual = Rule { policy: RecordingPolicy::Announce, keep_days: Some(90) };
        assert_eq!(rules::of(sql, GUILD)?, usual);
        for policy in [RecordingPolicy::Ask, RecordingPolicy::Off, RecordingPolicy::Announce] {
            rules::set(sql, GUILD, Rule { policy, keep_days: None })?;
            assert_eq!(rules::of(sql, GUILD)?, Rule { policy, keep_days: None });
        }
        assert_eq!(rules::guilds(sql)?, []);
        recordings::insert(sql, &recording(100, LOUNGE))?;
        assert_eq!(rules::guilds(sql)?, [], "it goes on");
        recordings::set_state(sql, RecordingId::new(100), State::Ready, None)?;
        assert_eq!(rules::guilds(sql)?, [GUILD]);
        Ok::<_, DbError>(())
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn what_is_asked_for_waits_its_turn_and_may_be_asked_for_again_when_it_failed() {
    let (db, _folder) = database("asked");
    db.write(|sql| {
        let (first, second) = (RecordingId::new(100), RecordingId::new(101));
        for id in [100, 101] {
            recordings::insert(sql, &recording(id, LOUNGE))?;
            recordings::set_state(sql, RecordingId::new(id), State::Ready, None)?;
        }
        let ask = |id, kind: &str, at| outputs::ask(sql, id, kind, "file", Timestamp(at));
        assert!(ask(second, "video", 1)? && ask(first, "video", 2)? && ask(first, "flac:1.microphone.0", 3)?);
        assert!(!ask(first, "video", 4)?, "once is enough");
        assert_eq!(outputs::next_waiting(sql, &["video"])?, Some((second, "video".to_owned())));
        let sound = Some((first, "flac:1.microphone.0".to_owned()));
        assert_eq!(outputs::next_waiting(sql, &["flac:", "wav:"])?, sound);
        assert_eq!(outputs::begin(sql, second, "video")?, Some(0));
        outputs::put_off(sql, second, "video")?;
        assert_eq!(outputs::begin(sql, second, "video")?, Some(0), "a stop of the server does not count");
        assert_eq!(outputs::begin(sql, second, "video")?, Some(1), "a crash does");
        let end = |state, reason: Option<&str>, bytes| {
            let (kind, file) = ("video".to_owned(), "video.mp4".to_owned());
            let output = Output { kind, state, reason: reason.map(str::to_owned), file, bytes };
            outputs::end(sql, second, &output)
        };
        assert!(end(OutputState::Failed, Some("stalled"), 0)? && !end(OutputState::Ready, None, 1)?);
        assert_eq!(outputs::begin(sql, second, "video")?, None);
        assert_eq!(outputs::next_waiting(sql, &["video"])?, Some((first, "video".to_owned())));
        assert!(ask(second, "video", 5)?, "what failed may be asked for again");
        assert_eq!(outputs::begin(sql, second, "video")?, Some(0));
        assert!(end(OutputState::Ready, None, 9)?);
        assert!(!ask(second, "video", 6)?, "it is there");
        let made = outputs::list(sql, second)?;
        assert_eq!((made[0].state, made[0].bytes, made[0].reason.as_deref()), (OutputState::Ready, 9, None));
        recordings::set_state(sql, first, State::Doomed, None)?;
        assert_eq!(outputs::next_waiting(sql, &["video"])?, None, "nothing is made of what is being deleted");
        Ok::<_, DbError>(())
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn the_files_of_a_guild_or_of_a_conversation_are_counted_together() {
    let (db, _folder) = database("room");
    db.write(|sql| {
        let direct = Recording { guild: None, ..recording(102, ChannelId::new(11)) };
        let all = [recording(100, LOUNGE), recording(101, ChannelId::new(12)), direct];
        for (one, bytes) in all.iter().zip([1_000, 20, 300]) {
            recordings::insert(sql, one)?;
            let track = Track { bytes, ..track("a.mkv", 1) };
            tracks::replace(sql, one.id, &[track])?;
        }
        assert_eq!(recordings::bytes_of(sql, Some(GUILD), LOUNGE)?, 1_020);
        assert_eq!(recordings::bytes_of(sql, None, ChannelId::new(11))?, 300);
        assert_eq!(recordings::bytes_of(sql, None, ChannelId::new(13))?, 0);
        Ok::<_, DbError>(())
    })
    .await
    .unwrap();
}
