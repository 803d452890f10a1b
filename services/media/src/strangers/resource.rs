//! PATCH and DELETE of what a POST made.

use axum::{
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse as _, Response},
};
use voxlink_protocol::{ChannelId, ErrorCode};
use voxlink_service_kit::{ApiError, ApiPath};
use voxlink_sfu::{IceFragment, OfferError};

use super::{
    caller::Caller,
    open::refusal,
    sdp::{Received, TRICKLE, problem},
};
use crate::{
    MediaState,
    calls::{IfMatch, Named},
};

type InPath = ApiPath<(ChannelId, String)>;

pub(crate) async fn patch_publisher(
    State(state): State<MediaState>,
    caller: Caller,
    ApiPath((channel, resource)): InPath,
    received: Received,
) -> Result<Response, ApiError> {
    patch(&state, Named { resource, user: caller.user, channel, publishes: true }, &received).await
}

pub(crate) async fn patch_viewer(
    State(state): State<MediaState>,
    caller: Caller,
    ApiPath((channel, resource)): InPath,
    received: Received,
) -> Result<Response, ApiError> {
    patch(&state, Named { resource, user: caller.user, channel, publishes: false }, &received).await
}

pub(crate) async fn delete_publisher(
    State(state): State<MediaState>,
    caller: Caller,
    ApiPath((channel, resource)): InPath,
) -> Result<StatusCode, ApiError> {
    delete(&state, Named { resource, user: caller.user, channel, publishes: true }).await
}

pub(crate) async fn delete_viewer(
    State(state): State<MediaState>,
    caller: Caller,
    ApiPath((channel, resource)): InPath,
) -> Result<StatusCode, ApiError> {
    delete(&state, Named { resource, user: caller.user, channel, publishes: false }).await
}

/// Candidates answer 204; a restart of ICE answers 200 with our new credentials (RFC 9725 §4.3).
async fn patch(state: &MediaState, named: Named, received: &Received) -> Result<Response, ApiError> {
    let (condition, fragment) = match read(received) {
        Ok(read) => read,
        // What is wrong with the request is nobody's business who does not own the resource.
        Err(error) => {
            let known = state.control.knows_stranger(named).await;
            return Err(if known { error } else { ApiError::unknown(ErrorCode::General) });
        }
    };
    let resource = state.control.patch_stranger(named, condition, fragment).await.map_err(refusal)?;
    let tag = (header::ETAG, format!("\"{}\"", resource.tag));
    Ok(match resource.sdp {
        Some(sdp) => (StatusCode::OK, [tag, (header::CONTENT_TYPE, TRICKLE.to_owned())], sdp).into_response(),
        None => StatusCode::NO_CONTENT.into_response(),
    })
}

fn read(received: &Received) -> Result<(IfMatch, IceFragment), ApiError> {
    let text = received.text(TRICKLE)?;
    let condition = received.header(header::IF_MATCH).ok_or_else(|| {
        let words = "If-Match is needed: the ETag for candidates, \"*\" for a restart of ICE.";
        problem(StatusCode::PRECONDITION_REQUIRED, words)
    })?;
    let condition = match condition.trim() {
        // RFC 9725 writes it in quotes, RFC 9110 without.
        "*" | "\"*\"" => IfMatch::Any,
        tag => IfMatch::Tag(tag.trim_matches('"').to_owned()),
    };
    let fragment = IceFragment::parse(text).map_err(|error| match error {
        OfferError::Malformed(words) | OfferError::Unusable(words) => {
            problem(StatusCode::BAD_REQUEST, format!("SDP: {words}."))
        }
        OfferError::UnknownPeer => ApiError::unknown(ErrorCode::General),
    })?;
    Ok((condition, fragment))
}

/// RFC 9725 §4.2: 200 once the session is over.
async fn delete(state: &MediaState, named: Named) -> Result<StatusCode, ApiError> {
    match state.control.close_stranger(named).await {
        true => Ok(StatusCode::OK),
        false => Err(ApiError::unknown(ErrorCode::General)),
    }
}
