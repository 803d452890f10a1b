//! Uploads, as people make them and as they are served again.
#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use std::time::Duration;

use axum::body::Body;
use common::{Folder, MUTED, OPEN, Stage, config, open, open_with, picture};
use image::{GenericImageView as _, ImageFormat};
use serde_json::Value;
use voxlink_protocol::{
    Attachment, AttachmentId, ChannelId, MessageId, UserId,
    files::{DescribeUploads, FilesNews, UploadsRefused},
};
use voxlink_service_kit::Bus;

const DAY: Duration = Duration::from_secs(24 * 3600 + 1);

fn id(uploaded: &Value) -> AttachmentId {
    uploaded["id"].as_str().unwrap().parse().unwrap()
}

async fn describe(
    stage: &Stage,
    user: u64,
    ids: Vec<AttachmentId>,
) -> Result<Vec<Attachment>, UploadsRefused> {
    stage.bus.call(DescribeUploads { user: UserId::new(user), channel: OPEN, ids }).await.unwrap()
}

async fn used(stage: &Stage, message: u64, ids: &[AttachmentId]) {
    let news = FilesNews::AttachmentsUsed { message: MessageId::new(message), ids: ids.to_vec() };
    stage.bus.call(news).await.unwrap();
}

async fn released(stage: &Stage, message: u64, ids: &[AttachmentId]) {
    let news = FilesNews::AttachmentsReleased { message: MessageId::new(message), ids: ids.to_vec() };
    stage.bus.call(news).await.unwrap();
}

#[tokio::test]
async fn a_picture_comes_back_shown_in_place_and_in_smaller_copies() {
    let folder = Folder::new();
    let stage = open(&folder).await;
    let uploaded = stage.upload("boat.png", picture(ImageFormat::Png, 400, 300)).await;
    assert_eq!(
        (uploaded["width"].as_u64(), uploaded["content_type"].as_str()),
        (Some(400), Some("image/png"))
    );
    let attachment = describe(&stage, 7, vec![id(&uploaded)]).await.unwrap().remove(0);
    let whole = stage.get(&attachment.url).await;
    assert_eq!((whole.status.as_u16(), whole.header("content-type")), (200, "image/png"));
    assert!(whole.header("content-disposition").starts_with("inline; filename=\"boat.png\""));
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("content-security-policy", "sandbox; default-src 'none'"),
        ("cross-origin-resource-policy", "same-origin"),
    ] {
        assert_eq!(whole.header(name), value);
    }
    assert_eq!(stage.get_with(&attachment.url, "if-none-match", whole.header("etag")).await.status, 304);
    let copy = stage.get(&format!("{}&width=120&height=120", attachment.proxy_url)).await;
    assert_eq!(copy.header("content-type"), "image/webp");
    let copy = image::load_from_memory_with_format(&copy.bytes, ImageFormat::WebP).unwrap();
    assert_eq!(copy.dimensions(), (160, 120), "the next step of the ladder");
    assert_eq!(folder.files().len(), 2);
    let jpeg = stage.get(&format!("{}&width=120&format=jpeg", attachment.proxy_url)).await;
    assert_eq!(jpeg.header("content-type"), "image/jpeg");
    assert_eq!(stage.get(&format!("{}&format=svg", attachment.proxy_url)).await.status, 404);
}

#[tokio::test]
async fn without_the_key_there_is_nothing() {
    let folder = Folder::new();
    let stage = open(&folder).await;
    let uploaded = stage.upload("a.txt", "hello").await;
    let url = uploaded["url"].as_str().unwrap();
    assert_eq!(stage.get(url).await.status, 200);
    let (path, key) = url.split_once("?k=").unwrap();
    let never = stage.get("/cdn/attachments/1/2/a.txt?k=AAAAAAAAAAAAAAAAAAAAAA").await;
    assert_eq!(never.status, 404);
    for wrong in [
        path.to_owned(),
        format!("{path}?k="),
        format!("{path}?k=AAAAAAAAAAAAAAAAAAAAAA"),
        format!("{path}?k={}", &key[..20]),
        format!("{path}?k={key}x"),
        url.replace("/500/", "/501/"),
        "/cdn/attachments/500/18446744073709551615/a.txt?k=x".to_owned(),
        "/cdn/attachments/500/x/a.txt?k=x".to_owned(),
        format!("{url}&width=many"),
    ] {
        let answer = stage.get(&wrong).await;
        assert_eq!((answer.status, &answer.bytes), (never.status, &never.bytes), "{wrong}");
    }
}

#[tokio::test]
async fn what_could_run_in_a_browser_is_only_ever_saved() {
    let folder = Folder::new();
    let stage = open(&folder).await;
    let polyglot = [b"GIF89a".as_slice(), b"=1;alert(1)//<script>alert(1)</script>"].concat();
    for (name, bytes) in [
        ("a.svg", b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>".to_vec()),
        ("a.html", b"<script>alert(1)</script>".to_vec()),
        ("a.pdf", b"%PDF-1.7 /JS (app.alert(1))".to_vec()),
        ("a.gif", polyglot),
        ("a.png", b"\x89PNG\r\n\x1a\n<script>alert(1)</script>".to_vec()),
        ("cut.jpg", picture(ImageFormat::Jpeg, 50, 50)[..300].to_vec()),
    ] {
        let uploaded = stage.upload(name, bytes).await;
        assert!(uploaded["width"].is_null(), "{name}");
        let url = uploaded["url"].as_str().unwrap();
        for url in [url.to_owned(), format!("{url}&width=100&format=png")] {
            let served = stage.get(&url).await;
            assert_eq!(served.header("content-type"), "application/octet-stream", "{name}");
            assert!(served.header("content-disposition").starts_with("attachment;"), "{name}");
            assert_eq!(served.header("x-content-type-options"), "nosniff");
        }
    }
}

#[tokio::test]
async fn names_lose_their_folders_and_keep_their_script() {
    let folder = Folder::new();
    let stage = open(&folder).await;
    for (given, kept) in [
        ("..%2F..%2Fetc%2Fpasswd", "passwd"),
        ("%E2%80%AEgpj.exe", "gpj.exe"),
        ("%F0%9F%98%80%D9%85%D8%B1%D8%AD%D8%A8%D8%A7.txt", "😀مرحبا.txt"),
        ("a%0D%0ASet-Cookie%3A%20x", "aSet-Cookie_ x"),
        ("", "file"),
    ] {
        let uploaded = stage.upload(given, "x").await;
        assert_eq!(uploaded["filename"], kept);
        let served = stage.get(uploaded["url"].as_str().unwrap()).await;
        assert_eq!(served.status, 200, "{kept}");
        assert!(served.headers.get("set-cookie").is_none());
    }
}

#[tokio::test]
async fn who_may_not_attach_is_told_so_before_a_byte_is_taken() {
    let folder = Folder::new();
    let stage = open(&folder).await;
    let never =
        || Body::from_stream(futures_util::stream::pending::<Result<axum::body::Bytes, std::io::Error>>());
    assert_eq!(stage.upload_to(7, MUTED, "a", never()).await.status, 403);
    let unknown = stage.upload_to(7, ChannelId::new(9), "a", never()).await;
    assert_eq!((unknown.status.as_u16(), unknown.json()["code"].as_u64()), (404, Some(10003)));
    assert_eq!(stage.upload_to(7, OPEN, "a", Body::empty()).await.status, 400);
}

#[tokio::test]
async fn a_file_that_is_too_large_or_broken_off_leaves_nothing() {
    let folder = Folder::new();
    let stage = open(&folder).await;
    let large = stage.upload_to(7, OPEN, "a", Body::from(vec![0; 1024 * 1024 + 1])).await;
    assert_eq!((large.status.as_u16(), large.json()["code"].as_u64()), (413, Some(40005)));
    let pieces = vec![Ok(axum::body::Bytes::from_static(b"half")), Err(std::io::Error::other("gone"))];
    let broken = Body::from_stream(futures_util::stream::iter(pieces));
    assert_eq!(stage.upload_to(7, OPEN, "a", broken).await.status, 400);
    // The sender goes away in the middle: hyper drops the handler.
    let half = futures_util::StreamExt::chain(
        futures_util::stream::iter([Ok::<_, std::io::Error>(axum::body::Bytes::from_static(b"half"))]),
        futures_util::stream::pending(),
    );
    let upload = stage.upload_to(7, OPEN, "a", Body::from_stream(half));
    assert!(tokio::time::timeout(Duration::from_millis(300), upload).await.is_err());
    assert_eq!(folder.files(), Vec::<std::path::PathBuf>::new());
}

#[tokio::test(start_paused = true)]
async fn a_silent_upload_is_given_up() {
    let folder = Folder::new();
    let stage = open(&folder).await;
    let silent =
        Body::from_stream(futures_util::stream::pending::<Result<axum::body::Bytes, std::io::Error>>());
    assert_eq!(stage.upload_to(7, OPEN, "a", silent).await.status, 408);
}

#[tokio::test]
async fn the_room_of_a_person_is_counted_once_and_given_back() {
    let folder = Folder::new();
    let stage = open(&folder).await;
    let mib = || Body::from(vec![1; 1024 * 1024]);
    // Ten at once, room for three.
    let uploads = (0..10).map(|_| stage.upload_to(7, OPEN, "a", mib()));
    let answers = futures_util::future::join_all(uploads).await;
    let taken: Vec<_> = answers.iter().filter(|answer| answer.status == 201).collect();
    let refused = answers.iter().filter(|answer| answer.json()["code"] == 150_007).count();
    assert_eq!((taken.len(), refused), (3, 7));
    let limits = stage.get_with("/api/v1/attachments/limits", "authorization", "Bearer t-7").await.json();
    assert_eq!((limits["used"].as_u64(), limits["quota"].as_u64()), (Some(3 << 20), Some(3 << 20)));
    assert_eq!(stage.upload_to(8, OPEN, "a", mib()).await.status, 201, "others have their own");
    let delete = |user: u64, id: &str| {
        axum::http::Request::delete(format!("/api/v1/attachments/{id}"))
            .header("authorization", format!("Bearer t-{user}"))
            .body(Body::empty())
            .unwrap()
    };
    let first = taken[0].json()["id"].as_str().unwrap().to_owned();
    assert_eq!(stage.ask(delete(8, &first)).await.status, 404);
    assert_eq!(stage.ask(delete(7, &first)).await.status, 204);
    assert_eq!(stage.ask(delete(7, &first)).await.status, 404);
    assert_eq!(stage.upload_to(7, OPEN, "a", mib()).await.status, 201);
    stage.files.collect_now().await.unwrap();
    assert_eq!(folder.files().len(), 4, "what was refused left nothing");
}

#[tokio::test]
async fn a_player_may_ask_for_a_part() {
    let folder = Folder::new();
    let stage = open(&folder).await;
    let mut sound = b"fLaC".to_vec();
    sound.extend((0..200_u8).collect::<Vec<_>>());
    let url = stage.upload("a.flac", sound.clone()).await["url"].as_str().unwrap().to_owned();
    let part = stage.get_with(&url, "range", "bytes=10-19").await;
    assert_eq!((part.status.as_u16(), part.header("content-range")), (206, "bytes 10-19/204"));
    assert_eq!(part.bytes, sound[10..20]);
    assert_eq!(stage.get_with(&url, "range", "bytes=900-").await.status, 416);
    assert_eq!(stage.get(&url).await.bytes, sound);
}

#[tokio::test]
async fn only_the_uploader_can_use_an_upload_and_only_where_it_was_put() {
    let folder = Folder::new();
    let stage = open(&folder).await;
    let first = id(&stage.upload("a", "x").await);
    let second = id(&stage.upload("b", "y").await);
    let both = describe(&stage, 7, vec![second, first]).await.unwrap();
    assert_eq!(both.iter().map(|one| one.id).collect::<Vec<_>>(), [second, first]);
    assert_eq!(describe(&stage, 8, vec![first]).await, Err(UploadsRefused { unknown: first }));
    let elsewhere = DescribeUploads { user: UserId::new(7), channel: MUTED, ids: vec![first] };
    assert_eq!(stage.bus.call(elsewhere).await.unwrap(), Err(UploadsRefused { unknown: first }));
    let nothing = AttachmentId::new(u64::MAX);
    assert_eq!(describe(&stage, 7, vec![nothing]).await, Err(UploadsRefused { unknown: nothing }));
}

#[tokio::test]
async fn a_file_lives_as_long_as_a_message_uses_it() {
    let folder = Folder::new();
    let stage = open(&folder).await;
    let ids = [id(&stage.upload("used", "x").await), id(&stage.upload("unused", "y").await)];
    used(&stage, 1, &ids[..1]).await;
    used(&stage, 1, &ids[..1]).await;
    used(&stage, 2, &ids[..1]).await;
    stage.advance(DAY);
    stage.files.collect_now().await.unwrap();
    assert_eq!(describe(&stage, 7, vec![ids[1]]).await, Err(UploadsRefused { unknown: ids[1] }));
    released(&stage, 1, &ids[..1]).await;
    stage.files.collect_now().await.unwrap();
    assert!(describe(&stage, 7, vec![ids[0]]).await.is_ok(), "the other message uses it still");
    released(&stage, 2, &ids[..1]).await;
    released(&stage, 2, &ids[..1]).await;
    // Heard late, after a crash: what is released stays released.
    used(&stage, 2, &ids[..1]).await;
    stage.files.collect_now().await.unwrap();
    used(&stage, 2, &ids[..1]).await;
    assert_eq!(folder.files(), Vec::<std::path::PathBuf>::new());
    let limits = stage.get_with("/api/v1/attachments/limits", "authorization", "Bearer t-7").await.json();
    assert_eq!(limits["used"], 0);
}

#[tokio::test]
async fn the_files_of_a_channel_that_is_gone_are_gone() {
    let folder = Folder::new();
    let stage = open(&folder).await;
    let file = id(&stage.upload("a", "x").await);
    used(&stage, 1, &[file]).await;
    stage.bus.call(FilesNews::ChannelsGone { channels: vec![OPEN] }).await.unwrap();
    stage.files.collect_now().await.unwrap();
    assert_eq!(folder.files(), Vec::<std::path::PathBuf>::new());
}

/// Each step of an upload, cut off behind it: a copy of the folder as a crash would leave it.
#[tokio::test]
async fn a_crash_between_any_two_steps_leaves_nothing_that_is_not_collected() {
    let folder = Folder::new();
    let stage = open(&folder).await;
    let kept = id(&stage.upload("kept", "stays").await);
    used(&stage, 1, &[kept]).await;
    drop(stage);
    let blobs = folder.0.join("files/blobs");
    // Behind the staging: a file that was arriving.
    std::fs::write(folder.0.join("files/arriving/0123"), "half").unwrap();
    // Behind the blob, before its row was kept; and one whose row an older files.db does not have.
    std::fs::create_dir_all(blobs.join("aa")).unwrap();
    std::fs::write(blobs.join("aa").join("aa".repeat(16)), "stray").unwrap();
    let stage = open(&folder).await;
    assert_eq!(folder.files().len(), 2, "what was arriving is gone at once");
    stage.advance(DAY);
    stage.files.collect_now().await.unwrap();
    assert_eq!(folder.files().len(), 1);
    // Behind the row, before the blob was deleted: the row knows.
    released(&stage, 1, &[kept]).await;
    drop(stage);
    let stage = open(&folder).await;
    stage.files.collect_now().await.unwrap();
    assert_eq!(folder.files(), Vec::<std::path::PathBuf>::new());
    // Behind the deleted blob, before its row went: deleting nothing is fine.
    let again = id(&stage.upload("again", "x").await);
    for file in folder.files() {
        std::fs::remove_file(file).unwrap();
    }
    released(&stage, 1, &[again]).await;
    stage.files.collect_now().await.unwrap();
}

#[tokio::test]
async fn addresses_are_whole_when_the_operator_says_how_the_server_is_called() {
    let folder = Folder::new();
    let config =
        voxlink_files::FilesConfig { public_url: "https://chat.example.org".to_owned(), ..config(&folder.0) };
    let stage = open_with(config, Bus::serialising()).await;
    let uploaded = stage.upload("a%20b.txt", "x").await;
    assert!(uploaded["url"].as_str().unwrap().starts_with("https://chat.example.org/cdn/attachments/500/"));
    assert!(describe(&stage, 7, vec![id(&uploaded)]).await.is_ok());
}
