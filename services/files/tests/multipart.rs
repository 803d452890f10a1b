//! Messages whose files come in the same request.
#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use axum::{
    Json, Router,
    body::Body,
    http::{Request, StatusCode},
    response::IntoResponse as _,
    routing::{patch, post},
};
use common::{Folder, Stage, open};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tower::ServiceExt as _;

/// Stands in for chat: answers with the body it got, or refuses.
fn chat(stage: &Stage) -> Router {
    let echo = async |Json(body): Json<Value>| {
        if body["content"] == "refuse" {
            StatusCode::BAD_REQUEST.into_response()
        } else {
            Json(body).into_response()
        }
    };
    let router = Router::new()
        .route("/api/v10/channels/{channel}/messages", post(echo))
        .route("/api/v10/channels/{channel}/messages/{message}", patch(echo));
    stage.files.multipart(router)
}

/// Name, file name, bytes.
type Part<'a> = (&'a str, Option<&'a str>, &'a str);

async fn send_to(stage: &Stage, method: &str, path: &str, parts: &[Part<'_>]) -> (StatusCode, Value) {
    let mut body = String::new();
    for (name, filename, bytes) in parts {
        let filename = filename.map(|name| format!("; filename=\"{name}\"")).unwrap_or_default();
        body +=
            &format!("--X\r\nContent-Disposition: form-data; name=\"{name}\"{filename}\r\n\r\n{bytes}\r\n");
    }
    body += "--X--\r\n";
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("authorization", "Bot t-7")
        .header("content-type", "multipart/form-data; boundary=X")
        .body(in_pieces(&body))
        .unwrap();
    let answer = chat(stage).oneshot(request).await.unwrap();
    let status = answer.status();
    let bytes = answer.into_body().collect().await.unwrap().to_bytes();
    (status, serde_json::from_slice(&bytes).unwrap_or_default())
}

/// As the network brings it.
fn in_pieces(text: &str) -> Body {
    let pieces: Vec<_> = text
        .as_bytes()
        .chunks(64 * 1024)
        .map(|piece| Ok::<_, std::io::Error>(axum::body::Bytes::copy_from_slice(piece)))
        .collect();
    Body::from_stream(futures_util::stream::iter(pieces))
}

async fn send(stage: &Stage, parts: &[Part<'_>]) -> (StatusCode, Value) {
    send_to(stage, "POST", "/api/v10/channels/500/messages", parts).await
}

#[tokio::test]
async fn files_are_stored_and_named_by_their_index() {
    let folder = Folder::new();
    let stage = open(&folder).await;
    let payload = json!({"content": "two", "attachments": [
        {"id": 1, "description": "the second"}, {"id": "0", "filename": "a.txt"}, {"id": "123456789012345678"}
    ]});
    let (status, body) = send(
        &stage,
        &[
            ("files[0]", Some("a.txt"), "first"),
            ("files[1]", Some("b.txt"), "second"),
            ("payload_json", None, &payload.to_string()),
        ],
    )
    .await;
    assert_eq!(status, 200, "{body}");
    assert_eq!(body["content"], "two");
    let attachments = body["attachments"].as_array().unwrap();
    assert_eq!(attachments.len(), 3);
    assert_eq!(attachments[0]["description"], "the second");
    assert_eq!(attachments[2]["id"], "123456789012345678", "one that the message has already");
    let id = |at: usize| attachments[at]["id"].as_str().unwrap().parse::<u64>().unwrap();
    assert!(id(0) > id(1) && id(1) > 1_000_000, "real ids");
    assert_eq!(folder.files().len(), 2);
}

#[tokio::test]
async fn single_fields_and_a_file_without_a_number_will_do() {
    let folder = Folder::new();
    let stage = open(&folder).await;
    let (status, body) =
        send(&stage, &[("content", None, "42"), ("tts", None, "false"), ("file", Some("../x.txt"), "one")])
            .await;
    assert_eq!(status, 200);
    assert_eq!((&body["content"], &body["tts"]), (&json!("42"), &json!(false)));
    assert_eq!(body["attachments"].as_array().unwrap().len(), 1);
    let (status, body) = send_to(
        &stage,
        "PATCH",
        "/api/v10/channels/500/messages/9",
        &[("payload_json", None, "{\"content\":\"edited\"}")],
    )
    .await;
    assert_eq!((status, body), (StatusCode::OK, json!({"content": "edited"})));
}

#[tokio::test]
async fn a_message_that_is_refused_takes_its_files_along() {
    let folder = Folder::new();
    let stage = open(&folder).await;
    let file: Part<'_> = ("files[0]", Some("a.txt"), "first");
    let large = "x".repeat(1024 * 1024 + 1);
    let eleven: Vec<Part<'_>> = vec![file; 11];
    let refused: [(&str, &[Part<'_>], u16); 6] = [
        ("500", &[file, ("content", None, "refuse")], 400),
        ("500", &[file, ("files[1]", Some("b"), &large)], 413),
        ("500", &[file, ("payload_json", None, "[")], 400),
        ("500", &[file, ("payload_json", None, &large)], 413),
        ("500", &eleven, 400),
        ("9", &[file], 404),
    ];
    for (channel, parts, wanted) in refused {
        let path = format!("/api/v10/channels/{channel}/messages");
        assert_eq!(send_to(&stage, "POST", &path, parts).await.0.as_u16(), wanted);
    }
    stage.files.collect_now().await.unwrap();
    assert_eq!(folder.files(), Vec::<std::path::PathBuf>::new());
}

#[tokio::test]
async fn headers_without_end_are_cut_off_and_strangers_are_turned_away() {
    let folder = Folder::new();
    let stage = open(&folder).await;
    let endless = format!("--X\r\nContent-Disposition: {}", "x".repeat(4 * 1024 * 1024));
    let request = |token: &str| {
        Request::post("/api/v10/channels/500/messages")
            .header("authorization", token)
            .header("content-type", "multipart/form-data; boundary=X")
    };
    let body = in_pieces(&endless);
    let answer = chat(&stage).oneshot(request("Bot t-7").body(body).unwrap()).await.unwrap();
    assert_eq!(answer.status(), 400);
    let never =
        Body::from_stream(futures_util::stream::pending::<Result<axum::body::Bytes, std::io::Error>>());
    let answer = chat(&stage).oneshot(request("Bot wrong").body(never).unwrap()).await.unwrap();
    assert_eq!(answer.status(), 401);
}
