//! The contract of the store's verbs, on SQLite and on PostgreSQL.
#![allow(clippy::unwrap_used, missing_docs)]

use voxlink_media::store::{
    MIGRATIONS,
    stream_keys::{self, StreamKey},
};
use voxlink_protocol::{ChannelId, GuildId, Snowflake, StreamKeyId, Timestamp, UserId};
use voxlink_service_kit::{Db, DbError, Env, Sql};

const ANNA: UserId = UserId::new(7);
const BORIS: UserId = UserId::new(8);
const GUILD: GuildId = GuildId::new(100);
const LOUNGE: ChannelId = ChannelId::new(200);
const STUDY: ChannelId = ChannelId::new(201);

#[test]
fn everything_here_holds_on_postgresql() {
    voxlink_test_postgres::run_all_again();
}

struct Store {
    db: Db,
    folder: std::path::PathBuf,
}

impl Drop for Store {
    fn drop(&mut self) {
        let _stays = std::fs::remove_dir_all(&self.folder);
    }
}

impl Store {
    fn open() -> Self {
        let name = u64::from_be_bytes(Env::real().bytes());
        let folder = std::env::temp_dir().join(format!("voxlink-keys-{name:016x}"));
        std::fs::create_dir_all(&folder).unwrap();
        let db = Db::open(voxlink_test_postgres::target(&folder.join("media.db")), MIGRATIONS).unwrap();
        Self { db, folder }
    }

    async fn write<T: Send + 'static>(
        &self,
        rows: impl FnOnce(&Sql<'_>) -> Result<T, DbError> + Send + 'static,
    ) -> T {
        self.db.write(rows).await.unwrap()
    }

    async fn insert(&self, id: u64, user: UserId, channel: ChannelId) -> StreamKey {
        let key = StreamKey {
            id: StreamKeyId::new(id),
            user,
            guild: GUILD,
            channel,
            name: "OBS на кухне".to_owned(),
            may_view: id.is_multiple_of(2),
            last_used_at: None,
        };
        let row = key.clone();
        assert!(self.write(move |sql| stream_keys::insert(sql, &row, &hash(id), 3)).await);
        key
    }

    async fn left(&self) -> Vec<u64> {
        let mut left = Vec::new();
        for id in 1..10 {
            let found = self.write(move |sql| stream_keys::find(sql, &hash(id))).await;
            left.extend(found.map(|key| key.id.get()));
        }
        left
    }
}

fn hash(id: u64) -> [u8; 32] {
    [u8::try_from(id).unwrap(); 32]
}

#[tokio::test]
async fn a_key_is_found_by_its_hash_and_listed_for_its_person() {
    let store = Store::open();
    assert_eq!(store.write(stream_keys::newest_id).await, Snowflake(0));
    let first = store.insert(1, ANNA, LOUNGE).await;
    let second = store.insert(2, ANNA, LOUNGE).await;
    store.insert(3, BORIS, LOUNGE).await;
    store.insert(4, ANNA, STUDY).await;
    assert_eq!(store.write(stream_keys::newest_id).await, Snowflake(4));
    assert_eq!(store.write(|sql| stream_keys::list(sql, ANNA, LOUNGE)).await, [first, second.clone()]);
    assert_eq!(store.write(|sql| stream_keys::find(sql, &hash(9))).await, None);
    store.write(|sql| stream_keys::touch(sql, StreamKeyId::new(2), Timestamp(5))).await;
    let used = StreamKey { last_used_at: Some(Timestamp(5)), ..second };
    assert_eq!(store.write(|sql| stream_keys::find(sql, &hash(2))).await, Some(used));
}

#[tokio::test]
async fn nobody_has_more_than_so_many_and_nobody_revokes_anothers() {
    let store = Store::open();
    for id in 1..=3 {
        store.insert(id, ANNA, LOUNGE).await;
    }
    let more = StreamKey { id: StreamKeyId::new(4), ..store.insert(5, BORIS, LOUNGE).await };
    let more = StreamKey { user: ANNA, ..more };
    assert!(!store.write(move |sql| stream_keys::insert(sql, &more, &hash(4), 3)).await);
    let delete = |user, channel, id| {
        move |sql: &Sql<'_>| stream_keys::delete(sql, user, channel, StreamKeyId::new(id))
    };
    assert!(!store.write(delete(BORIS, LOUNGE, 1)).await);
    assert!(!store.write(delete(ANNA, STUDY, 1)).await);
    assert!(store.write(delete(ANNA, LOUNGE, 1)).await);
    assert!(!store.write(delete(ANNA, LOUNGE, 1)).await);
    assert!(!store.write(delete(ANNA, LOUNGE, u64::MAX)).await);
    assert_eq!(store.left().await, [2, 3, 5]);
}

#[tokio::test]
async fn keys_go_with_the_member_the_channel_the_account_and_the_guild() {
    let store = Store::open();
    for (id, user, channel) in [(1, ANNA, LOUNGE), (2, BORIS, LOUNGE), (3, ANNA, STUDY), (4, BORIS, STUDY)] {
        store.insert(id, user, channel).await;
    }
    store.write(|sql| stream_keys::delete_of_member(sql, GuildId::new(101), ANNA)).await;
    assert_eq!(store.left().await, [1, 2, 3, 4]);
    store.write(|sql| stream_keys::delete_of_channel(sql, STUDY)).await;
    assert_eq!(store.left().await, [1, 2]);
    store.write(|sql| stream_keys::delete_of_member(sql, GUILD, ANNA)).await;
    assert_eq!(store.left().await, [2]);
    store.write(|sql| stream_keys::delete_of_user(sql, ANNA)).await;
    assert_eq!(store.left().await, [2]);
    store.write(|sql| stream_keys::delete_of_guild(sql, GUILD)).await;
    assert_eq!(store.left().await, [0; 0]);
}
