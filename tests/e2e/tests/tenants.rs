//! Two tenants on one server: whatever route there is, a stranger gets nowhere with the ids of a guild that is not
//! theirs, and cannot even tell that the guild exists.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use std::{collections::BTreeMap, process::Command};

use hyper::Method;
use serde_json::{Value, json};
use voxlink_test_client::{Person, Reply, Rest, TestServer};

/// Served to everyone who knows the address, by intent.
const PUBLIC: &[&str] = &[
    "GET /api/v1/server",
    "POST /api/v1/auth/register",
    "POST /api/v1/auth/login",
    "GET /api/v10/gateway",
    "GET /api/v9/gateway",
    "GET /api/v8/gateway",
    "GET /api/v10/invites/{code}",
    "GET /api/v1/openapi.json",
    "GET /api/v1/reachability",
    // For whoever was given its sealed address; without the seal for nobody.
    "GET /api/v1/recordings/{id}/files/{id}",
    "GET /api/v1/broadcasts/{id}/playlists/{id}",
    "GET /api/v1/broadcasts/{id}/files/{id}",
];

/// What a stranger may do with ids that they know: accounts are found by name, and an invite is for whoever has it.
const FOR_STRANGERS: &[&str] = &[
    "GET /api/v10/users/{id}",
    "GET /api/v1/users/{id}/profile",
    "PUT /api/v1/users/{id}/note",
    "PUT /api/v1/relationships/{id}",
    "DELETE /api/v1/relationships/{id}",
    "GET /api/v10/invites/{code}",
    "POST /api/v1/invites/{code}",
];

struct Route {
    method: Method,
    path: String,
}

impl Route {
    fn all() -> Vec<Self> {
        let printed = Command::new(TestServer::binary()).args(["admin", "routes"]).output().unwrap();
        assert!(printed.status.success(), "{printed:?}");
        let lines = String::from_utf8(printed.stdout).unwrap();
        let routes: Vec<Self> = lines
            .lines()
            .map(|line| {
                let (method, path) = line.split_once(' ').unwrap();
                Self { method: method.parse().unwrap(), path: path.to_owned() }
            })
            // What browsers ask before they let a page in says the same to everyone.
            .filter(|route| route.method != Method::OPTIONS)
            .filter(|route| !matches!(route.path.as_str(), "/gateway" | "/gateway/" | "/voice" | "/voice/"))
            .collect();
        assert!(routes.len() > 30, "the table is there");
        routes
    }

    /// The name under which the lists above know it: parameters that stand for any id are `{id}`.
    fn name(&self) -> String {
        let path: Vec<&str> = self
            .path
            .split('/')
            .map(|part| match part {
                "{code}" => part,
                other if other.starts_with('{') => "{id}",
                other => other,
            })
            .collect();
        format!("{} {}", self.method, path.join("/"))
    }

    fn has_parameters(&self) -> bool {
        self.path.contains('{')
    }

    /// Fills in each parameter by the word before it.
    fn filled(&self, ids: &BTreeMap<&str, String>) -> String {
        let parts: Vec<&str> = self.path.split('/').collect();
        let fill = |(index, part): (usize, &&str)| {
            if !part.starts_with('{') {
                return (*part).to_owned();
            }
            let literal = |offset: usize| index.checked_sub(offset).map(|at| parts[at]);
            let before = (1..=index).filter_map(literal).find(|part| !part.starts_with('{')).unwrap();
            let key = if part.contains("emoji") && before == "reactions" { "reaction" } else { before };
            let key = if before == "reactions" && part.contains("user") { "users" } else { key };
            let found = ids.get(key);
            found
                .unwrap_or_else(|| panic!("teach this test what {} after {before} is: {}", part, self.path))
                .clone()
        };
        parts.iter().enumerate().map(fill).collect::<Vec<_>>().join("/")
    }
}

/// A body with which the owner's request would do something.
fn body(route: &Route) -> Value {
    let path = route.path.as_str();
    let ends = |end: &str| path.ends_with(end);
    match route.method.as_str() {
        "GET" | "DELETE" => Value::Null,
        _ if ends("/bulk-ban") => json!({"user_ids": ["1000000000001"]}),
        _ if ends("/bulk-delete") => json!({"messages": ["1000000000001", "1000000000002"]}),
        _ if ends("/messages") => json!({"content": "intruder"}),
        _ if path.contains("/messages/") && route.method == Method::PATCH => json!({"content": "intruder"}),
        "POST" if ends("/soundboard-sounds") => {
            json!({"name": "intruder", "sound": "data:audio/ogg;base64,AAAA"})
        }
        "POST" if ends("/play") => {
            let id = "1000000000009";
            json!({"channel_id": id, "message_id": id, "attachment_id": id})
        }
        "PATCH" if ends("/play") => json!({"paused": true}),
        "POST" if ends("/send-soundboard-sound") => json!({"sound_id": "1000000000009"}),
        "POST" if ends("/roles") || ends("/channels") || ends("/emojis") => {
            json!({"name": "intruder", "type": 0, "image": "data:image/png;base64,AAAA"})
        }
        "PATCH" if ends("/channels") || ends("/roles") => json!([]),
        "PATCH" if ends("/recording") => json!({"paused": true}),
        "PATCH" => json!({"name": "intruder"}),
        "POST" if ends("/stream-keys") => json!({"name": "intruder"}),
        "POST" if ends("/outputs") => json!({"kind": "video"}),
        "POST" if ends("/ack-bulk") => json!({"read_states": []}),
        "POST" if ends("/owner") => json!({"user_id": "1000000000001"}),
        "PUT" if ends("/consent") => json!({"accept": true}),
        "PUT" if path.contains("/permissions/") => json!({"type": 0, "allow": "0", "deny": "0"}),
        "PUT" if path.contains("/applications/") => json!({"permissions": "0"}),
        _ => json!({}),
    }
}

struct Stage {
    server: TestServer,
    owner: Person,
    stranger: Person,
    ids: BTreeMap<&'static str, String>,
    nowhere: BTreeMap<&'static str, String>,
}

async fn stage() -> Stage {
    let server = TestServer::start();
    let owner = Person::register(server.address, "owner").await;
    let friend = Person::register(server.address, "friend").await;
    let stranger = Person::register(server.address, "stranger").await;
    stranger.create_guild("Elsewhere").await;
    let (guild, text, _) = owner.create_guild("Private").await;
    let code = owner.invite(&text).await;
    friend.join(&code).await;
    let message = owner.say(&text, "secret", "n").await.unwrap().text("id");
    let role = owner
        .post(&format!("/api/v10/guilds/{guild}/roles"), json!({"name": "Keepers"}))
        .await
        .unwrap()
        .text("id");
    let sessions = owner.get("/api/v1/auth/sessions").await.unwrap().body;
    let application = owner.post("/api/v1/applications", json!({"name": "Robot"})).await.unwrap().text("id");
    let ids = BTreeMap::from([
        ("guilds", guild),
        ("channels", text),
        ("messages", message.clone()),
        ("pins", message),
        ("members", friend.id.clone()),
        ("bans", friend.id.clone()),
        ("users", friend.id.clone()),
        ("recipients", friend.id.clone()),
        ("voice-states", friend.id.clone()),
        ("relationships", friend.id.clone()),
        ("roles", role.clone()),
        ("permissions", role),
        ("emojis", "1000000000009".to_owned()),
        ("soundboard-sounds", "1000000000009".to_owned()),
        ("reactions", "%F0%9F%91%8D".to_owned()),
        ("reaction", "%F0%9F%91%8D".to_owned()),
        ("invites", code),
        ("sessions", sessions[0]["id"].as_str().unwrap_or_default().to_owned()),
        ("applications", application),
        ("attachments", "1000000000009".to_owned()),
        ("avatars", friend.id.clone()),
        ("banners", friend.id.clone()),
        ("icons", "1000000000009".to_owned()),
        ("channel-icons", "1000000000009".to_owned()),
        ("app-icons", "1000000000009".to_owned()),
        ("previews", "1000000000009".to_owned()),
        ("whip", "1000000000009".to_owned()),
        ("whep", "1000000000009".to_owned()),
        ("stream-keys", "1000000000009".to_owned()),
        ("recordings", "1000000000009".to_owned()),
        ("files", "mix.opus".to_owned()),
        ("tracks", "1-microphone".to_owned()),
        ("people", "1000000000009".to_owned()),
        ("broadcasts", "1000000000009".to_owned()),
        ("playlists", "both.m3u8".to_owned()),
    ]);
    let nowhere = ids
        .iter()
        .map(|(name, id)| {
            let other = match *name {
                "reactions" | "reaction" => id.clone(),
                "invites" => "nosuchcode".to_owned(),
                _ => "1000000000777".to_owned(),
            };
            (*name, other)
        })
        .collect();
    Stage { server, owner, stranger, ids, nowhere }
}

async fn ask(rest: &Rest, route: &Route, ids: &BTreeMap<&str, String>) -> Reply {
    let query = if route.path.ends_with("/members/search") { "?query=a" } else { "" };
    rest.send(route.method.clone(), &format!("{}{query}", route.filled(ids)), body(route)).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_gets_nowhere_and_cannot_tell_what_exists() {
    let stage = stage().await;
    let mut wrong = Vec::new();
    let mut replayed = 0;
    for route in Route::all().iter().filter(|route| route.has_parameters()) {
        let name = route.name();
        if FOR_STRANGERS.contains(&name.as_str()) {
            continue;
        }
        replayed += 1;
        let theirs = ask(&stage.stranger.rest, route, &stage.ids).await;
        let missing = ask(&stage.stranger.rest, route, &stage.nowhere).await;
        if theirs.status < 300 || theirs.status >= 500 {
            wrong.push(format!("{name}: {} {}", theirs.status, theirs.body));
        } else if name == "DELETE /api/v10/invites/{code}" {
            // Whoever has the code sees the invite: they are told that it is not theirs to revoke.
            if theirs.status != 403 {
                wrong.push(format!("{name}: {} {}", theirs.status, theirs.body));
            }
        } else if (theirs.status, &theirs.bytes) != (missing.status, &missing.bytes) {
            wrong.push(format!(
                "{name}: tells what exists: {} {} against {} {}",
                theirs.status, theirs.body, missing.status, missing.body
            ));
        } else if theirs.status == 400 && theirs.body["code"] == 50035 {
            wrong.push(format!("{name}: this test's body is not good enough: {}", theirs.body));
        }
    }
    assert!(wrong.is_empty(), "{} of {replayed} routes:\n{}", wrong.len(), wrong.join("\n"));
    // Nothing of it happened.
    let guild = &stage.ids["guilds"];
    assert_eq!(stage.owner.get(&format!("/api/v10/guilds/{guild}")).await.unwrap().body["name"], "Private");
    assert_eq!(stage.owner.whole_history(&stage.ids["channels"]).await.len(), 1);
    assert!(replayed > 90, "{replayed} routes were replayed");
    drop(stage.server);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_gets_anywhere_without_a_token() {
    let stage = stage().await;
    let nobody = Rest::new(stage.server.address);
    let mut wrong = Vec::new();
    for route in Route::all() {
        let name = route.name();
        if PUBLIC.contains(&name.as_str()) || route.path.starts_with("/cdn/") {
            continue;
        }
        let reply = ask(&nobody, &route, &stage.ids).await;
        if reply.status != 401 {
            wrong.push(format!("{name}: {} {}", reply.status, reply.body));
        }
    }
    assert!(wrong.is_empty(), "{} routes:\n{}", wrong.len(), wrong.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_description_of_our_own_api_names_every_route_and_no_other() {
    let server = TestServer::start();
    let description =
        Rest::new(server.address).send(Method::GET, "/api/v1/openapi.json", Value::Null).await.unwrap();
    assert_eq!((description.status, &description.body["openapi"]), (200, &json!("3.1.0")));
    let nameless = |path: &str| {
        let part = |part: &str| if part.starts_with('{') { "{}" } else { part }.to_owned();
        path.split('/').map(part).collect::<Vec<_>>().join("/")
    };
    let mut described: Vec<String> = Vec::new();
    for (path, operations) in description.body["paths"].as_object().unwrap() {
        for method in operations.as_object().unwrap().keys() {
            described.push(format!("{} {}", method.to_uppercase(), nameless(path)));
        }
    }
    let ours = Route::all().into_iter().filter_map(|route| {
        Some(format!(
            "{} {}",
            route.method,
            nameless(route.path.strip_prefix("/api/v1").filter(|rest| rest.starts_with('/'))?)
        ))
    });
    let mut ours: Vec<String> = ours.collect();
    ours.sort();
    described.sort();
    let missing: Vec<_> = ours.iter().filter(|route| !described.contains(route)).collect();
    let invented: Vec<_> = described.iter().filter(|route| !ours.contains(route)).collect();
    assert!(
        missing.is_empty() && invented.is_empty(),
        "not described: {missing:#?}\nnot served: {invented:#?}"
    );
}
