//! The description of `/api/v1`, as it is served. Written by hand; a test of the whole holds it against the table of
//! routes, and `scripts/schemathesis.sh` against the answers.

use axum::http::header;
use voxlink_service_kit::Routes;

const DESCRIPTION: &str = include_str!("../openapi.json");

/// `GET /api/v1/openapi.json`.
pub(crate) fn routes() -> Routes {
    let answer = async || ([(header::CONTENT_TYPE, "application/json")], DESCRIPTION);
    Routes::under("/api/v1").get("/openapi.json", answer).with_state(())
}
