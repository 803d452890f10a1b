//! Accounts and bots through the whole server: pictures, friends, tokens that end, accounts that go.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use std::time::Duration;

use hyper::Method;
use serde_json::{Value, json};
use voxlink_test_client::{Gateway, GatewayError, Options, Person, Rest, TestServer};

const SOON: Duration = Duration::from_secs(10);
/// One pixel.
const PICTURE: &str = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

/// With a bus that serialises: every word between services crosses as it would between machines.
fn server() -> TestServer {
    let environment = vec![("VOXLINK_BUS".into(), "serialising".into())];
    TestServer::start_with(&TestServer::binary(), Options { environment, ..Options::default() })
}

/// Waits for the socket to be closed, whatever comes before.
async fn closed(gateway: &mut Gateway) -> GatewayError {
    loop {
        if let Err(error) = gateway.next(SOON).await {
            return error;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_is_seen_by_others_until_it_is_replaced() {
    let server = server();
    let anna = Person::register(server.address, "anna").await;
    let boris = Person::register(server.address, "boris").await;
    let (_, channel, _) = anna.create_guild("Boats").await;
    boris.join(&anna.invite(&channel).await).await;
    let mut hears = Gateway::identify(server.address, &boris.token).await.unwrap();
    let set =
        anna.patch("/api/v10/users/@me", json!({"avatar": PICTURE, "global_name": "Anna"})).await.unwrap();
    assert_eq!(set.status, 200, "{}", set.body);
    let hash = set.text("avatar");
    loop {
        let updated = hears.next_of("GUILD_MEMBER_UPDATE", SOON).await.unwrap();
        if updated["user"]["id"] == anna.id.as_str() {
            assert_eq!(
                (&updated["user"]["avatar"], &updated["user"]["global_name"]),
                (&json!(hash), &json!("Anna"))
            );
            break;
        }
    }
    let stranger = Rest::new(server.address);
    let path = format!("/cdn/avatars/{}/{hash}.webp", anna.id);
    let picture = stranger.send(Method::GET, &path, Value::Null).await.unwrap();
    assert_eq!((picture.status, picture.header("content-type")), (200, Some("image/webp")));
    let said = boris.say(&channel, "Ahoy", "a").await.unwrap();
    assert_eq!(said.status, 200);
    let refused =
        anna.patch("/api/v10/users/@me", json!({"avatar": "data:image/png;base64,AAAA"})).await.unwrap();
    assert_eq!((refused.status, &refused.body["code"]), (400, &json!(50035)), "{}", refused.body);
    assert_eq!(
        anna.patch("/api/v10/users/@me", json!({"avatar": null})).await.unwrap().body["avatar"],
        Value::Null
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bots_token_opens_the_gateway_until_it_is_replaced() {
    let server = server();
    let anna = Person::register(server.address, "anna").await;
    let made = anna.post("/api/v1/applications", json!({"name": "Weather"})).await.unwrap();
    assert_eq!(made.status, 201, "{}", made.body);
    let (id, token) = (made.text("id"), made.text("token"));
    let mut bot = Gateway::identify(server.address, &format!("Bot {token}")).await.unwrap();
    assert_eq!((&bot.ready["user"]["bot"], &bot.ready["application"]["id"]), (&json!(true), &json!(id)));
    let reset = anna.post(&format!("/api/v1/applications/{id}/token"), Value::Null).await.unwrap();
    assert_eq!(reset.status, 200);
    assert_eq!(closed(&mut bot).await, GatewayError::Closed(4004));
    assert_eq!(Gateway::identify(server.address, &token).await.unwrap_err(), GatewayError::Closed(4004));
    assert!(Gateway::identify(server.address, &reset.text("token")).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_password_closes_other_sockets_and_a_deleted_account_all_of_them() {
    let mut server = server();
    let anna = Person::register(server.address, "anna").await;
    let elsewhere = Person::log_in(server.address, "anna").await;
    let mut here = Gateway::identify(server.address, &anna.token).await.unwrap();
    let mut there = Gateway::identify(server.address, &elsewhere.token).await.unwrap();
    let body = json!({"password": "correct horse anna", "new_password": "battery staple"});
    assert_eq!(anna.post("/api/v1/auth/password", body).await.unwrap().status, 204);
    assert_eq!(closed(&mut there).await, GatewayError::Closed(4004));
    let boris = Person::register(server.address, "boris").await;
    let asked = anna.post("/api/v1/relationships", json!({"username": "boris"})).await.unwrap();
    assert_eq!((asked.status, &asked.body["type"]), (200, &json!(4)));
    let deleted =
        anna.post("/api/v1/auth/delete-account", json!({"password": "battery staple"})).await.unwrap();
    assert_eq!(deleted.status, 204, "{}", deleted.body);
    assert_eq!(closed(&mut here).await, GatewayError::Closed(4004));
    assert_eq!(boris.get("/api/v1/relationships").await.unwrap().body, json!([]));
    server.restart();
    let left = boris.get(&format!("/api/v10/users/{}", anna.id)).await.unwrap();
    assert_eq!(left.text("username"), format!("deleted.{}", anna.id));
    assert_eq!(anna.get("/api/v10/users/@me").await.unwrap().status, 401);
}
