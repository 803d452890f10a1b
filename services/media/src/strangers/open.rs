//! POST: an offer in, an answer and a resource out.

use axum::{
    extract::State,
    http::{HeaderName, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use serde::Deserialize;
use voxlink_protocol::{ChannelId, ErrorCode, UserId};
use voxlink_service_kit::{ApiError, ApiPath, ApiQuery};

use super::{
    Credential,
    caller::Caller,
    pass,
    sdp::{OFFER, Received, TRICKLE, problem},
};
use crate::{
    MediaState,
    calls::{Open, Purpose, StrangerRefused},
    store::stream_keys,
};

/// Whom to watch; whoever is on stage when it is missing.
#[derive(Deserialize)]
pub(crate) struct Watch {
    user_id: Option<UserId>,
    #[serde(default)]
    audio: Audio,
}

/// Whose sound comes with it.
#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Audio {
    /// Of whom is watched.
    #[default]
    Followed,
    /// Of everyone.
    Mixed,
}

/// WHIP.
pub(crate) async fn publish(
    State(state): State<MediaState>,
    caller: Caller,
    ApiPath(channel): ApiPath<ChannelId>,
    received: Received,
) -> Result<Response, ApiError> {
    open(&state, &caller, channel, Purpose::Publish, &received).await
}

/// WHEP.
pub(crate) async fn watch(
    State(state): State<MediaState>,
    caller: Caller,
    ApiPath(channel): ApiPath<ChannelId>,
    ApiQuery(watch): ApiQuery<Watch>,
    received: Received,
) -> Result<Response, ApiError> {
    let purpose = Purpose::Watch { user: watch.user_id, mixed: watch.audio == Audio::Mixed };
    open(&state, &caller, channel, purpose, &received).await
}

async fn open(
    state: &MediaState,
    caller: &Caller,
    channel: ChannelId,
    purpose: Purpose,
    received: &Received,
) -> Result<Response, ApiError> {
    // First of all whether they may know of this channel: everything else would tell that it exists.
    caller.check(channel, purpose == Purpose::Publish)?;
    let pass = pass::ask(state, caller.user, channel).await?;
    let offer = received.text(OFFER)?.to_owned();
    received.takes_sdp()?;
    let resource = state.random_name();
    let open = Open { pass, purpose, credential: caller.credential, resource, offer };
    let opened = state.control.open_stranger(open).await.map_err(refusal)?;
    if let Credential::Key(key) = caller.credential {
        let now = state.env.now();
        if let Err(error) = state.db.write(move |sql| stream_keys::touch(sql, key, now)).await {
            tracing::warn!(%error, "when a stream key was used could not be written down");
        }
    }
    let endpoint = if purpose == Purpose::Publish { "whip" } else { "whep" };
    let headers = [
        (header::LOCATION, format!("/api/v1/channels/{channel}/{endpoint}/{}", opened.name)),
        (header::ETAG, format!("\"{}\"", opened.tag)),
        (header::CONTENT_TYPE, OFFER.to_owned()),
        (HeaderName::from_static("accept-patch"), TRICKLE.to_owned()),
    ];
    Ok((StatusCode::CREATED, headers, opened.sdp.unwrap_or_default()).into_response())
}

/// The words of an offer's refusal say what is wrong with it and nothing else.
pub(crate) fn refusal(refused: StrangerRefused) -> ApiError {
    match refused {
        StrangerRefused::BadPass => ApiError::internal(),
        StrangerRefused::MayNotStream => ApiError::forbidden(),
        StrangerRefused::Full => problem(StatusCode::CONFLICT, "This call is full."),
        StrangerRefused::InAnotherCall => {
            problem(StatusCode::CONFLICT, "You are in another call. Leave it, then stream into this one.")
        }
        StrangerRefused::Malformed(words) => problem(StatusCode::BAD_REQUEST, format!("SDP: {words}.")),
        StrangerRefused::Unusable(words) => {
            problem(StatusCode::UNPROCESSABLE_ENTITY, format!("SDP: {words}."))
        }
        StrangerRefused::Unknown => ApiError::unknown(ErrorCode::General),
        StrangerRefused::Stale => {
            problem(StatusCode::PRECONDITION_FAILED, "This is not the current ICE session.")
        }
        StrangerRefused::Crashed => {
            problem(StatusCode::SERVICE_UNAVAILABLE, "The call crashed. Try again in a moment.")
        }
    }
}
