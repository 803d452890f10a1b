//! The routes: shapes that libraries rely on, and what bad input gets.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod common;

use axum::{
    body::Body,
    http::{Request, StatusCode},
};
use common::{Folder, Stage, open};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;

/// Sends a request as this user (0: as a stranger) and returns the status and the body.
async fn ask(stage: &Stage, user: u64, method: &str, path: &str, body: &str) -> (StatusCode, Value) {
    let mut request = Request::builder().method(method).uri(path);
    if user > 0 {
        request = request.header("authorization", format!("Bearer t-{user}"));
    }
    let request = request.body(Body::from(body.to_owned())).unwrap();
    let response = stage.chat.router().oneshot(request).await.unwrap();
    let status = response.status();
    if status != StatusCode::NO_CONTENT && status != StatusCode::METHOD_NOT_ALLOWED {
        assert_eq!(response.headers()["content-type"], "application/json", "{method} {path}");
    }
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    (status, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
}

async fn expect(
    stage: &Stage,
    user: u64,
    method: &str,
    path: &str,
    body: &str,
    status: u16,
    code: u64,
) -> Value {
    let (got, answer) = ask(stage, user, method, path, body).await;
    assert_eq!(
        (got.as_u16(), answer["code"].as_u64()),
        (status, Some(code)),
        "{method} {path} {body}: {answer}"
    );
    answer
}

fn messages(channel: impl std::fmt::Display) -> String {
    format!("/api/v10/channels/{channel}/messages")
}

#[test]
fn everything_here_holds_on_postgresql() {
    voxlink_test_postgres::run_all_again();
}

#[tokio::test]
async fn a_guild_is_made_listed_renamed_and_deleted() {
    let folder = Folder::new();
    let stage = open(&folder).await;
    let (status, made) = ask(&stage, 1, "POST", "/api/v1/guilds", r#"{"name":"Harbour"}"#).await;
    assert_eq!(status, StatusCode::CREATED);
    assert_eq!(made["owner_id"], "1");
    let kinds: Vec<_> = made["channels"].as_array().unwrap().iter().map(|one| one["type"].clone()).collect();
    assert_eq!(kinds, [json!(0), json!(2)]);
    let path = format!("/api/v10/guilds/{}", made["id"].as_str().unwrap());
    let (_, mine) = ask(&stage, 1, "GET", "/api/v10/users/@me/guilds?with_counts=true", "").await;
    assert_eq!((&mine[0]["owner"], &mine[0]["approximate_member_count"]), (&json!(true), &json!(1)));
    assert!(mine[0]["permissions"].is_string());
    let (_, renamed) = ask(&stage, 1, "PATCH", &path, r#"{"name":"Порт"}"#).await;
    assert_eq!(renamed["name"], "Порт");
    let (status, _) = ask(&stage, 1, "DELETE", &path, "").await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    expect(&stage, 1, "GET", &path, "", 404, 10004).await;
    let named = r#"{"name":"Порт","text_channel_name":"Общий","voice_channel_name":"Гостиная"}"#;
    let (_, made) = ask(&stage, 1, "POST", "/api/v1/guilds", named).await;
    assert_eq!(
        (&made["channels"][0]["name"], &made["channels"][1]["name"]),
        (&json!("Общий"), &json!("Гостиная"))
    );
}

#[tokio::test]
async fn a_message_comes_back_with_its_nonce_and_history_without() {
    let folder = Folder::new();
    let stage = open(&folder).await;
    let (_, text, _) = stage.guild(1).await;
    let body = r#"{"content":"  hello\n","nonce":12345,"enforce_nonce":true,"tts":false,"message_reference":{"message_id":5,"fail_if_not_exists":false},"x":[]}"#;
    let (status, sent) = ask(&stage, 1, "POST", &messages(text), body).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!((&sent["content"], &sent["nonce"]), (&json!("hello"), &json!("12345")));
    assert!(sent["id"].is_string() && sent["edited_timestamp"].is_null() && sent.get("guild_id").is_none());
    let (_, again) = ask(&stage, 1, "POST", &messages(text), body).await;
    assert_eq!(again["id"], sent["id"]);
    let (_, page) = ask(&stage, 1, "GET", &messages(text), "").await;
    assert_eq!(page.as_array().unwrap().len(), 1);
    assert!(page[0].get("nonce").is_none());
    let path = format!("{}/{}", messages(text), sent["id"].as_str().unwrap());
    let (_, edited) = ask(&stage, 1, "PATCH", &path, r#"{"content":"bye"}"#).await;
    assert_eq!(edited["content"], "bye");
    let (status, _) = ask(&stage, 1, "POST", &format!("/api/v10/channels/{text}/typing"), "").await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    let (status, _) = ask(&stage, 1, "DELETE", &path, "").await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    expect(&stage, 1, "GET", &path, "", 404, 10008).await;
}

#[tokio::test]
async fn a_bad_message_is_refused_with_the_reason() {
    let folder = Folder::new();
    let stage = open(&folder).await;
    let (_, text, _) = stage.guild(1).await;
    let path = messages(text);
    let long = json!({ "content": "я".repeat(2001) }).to_string();
    let answer = expect(&stage, 1, "POST", &path, &long, 400, 50035).await;
    assert_eq!(answer["errors"]["content"]["_errors"][0]["code"], "BASE_TYPE_BAD_LENGTH");
    for empty in ["", "{}", r#"{"content":null}"#, r#"{"content":" \n "}"#] {
        expect(&stage, 1, "POST", &path, empty, 400, 50006).await;
    }
    for broken in ["{", "\"", r#"{"content":"a"}}"#] {
        expect(&stage, 1, "POST", &path, broken, 400, 50109).await;
    }
    for wrong in [
        r#"{"content":5}"#,
        r#"{"content":["a"]}"#,
        "[]",
        "null",
        r#"{"content":"a","nonce":"12345678901234567890123456"}"#,
        r#"{"content":"a","nonce":{}}"#,
        "{\"content\":\"a\\u0007\"}",
    ] {
        expect(&stage, 1, "POST", &path, wrong, 400, 50035).await;
    }
}

#[tokio::test]
async fn wrong_ids_tokens_and_numbers_are_refused_on_every_route() {
    let folder = Folder::new();
    let stage = open(&folder).await;
    let (guild, text, _) = stage.guild(1).await;
    for (method, path) in [
        ("GET", messages(text)),
        ("POST", messages(text)),
        ("GET", format!("/api/v10/guilds/{guild}")),
        ("DELETE", format!("/api/v10/channels/{text}")),
        ("POST", "/api/v1/guilds".to_owned()),
        ("POST", "/api/v1/invites/abc".to_owned()),
    ] {
        expect(&stage, 0, method, &path, "", 401, 0).await;
    }
    for path in ["x", "-1", "1.5", "99999999999999999999", "%00", "1%20"] {
        expect(&stage, 1, "GET", &messages(path), "", 400, 50035).await;
        expect(&stage, 1, "DELETE", &format!("/api/v10/guilds/{path}"), "", 400, 50035).await;
        expect(&stage, 1, "GET", &format!("/api/v10/guilds/{guild}/members/{path}"), "", 400, 50035).await;
    }
    for id in ["0", "5", "18446744073709551615"] {
        expect(&stage, 1, "GET", &messages(id), "", 404, 10003).await;
        expect(&stage, 1, "GET", &format!("{}/{id}", messages(text)), "", 404, 10008).await;
        expect(&stage, 1, "PATCH", &format!("/api/v10/guilds/{id}"), "{}", 404, 10004).await;
        expect(&stage, 1, "GET", &format!("/api/v10/guilds/{guild}/members/{id}"), "", 404, 10007).await;
    }
    for query in ["limit=0", "limit=101", "limit=x", "limit=-1", "before=x", "after=", "around=1.5"] {
        expect(&stage, 1, "GET", &format!("{}?{query}", messages(text)), "", 400, 50035).await;
    }
    for query in ["before=18446744073709551615", "after=0&limit=100", "around=5&limit=1"] {
        let (status, page) = ask(&stage, 1, "GET", &format!("{}?{query}", messages(text)), "").await;
        assert_eq!((status, page), (StatusCode::OK, json!([])));
    }
    expect(&stage, 1, "GET", &format!("/api/v10/guilds/{guild}/members?limit=1001"), "", 400, 50035).await;
}

#[tokio::test]
async fn a_foreign_guild_answers_like_one_that_does_not_exist() {
    let folder = Folder::new();
    let stage = open(&folder).await;
    let (guild, text, _) = stage.guild(1).await;
    for path in ["", "/channels", "/members", "/members/1", "/invites"] {
        let here = expect(&stage, 2, "GET", &format!("/api/v10/guilds/{guild}{path}"), "", 404, 10004).await;
        let nowhere = expect(&stage, 2, "GET", &format!("/api/v10/guilds/7{path}"), "", 404, 10004).await;
        assert_eq!(here, nowhere);
    }
    for (method, path) in
        [("GET", ""), ("DELETE", ""), ("GET", "/messages"), ("POST", "/typing"), ("POST", "/invites")]
    {
        expect(&stage, 2, method, &format!("/api/v10/channels/{text}{path}"), "", 404, 10003).await;
    }
    expect(&stage, 2, "POST", &messages(text), r#"{"content":"hi"}"#, 404, 10003).await;
    expect(&stage, 2, "DELETE", &format!("/api/v10/users/@me/guilds/{guild}"), "", 404, 10004).await;
    expect(&stage, 1, "DELETE", &format!("/api/v10/users/@me/guilds/{guild}"), "", 400, 50055).await;
}

#[tokio::test]
async fn channels_are_made_moved_and_refused() {
    let folder = Folder::new();
    let stage = open(&folder).await;
    let (guild, text, voice) = stage.guild(1).await;
    let channels = format!("/api/v10/guilds/{guild}/channels");
    let (status, category) = ask(&stage, 1, "POST", &channels, r#"{"name":"Rooms","type":4}"#).await;
    assert_eq!((status, &category["type"]), (StatusCode::CREATED, &json!(4)));
    let category = category["id"].as_str().unwrap();
    // The ids of some libraries arrive as numbers.
    let body = format!(r#"{{"name":"Studio","type":2,"parent_id":{category},"user_limit":5,"topic":""}}"#);
    let (_, studio) = ask(&stage, 1, "POST", &channels, &body).await;
    assert_eq!(
        (&studio["parent_id"], &studio["user_limit"], &studio["topic"]),
        (&json!(category), &json!(5), &Value::Null)
    );
    let moves = format!(
        r#"[{{"id":"{text}","position":7,"parent_id":"{category}"}},{{"id":"{voice}","position":8}}]"#
    );
    let (status, _) = ask(&stage, 1, "PATCH", &channels, &moves).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    let path = format!("/api/v10/channels/{text}");
    let (_, moved) = ask(&stage, 1, "PATCH", &path, r#"{"topic":"boats","parent_id":null}"#).await;
    assert_eq!(
        (&moved["position"], &moved["topic"], &moved["parent_id"]),
        (&json!(7), &json!("boats"), &Value::Null)
    );
    for wrong in [
        "{}",
        r#"{"name":""}"#,
        r#"{"name":"a","type":13}"#,
        r#"{"name":"a","parent_id":"5"}"#,
        r#"{"name":"a","type":2,"user_limit":100}"#,
        r#"{"name":"a","type":2,"bitrate":1}"#,
        r#"{"name":"a","position":-1}"#,
        r#"{"name":"a","permission_overwrites":[{"id":"1","type":7}]}"#,
        r#"{"name":"a","permission_overwrites":[{"id":"1","type":1},{"id":1,"type":1}]}"#,
    ] {
        expect(&stage, 1, "POST", &channels, wrong, 400, 50035).await;
    }
    let long = json!({ "name": "a".repeat(101) }).to_string();
    let answer = expect(&stage, 1, "POST", &channels, &long, 400, 50035).await;
    assert_eq!(answer["errors"]["name"]["_errors"][0]["code"], "BASE_TYPE_BAD_LENGTH");
    let long = json!({ "topic": "a".repeat(1025) }).to_string();
    assert!(expect(&stage, 1, "PATCH", &path, &long, 400, 50035).await["errors"]["topic"].is_object());
    expect(&stage, 1, "PATCH", &channels, r#"[{"id":"5"}]"#, 404, 10003).await;
    expect(&stage, 1, "POST", &messages(category), r#"{"content":"hi"}"#, 400, 50024).await;
}

#[tokio::test]
async fn an_invite_is_made_shown_used_and_deleted() {
    let folder = Folder::new();
    let stage = open(&folder).await;
    let (guild, text, _) = stage.guild(1).await;
    let path = format!("/api/v10/channels/{text}/invites");
    for wrong in [r#"{"max_age":604801}"#, r#"{"max_uses":101}"#, r#"{"max_age":-1}"#, r#"{"unique":"x"}"#] {
        expect(&stage, 1, "POST", &path, wrong, 400, 50035).await;
    }
    let (status, made) = ask(&stage, 1, "POST", &path, r#"{"max_age":3600,"max_uses":5}"#).await;
    assert_eq!((status, &made["uses"], &made["max_age"]), (StatusCode::OK, &json!(0), &json!(3600)));
    let code = made["code"].as_str().unwrap();
    let (_, seen) = ask(&stage, 0, "GET", &format!("/api/v10/invites/{code}"), "").await;
    assert_eq!((&seen["guild"]["name"], &seen["approximate_member_count"]), (&json!("Harbour"), &json!(1)));
    assert!(seen.get("inviter").is_none() && seen.get("uses").is_none());
    for _ in 0..2 {
        let (status, joined) = ask(&stage, 2, "POST", &format!("/api/v1/invites/{code}"), "").await;
        assert_eq!((status, &joined["guild"]["id"]), (StatusCode::OK, &json!(guild.to_string())));
    }
    let (_, listed) = ask(&stage, 1, "GET", &format!("/api/v10/guilds/{guild}/invites"), "").await;
    assert_eq!((&listed[0]["uses"], &listed[0]["inviter"]["id"]), (&json!(1), &json!("1")));
    let (_, members) =
        ask(&stage, 1, "GET", &format!("/api/v10/guilds/{guild}/members?limit=1&after=1"), "").await;
    assert_eq!((members.as_array().unwrap().len(), &members[0]["user"]["id"]), (1, &json!("2")));
    expect(&stage, 2, "DELETE", &format!("/api/v10/invites/{code}"), "", 403, 50013).await;
    expect(&stage, 3, "DELETE", &format!("/api/v10/invites/{code}"), "", 403, 50013).await;
    let (status, _) = ask(&stage, 1, "DELETE", &format!("/api/v10/invites/{code}"), "").await;
    assert_eq!(status, StatusCode::OK);
    for code in [code, "nothing", "%F0%9F%8E%A7"] {
        expect(&stage, 0, "GET", &format!("/api/v10/invites/{code}"), "", 404, 10006).await;
        expect(&stage, 3, "POST", &format!("/api/v1/invites/{code}"), "", 404, 10006).await;
    }
}

#[tokio::test]
async fn conversations_reading_and_mutes_have_their_routes() {
    let folder = Folder::new();
    let stage = open(&folder).await;
    let (guild, text, _) = stage.guild(1).await;
    for member in [2, 3] {
        stage.join(1, text, member).await;
    }
    let mine = "/api/v10/users/@me/channels";
    let (status, pair) = ask(&stage, 1, "POST", mine, r#"{"recipient_id":"2"}"#).await;
    assert_eq!(
        (status, &pair["type"], &pair["recipients"][0]["id"]),
        (StatusCode::OK, &json!(1), &json!("2"))
    );
    assert!(pair.get("owner_id").is_none() && pair["last_message_id"].is_null());
    let (_, group) = ask(&stage, 1, "POST", mine, r#"{"recipients":["2","3"]}"#).await;
    assert_eq!((&group["type"], &group["owner_id"], &group["name"]), (&json!(3), &json!("1"), &Value::Null));
    expect(&stage, 1, "POST", mine, "{}", 400, 50035).await;
    expect(&stage, 1, "POST", mine, r#"{"recipients":[]}"#, 400, 50033).await;
    expect(&stage, 1, "POST", mine, r#"{"recipient_id":"77"}"#, 403, 50007).await;
    let path = format!("/api/v10/channels/{}", group["id"].as_str().unwrap());
    let (_, named) = ask(&stage, 2, "PATCH", &path, r#"{"name":"Boat"}"#).await;
    assert_eq!(named["name"], "Boat");
    let (_, unnamed) = ask(&stage, 2, "PATCH", &path, r#"{"name":""}"#).await;
    assert_eq!(unnamed["name"], Value::Null);
    expect(&stage, 2, "DELETE", &format!("{path}/recipients/3"), "", 403, 50013).await;
    let (status, _) = ask(&stage, 1, "DELETE", &format!("{path}/recipients/3"), "").await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    expect(&stage, 3, "GET", &path, "", 404, 10003).await;
    let (status, _) = ask(&stage, 1, "PUT", &format!("{path}/recipients/3"), "").await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    let (_, sent) = ask(&stage, 1, "POST", &format!("{path}/messages"), r#"{"content":"hi"}"#).await;
    let ack = format!("/api/v1{}/messages/{}/ack", &path["/api/v10".len()..], sent["id"].as_str().unwrap());
    for body in ["", "{}", r#"{"manual":true,"mention_count":3}"#] {
        assert_eq!(ask(&stage, 2, "POST", &ack, body).await.0, StatusCode::NO_CONTENT, "{body}");
    }
    let bulk = json!({"read_states": [{"channel_id": group["id"], "message_id": sent["id"]}]}).to_string();
    let (status, _) = ask(&stage, 3, "POST", "/api/v1/read-states/ack-bulk", &bulk).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    let (status, _) = ask(&stage, 3, "POST", &format!("/api/v1/guilds/{guild}/ack"), "").await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    let (_, closed) = ask(&stage, 2, "DELETE", &path, "").await;
    assert_eq!(closed["id"], group["id"]);
    let (_, left) = ask(&stage, 2, "GET", mine, "").await;
    assert_eq!(left, json!([]), "the pair has no message yet");
    let settings = |guild: &dyn std::fmt::Display| format!("/api/v1/users/@me/guilds/{guild}/settings");
    let body = r#"{"muted":true,"mute_until":"2099-01-01T00:00:00.000Z"}"#;
    let (_, set) = ask(&stage, 1, "PATCH", &settings(&"@me"), body).await;
    assert_eq!((&set["guild_id"], &set["muted"]), (&Value::Null, &json!(true)));
    let body =
        json!({"channel_overrides": [{"channel_id": text, "muted": true, "mute_until": null}]}).to_string();
    let (_, set) = ask(&stage, 1, "PATCH", &settings(&guild), &body).await;
    assert_eq!(set["channel_overrides"][0]["message_notifications"], 3);
    assert_eq!(ask(&stage, 1, "GET", &settings(&guild), "").await.1, set);
    expect(&stage, 9, "GET", &settings(&guild), "", 404, 10004).await;
}
