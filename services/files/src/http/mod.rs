//! HTTP: a handler parses, calls, replies.

mod cdn;
mod serve;
mod uploads;

pub(crate) use uploads::TO_STORE;

use axum::http::StatusCode;
use voxlink_protocol::{ErrorCode, FieldErrors, Problem};
use voxlink_service_kit::{ApiError, Routes};

use crate::{Files, blobs::StorageError, studio::DrawError, thumbnail::ThumbnailError, upload::UploadError};

pub(crate) fn routes(files: Files) -> Routes {
    let v1 = Routes::under("/api/v1")
        .post("/attachments", uploads::upload)
        .get("/attachments/limits", uploads::limits)
        .delete("/attachments/{id}", uploads::discard);
    let cdn = Routes::under("/cdn")
        .get("/attachments/{channel}/{id}/{filename}", cdn::attachment)
        .get("/avatars/{owner}/{name}", cdn::avatar)
        .get("/banners/{owner}/{name}", cdn::banner)
        .get("/icons/{owner}/{name}", cdn::guild_icon)
        .get("/channel-icons/{owner}/{name}", cdn::channel_icon)
        .get("/app-icons/{owner}/{name}", cdn::application_icon)
        .get("/emojis/{name}", cdn::emoji)
        .get("/soundboard-sounds/{sound}", cdn::sound)
        .get("/previews/{name}", cdn::preview);
    v1.merge(cdn).with_state(files)
}

impl From<UploadError> for ApiError {
    fn from(error: UploadError) -> Self {
        let refused = |status, code, words: &str| Self::new(status, Problem::new(code, words));
        match error {
            UploadError::UnknownChannel => Self::unknown(ErrorCode::UnknownChannel),
            UploadError::Forbidden => Self::forbidden(),
            UploadError::NoMessagesHere => refused(
                StatusCode::BAD_REQUEST,
                ErrorCode::WrongChannelType,
                "Cannot execute action on this channel type",
            ),
            UploadError::TooLarge => {
                refused(StatusCode::PAYLOAD_TOO_LARGE, ErrorCode::RequestTooLarge, "Request entity too large")
            }
            UploadError::NoRoom => refused(
                StatusCode::BAD_REQUEST,
                ErrorCode::QuotaExceeded,
                "Your files take up all the room you have. Delete some of them, then try again.",
            ),
            UploadError::TooMany => Self::rate_limited(std::time::Duration::from_secs(5)),
            UploadError::Empty => {
                Self::form(FieldErrors::one("file", "BASE_TYPE_REQUIRED", "This file is empty."))
            }
            UploadError::TooSlow => refused(
                StatusCode::REQUEST_TIMEOUT,
                ErrorCode::General,
                "The file did not arrive in time. Try again over a better connection.",
            ),
            UploadError::Broken => {
                refused(StatusCode::BAD_REQUEST, ErrorCode::General, "The request body could not be read.")
            }
            UploadError::Storage(error) => error.into_api(),
            UploadError::Db(error) => error.into(),
            UploadError::Call(error) => error.into(),
        }
    }
}

impl StorageError {
    /// 404 for what is missing, 507 when the disk is full, 503 when it fails.
    fn into_api(self) -> ApiError {
        match self {
            Self::Missing => ApiError::unknown(ErrorCode::General),
            Self::Full => voxlink_service_kit::DbError::Full.into(),
            Self::Failed(why) => voxlink_service_kit::DbError::Io(why).into(),
        }
    }
}

impl From<ThumbnailError> for ApiError {
    fn from(error: ThumbnailError) -> Self {
        match error {
            ThumbnailError::Draw(DrawError::Broken) => Self::unknown(ErrorCode::General),
            ThumbnailError::Draw(DrawError::Busy) => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                Problem::new(ErrorCode::General, "Too many pictures are being drawn. Try again in a moment."),
            ),
            ThumbnailError::Storage(error) => error.into_api(),
            ThumbnailError::Db(error) => error.into(),
        }
    }
}
