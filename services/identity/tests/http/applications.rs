//! Applications and their bots, as their makers and bot libraries meet them.

use axum::http::Method;
use serde_json::{Value, json};
use voxlink_protocol::{
    ApplicationId, UserId,
    bus::SessionRevoked,
    people::{AccountDeleted, GetApplication},
};
use voxlink_service_kit::Bus;

use super::{
    schema::assert_is,
    world::{Caller, World},
};

const APPLICATIONS: &str = "/api/v1/applications";

fn robot<'a>(world: &'a World, made: &Value) -> Caller<'a> {
    let text = |field: &str| made[field].as_str().unwrap().to_owned();
    Caller { world, authorization: format!("Bot {}", text("token")), id: text("id") }
}

#[tokio::test]
async fn an_application_comes_with_a_bot_and_a_token_in_three_parts() {
    let world = World::with("application", false, Bus::serialising()).await;
    let anna = world.person("anna").await;
    let made = anna.post(APPLICATIONS, json!({"name": "Weather Bot"})).await;
    assert_eq!(made.status, 201);
    assert_is("PrivateApplicationResponse", &made.body);
    assert_eq!((&made.body["name"], &made.body["bot"]["bot"]), (&json!("Weather Bot"), &json!(true)));
    assert_eq!((&made.body["bot"]["id"], &made.body["owner"]["id"]), (&made.body["id"], &json!(anna.id)));
    assert_eq!(made.body["bot"]["username"], "weather_bot");
    assert_eq!(made.body["verify_key"].as_str().unwrap().len(), 64);
    let token = made.body["token"].as_str().unwrap();
    let parts: Vec<&str> = token.split('.').collect();
    assert_eq!(parts.len(), 3);
    let id = made.body["id"].as_str().unwrap();
    assert_eq!(base64_of(id), parts[0], "libraries read the bot's id from its token");

    let bot = robot(&world, &made.body);
    let me = bot.get("/api/v10/users/@me").await;
    assert_eq!((me.status, &me.body["id"], &me.body["bot"]), (200, &json!(id), &json!(true)));
    assert_is("UserPIIResponse", &me.body);
    for path in [
        "/api/v10/applications/@me",
        "/api/v10/oauth2/applications/@me",
        &format!("/api/v10/applications/{id}"),
    ] {
        let seen = bot.get(path).await;
        assert_eq!((seen.status, &seen.body["id"]), (200, &json!(id)), "{path}");
        assert_is("PrivateApplicationResponse", &seen.body);
        assert_eq!(seen.body.get("token"), None);
    }
    let application = ApplicationId::new(id.parse().unwrap());
    let known = world.bus.call(GetApplication { id: application }).await.unwrap().unwrap();
    assert_eq!((known.name.as_str(), known.owner.to_string()), ("Weather Bot", anna.id.clone()));
    assert_eq!(world.bus.call(GetApplication { id: ApplicationId::new(1) }).await, Ok(None));
    assert_eq!(world.log_in(json!({"username": "weather_bot", "password": ""})).await.status, 401);
}

fn base64_of(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text)
}

#[tokio::test]
async fn bots_do_not_do_what_only_people_do_nor_people_what_only_bots_do() {
    let world = World::new("bots-and-people").await;
    let anna = world.person("anna").await;
    let made = anna.post(APPLICATIONS, json!({"name": "Weather"})).await.body;
    let bot = robot(&world, &made);
    for (method, path) in [
        (Method::GET, "/api/v1/relationships"),
        (Method::POST, "/api/v1/relationships"),
        (Method::GET, "/api/v1/users/@me/settings"),
        (Method::GET, "/api/v1/users/search?query=a"),
        (Method::GET, "/api/v1/auth/sessions"),
        (Method::POST, "/api/v1/auth/logout"),
        (Method::POST, "/api/v1/auth/password"),
        (Method::POST, "/api/v1/auth/delete-account"),
        (Method::POST, "/api/v1/auth/totp/setup"),
        (Method::POST, APPLICATIONS),
        (Method::GET, APPLICATIONS),
        (Method::POST, "/api/v1/registration-invites"),
    ] {
        let answer = bot.ask(method, path, Value::Null).await;
        assert_eq!((answer.status, answer.code()), (403, 20001), "{path}");
    }
    for path in ["/api/v10/applications/@me", "/api/v10/oauth2/applications/@me"] {
        let answer = anna.get(path).await;
        assert_eq!((answer.status, answer.code()), (403, 20002), "{path}");
    }
}

#[tokio::test]
async fn a_new_token_ends_the_old_one_at_once() {
    let world = World::new("reset").await;
    let anna = world.person("anna").await;
    let made = anna.post(APPLICATIONS, json!({"name": "Weather"})).await.body;
    let old = robot(&world, &made);
    assert_eq!(old.get("/api/v10/users/@me").await.status, 200);
    let revoked = world.hear::<SessionRevoked>();
    let path = format!("{APPLICATIONS}/{}/token", old.id);
    let token = anna.post(&path, Value::Null).await.body;
    assert_eq!(old.get("/api/v10/users/@me").await.status, 401);
    assert_eq!(revoked.lock().unwrap().len(), 1);
    let new = robot(&world, &json!({"id": old.id, "token": token["token"]}));
    assert_eq!(new.get("/api/v10/users/@me").await.status, 200);
}

#[tokio::test]
async fn an_application_is_changed_by_its_maker_and_its_bot() {
    let world = World::new("change").await;
    let anna = world.person("anna").await;
    let made = anna.post(APPLICATIONS, json!({"name": "Weather"})).await.body;
    let bot = robot(&world, &made);
    let path = format!("{APPLICATIONS}/{}", bot.id);
    let changed = anna.patch(&path, json!({"name": "Storm", "description": "Tells of storms"})).await.body;
    assert_eq!((&changed["name"], &changed["description"]), (&json!("Storm"), &json!("Tells of storms")));
    assert_eq!(bot.get("/api/v10/users/@me").await.body["global_name"], "Storm");
    assert_eq!(anna.get(APPLICATIONS).await.body, json!([changed]));

    let mine = "/api/v10/applications/@me";
    let body = json!({"description": {"default": "Wind"}, "tags": ["wind", "wind", "rain"], "flags": 1});
    let changed = bot.patch(mine, body).await.body;
    assert_is("PrivateApplicationResponse", &changed);
    assert_eq!((&changed["description"], &changed["tags"]), (&json!("Wind"), &json!(["wind", "rain"])));
    assert_eq!(
        (&changed["flags"], &changed["flags_new"]),
        (&json!(0), &json!("0")),
        "no flag but the intents is one's own"
    );
    let renamed = bot.patch("/api/v10/users/@me", json!({"username": "Rain Bot!"})).await;
    assert_eq!((renamed.status, &renamed.body["global_name"]), (200, &json!("Rain Bot!")));
    for (wrong, field) in [
        (json!({"description": "x".repeat(401)}), "description"),
        (json!({"tags": ["x".repeat(21)]}), "tags"),
        (json!({"tags": ["1", "2", "3", "4", "5", "6"]}), "tags"),
        (json!({"name": ""}), "name"),
        (json!({"interactions_endpoint_url": "https://example.org"}), "interactions_endpoint_url"),
    ] {
        let answer = bot.patch(mine, wrong.clone()).await;
        assert_eq!((answer.status, answer.code()), (400, 50035), "{wrong}");
        assert!(answer.body["errors"][field].is_object(), "{wrong}: {}", answer.body);
    }
}

#[tokio::test]
async fn a_strangers_application_is_one_that_does_not_exist() {
    let world = World::new("strangers").await;
    let (anna, boris) = (world.person("anna").await, world.person("boris").await);
    let made = anna.post(APPLICATIONS, json!({"name": "Weather"})).await.body;
    let other = boris.post(APPLICATIONS, json!({"name": "Weather"})).await.body;
    assert_eq!(other["bot"]["username"], "weather_bot", "two of one name have two usernames");
    let (bot, strange) = (robot(&world, &made), robot(&world, &other));
    let id = &bot.id;
    let routes = [
        (Method::GET, format!("/api/v10/applications/{id}")),
        (Method::PATCH, format!("/api/v10/applications/{id}")),
        (Method::PATCH, format!("{APPLICATIONS}/{id}")),
        (Method::DELETE, format!("{APPLICATIONS}/{id}")),
        (Method::POST, format!("{APPLICATIONS}/{id}/token")),
    ];
    for (method, path) in routes {
        let foreign = boris.ask(method.clone(), &path, Value::Null).await;
        assert_eq!((foreign.status, foreign.code()), (404, 10002), "{path}");
        let missing = boris.ask(method.clone(), &path.replace(id.as_str(), "1"), Value::Null).await;
        assert_eq!((missing.status, missing.body), (foreign.status, foreign.body), "{path}");
        if path.starts_with("/api/v10") {
            assert_eq!(strange.ask(method, &path, Value::Null).await.code(), 10002, "{path}");
        }
    }
    assert_eq!(bot.get("/api/v10/users/@me").await.status, 200);
}

#[tokio::test]
async fn a_deleted_application_takes_its_bot_along() {
    let world = World::new("delete-application").await;
    let anna = world.person("anna").await;
    let made = anna.post(APPLICATIONS, json!({"name": "Weather"})).await.body;
    let bot = robot(&world, &made);
    let deleted = world.hear::<AccountDeleted>();
    let path = format!("{APPLICATIONS}/{}", bot.id);
    assert_eq!(anna.delete(&path).await.status, 204);
    assert_eq!(anna.delete(&path).await.code(), 10002);
    let id: UserId = bot.id.parse().unwrap();
    assert_eq!(*deleted.lock().unwrap(), [AccountDeleted { user: id }]);
    assert_eq!(bot.get("/api/v10/users/@me").await.status, 401);
    assert_eq!(anna.get(APPLICATIONS).await.body, json!([]));
    let left = anna.get(&format!("/api/v10/users/{}", bot.id)).await.body;
    assert_eq!((&left["bot"], &left["username"]), (&json!(true), &json!(format!("deleted.{}", bot.id))));
}

#[tokio::test]
async fn one_makes_fifty_applications_and_no_more() {
    let world = World::new("fifty").await;
    let anna = world.person("anna").await;
    for number in 0..50 {
        let made = anna.post(APPLICATIONS, json!({"name": format!("Bot {number}")})).await;
        assert_eq!(made.status, 201, "{}", made.body);
    }
    let refused = anna.post(APPLICATIONS, json!({"name": "One more"})).await;
    assert_eq!((refused.status, refused.code()), (400, 150_009));
    let first = anna.get(APPLICATIONS).await.body[0]["id"].as_str().unwrap().to_owned();
    assert_eq!(anna.delete(&format!("{APPLICATIONS}/{first}")).await.status, 204);
    assert_eq!(anna.post(APPLICATIONS, json!({"name": "One more"})).await.status, 201);
}
