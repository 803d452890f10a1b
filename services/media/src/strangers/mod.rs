//! WHIP (RFC 9725) and WHEP (draft-ietf-wish-whep): programs that publish into a call or watch it over plain HTTP.
//!
//! Handlers parse, ask chat for a pass and the control side for an answer. docs/protocol/whip.md says what is promised.

mod caller;
mod cors;
mod open;
pub(crate) mod pass;
mod resource;
mod sdp;

use axum::middleware::from_fn;
use voxlink_protocol::{LoginId, StreamKeyId};
use voxlink_service_kit::Routes;

use crate::MediaState;

/// By what right someone is in a call without a client of ours: when it ends, what was opened with it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Credential {
    Login(LoginId),
    Key(StreamKeyId),
}

/// The endpoints and their resources, for pages of any origin: nothing here looks at cookies.
pub(crate) fn routes(state: MediaState) -> Routes {
    Routes::under("/api/v1/channels/{channel}")
        .post("/whip", open::publish)
        .options("/whip", cors::endpoint)
        .patch("/whip/{resource}", resource::patch_publisher)
        .delete("/whip/{resource}", resource::delete_publisher)
        .options("/whip/{resource}", cors::resource)
        .post("/whep", open::watch)
        .options("/whep", cors::endpoint)
        .patch("/whep/{resource}", resource::patch_viewer)
        .delete("/whep/{resource}", resource::delete_viewer)
        .options("/whep/{resource}", cors::resource)
        .with_state(state)
        .layered(|router| router.layer(from_fn(cors::allow)))
}
