//! Uploads of people.

use std::time::Duration;

use axum::{
    Json,
    extract::{Request, State},
    http::{StatusCode, header},
};
use serde::{Deserialize, Serialize};
use voxlink_protocol::{AttachmentId, ChannelId, ErrorCode};
use voxlink_service_kit::{ApiError, ApiPath, ApiQuery, Authenticated, Patience};

use crate::{Files, store, upload::UploadError};

/// For looking at a file and storing it, once it has arrived.
pub(crate) const TO_STORE: Duration = Duration::from_secs(60);

#[derive(Deserialize)]
pub(super) struct UploadQuery {
    channel_id: ChannelId,
    #[serde(default)]
    filename: String,
}

/// What the client needs for the message that comes next, and to draw the file meanwhile.
#[derive(Serialize)]
pub(super) struct Uploaded {
    id: AttachmentId,
    filename: String,
    size: u64,
    content_type: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    width: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    height: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    duration_secs: Option<f64>,
    url: String,
}

pub(super) async fn upload(
    State(files): State<Files>,
    Authenticated(me): Authenticated,
    ApiQuery(query): ApiQuery<UploadQuery>,
    request: Request,
) -> Result<(StatusCode, Json<Uploaded>), ApiError> {
    let announced = request
        .headers()
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.parse::<u64>().ok());
    if announced.is_some_and(|size| size > files.inner.config.max_file_size) {
        return Err(UploadError::TooLarge.into());
    }
    let uploader = files.admit(me.user.id, query.channel_id, announced).await?;
    let patience = Patience::in_request(request.extensions());
    patience.suspend();
    let arriving = request.into_body().into_data_stream();
    let uploaded = files.upload(&uploader, &query.filename, arriving).await;
    patience.restart(TO_STORE);
    let attachment = files.attachment(&uploaded?);
    let uploaded = Uploaded {
        id: attachment.id,
        filename: attachment.filename,
        size: attachment.size,
        content_type: attachment.content_type.unwrap_or_default(),
        width: attachment.width,
        height: attachment.height,
        duration_secs: attachment.duration_secs,
        url: attachment.url,
    };
    Ok((StatusCode::CREATED, Json(uploaded)))
}

#[derive(Serialize)]
pub(super) struct Limits {
    max_size: u64,
    quota: u64,
    used: u64,
}

pub(super) async fn limits(
    State(files): State<Files>,
    Authenticated(me): Authenticated,
) -> Result<Json<Limits>, ApiError> {
    let config = &files.inner.config;
    let used = files.inner.db.read(move |sql| store::uploads::used_room(sql, me.user.id)).await?;
    Ok(Json(Limits { max_size: config.max_file_size, quota: config.quota, used }))
}

pub(super) async fn discard(
    State(files): State<Files>,
    Authenticated(me): Authenticated,
    ApiPath(id): ApiPath<AttachmentId>,
) -> Result<StatusCode, ApiError> {
    if files.discard(me.user.id, id).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(ApiError::unknown(ErrorCode::General))
    }
}
