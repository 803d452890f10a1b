//! Files through the whole server: upload, message, player, avatar, crash.
#![allow(clippy::unwrap_used, missing_docs)]

use hyper::{Method, body::Bytes};
use serde_json::json;
use voxlink_test_client::{Person, Rest, TestServer};

/// A GIF of one pixel.
const PIXEL: &[u8] = b"GIF89a\x01\x00\x01\x00\x80\x00\x00\xff\xff\xff\x00\x00\x00,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;";
const PIXEL_BASE64: &str = "R0lGODlhAQABAIAAAP///wAAACwAAAAAAQABAAACAkQBADs=";

#[tokio::test]
async fn a_file_goes_from_its_uploader_to_a_reader_and_survives_a_crash() {
    let mut server = TestServer::start();
    let anna = Person::register(server.address, "anna").await;
    let boris = Person::register(server.address, "boris").await;
    let (_, text, _) = anna.create_guild("Harbour").await;
    let upload = format!("/api/v1/attachments?channel_id={text}&filename=pixel.gif");
    // More than a JSON body may have: uploads have limits of their own.
    let large = vec![b'x'; 3 * 1024 * 1024];
    let reply = anna.rest.send_raw(Method::POST, &upload, Bytes::from(large)).await.unwrap();
    assert_eq!(reply.status, 201, "{:?}", reply.body);
    let reply = anna.rest.send_raw(Method::POST, &upload, Bytes::from_static(PIXEL)).await.unwrap();
    assert_eq!((reply.status, &reply.body["width"]), (201, &json!(1)), "{:?}", reply.body);
    let stranger = boris.rest.send_raw(Method::POST, &upload, Bytes::from_static(PIXEL)).await.unwrap();
    assert_eq!((stranger.status, &stranger.body["code"]), (404, &json!(10003)));

    let messages = format!("/api/v10/channels/{text}/messages");
    let body =
        json!({"content": "look", "attachments": [{"id": reply.text("id"), "description": "a pixel"}]});
    let sent = anna.post(&messages, body).await.unwrap();
    assert_eq!(sent.status, 200, "{:?}", sent.body);
    let attachment = &sent.body["attachments"][0];
    assert_eq!(
        (&attachment["filename"], &attachment["description"]),
        (&json!("pixel.gif"), &json!("a pixel"))
    );
    let url = attachment["url"].as_str().unwrap().to_owned();

    server.restart();
    let anyone = Rest::new(server.address);
    let served = anyone.send_raw(Method::GET, &url, Bytes::new()).await.unwrap();
    assert_eq!((served.status, served.header("content-type")), (200, Some("image/gif")));
    assert_eq!(served.header("content-security-policy"), Some("sandbox; default-src 'none'"));
    let (path, _) = url.split_once('?').unwrap();
    assert_eq!(anyone.send_raw(Method::GET, path, Bytes::new()).await.unwrap().status, 404);
    let anna = Person::log_in(server.address, "anna").await;
    let history = anna.get(&messages).await.unwrap();
    assert_eq!(history.body[0]["attachments"][0]["url"], url);
}

#[tokio::test]
async fn a_person_shows_a_picture_of_themselves() {
    let server = TestServer::start();
    let anna = Person::register(server.address, "anna").await;
    let avatar = json!({"avatar": format!("data:image/gif;base64,{PIXEL_BASE64}")});
    let me = anna.patch("/api/v10/users/@me", avatar).await.unwrap();
    assert_eq!(me.status, 200, "{:?}", me.body);
    let picture = format!("/cdn/avatars/{}/{}.webp?size=64", anna.id, me.text("avatar"));
    let served = anna.get(&picture).await.unwrap();
    assert_eq!((served.status, served.header("content-type")), (200, Some("image/webp")));
    // Larger than other bodies may be, smaller than a picture may be: refused for what it is, not for its size.
    let nonsense = json!({"avatar": format!("data:image/png;base64,{}", "AAAA".repeat(500_000))});
    let refused = anna.patch("/api/v10/users/@me", nonsense).await.unwrap();
    assert_eq!((refused.status, &refused.body["code"]), (400, &json!(50035)), "{:?}", refused.body);
}
