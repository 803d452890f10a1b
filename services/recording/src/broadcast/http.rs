//! The API of broadcasts, as docs/protocol/broadcast.md has it.

use std::{
    convert::Infallible,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Json,
    body::Body,
    extract::{Path, Query, State},
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::Response,
};
use bytes::Bytes;
use futures_util::stream;
use serde::Deserialize;
use voxlink_protocol::{CallBroadcast, ChannelId, ErrorCode, Problem, RecordingId, bus::RecordingDeed};
use voxlink_service_kit::{ApiError, ApiJson, ApiPath, ApiQuery, Authenticated, Person, Routes};

use super::{
    Air, engine, lock,
    piece::{Piece, Stream},
    viewers::{Key, Known},
};
use crate::{Recordings, http::Consent, start::Refusal};

/// RFC 8216 §4.
const PLAYLIST: &str = "application/vnd.apple.mpegurl";
/// About as long as a playlist stays what it is; many viewers behind one cache are then one.
const PLAYLIST_KEPT: &str = "private, max-age=1";
/// A segment never changes, and is of no use once it left the playlist.
const SEGMENT_KEPT: &str = "public, max-age=600, immutable";

/// RFC 8216 §6.2.2: three target durations, or players of all kinds may fail; ours waits by itself.
const LEAST: usize = 3;
/// A playlist of AAC waits for an encoder that begins: it makes what is kept in less than a second.
const AAC_WITHIN: Duration = Duration::from_secs(8);
/// Between two looks whether it is there.
const LOOK: Duration = Duration::from_millis(50);

pub(crate) fn routes(recordings: Recordings) -> Routes {
    Routes::under("/api/v1")
        .get("/channels/{channel}/broadcast", going)
        .post("/channels/{channel}/broadcast", start)
        .delete("/channels/{channel}/broadcast", stop)
        .put("/channels/{channel}/broadcast/consent", consent)
        .get("/channels/{channel}/broadcast/index.m3u8", index)
        .get("/broadcasts/{broadcast}/playlists/{playlist}", playlist)
        .get("/broadcasts/{broadcast}/files/{file}", file)
        .with_state(recordings)
}

async fn going(
    State(this): State<Recordings>,
    Authenticated(who): Authenticated,
    ApiPath(channel): ApiPath<ChannelId>,
) -> Result<Json<CallBroadcast>, ApiError> {
    this.granted(who.user.id, channel).await?;
    Ok(Json(this.broadcast_of(channel)?))
}

async fn start(
    State(this): State<Recordings>,
    Authenticated(who): Authenticated,
    ApiPath(channel): ApiPath<ChannelId>,
) -> Result<(StatusCode, Json<CallBroadcast>), ApiError> {
    let (broadcast, is_new) = this.start_broadcast(who.user.id, channel).await?;
    Ok((if is_new { StatusCode::CREATED } else { StatusCode::OK }, Json(broadcast)))
}

async fn stop(
    State(this): State<Recordings>,
    Authenticated(who): Authenticated,
    ApiPath(channel): ApiPath<ChannelId>,
) -> Result<StatusCode, ApiError> {
    let guild = this.may_record(who.user.id, channel).await?.guild;
    let now = this.inner.env.clock.monotonic();
    let mut outcome = Ok(());
    this.change_broadcasts(|live| {
        live.stop(channel, who.user.id, now).unwrap_or_else(|refused| {
            outcome = Err(not_live(refused));
            Vec::new()
        })
    });
    outcome?;
    this.log(guild, who.user.id, RecordingDeed::StopBroadcast(channel)).await;
    Ok(StatusCode::NO_CONTENT)
}

async fn consent(
    State(this): State<Recordings>,
    Person(who): Person,
    ApiPath(channel): ApiPath<ChannelId>,
    ApiJson(wanted): ApiJson<Consent>,
) -> Result<StatusCode, ApiError> {
    this.granted(who.user.id, channel).await?;
    let now = this.inner.env.clock.monotonic();
    let mut outcome = Ok(());
    this.change_broadcasts(|live| {
        live.consent(channel, who.user.id, wanted.accept, now).unwrap_or_else(|refused| {
            outcome = Err(not_live(refused));
            Vec::new()
        })
    });
    outcome?;
    Ok(StatusCode::NO_CONTENT)
}

fn not_live(refused: crate::live::Refused) -> Refusal {
    match refused {
        crate::live::Refused::Nothing => Refusal::NotLive,
        crate::live::Refused::NotInCall => Refusal::NotInCall,
    }
}

/// The master playlist: the one answer that a login is needed for. Whoever has it watches by the addresses in it.
async fn index(
    State(this): State<Recordings>,
    Authenticated(who): Authenticated,
    ApiPath(channel): ApiPath<ChannelId>,
    ApiQuery(asked): ApiQuery<Asked>,
) -> Result<Response, ApiError> {
    let user = who.user.id;
    if !this.may_watch(user, channel).await? {
        return Err(ApiError::forbidden());
    }
    let broadcast = this.broadcast_of(channel)?.id;
    let broadcasts = &this.inner.broadcasts;
    let air = broadcasts.air(broadcast).ok_or(Refusal::NotLive)?;
    let offered = {
        let air = lock(&air);
        offered(&air, asked, broadcasts.offers_aac(&air)).ok_or(Refusal::NotLive)?
    };
    if broadcasts.aac.found().is_none() {
        // For the next question.
        drop(this.look_for_aac());
    }
    let key = Key::from_be_bytes(this.inner.env.bytes());
    let now = this.inner.env.clock.monotonic();
    if !lock(&broadcasts.viewers).admit(key, broadcast, channel, user, now) {
        return Err(Refusal::TooMany.into());
    }
    let mut text = "#EXTM3U\n#EXT-X-VERSION:7\n".to_owned();
    for Offered { stream, codecs, bits } in offered {
        let name = stream.name();
        text.push_str(&format!(
            "#EXT-X-STREAM-INF:BANDWIDTH={bits},CODECS=\"{codecs}\"\n\
             /api/v1/broadcasts/{broadcast}/playlists/{name}.m3u8?viewer={key:032x}\n"
        ));
    }
    Ok(answer(text.into(), PLAYLIST, "no-store"))
}

/// What a master playlist is to name. Players change between its streams as they like, by what they believe of the line,
/// and Chromium's own breaks when the codec of the sound changes with that, or pictures come or go.
#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Sounds {
    /// One that plays anywhere: with AAC, or Opus where there is no AAC.
    #[default]
    One,
    /// Opus alone.
    Opus,
    /// Both, for who chooses by themselves.
    All,
}

#[derive(Deserialize)]
struct Asked {
    #[serde(default)]
    sound: Sounds,
}

/// A stream as the master playlist names it.
struct Offered {
    stream: Stream,
    codecs: String,
    bits: u64,
}

/// The streams that can be had: pictures before sound, since a player takes the first that it knows. `None`: the broadcast
/// has only just begun.
fn offered(air: &Air, Asked { sound }: Asked, has_aac: bool) -> Option<Vec<Offered>> {
    let shelf = &air.shelf;
    let least = if let Sounds::One = sound { LEAST } else { 1 };
    if shelf.count(Stream::Sound) < least {
        return None;
    }
    let picture = shelf.codec().filter(|_| shelf.count(Stream::Both) >= least);
    let offer = |stream: Stream| {
        let sound = if stream.is_aac() { "mp4a.40.2" } else { "opus" };
        let codecs = match (stream.has_pictures(), picture) {
            (true, Some(picture)) => format!("{picture},{sound}"),
            (true, None) => return None,
            (false, _) => sound.to_owned(),
        };
        Some(Offered { stream, codecs, bits: shelf.bandwidth(stream) })
    };
    let all = [Stream::BothAac, Stream::Both, Stream::SoundAac, Stream::Sound];
    let is_wanted = |stream: &Stream| match (sound, stream.is_aac()) {
        (Sounds::All | Sounds::One, true) => has_aac,
        (Sounds::One, false) => !has_aac,
        (Sounds::Opus, is_aac) => !is_aac,
        (Sounds::All, false) => true,
    };
    let mut offered: Vec<Offered> = all.into_iter().filter(is_wanted).filter_map(offer).collect();
    if let Sounds::One = sound {
        let most = offered.iter().map(|one| one.bits).max().unwrap_or_default();
        // Every player knows H.264. Where it may not know the pictures there is sound as well, which takes no less by what
        // is said of it: nobody changes to that for a better line.
        let has_all = picture.is_some_and(|picture| picture.starts_with("avc1"));
        offered.truncate(if has_all { 1 } else { offered.len() });
        offered.iter_mut().for_each(|one| one.bits = most);
    }
    Some(offered)
}

#[derive(Deserialize)]
struct Viewer {
    #[serde(default)]
    viewer: String,
}

/// A media playlist, for whoever was given its address and still may watch.
async fn playlist(
    State(this): State<Recordings>,
    path: Result<Path<(RecordingId, String)>, axum::extract::rejection::PathRejection>,
    query: Result<Query<Viewer>, axum::extract::rejection::QueryRejection>,
) -> Result<Response, ApiError> {
    let (Ok(Path((id, name))), Ok(Query(Viewer { viewer }))) = (path, query) else {
        return Err(Refusal::NotLive.into());
    };
    let broadcasts = &this.inner.broadcasts;
    let now = this.inner.env.clock.monotonic();
    let key = Key::from_str_radix(&viewer, 16).map_err(|_| closed())?;
    let known = lock(&broadcasts.viewers).ask(key, id, now).ok_or_else(closed)?;
    if let Known::Ask(user, channel) = known {
        let may = match this.may_watch(user, channel).await {
            Ok(may) => may,
            Err(Refusal::UnknownChannel) => false,
            Err(other) => return Err(other.into()),
        };
        lock(&broadcasts.viewers).checked(key, may, now);
        if !may {
            return Err(closed());
        }
    }
    let stream = Stream::parse(&name).ok_or(Refusal::NotLive)?;
    let air = broadcasts.air(id).ok_or(Refusal::NotLive)?;
    let text = this.written(&air, stream).await.ok_or(Refusal::NotLive)?;
    Ok(answer(text.into(), PLAYLIST, PLAYLIST_KEPT))
}

impl Recordings {
    /// A playlist. To ask for one of AAC is to have it made.
    async fn written(&self, air: &Arc<Mutex<Air>>, stream: Stream) -> Option<Bytes> {
        let clock = &self.inner.env.clock;
        let until = clock.monotonic() + AAC_WITHIN;
        loop {
            let now = clock.monotonic();
            {
                let mut air = lock(air);
                if stream.is_aac() {
                    air.aac_asked = Some(now);
                }
                let Air { shelf, is_aac_failed, .. } = &*air;
                if !stream.is_aac() || shelf.is_up_to_date(stream) || shelf.ended().is_some() {
                    return shelf.playlist(stream);
                }
                if *is_aac_failed || now >= until {
                    return None;
                }
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}

#[derive(Deserialize)]
struct Seal {
    #[serde(default)]
    until: u64,
    #[serde(default)]
    seal: String,
}

/// A segment by its address.
async fn file(
    State(this): State<Recordings>,
    path: Result<Path<(RecordingId, String)>, axum::extract::rejection::PathRejection>,
    query: Result<Query<Seal>, axum::extract::rejection::QueryRejection>,
) -> Result<Response, ApiError> {
    let (Ok(Path((id, name))), Ok(Query(Seal { until, seal }))) = (path, query) else {
        return Err(Refusal::NotLive.into());
    };
    let broadcasts = &this.inner.broadcasts;
    let is_good = this.inner.env.now().0 < until
        && broadcasts.seals.is_signed(&engine::sealed(id, &name, until), &seal);
    if !is_good {
        return Err(closed());
    }
    let piece = Piece::parse(&name).ok_or(Refusal::NotLive)?;
    let air = broadcasts.air(id).ok_or(Refusal::NotLive)?;
    let segment = lock(&air).shelf.piece(piece).ok_or(Refusal::NotLive)?;
    let kind = if piece.is_sound() { "audio/mp4" } else { "video/mp4" };
    let length = segment.len();
    let pieces = stream::iter(segment.pieces().map(Ok::<_, Infallible>));
    let mut response = answer(Body::from_stream(pieces), kind, SEGMENT_KEPT);
    response.headers_mut().insert(header::CONTENT_LENGTH, length.into());
    Ok(response)
}

fn closed() -> ApiError {
    let words = "This address is not good any more. Open the broadcast again.";
    ApiError::new(StatusCode::FORBIDDEN, Problem::new(ErrorCode::MissingAccess, words))
}

fn answer(body: Body, kind: &'static str, kept: &'static str) -> Response {
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(kept));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    let policy = HeaderValue::from_static("sandbox; default-src 'none'");
    headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    let ours = HeaderName::from_static("cross-origin-resource-policy");
    headers.insert(ours, HeaderValue::from_static("same-origin"));
    response
}
