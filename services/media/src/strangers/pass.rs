//! What chat says about someone in a channel.

use axum::http::StatusCode;
use voxlink_protocol::{
    ChannelId, ErrorCode, Problem, Secret, UserId,
    bus::{IssueStreamPass, PassRefused},
    voice::CallPass,
};
use voxlink_service_kit::{ApiError, CallError};

use crate::MediaState;

/// A pass, or why there is none.
pub(crate) async fn issue(
    state: &MediaState,
    user: UserId,
    channel: ChannelId,
) -> Result<Result<Secret, PassRefused>, CallError> {
    let session_id = format!("stream-{}", state.random_name());
    state.bus.call(IssueStreamPass { user, channel, session_id }).await
}

/// As [`issue`], with the refusal as an answer.
pub(crate) async fn ask(state: &MediaState, user: UserId, channel: ChannelId) -> Result<Secret, ApiError> {
    issue(state, user, channel).await?.map_err(refusal)
}

/// What a fresh pass says.
pub(crate) fn read(state: &MediaState, pass: &Secret) -> Result<CallPass, ApiError> {
    state.pass_key.verify(pass, state.env.now()).ok_or_else(ApiError::internal)
}

/// What cannot be seen does not exist.
pub(crate) fn refusal(refused: PassRefused) -> ApiError {
    match refused {
        PassRefused::Unknown => ApiError::unknown(ErrorCode::UnknownChannel),
        PassRefused::NotVoice => ApiError::new(
            StatusCode::BAD_REQUEST,
            Problem::new(ErrorCode::WrongChannelType, "Cannot execute action on this channel type"),
        ),
        PassRefused::Forbidden => ApiError::forbidden(),
    }
}
