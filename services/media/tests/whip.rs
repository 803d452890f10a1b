//! Publishers and viewers over HTTP and real sockets: a WebRTC stack that is not ours on the other side.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod support;

use hyper::Method;
use serde_json::json;
use support::{
    Forbidden, LOUNGE, STUDY, Server, TEXT,
    client::{self, Client},
};
use voxlink_protocol::{
    ChannelId, UserId,
    bus::SessionRevoked,
    event::{GuildChange, GuildEvent},
};
use voxlink_test_client::{
    Reply, Rest, Stranger,
    stranger::{self, pump},
};

const SDP: &str = "application/sdp";
const TRICKLE: &str = "application/trickle-ice-sdpfrag";

async fn post(rest: &Rest, path: &str, offer: &str) -> Reply {
    let headers = [("content-type", SDP)];
    rest.send_with(Method::POST, path, offer.to_owned().into(), &headers).await.unwrap()
}

fn whip(channel: ChannelId) -> String {
    format!("/api/v1/channels/{channel}/whip")
}

fn whep(channel: ChannelId) -> String {
    format!("/api/v1/channels/{channel}/whep")
}

fn anna(server: &Server) -> Rest {
    Rest::with_token(server.http, "annas-token")
}

fn boris(server: &Server) -> Rest {
    Rest::with_token(server.http, "boriss-token")
}

/// Connected; and where its resource is.
async fn publisher(rest: &Rest, mark: u8) -> (Stranger, String) {
    let (mut publisher, offer) = Stranger::publisher(mark);
    let reply = post(rest, &whip(LOUNGE), &offer).await;
    assert_eq!((reply.status, reply.header("content-type")), (201, Some(SDP)), "{}", reply.body);
    publisher.accept(std::str::from_utf8(&reply.bytes).unwrap());
    pump(&mut [&mut publisher], "the publisher connects", |all| all[0].is_connected()).await;
    (publisher, reply.header("location").unwrap().to_owned())
}

async fn viewer(rest: &Rest, query: &str) -> (Stranger, String) {
    let (mut viewer, offer) = Stranger::viewer();
    let reply = post(rest, &format!("{}{query}", whep(LOUNGE)), &offer).await;
    assert_eq!(reply.status, 201, "{}", reply.body);
    viewer.accept(std::str::from_utf8(&reply.bytes).unwrap());
    pump(&mut [&mut viewer], "the viewer connects", |all| all[0].is_connected()).await;
    (viewer, reply.header("location").unwrap().to_owned())
}

async fn delete(rest: &Rest, path: &str) -> u16 {
    rest.send_with(Method::DELETE, path, Default::default(), &[]).await.unwrap().status
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_published_by_whip_is_seen_by_whep_and_in_the_call_until_it_is_deleted() {
    let server = Server::start(2).await;
    let (anna, boris) = (anna(&server), boris(&server));
    let mut carla = Client::joined(&server, 3, LOUNGE).await;
    let (mut obs, resource) = publisher(&anna, 7).await;
    let (mut wall, watching) = viewer(&boris, "?user_id=1").await;
    pump(&mut [&mut obs, &mut wall], "the wall shows the stream", |all| all[1].follows(7)).await;
    assert!(server.last_state(1).unwrap().self_stream);
    assert_eq!(server.last_state(2), None, "a viewer is not seen");
    client::pump(&mut [&mut carla], "the call shows it as a screen", |all| {
        let slots = all[0].last(21).map(ToString::to_string).unwrap_or_default();
        slots.contains(r#""source":"screen","user_id":"1""#)
            || slots.contains(r#""user_id":"1","source":"screen""#)
    })
    .await;

    assert_eq!(delete(&boris, &resource).await, 404, "not theirs");
    assert_eq!(delete(&anna, &resource).await, 200);
    assert_eq!(delete(&anna, &resource).await, 404);
    assert_eq!(server.last_state(1).unwrap().channel_id, None, "the seat went with the stream");
    assert_eq!(delete(&boris, &watching).await, 200);
    assert_eq!(server.media.counters().panics, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_of_ice_moves_a_publisher_to_another_network() {
    let server = Server::start(1).await;
    let anna = anna(&server);
    let (mut publisher, offer) = Stranger::publisher(7);
    let reply = post(&anna, &whip(LOUNGE), &offer).await;
    let (answer, tag) = (String::from_utf8(reply.bytes.to_vec()).unwrap(), reply.header("etag").unwrap());
    let resource = reply.header("location").unwrap();
    publisher.accept(&answer);
    let (mut wall, _) = viewer(&anna, "").await;
    pump(&mut [&mut publisher, &mut wall], "the wall follows the stage", |all| all[1].follows(7)).await;

    let patch = async |condition: &str, fragment: &str| {
        let headers = [("content-type", TRICKLE), ("if-match", condition)];
        anna.send_with(Method::PATCH, resource, fragment.to_owned().into(), &headers).await.unwrap()
    };
    let line = |text: &str, name: &str| {
        text.lines()
            .find(|line| line.starts_with(name))
            .unwrap_or_else(|| panic!("{name}: {text}"))
            .to_owned()
    };
    let credentials = |sdp: &str| format!("{}\r\n{}\r\n", line(sdp, "a=ice-ufrag"), line(sdp, "a=ice-pwd"));
    assert_eq!(patch(tag, &credentials(&offer)).await.status, 204);
    let restarted = publisher.restart_ice();
    let reply = patch("\"*\"", &credentials(&restarted)).await;
    assert_eq!((reply.status, reply.header("content-type")), (200, Some(TRICKLE)), "{}", reply.body);
    assert_ne!(reply.header("etag"), Some(tag));
    assert_eq!(patch(tag, &credentials(&restarted)).await.status, 412, "the tag of the first session");
    let ours = std::str::from_utf8(&reply.bytes).unwrap();
    let mut answer = answer;
    for name in ["a=ice-ufrag", "a=ice-pwd"] {
        answer = answer.replace(&line(&answer, name), &line(ours, name));
    }
    publisher.accept(&answer);
    wall.forget();
    pump(&mut [&mut publisher, &mut wall], "media goes on", |all| all[1].follows(7)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_are_wrong_are_refused_as_rfc_9725_says() {
    let server = Server::start(1).await;
    let anna = anna(&server);
    let (_, offer) = Stranger::publisher(1);
    let send = async |method: Method, path: &str, body: &str, headers: &[(&str, &str)]| {
        anna.send_with(method, path, body.to_owned().into(), headers).await.unwrap()
    };
    let sdp: &[(&str, &str)] = &[("content-type", SDP)];
    let path = whip(LOUNGE);
    assert_eq!(send(Method::POST, &path, &offer, &[("content-type", "application/json")]).await.status, 415);
    let json_only = [("content-type", SDP), ("accept", "application/json")];
    assert_eq!(send(Method::POST, &path, &offer, &json_only).await.status, 406);
    let many =
        [("content-type", "Application/SDP; charset=utf-8"), ("accept", "text/plain, application/sdp;q=0.9")];
    assert_eq!(send(Method::POST, &path, "v=1", &many).await.status, 400);
    let receiving = offer.replace("a=sendonly", "a=recvonly");
    let reply = send(Method::POST, &path, &receiving, sdp).await;
    assert_eq!((reply.status, reply.body["code"].as_u64()), (422, Some(0)), "{}", reply.body);
    assert_eq!(send(Method::POST, &whep(LOUNGE), &offer, sdp).await.status, 422);
    assert_eq!(send(Method::PUT, &path, &offer, sdp).await.status, 405);
    assert_eq!(send(Method::POST, &whip(ChannelId::new(5)), &offer, sdp).await.status, 404);
    assert_eq!(send(Method::POST, &whip(TEXT), &offer, sdp).await.status, 400);
    let nobody = Rest::new(server.http);
    assert_eq!(post(&nobody, &path, &offer).await.status, 401);
    assert_eq!(post(&Rest::with_token(server.http, "vlk_guessed"), &path, &offer).await.status, 401);
    assert_eq!(server.last_state(1), None, "none of this took a seat");

    let resource = post(&anna, &path, &offer).await.header("location").unwrap().to_owned();
    let fragment = "a=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuvwx\r\n";
    let tagged = [("content-type", TRICKLE), ("if-match", "\"no\"")];
    assert_eq!(send(Method::PATCH, &resource, fragment, &[("content-type", TRICKLE)]).await.status, 428);
    assert_eq!(send(Method::PATCH, &resource, fragment, sdp).await.status, 415);
    assert_eq!(send(Method::PATCH, &resource, "a=mid:0", &tagged).await.status, 400);
    assert_eq!(send(Method::PATCH, &resource, fragment, &tagged).await.status, 412);
    let gone = resource.replace("/whip/", "/whip/x");
    assert_eq!(send(Method::PATCH, &gone, fragment, sdp).await.status, 404, "nothing is told about nothing");

    server.forbid(1, STUDY, Forbidden::Stream);
    assert_eq!(send(Method::DELETE, &resource, "", &[]).await.status, 200);
    assert_eq!(send(Method::POST, &whip(STUDY), &offer, sdp).await.status, 403);
    server.forbid(1, STUDY, Forbidden::Connect);
    let (_, watching) = Stranger::viewer();
    assert_eq!(send(Method::POST, &whep(STUDY), &watching, sdp).await.status, 403);
    server.forbid(1, STUDY, Forbidden::View);
    assert_eq!(send(Method::POST, &whep(STUDY), &watching, sdp).await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_other_origins_may_ask_and_read_where_their_resource_is() {
    let server = Server::start(1).await;
    let nobody = Rest::new(server.http);
    let ask = [("origin", "https://player.example"), ("access-control-request-method", "POST")];
    for (path, accepts) in
        [(whep(LOUNGE), ("accept-post", SDP)), (format!("{}/x", whip(LOUNGE)), ("accept-patch", TRICKLE))]
    {
        let reply = nobody.send_with(Method::OPTIONS, &path, Default::default(), &ask).await.unwrap();
        assert_eq!((reply.status, reply.header("access-control-allow-origin")), (200, Some("*")));
        assert!(reply.header("access-control-allow-headers").unwrap().contains("Authorization"));
        assert_eq!(reply.header(accepts.0), Some(accepts.1));
        assert_eq!(reply.header("access-control-allow-credentials"), None, "no cookies");
    }
    let (_, offer) = Stranger::viewer();
    let reply = post(&anna(&server), &whep(LOUNGE), &offer).await;
    let exposed = reply.header("access-control-expose-headers").unwrap();
    assert!(["Location", "ETag", "Link"].iter().all(|name| exposed.contains(name)), "{exposed}");
    assert_eq!(post(&nobody, &whep(LOUNGE), &offer).await.header("access-control-allow-origin"), Some("*"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_key_opens_its_channel_for_its_person_until_it_is_revoked() {
    let server = Server::start(1).await;
    let rest = anna(&server);
    let keys = format!("/api/v1/channels/{LOUNGE}/stream-keys");
    let made = rest.send(Method::POST, &keys, json!({"name": " OBS "})).await.unwrap();
    assert_eq!((made.status, made.text("name")), (201, "OBS".to_owned()));
    let secret = made.text("key");
    assert!(secret.starts_with("vlk_") && secret.len() >= 36, "{secret}");
    let listed = rest.send(Method::GET, &keys, json!(null)).await.unwrap().body;
    assert_eq!((listed[0]["key"].clone(), listed[0]["may_view"].clone()), (json!(null), json!(false)));
    assert_eq!(boris(&server).send(Method::GET, &keys, json!(null)).await.unwrap().body, json!([]));

    let obs = Rest::with_token(server.http, &secret);
    let (mut stream, resource) = publisher(&obs, 9).await;
    assert!(server.last_state(1).unwrap().self_stream);
    let (_, watching) = Stranger::viewer();
    assert_eq!(post(&obs, &whep(LOUNGE), &watching).await.status, 403, "for publishing only");
    let (_, offer) = Stranger::publisher(1);
    assert_eq!(post(&obs, &whip(STUDY), &offer).await.status, 404, "another channel");
    assert_eq!(obs.send(Method::GET, &keys, json!(null)).await.unwrap().status, 401, "nothing else");
    let listed = rest.send(Method::GET, &keys, json!(null)).await.unwrap().body;
    assert!(listed[0]["last_used_at"].is_string(), "{listed}");

    let key = format!("{keys}/{}", made.text("id"));
    assert_eq!(boris(&server).send(Method::DELETE, &key, json!(null)).await.unwrap().status, 404);
    assert_eq!(rest.send(Method::DELETE, &key, json!(null)).await.unwrap().status, 204);
    pump(&mut [&mut stream], "the stream ends with its key", |_| {
        server.last_state(1).is_some_and(|state| state.channel_id.is_none())
    })
    .await;
    assert_eq!(delete(&obs, &resource).await, 401);
    assert_eq!(post(&obs, &whip(LOUNGE), &offer).await.status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_ends_when_its_login_or_its_place_in_the_guild_does() {
    let server = Server::start(1).await;
    let rest = anna(&server);
    let gone = |stream: &[&mut Stranger]| {
        let _alive = stream;
        server.last_state(1).is_some_and(|state| state.channel_id.is_none())
    };
    let (mut stream, _) = publisher(&rest, 1).await;
    server.bus.publish(SessionRevoked { user: UserId::new(1), login: voxlink_protocol::LoginId::new(1) });
    pump(&mut [&mut stream], "signed out", gone).await;
    let (mut stream, resource) = publisher(&rest, 1).await;
    assert!(server.last_state(1).unwrap().channel_id.is_some());
    let change = GuildChange::MemberRemove(UserId::new(1));
    server.bus.publish(GuildEvent { guild_id: support::GUILD, version: Some(3), change });
    pump(&mut [&mut stream], "thrown out", gone).await;
    assert_eq!(delete(&rest, &resource).await, 404);
    let (mut stream, _) = publisher(&rest, 1).await;
    server.forbid(1, LOUNGE, Forbidden::Connect);
    stranger::pump(&mut [&mut stream], "may not be there any more", gone).await;
}
