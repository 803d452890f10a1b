//! The API of recordings, as docs/protocol/recordings.md has it.

use std::io::SeekFrom;

use axum::{
    Json,
    body::Body,
    extract::{Path, Query, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::Response,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use futures_util::stream;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};
use voxlink_protocol::{
    CallRecording, ChannelId, ErrorCode, GuildId, Permissions, Problem, RecordingId, RecordingPolicy,
    Timestamp, UserId,
    bus::{Granted, PermissionsOf, RecordingDeed},
};
use voxlink_service_kit::{
    ApiError, ApiJson, ApiPath, ApiQuery, Authenticated, Person, Routes,
    http::range::{Asked, asked_range},
};

use crate::{
    Recordings,
    finish::products::{self, Peaks, Speech},
    live::Refused,
    make::{self, ShownOutput},
    start::Refusal,
    store::{
        outputs::{self, Output, OutputState},
        recordings::{self, Recording, State as Stored},
        rules::{self, Rule},
        tracks,
    },
    take_out,
};

/// Sent at once.
const PIECE: usize = 64 * 1024;
/// Recordings of a channel in one answer.
const MOST_LISTED: u32 = 50;
/// A hundred years.
const MOST_DAYS: u32 = 36_500;

pub(crate) fn routes(recordings: Recordings) -> Routes {
    Routes::under("/api/v1")
        .get("/channels/{channel}/recording", going)
        .post("/channels/{channel}/recording", start)
        .patch("/channels/{channel}/recording", pause)
        .delete("/channels/{channel}/recording", stop)
        .put("/channels/{channel}/recording/consent", consent)
        .get("/channels/{channel}/recordings", list)
        .get("/guilds/{guild}/recording-settings", rule)
        .patch("/guilds/{guild}/recording-settings", set_rule)
        .get("/recordings/{recording}", show)
        .delete("/recordings/{recording}", delete)
        .get("/recordings/{recording}/files/{file}", file)
        .with_state(recordings.clone())
        .merge(make::routes(recordings))
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        let refused = |status, code, words: &str| Self::new(status, Problem::new(code, words));
        match refusal {
            Refusal::UnknownChannel => Self::unknown(ErrorCode::UnknownChannel),
            Refusal::NotVoice => refused(
                StatusCode::BAD_REQUEST,
                ErrorCode::WrongChannelType,
                "Cannot execute action on this channel type",
            ),
            Refusal::Forbidden => Self::forbidden(),
            Refusal::Off => refused(
                StatusCode::FORBIDDEN,
                ErrorCode::RecordingIsOff,
                "Nobody records here: whoever manages the community has turned it off.",
            ),
            Refusal::NotInCall => refused(
                StatusCode::BAD_REQUEST,
                ErrorCode::NotInCall,
                "Target user is not connected to voice.",
            ),
            Refusal::Nothing => Self::unknown(ErrorCode::UnknownRecording),
            Refusal::NotLive => Self::unknown(ErrorCode::UnknownBroadcast),
            Refusal::TooMany => refused(
                StatusCode::BAD_REQUEST,
                ErrorCode::MaximumBroadcasts,
                "This server has no room for more. Try again later.",
            ),
            Refusal::NoRoom => refused(
                StatusCode::INSUFFICIENT_STORAGE,
                ErrorCode::StorageFull,
                "The server's disk is nearly full. Ask its operator to make room, then try again.",
            ),
            Refusal::Quota => refused(
                StatusCode::INSUFFICIENT_STORAGE,
                ErrorCode::StorageFull,
                "The recordings here have all the room that they may have. Delete old ones, then try again.",
            ),
            Refusal::Busy => refused(
                StatusCode::CONFLICT,
                ErrorCode::RecordingBusy,
                "The recording is being made ready. Try again once it is.",
            ),
            Refusal::Folder(error) => {
                tracing::error!(%error, "the folder of a recording cannot be made");
                Self::from(voxlink_service_kit::DbError::Io(error.to_string()))
            }
            Refusal::Db(error) => error.into(),
            Refusal::Bus(error) => error.into(),
        }
    }
}

impl From<Refused> for Refusal {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Nothing => Self::Nothing,
            Refused::NotInCall => Self::NotInCall,
        }
    }
}

async fn going(
    State(this): State<Recordings>,
    Authenticated(who): Authenticated,
    ApiPath(channel): ApiPath<ChannelId>,
) -> Result<Json<CallRecording>, ApiError> {
    this.granted(who.user.id, channel).await?;
    let shown = this.inner.live().shown(channel, this.inner.env.clock.monotonic());
    Ok(Json(shown.ok_or(Refusal::Nothing)?))
}

async fn start(
    State(this): State<Recordings>,
    Authenticated(who): Authenticated,
    ApiPath(channel): ApiPath<ChannelId>,
) -> Result<(StatusCode, Json<CallRecording>), ApiError> {
    let (recording, is_new) = this.start(who.user.id, channel).await?;
    Ok((if is_new { StatusCode::CREATED } else { StatusCode::OK }, Json(recording)))
}

#[derive(Deserialize)]
struct Pause {
    paused: bool,
}

async fn pause(
    State(this): State<Recordings>,
    Authenticated(who): Authenticated,
    ApiPath(channel): ApiPath<ChannelId>,
    ApiJson(wanted): ApiJson<Pause>,
) -> Result<Json<CallRecording>, ApiError> {
    this.may_record(who.user.id, channel).await?;
    let now = this.inner.env.clock.monotonic();
    let effects = this.inner.live().pause(channel, who.user.id, wanted.paused, now).map_err(Refusal::from)?;
    this.carry_out(effects);
    let shown = this.inner.live().shown(channel, now);
    Ok(Json(shown.ok_or(Refusal::Nothing)?))
}

async fn stop(
    State(this): State<Recordings>,
    Authenticated(who): Authenticated,
    ApiPath(channel): ApiPath<ChannelId>,
) -> Result<StatusCode, ApiError> {
    let guild = this.may_record(who.user.id, channel).await?.guild;
    let now = this.inner.env.clock.monotonic();
    let effects = this.inner.live().stop(channel, who.user.id, now).map_err(Refusal::from)?;
    this.carry_out(effects);
    this.log(guild, who.user.id, RecordingDeed::Stop(channel)).await;
    Ok(StatusCode::NO_CONTENT)
}

/// Of a recording or a broadcast.
#[derive(Deserialize)]
pub(crate) struct Consent {
    pub(crate) accept: bool,
}

async fn consent(
    State(this): State<Recordings>,
    Person(who): Person,
    ApiPath(channel): ApiPath<ChannelId>,
    ApiJson(wanted): ApiJson<Consent>,
) -> Result<StatusCode, ApiError> {
    this.granted(who.user.id, channel).await?;
    let now = this.inner.env.clock.monotonic();
    let effects =
        this.inner.live().consent(channel, who.user.id, wanted.accept, now).map_err(Refusal::from)?;
    this.carry_out(effects);
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize, Serialize)]
struct ShownRule {
    policy: RecordingPolicy,
    keep_days: Option<u32>,
}

/// Tells null (`Some(None)`) from absent (`None`).
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Option<u32>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

#[derive(Deserialize)]
struct NewRule {
    policy: Option<RecordingPolicy>,
    #[serde(default, deserialize_with = "present")]
    keep_days: Option<Option<u32>>,
}

async fn guild_permissions(this: &Recordings, user: UserId, guild: GuildId) -> Result<Permissions, ApiError> {
    let permissions = this.inner.bus.call(PermissionsOf { user, guild }).await?;
    permissions.ok_or_else(|| ApiError::unknown(ErrorCode::UnknownGuild))
}

async fn rule(
    State(this): State<Recordings>,
    Authenticated(who): Authenticated,
    ApiPath(guild): ApiPath<GuildId>,
) -> Result<Json<ShownRule>, ApiError> {
    guild_permissions(&this, who.user.id, guild).await?;
    let Rule { policy, keep_days } = this.inner.db.read(move |sql| rules::of(sql, guild)).await?;
    Ok(Json(ShownRule { policy, keep_days }))
}

async fn set_rule(
    State(this): State<Recordings>,
    Authenticated(who): Authenticated,
    ApiPath(guild): ApiPath<GuildId>,
    ApiJson(new): ApiJson<NewRule>,
) -> Result<Json<ShownRule>, ApiError> {
    let permissions = guild_permissions(&this, who.user.id, guild).await?;
    if !permissions.contains(Permissions::MANAGE_GUILD) {
        return Err(ApiError::forbidden());
    }
    if let Some(Some(days)) = new.keep_days
        && !(1..=MOST_DAYS).contains(&days)
    {
        let words = format!("Must be between 1 and {MOST_DAYS}.");
        let errors = voxlink_protocol::FieldErrors::one("keep_days", "NUMBER_TYPE_RANGE", words);
        return Err(ApiError::form(errors));
    }
    let rule = this.inner.db.write(move |sql| {
        let before = rules::of(sql, guild)?;
        let rule = Rule {
            policy: new.policy.unwrap_or(before.policy),
            keep_days: new.keep_days.unwrap_or(before.keep_days),
        };
        rules::set(sql, guild, rule)?;
        Ok::<_, voxlink_service_kit::DbError>((before, rule))
    });
    let (before, Rule { policy, keep_days }) = rule.await?;
    let deed =
        RecordingDeed::Rule { policy: [before.policy, policy], keep_days: [before.keep_days, keep_days] };
    if before != (Rule { policy, keep_days }) {
        this.log(Some(guild), who.user.id, deed).await;
    }
    Ok(Json(ShownRule { policy, keep_days }))
}

/// A recording that this person may listen to.
pub(crate) async fn seen(
    this: &Recordings,
    user: UserId,
    id: RecordingId,
) -> Result<(Recording, Granted), ApiError> {
    let unknown = || ApiError::unknown(ErrorCode::UnknownRecording);
    let found = this.inner.db.read(move |sql| recordings::find(sql, id)).await?;
    let recording = found.filter(|one| one.state != Stored::Going).ok_or_else(unknown)?;
    match this.granted(user, recording.channel).await {
        Ok(granted) if granted.permissions.contains(Permissions::READ_MESSAGE_HISTORY) => {
            Ok((recording, granted))
        }
        Ok(_) | Err(Refusal::UnknownChannel) => Err(unknown()),
        Err(other) => Err(other.into()),
    }
}

#[derive(Serialize)]
struct Head {
    id: RecordingId,
    channel_id: ChannelId,
    guild_id: Option<GuildId>,
    started_by: UserId,
    started_at: Timestamp,
    duration_ms: Option<u64>,
    state: &'static str,
    problem: Option<String>,
    thumbnail: Option<String>,
}

impl Head {
    fn new(this: &Recordings, recording: &Recording, made: &[Output]) -> Self {
        let drawn = made.iter().find(|one| one.kind == "thumbnail" && one.state == OutputState::Ready);
        let address = |one: &Output| this.inner.seals.address(recording.id, &one.file, this.inner.env.now());
        Self {
            thumbnail: drawn.map(address),
            id: recording.id,
            channel_id: recording.channel,
            guild_id: recording.guild,
            started_by: recording.started_by,
            started_at: Timestamp(recording.id.0.unix_ms()),
            duration_ms: recording.duration_ms,
            state: match recording.state {
                Stored::Ready => "ready",
                Stored::Failed | Stored::Doomed => "failed",
                Stored::Going | Stored::Processing => "processing",
            },
            problem: recording.problem.clone(),
        }
    }
}

#[derive(Serialize)]
struct Shown {
    #[serde(flatten)]
    head: Head,
    may_delete: bool,
    people: Vec<Speech>,
    peaks: String,
    tracks: Vec<ShownTrack>,
    outputs: Vec<ShownOutput>,
}

#[derive(Serialize)]
struct ShownTrack {
    name: String,
    user_id: UserId,
    source: String,
    codec: String,
    starts_ms: u64,
    duration_ms: u64,
    bytes: u64,
    url: String,
    may_delete: bool,
}

fn may_delete(recording: &Recording, user: UserId, granted: Granted) -> bool {
    recording.started_by == user || granted.permissions.contains(Permissions::MANAGE_MESSAGES)
}

async fn show(
    State(this): State<Recordings>,
    Authenticated(who): Authenticated,
    ApiPath(id): ApiPath<RecordingId>,
) -> Result<Json<Shown>, ApiError> {
    let (recording, granted) = seen(&this, who.user.id, id).await?;
    let now = this.inner.env.now();
    let (found, made) = this
        .inner
        .db
        .read(move |sql| {
            Ok::<_, voxlink_service_kit::DbError>((tracks::list(sql, id)?, outputs::list(sql, id)?))
        })
        .await?;
    let folder = this.folder(id);
    let read = tokio::task::spawn_blocking(move || (products::speech(&folder), products::peaks(&folder)));
    let (people, Peaks(peaks)) = read.await.unwrap_or_default();
    let address = |file: &str| this.inner.seals.address(id, file, now);
    Ok(Json(Shown {
        head: Head::new(&this, &recording, &made),
        may_delete: may_delete(&recording, who.user.id, granted),
        people,
        peaks: STANDARD.encode(peaks),
        tracks: found
            .iter()
            .cloned()
            .map(|track| ShownTrack {
                name: track.file.trim_end_matches(".mkv").to_owned(),
                user_id: track.user,
                url: address(&track.file),
                source: track.source,
                codec: track.codec,
                starts_ms: track.starts_ms,
                duration_ms: track.duration_ms,
                bytes: track.bytes,
                may_delete: take_out::may_take_out(&recording, track.user, who.user.id, granted),
            })
            .collect(),
        outputs: this.shown_outputs(&recording, &found, made, address).await,
    }))
}

async fn delete(
    State(this): State<Recordings>,
    Authenticated(who): Authenticated,
    ApiPath(id): ApiPath<RecordingId>,
) -> Result<StatusCode, ApiError> {
    let (recording, granted) = seen(&this, who.user.id, id).await?;
    if !may_delete(&recording, who.user.id, granted) {
        return Err(ApiError::forbidden());
    }
    this.delete(id).await?;
    this.log(recording.guild, who.user.id, RecordingDeed::Delete(recording.channel)).await;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
struct Page {
    before: Option<RecordingId>,
    limit: Option<u32>,
}

async fn list(
    State(this): State<Recordings>,
    Authenticated(who): Authenticated,
    ApiPath(channel): ApiPath<ChannelId>,
    ApiQuery(page): ApiQuery<Page>,
) -> Result<Json<Vec<Head>>, ApiError> {
    let granted = this.granted(who.user.id, channel).await?;
    if !granted.permissions.contains(Permissions::READ_MESSAGE_HISTORY) {
        return Err(ApiError::forbidden());
    }
    let before = page.before.unwrap_or(RecordingId::new(i64::MAX as u64));
    let limit = page.limit.unwrap_or(MOST_LISTED).clamp(1, MOST_LISTED);
    let found = this.inner.db.read(move |sql| {
        let found = recordings::page(sql, channel, before, limit)?.into_iter();
        let with_outputs = found.map(|one| Ok((outputs::list(sql, one.id)?, one)));
        with_outputs.collect::<Result<Vec<_>, voxlink_service_kit::DbError>>()
    });
    Ok(Json(found.await?.iter().map(|(made, one)| Head::new(&this, one, made)).collect()))
}

#[derive(Deserialize)]
struct Seal {
    until: Option<u64>,
    #[serde(default)]
    seal: String,
    #[serde(default)]
    download: Option<String>,
}

/// A file by its address. Whoever has the address may have the file while it is good.
async fn file(
    State(this): State<Recordings>,
    path: Result<Path<(RecordingId, String)>, axum::extract::rejection::PathRejection>,
    query: Result<Query<Seal>, axum::extract::rejection::QueryRejection>,
    asked: HeaderMap,
) -> Result<Response, ApiError> {
    let gone = || ApiError::unknown(ErrorCode::UnknownRecording);
    let (Ok(Path((id, name))), Ok(Query(query))) = (path, query) else { return Err(gone()) };
    let until = query.until.unwrap_or_default();
    if !this.inner.seals.fits(id, &name, until, &query.seal, this.inner.env.now()) {
        let words = "This address is not good any more. Ask for the recording again.";
        return Err(ApiError::new(StatusCode::FORBIDDEN, Problem::new(ErrorCode::MissingAccess, words)));
    }
    // Sealed by us, so it is a name of ours; and the recording may have been deleted since.
    let (found, place) = (products::place(&this.folder(id), &name), name.clone());
    let found = found.ok_or_else(gone)?;
    let mut open = tokio::fs::File::open(&found).await.map_err(|_| gone())?;
    let size = open.metadata().await.map_err(|_| gone())?.len();
    let range = asked.get(header::RANGE).and_then(|value| value.to_str().ok());
    let (status, range) = match range.map(|text| asked_range(text, size)) {
        None | Some(Asked::Ignored) => (StatusCode::OK, 0..size),
        Some(Asked::Part(range)) => (StatusCode::PARTIAL_CONTENT, range),
        Some(Asked::Nothing) => {
            let problem = Problem::new(ErrorCode::General, "416: Range Not Satisfiable");
            return Err(ApiError::new(StatusCode::RANGE_NOT_SATISFIABLE, problem));
        }
    };
    open.seek(SeekFrom::Start(range.start)).await.map_err(|_| gone())?;
    let length = range.end - range.start;
    let pieces = stream::unfold((open, length), |(mut open, left)| async move {
        if left == 0 {
            return None;
        }
        let mut piece = vec![0; usize::try_from(left).unwrap_or(PIECE).min(PIECE)];
        match open.read(&mut piece).await {
            Ok(0) => None,
            Ok(read) => {
                piece.truncate(read);
                Some((Ok::<_, std::io::Error>(Bytes::from(piece)), (open, left - read as u64)))
            }
            Err(error) => Some((Err(error), (open, 0))),
        }
    });
    let mut response = Response::new(Body::from_stream(pieces));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    let mut put = |name: HeaderName, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    };
    put(header::CONTENT_TYPE, products::content_type(&place));
    put(header::CACHE_CONTROL, "private, max-age=21600");
    put(header::ACCEPT_RANGES, "bytes");
    put(header::CONTENT_LENGTH, &length.to_string());
    put(header::CONTENT_SECURITY_POLICY, "sandbox; default-src 'none'");
    put(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    put(HeaderName::from_static("cross-origin-resource-policy"), "same-origin");
    let kind = if query.download.is_some() { "attachment" } else { "inline" };
    put(header::CONTENT_DISPOSITION, &format!("{kind}; filename=\"{id}-{place}\""));
    if status == StatusCode::PARTIAL_CONTENT {
        put(header::CONTENT_RANGE, &format!("bytes {}-{}/{size}", range.start, range.end.saturating_sub(1)));
    }
    Ok(response)
}
