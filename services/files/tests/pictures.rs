//! Avatars, icons, emojis.
#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use common::{Folder, Stage, open, picture};
use image::{GenericImageView as _, ImageFormat};
use voxlink_protocol::{
    EmojiId, GuildId, UserId,
    files::{FilesNews, ImagePurpose, ImageRefused, StoreImage, StoredImage},
};

const ANNA: ImagePurpose = ImagePurpose::Avatar(UserId::new(7));

async fn store(stage: &Stage, purpose: ImagePurpose, bytes: &[u8]) -> Result<StoredImage, ImageRefused> {
    let data_uri = format!("data:image/png;base64,{}", BASE64_STANDARD.encode(bytes));
    stage.bus.call(StoreImage { purpose, data_uri }).await.unwrap()
}

#[test]
fn everything_here_holds_on_postgresql() {
    voxlink_test_postgres::run_all_again();
}

#[tokio::test]
async fn an_avatar_is_cut_square_and_served_in_steps() {
    let folder = Folder::new();
    let stage = open(&folder).await;
    let avatar = store(&stage, ANNA, &picture(ImageFormat::Jpeg, 300, 200)).await.unwrap();
    assert!(!avatar.animated && avatar.hash.len() == 32);
    for (asked, side, name, kind) in [
        ("?size=100", 128, "webp", ImageFormat::WebP),
        ("?size=64", 64, "png", ImageFormat::Png),
        ("?size=4096", 200, "jpg", ImageFormat::Jpeg),
        ("", 200, "webp", ImageFormat::WebP),
    ] {
        let answer = stage.get(&format!("/cdn/avatars/7/{}.{name}{asked}", avatar.hash)).await;
        assert_eq!(answer.status, 200, "{asked}");
        let drawn = image::load_from_memory_with_format(&answer.bytes, kind).unwrap();
        assert_eq!(drawn.dimensions(), (side, side), "{asked}");
        assert!(answer.header("cache-control").contains("immutable"));
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
    }
    for wrong in [
        "/cdn/avatars/8/HASH.webp",
        "/cdn/icons/7/HASH.webp",
        "/cdn/avatars/7/HASH.gif",
        "/cdn/avatars/7/HASH.svg",
        "/cdn/avatars/7/HASH",
        "/cdn/avatars/x/HASH.webp",
        "/cdn/avatars/18446744073709551615/HASH.png",
    ] {
        let answer = stage.get(&wrong.replace("HASH", &avatar.hash)).await;
        assert_eq!(answer.status, 404, "{wrong}");
    }
}

#[tokio::test]
async fn a_small_moving_gif_stays_and_is_called_so() {
    let folder = Folder::new();
    let stage = open(&folder).await;
    let mut gif = picture(ImageFormat::Gif, 20, 20);
    let frame = gif.iter().position(|byte| *byte == 0x2c).unwrap();
    let again = gif[frame..gif.len() - 1].to_vec();
    gif.pop();
    gif.extend_from_slice(&again);
    gif.push(0x3b);
    let emoji = ImagePurpose::Emoji(EmojiId::new(9));
    let stored = store(&stage, emoji, &gif).await.unwrap();
    assert!(stored.animated && stored.hash.starts_with("a_"));
    assert_eq!(stage.get("/cdn/emojis/9.gif").await.header("content-type"), "image/gif");
    assert_eq!(stage.get("/cdn/emojis/9.webp?size=16").await.header("content-type"), "image/webp");
    assert_eq!(stage.get("/cdn/emojis/10.webp").await.status, 404);
}

#[tokio::test]
async fn what_is_no_picture_or_too_large_is_refused() {
    let folder = Folder::new();
    let stage = open(&folder).await;
    let svg = b"<svg xmlns='http://www.w3.org/2000/svg'/>";
    assert_eq!(store(&stage, ANNA, svg).await, Err(ImageRefused::NotAnImage));
    let cut = &picture(ImageFormat::Png, 50, 50)[..200];
    assert_eq!(store(&stage, ANNA, cut).await, Err(ImageRefused::NotAnImage));
    let large = vec![0; 256 * 1024 + 1];
    let emoji = ImagePurpose::Emoji(EmojiId::new(9));
    assert_eq!(store(&stage, emoji, &large).await, Err(ImageRefused::TooLarge { most: 256 * 1024 }));
    let mut bomb = picture(ImageFormat::Png, 4, 4);
    bomb[16..24].copy_from_slice(&[0, 0, 0x40, 0, 0, 0, 0x40, 0]);
    assert_eq!(store(&stage, ANNA, &bomb).await, Err(ImageRefused::TooManyPixels));
    assert_eq!(folder.files(), Vec::<std::path::PathBuf>::new());
}

#[tokio::test]
async fn a_released_picture_is_gone_with_its_copies() {
    let folder = Folder::new();
    let stage = open(&folder).await;
    let purpose = ImagePurpose::GuildIcon(GuildId::new(3));
    let icon = store(&stage, purpose, &picture(ImageFormat::Png, 64, 64)).await.unwrap();
    let path = format!("/cdn/icons/3/{}.webp", icon.hash);
    assert_eq!(stage.get(&path).await.status, 200);
    assert_eq!(folder.files().len(), 2, "the picture and a copy");
    let news = || FilesNews::ImageReleased { purpose, hash: icon.hash.clone() };
    stage.bus.call(news()).await.unwrap();
    stage.bus.call(news()).await.unwrap();
    assert_eq!(stage.get(&path).await.status, 404);
    stage.files.collect_now().await.unwrap();
    assert_eq!(folder.files(), Vec::<std::path::PathBuf>::new());
}
