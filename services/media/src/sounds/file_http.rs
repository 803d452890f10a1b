//! `/api/v1/channels/{channel}/play`: a file of a message, played in the call that one sits in.

use std::io::Cursor;

use axum::{Json, extract::State, http::StatusCode};
use serde::Deserialize;
use voxlink_audio::import::{ImportError, Reader};
use voxlink_protocol::{
    AttachmentId, ChannelId, ErrorCode, MessageId, Permissions, Problem,
    bus::{Granted, PermissionsIn, TokenOwner},
    playback::{CallPlayback, FetchUpload, FileRefused, FileToPlay, PlaybackState},
};
use voxlink_service_kit::{ApiError, ApiJson, ApiPath, Authenticated};

use super::{feed, http::refused_by_call};
use crate::{
    MediaState,
    calls::{Asker, PlayFile, Turn, TurnRefused},
};

/// Bytes of a file that is played: what one may upload at all, unless the operator says more.
const MOST_BYTES: u64 = 25 * 1024 * 1024;

#[derive(Deserialize)]
pub(crate) struct Form {
    /// Where the message is.
    channel_id: ChannelId,
    message_id: MessageId,
    attachment_id: AttachmentId,
}

/// Begins to play it, in place of what one played before.
pub(crate) async fn begin(
    State(state): State<MediaState>,
    Authenticated(me): Authenticated,
    ApiPath(channel): ApiPath<ChannelId>,
    ApiJson(form): ApiJson<Form>,
) -> Result<(StatusCode, Json<CallPlayback>), ApiError> {
    let user = me.user.id;
    let Form { channel_id: source, message_id: message, attachment_id: attachment } = form;
    let asked = FileToPlay { user, channel, source, message, attachment };
    let file = state.bus.call(asked).await?.map_err(refused_by_chat)?;
    state.control.may_play_file(user, channel).await.map_err(refused_by_call)?;
    let bytes = state.bus.call(FetchUpload { attachment, most: MOST_BYTES }).await?;
    let bytes =
        bytes.ok_or_else(|| refused(ErrorCode::FileTooLarge, "This file is too large to be played."))?;
    let opened = tokio::task::spawn_blocking(move || Reader::open(Box::new(Cursor::new(bytes))));
    let reader = opened.await.unwrap_or(Err(ImportError::Broken));
    let reader = reader
        .map_err(|_| refused(ErrorCode::InvalidAsset, "Invalid Asset: no sound that can be played."))?;
    let feed = feed::start(reader).map_err(|error| {
        tracing::error!(%error, "no thread for a file that is to be played");
        ApiError::internal()
    })?;
    let told = CallPlayback {
        channel_id: channel,
        guild_id: file.guild,
        user_id: user,
        title: file.filename,
        state: PlaybackState::Playing,
    };
    state.control.play_file(PlayFile { told: told.clone(), feed }).await.map_err(refused_by_call)?;
    Ok((StatusCode::CREATED, Json(told)))
}

/// What is played there, for whoever may join the call.
pub(crate) async fn show(
    State(state): State<MediaState>,
    Authenticated(me): Authenticated,
    ApiPath(channel): ApiPath<ChannelId>,
) -> Result<Json<CallPlayback>, ApiError> {
    granted(&state, &me, channel).await?;
    let told = state.control.file_in(channel).await;
    told.map(Json).ok_or_else(|| ApiError::unknown(ErrorCode::General))
}

#[derive(Deserialize)]
pub(crate) struct Change {
    paused: bool,
}

/// Holds it or goes on with it.
pub(crate) async fn change(
    State(state): State<MediaState>,
    Authenticated(me): Authenticated,
    ApiPath(channel): ApiPath<ChannelId>,
    ApiJson(form): ApiJson<Change>,
) -> Result<StatusCode, ApiError> {
    turn(&state, &me, channel, if form.paused { Turn::Pause } else { Turn::Resume }).await
}

/// Ends it.
pub(crate) async fn end(
    State(state): State<MediaState>,
    Authenticated(me): Authenticated,
    ApiPath(channel): ApiPath<ChannelId>,
) -> Result<StatusCode, ApiError> {
    turn(&state, &me, channel, Turn::Stop).await
}

async fn turn(
    state: &MediaState,
    me: &TokenOwner,
    channel: ChannelId,
    turn: Turn,
) -> Result<StatusCode, ApiError> {
    let granted = granted(state, me, channel).await?;
    let asker =
        Asker { user: me.user.id, moderates: granted.permissions.contains(Permissions::MUTE_MEMBERS) };
    match state.control.turn_file(channel, asker, turn).await {
        Ok(()) => Ok(StatusCode::NO_CONTENT),
        Err(TurnRefused::NothingPlays) => Err(ApiError::unknown(ErrorCode::General)),
        Err(TurnRefused::Forbidden) => Err(ApiError::forbidden()),
    }
}

/// Whoever may join the call.
async fn granted(state: &MediaState, me: &TokenOwner, channel: ChannelId) -> Result<Granted, ApiError> {
    let asked = PermissionsIn { user: me.user.id, channel };
    let granted = state.bus.call(asked).await?.filter(|granted| granted.is_voice && granted.guild.is_some());
    let granted = granted.ok_or_else(|| ApiError::unknown(ErrorCode::UnknownChannel))?;
    if granted.permissions.contains(Permissions::CONNECT) { Ok(granted) } else { Err(ApiError::forbidden()) }
}

fn refused(code: ErrorCode, words: &str) -> ApiError {
    ApiError::new(StatusCode::BAD_REQUEST, Problem::new(code, words))
}

fn refused_by_chat(why: FileRefused) -> ApiError {
    match why {
        FileRefused::UnknownChannel => ApiError::unknown(ErrorCode::UnknownChannel),
        FileRefused::UnknownMessage => ApiError::unknown(ErrorCode::UnknownMessage),
        FileRefused::Forbidden => ApiError::forbidden(),
        FileRefused::NotVoice => {
            refused(ErrorCode::WrongChannelType, "Cannot execute action on this channel type")
        }
    }
}
