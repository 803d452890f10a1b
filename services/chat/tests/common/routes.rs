//! Requests to the routes, as this user or that.

use axum::{
    body::Body,
    http::{Request, StatusCode},
};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;
use voxlink_protocol::{GuildId, Permissions};

use super::Stage;

/// Sends a request as this user, with a reason for the audit log unless it is empty.
pub(crate) async fn ask_because(
    stage: &Stage,
    user: u64,
    reason: &str,
    method: &str,
    path: &str,
    body: &Value,
) -> (u16, Value) {
    let mut request = Request::builder()
        .method(method)
        .uri(format!("/api/v10{path}"))
        .header("authorization", format!("Bearer t-{user}"));
    if !reason.is_empty() {
        request = request.header("x-audit-log-reason", reason);
    }
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let response = stage
        .chat
        .router()
        .oneshot(request.body(Body::from(body)).expect("a request"))
        .await
        .expect("an answer");
    let status = response.status();
    let bytes = response.into_body().collect().await.expect("a body").to_bytes();
    assert_eq!(status == StatusCode::NO_CONTENT, bytes.is_empty(), "{method} {path}: {status}");
    (status.as_u16(), serde_json::from_slice(&bytes).unwrap_or(Value::Null))
}

/// As [`ask_because`], for no reason.
pub(crate) async fn ask(stage: &Stage, user: u64, method: &str, path: &str, body: &Value) -> (u16, Value) {
    ask_because(stage, user, "", method, path, body).await
}

/// As [`ask`]; it must be done.
pub(crate) async fn done(stage: &Stage, user: u64, method: &str, path: &str, body: &Value) -> Value {
    let (status, answer) = ask(stage, user, method, path, body).await;
    assert!((200..300).contains(&status), "{method} {path} {body}: {status} {answer}");
    answer
}

/// As [`ask`]; it must be refused with this status and code.
pub(crate) async fn refused(
    stage: &Stage,
    user: u64,
    method: &str,
    path: &str,
    body: &Value,
    status: u16,
    code: u64,
) {
    let (got, answer) = ask(stage, user, method, path, body).await;
    assert_eq!((got, answer["code"].as_u64()), (status, Some(code)), "{method} {path} {body}: {answer}");
}

/// A role that the owner makes with these permissions at this position, given to someone.
pub(crate) async fn role(
    stage: &Stage,
    owner: u64,
    guild: GuildId,
    grants: Permissions,
    position: u32,
    to: u64,
) -> String {
    let roles = format!("/guilds/{guild}/roles");
    let body = json!({"name": "Crew", "permissions": grants.bits().to_string()});
    let made = done(stage, owner, "POST", &roles, &body).await;
    let id = made["id"].as_str().expect("an id").to_owned();
    done(stage, owner, "PATCH", &roles, &json!([{"id": id, "position": position}])).await;
    done(stage, owner, "PUT", &format!("/guilds/{guild}/members/{to}/roles/{id}"), &Value::Null).await;
    id
}
