//! Files by their addresses. Whoever has the address may have the file: attachments carry a key in theirs.

use axum::{
    extract::{Path, Query, State},
    http::HeaderMap,
    response::Response,
};
use serde::Deserialize;
use voxlink_protocol::{
    ApplicationId, AttachmentId, ChannelId, EmojiId, ErrorCode, GuildId, Snowflake, SoundId, UserId,
    files::ImagePurpose,
};
use voxlink_service_kit::ApiError;

use super::serve::{Served, serve};
use crate::{
    Files,
    attachments::key_fits,
    media_type::{MediaType, PictureType, UNKNOWN},
    store::{pictures, previews, uploads},
    studio::Format,
    thumbnail::Original,
};

/// Longer sides of copies of attached pictures; asked for are any, given is the next larger one.
const ATTACHMENT_SIDES: [u32; 5] = [160, 320, 640, 1280, 1920];
/// Sides of avatars, icons and emojis.
const PICTURE_SIDES: [u32; 6] = [32, 64, 128, 256, 512, 1024];
/// When nobody says how large.
const USUAL_SIDE: u32 = 256;

/// The one answer for what is not there, and for whom it is not.
fn not_there() -> ApiError {
    ApiError::unknown(ErrorCode::General)
}

fn next_side(sides: &[u32], wanted: u32) -> u32 {
    let found = sides.iter().find(|side| **side >= wanted).or(sides.last());
    found.copied().unwrap_or(USUAL_SIDE)
}

#[derive(Deserialize)]
pub(super) struct AttachmentQuery {
    #[serde(default)]
    k: String,
    width: Option<u32>,
    height: Option<u32>,
    format: Option<String>,
}

pub(super) async fn attachment(
    State(files): State<Files>,
    path: Result<Path<(ChannelId, AttachmentId, String)>, axum::extract::rejection::PathRejection>,
    query: Result<Query<AttachmentQuery>, axum::extract::rejection::QueryRejection>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let (Ok(Path((channel, id, _name))), Ok(Query(query))) = (path, query) else { return Err(not_there()) };
    let found = files.inner.db.read(move |sql| uploads::find(sql, id)).await?;
    let upload = found.filter(|upload| upload.channel == channel && key_fits(&upload.key, &query.k));
    let upload = upload.ok_or_else(not_there)?;
    let media = MediaType::named(&upload.content_type);
    let wants_copy = query.width.is_some() || query.height.is_some() || query.format.is_some();
    let picture = media.and_then(MediaType::picture).zip(upload.dimensions).filter(|_| wants_copy);
    let Some((kind, dimensions)) = picture else {
        let served = Served {
            blob: upload.blob,
            size: Some(upload.size),
            content_type: media.map_or(UNKNOWN, MediaType::name),
            filename: Some(upload.filename),
            inline: media.is_some(),
        };
        return serve(&files, served, &headers).await;
    };
    let format = match query.format.as_deref() {
        None => Format::WebP,
        Some(name) => Format::of_extension(name).ok_or_else(not_there)?,
    };
    let longest = next_side(&ATTACHMENT_SIDES, wanted_side(dimensions, query.width, query.height));
    let original = Original { blob: upload.blob, kind, size: upload.size, dimensions };
    let copy = files.thumbnail(&original, longest, format).await?;
    let served = Served {
        blob: copy,
        size: None,
        content_type: format.name(),
        filename: Some(format!("{}.{}", upload.filename, format.extension())),
        inline: true,
    };
    serve(&files, served, &headers).await
}

/// The longer side of the picture once it fills the box that was asked for.
fn wanted_side((width, height): (u32, u32), box_width: Option<u32>, box_height: Option<u32>) -> u32 {
    let longer = u64::from(width.max(height));
    let by = |side: u32, wanted: Option<u32>| {
        wanted.map(|wanted| u64::from(wanted) * longer / u64::from(side.max(1)))
    };
    let sides = [by(width, box_width), by(height, box_height)];
    let wanted = sides.into_iter().flatten().min().unwrap_or(longer);
    u32::try_from(wanted).unwrap_or(u32::MAX)
}

#[derive(Deserialize)]
pub(super) struct PictureQuery {
    size: Option<u32>,
}

type PicturePath = Result<Path<(Snowflake, String)>, axum::extract::rejection::PathRejection>;
type PictureSize = Result<Query<PictureQuery>, axum::extract::rejection::QueryRejection>;

macro_rules! pictures {
    ($($handler:ident => $purpose:expr;)+) => {$(
        pub(super) async fn $handler(
            State(files): State<Files>,
            path: PicturePath,
            query: PictureSize,
            headers: HeaderMap,
        ) -> Result<Response, ApiError> {
            let (Ok(Path((owner, name))), Ok(Query(query))) = (path, query) else { return Err(not_there()) };
            let (hash, extension) = name.rsplit_once('.').ok_or_else(not_there)?;
            let purpose: fn(Snowflake) -> ImagePurpose = $purpose;
            picture(&files, purpose(owner), Some(hash.to_owned()), extension, query.size, &headers).await
        }
    )+};
}
pictures! {
    avatar => |owner| ImagePurpose::Avatar(UserId(owner));
    banner => |owner| ImagePurpose::Banner(UserId(owner));
    guild_icon => |owner| ImagePurpose::GuildIcon(GuildId(owner));
    channel_icon => |owner| ImagePurpose::ChannelIcon(ChannelId(owner));
    application_icon => |owner| ImagePurpose::ApplicationIcon(ApplicationId(owner));
}

pub(super) async fn emoji(
    State(files): State<Files>,
    path: Result<Path<String>, axum::extract::rejection::PathRejection>,
    query: PictureSize,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let (Ok(Path(name)), Ok(Query(query))) = (path, query) else { return Err(not_there()) };
    let (id, extension) = name.rsplit_once('.').ok_or_else(not_there)?;
    let id: EmojiId = id.parse().map_err(|_| not_there())?;
    picture(&files, ImagePurpose::Emoji(id), None, extension, query.size, &headers).await
}

/// v10 gives a sound's address no ending.
pub(super) async fn sound(
    State(files): State<Files>,
    path: Result<Path<SoundId>, axum::extract::rejection::PathRejection>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let Ok(Path(id)) = path else { return Err(not_there()) };
    let purpose = ImagePurpose::Sound(id);
    let found = files.inner.db.read(move |sql| pictures::find(sql, purpose, None)).await?;
    let kept = found.ok_or_else(not_there)?;
    let content_type = "audio/ogg";
    let served = Served { blob: kept.still, size: None, content_type, filename: None, inline: true };
    serve(&files, served, &headers).await
}

async fn picture(
    files: &Files,
    purpose: ImagePurpose,
    hash: Option<String>,
    extension: &str,
    size: Option<u32>,
    headers: &HeaderMap,
) -> Result<Response, ApiError> {
    let found = files.inner.db.read(move |sql| pictures::find(sql, purpose, hash.as_deref())).await?;
    let picture = found.ok_or_else(not_there)?;
    let served = |blob, content_type| Served { blob, size: None, content_type, filename: None, inline: true };
    if extension == "gif" {
        let moving = picture.moving.ok_or_else(not_there)?;
        return serve(files, served(moving, "image/gif"), headers).await;
    }
    let format = Format::of_extension(extension).ok_or_else(not_there)?;
    // A banner is as wide as it was kept; the steps are those of its width.
    let sides: &[u32] =
        if matches!(purpose, ImagePurpose::Banner(_)) { &ATTACHMENT_SIDES } else { &PICTURE_SIDES };
    let usual = if matches!(purpose, ImagePurpose::Banner(_)) { 640 } else { USUAL_SIDE };
    let longest = next_side(sides, size.unwrap_or(usual));
    // We drew it ourselves, at most this large.
    let original =
        Original { blob: picture.still, kind: PictureType::WebP, size: 0, dimensions: (1920, 1920) };
    let copy = files.thumbnail(&original, longest, format).await?;
    serve(files, served(copy, format.name()), headers).await
}

/// How exactly it is known when a preview's picture was last looked at: a day.
const SEEN_GRAIN_MS: u64 = 24 * 3600 * 1000;

#[derive(Deserialize)]
pub(super) struct KeyQuery {
    #[serde(default)]
    k: String,
}

pub(super) async fn preview(
    State(files): State<Files>,
    path: Result<Path<String>, axum::extract::rejection::PathRejection>,
    query: Result<Query<KeyQuery>, axum::extract::rejection::QueryRejection>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let (Ok(Path(name)), Ok(Query(query))) = (path, query) else { return Err(not_there()) };
    let id = name.strip_suffix(".webp").and_then(|id| id.parse::<Snowflake>().ok()).ok_or_else(not_there)?;
    let found = files.inner.db.read(move |sql| previews::image(sql, id)).await?;
    let image = found.filter(|image| key_fits(&image.key, &query.k)).ok_or_else(not_there)?;
    let now = files.inner.env.now();
    if now.0.saturating_sub(image.seen_at.0) > SEEN_GRAIN_MS {
        files.inner.db.write(move |sql| previews::see_image(sql, id, now)).await?;
    }
    let served = Served {
        blob: image.blob,
        size: None,
        content_type: Format::WebP.name(),
        filename: None,
        inline: true,
    };
    serve(&files, served, &headers).await
}
