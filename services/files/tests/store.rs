//! The contract of the store's verbs, on SQLite and on PostgreSQL.
#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use common::Folder;
use voxlink_files::{
    BlobName,
    store::{
        MIGRATIONS, blobs,
        pictures::{self, StoredPicture},
        previews::{self, StoredImage},
        thumbnails,
        uploads::{self, StoredUpload},
    },
};
use voxlink_protocol::{
    AttachmentId, ChannelId, Embed, EmojiId, MessageId, Snowflake, Timestamp, UserId, files::ImagePurpose,
};
use voxlink_service_kit::{Db, DbError, Sql};

const NOW: Timestamp = Timestamp(1_795_000_000_000);
const LATER: Timestamp = Timestamp(NOW.0 + 1);
const ANNA: UserId = UserId::new(7);
const CHANNEL: ChannelId = ChannelId::new(500);

#[test]
fn everything_here_holds_on_postgresql() {
    voxlink_test_postgres::run_all_again();
}

fn database(folder: &Folder) -> Db {
    Db::open(voxlink_test_postgres::target(&folder.0.join("files.db")), MIGRATIONS).unwrap()
}

async fn write<T: Send + 'static>(
    db: &Db,
    rows: impl FnOnce(&Sql<'_>) -> Result<T, DbError> + Send + 'static,
) -> T {
    db.write(rows).await.unwrap()
}

fn blob(name: &str) -> BlobName {
    BlobName::stored(name.to_owned())
}

fn upload(id: u64) -> StoredUpload {
    StoredUpload {
        id: AttachmentId::new(id),
        uploader: ANNA,
        channel: CHANNEL,
        key: vec![7; 16],
        blob: blob(&format!("blob{id}")),
        filename: "лодка.png".to_owned(),
        content_type: "image/png".to_owned(),
        size: 100,
        sha256: vec![1; 32],
        dimensions: Some((400, 300)),
        duration_ms: None,
    }
}

async fn insert(db: &Db, id: u64) -> StoredUpload {
    let row = upload(id);
    write(db, move |sql| {
        blobs::begin(sql, &row.blob, NOW)?;
        blobs::keep(sql, &row.blob, row.size)?;
        uploads::insert(sql, &row, NOW)
    })
    .await;
    upload(id)
}

#[tokio::test]
async fn an_upload_is_found_as_it_was_stored_and_waits_to_be_used() {
    let folder = Folder::new();
    let db = database(&folder);
    let row = insert(&db, 5).await;
    assert_eq!(write(&db, |sql| uploads::find(sql, AttachmentId::new(5))).await, Some(row.clone()));
    assert_eq!(write(&db, |sql| uploads::find(sql, AttachmentId::new(u64::MAX))).await, None);
    assert_eq!(write(&db, uploads::newest_id).await, Snowflake(5));
    assert_eq!(write(&db, |sql| uploads::collectable(sql, NOW, 9)).await, []);
    assert_eq!(write(&db, |sql| uploads::collectable(sql, LATER, 9)).await, [row]);
    write(&db, |sql| uploads::touch(sql, AttachmentId::new(5), LATER)).await;
    assert_eq!(write(&db, |sql| uploads::collectable(sql, LATER, 9)).await, []);
}

#[tokio::test]
async fn uses_are_counted_by_message_and_a_release_wins_over_what_is_heard_late() {
    let folder = Folder::new();
    let db = database(&folder);
    let id = insert(&db, 5).await.id;
    let (one, two) = (MessageId::new(1), MessageId::new(2));
    write(&db, move |sql| uploads::use_in(sql, id, one)).await;
    write(&db, move |sql| uploads::use_in(sql, id, two)).await;
    assert!(!write(&db, move |sql| uploads::is_unused(sql, id)).await);
    write(&db, move |sql| uploads::release_from(sql, id, one)).await;
    assert!(!write(&db, move |sql| uploads::is_unused(sql, id)).await);
    write(&db, move |sql| uploads::release_from(sql, id, two)).await;
    write(&db, move |sql| uploads::use_in(sql, id, two)).await;
    assert!(write(&db, move |sql| uploads::is_unused(sql, id)).await);
    assert_eq!(write(&db, |sql| uploads::collectable(sql, Timestamp(1), 9)).await.len(), 1);
    // What is not there is not used, and nobody minds.
    write(&db, move |sql| uploads::use_in(sql, AttachmentId::new(6), one)).await;
    write(&db, move |sql| uploads::release_from(sql, AttachmentId::new(6), one)).await;
}

#[tokio::test]
async fn room_is_taken_up_to_the_quota_and_given_back_with_the_row() {
    let folder = Folder::new();
    let db = database(&folder);
    let take = |bytes| move |sql: &Sql<'_>| uploads::take_room(sql, ANNA, bytes, 250);
    assert!(write(&db, take(100)).await);
    assert!(write(&db, take(150)).await);
    assert!(!write(&db, take(1)).await);
    assert!(!write(&db, take(251)).await);
    let row = insert(&db, 5).await;
    let again = row.clone();
    assert!(write(&db, move |sql| uploads::delete(sql, &row)).await);
    assert!(!write(&db, move |sql| uploads::delete(sql, &again)).await, "once");
    assert_eq!(write(&db, |sql| uploads::used_room(sql, ANNA)).await, 150);
    assert_eq!(write(&db, |sql| uploads::used_room(sql, UserId::new(8))).await, 0);
}

#[tokio::test]
async fn a_channel_that_is_gone_releases_its_uploads_step_by_step() {
    let folder = Folder::new();
    let db = database(&folder);
    for id in 1..=5 {
        insert(&db, id).await;
        write(&db, move |sql| uploads::use_in(sql, AttachmentId::new(id), MessageId::new(1))).await;
    }
    let mut rounds = 0;
    while write(&db, |sql| uploads::release_channel(sql, CHANNEL, 2)).await {
        rounds += 1;
    }
    assert_eq!(rounds, 3);
    assert_eq!(write(&db, |sql| uploads::collectable(sql, Timestamp(1), 9)).await.len(), 5);
}

#[tokio::test]
async fn a_blob_is_kept_once_and_not_after_it_was_given_up() {
    let folder = Folder::new();
    let db = database(&folder);
    write(&db, |sql| blobs::begin(sql, &blob("a"), NOW)).await;
    assert_eq!(write(&db, |sql| blobs::collectable(sql, NOW, 9)).await, []);
    let stale = write(&db, |sql| blobs::collectable(sql, LATER, 9)).await;
    assert_eq!(stale, [blob("a")]);
    write(&db, move |sql| blobs::give_up(sql, &stale)).await;
    assert!(!write(&db, |sql| blobs::keep(sql, &blob("a"), 1)).await);
    write(&db, |sql| blobs::forget(sql, &blob("a"))).await;
    assert!(!write(&db, |sql| blobs::exists(sql, &blob("a"))).await);
    write(&db, |sql| blobs::begin(sql, &blob("b"), NOW)).await;
    assert!(write(&db, |sql| blobs::keep(sql, &blob("b"), 1)).await);
    assert_eq!(write(&db, |sql| blobs::collectable(sql, LATER, 9)).await, []);
    assert!(write(&db, |sql| blobs::exists(sql, &blob("b"))).await);
}

#[tokio::test]
async fn thumbnails_go_with_their_picture() {
    let folder = Folder::new();
    let db = database(&folder);
    let original = insert(&db, 5).await.blob;
    let of = original.clone();
    write(&db, move |sql| {
        for name in ["small", "other"] {
            blobs::begin(sql, &blob(name), NOW)?;
            blobs::keep(sql, &blob(name), 1)?;
        }
        assert!(thumbnails::insert(sql, &of, "160.webp", &blob("small"))?);
        assert!(!thumbnails::insert(sql, &of, "160.webp", &blob("other"))?, "there is one");
        assert!(!thumbnails::insert(sql, &blob("none"), "160.webp", &blob("other"))?, "no original");
        Ok(())
    })
    .await;
    let of = original.clone();
    assert_eq!(write(&db, move |sql| thumbnails::find(sql, &of, "160.webp")).await, Some(blob("small")));
    let of = original.clone();
    write(&db, move |sql| blobs::doom(sql, &of)).await;
    assert_eq!(write(&db, |sql| blobs::collectable(sql, Timestamp(1), 9)).await.len(), 2);
    let of = original.clone();
    assert_eq!(write(&db, move |sql| thumbnails::find(sql, &of, "160.webp")).await, None);
    assert!(!write(&db, move |sql| thumbnails::insert(sql, &original, "320.webp", &blob("other"))).await);
}

#[tokio::test]
async fn a_picture_is_found_by_purpose_owner_and_hash() {
    let folder = Folder::new();
    let db = database(&folder);
    let avatar = ImagePurpose::Avatar(ANNA);
    let emoji = ImagePurpose::Emoji(EmojiId::new(7));
    let row = StoredPicture { still: blob("s"), moving: Some(blob("m")) };
    let (first, second) = (row.clone(), row.clone());
    write(&db, move |sql| pictures::insert(sql, avatar, "abc", &first)).await;
    write(&db, move |sql| pictures::insert(sql, emoji, "def", &second)).await;
    assert_eq!(write(&db, move |sql| pictures::find(sql, avatar, Some("abc"))).await, Some(row.clone()));
    assert_eq!(write(&db, move |sql| pictures::find(sql, avatar, Some("def"))).await, None);
    assert_eq!(write(&db, move |sql| pictures::find(sql, emoji, None)).await, Some(row.clone()));
    assert_eq!(write(&db, move |sql| pictures::delete(sql, avatar, "abc")).await, Some(row));
    assert_eq!(write(&db, move |sql| pictures::delete(sql, avatar, "abc")).await, None);
}

#[tokio::test]
async fn previews_are_remembered_for_a_while_and_pictures_while_they_are_seen() {
    let folder = Folder::new();
    let db = database(&folder);
    let embed = Embed { kind: "link".to_owned(), title: Some("Лодки".to_owned()), ..Embed::default() };
    let stored = embed.clone();
    write(&db, move |sql| {
        previews::put(sql, &[1; 32], None, NOW)?;
        previews::put(sql, &[1; 32], Some(&stored), LATER)?;
        previews::put(sql, &[2; 32], None, NOW)
    })
    .await;
    assert_eq!(write(&db, |sql| previews::find(sql, &[1; 32], NOW)).await, Some(Some(embed)));
    assert_eq!(write(&db, |sql| previews::find(sql, &[2; 32], Timestamp(0))).await, Some(None));
    assert_eq!(write(&db, |sql| previews::find(sql, &[2; 32], NOW)).await, None);
    assert!(write(&db, |sql| previews::prune(sql, LATER, 9)).await);
    assert!(!write(&db, |sql| previews::prune(sql, LATER, 9)).await);
    let image = StoredImage {
        id: Snowflake(9),
        key: vec![1; 16],
        blob: blob("p"),
        width: 640,
        height: 320,
        seen_at: NOW,
    };
    let row = image.clone();
    assert!(write(&db, move |sql| previews::insert_image(sql, &row, &[3; 32])).await);
    let same = StoredImage { id: Snowflake(10), ..image.clone() };
    assert!(!write(&db, move |sql| previews::insert_image(sql, &same, &[3; 32])).await);
    assert_eq!(write(&db, |sql| previews::image_with(sql, &[3; 32])).await, Some(image.clone()));
    write(&db, |sql| previews::see_image(sql, Snowflake(9), LATER)).await;
    assert_eq!(write(&db, |sql| previews::delete_unseen(sql, LATER, 9)).await, []);
    assert_eq!(write(&db, |sql| previews::delete_unseen(sql, Timestamp(LATER.0 + 1), 9)).await, [blob("p")]);
    assert_eq!(write(&db, |sql| previews::image(sql, Snowflake(9))).await, None);
}
