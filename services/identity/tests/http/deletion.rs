//! The end of accounts.

use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};
use voxlink_protocol::{
    UserId,
    bus::UserUpdated,
    event::{UserChange, UserEvent},
    people::{AccountDeleted, OwnedGuilds},
};
use voxlink_service_kit::Bus;

use super::world::{Caller, PASSWORD, World};

const DELETE: &str = "/api/v1/auth/delete-account";

#[tokio::test]
async fn a_deleted_account_is_a_number_with_a_past() {
    let world = World::with("deleted", false, Bus::serialising()).await;
    let (anna, boris) = (world.person("anna").await, world.person("boris").await);
    let id: UserId = anna.id.parse().unwrap();
    let made = anna.post("/api/v1/applications", json!({"name": "Weather"})).await.body;
    let bot: UserId = made["id"].as_str().unwrap().parse().unwrap();
    anna.patch("/api/v10/users/@me", json!({"global_name": "Anna", "bio": "Boats"})).await;
    anna.put(&format!("/api/v1/relationships/{}", boris.id), json!({})).await;
    boris.put(&format!("/api/v1/users/{}/note", anna.id), json!({"note": "Owes me a drill"})).await;
    let (deleted, updated) = (world.hear::<AccountDeleted>(), world.hear::<UserUpdated>());
    let events = world.hear::<UserEvent>();

    assert_eq!(anna.post(DELETE, json!({"password": "wrong horse"})).await.code(), 50035);
    assert_eq!(anna.post(DELETE, json!({"password": PASSWORD})).await.status, 204);
    let told: Vec<UserId> = deleted.lock().unwrap().iter().map(|one| one.user).collect();
    assert_eq!(told, [bot, id], "their bots go with them");
    assert_eq!(updated.lock().unwrap().len(), 2);
    let events = std::mem::take(&mut *events.lock().unwrap());
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].to, [boris.id.parse().unwrap()]);
    assert!(matches!(events[0].change, UserChange::RelationshipRemove { id: other, .. } if other == id));

    assert_eq!(anna.get("/api/v10/users/@me").await.status, 401);
    let token = format!("Bot {}", made["token"].as_str().unwrap());
    let robot = Caller { world: &world, authorization: token, id: bot.to_string() };
    assert_eq!(robot.get("/api/v10/users/@me").await.status, 401);
    assert_eq!(world.log_in(json!({"username": "anna", "password": PASSWORD})).await.status, 401);
    let name = format!("deleted.{}", anna.id);
    assert_eq!(world.log_in(json!({"username": name, "password": ""})).await.status, 401);
    let left = boris.get(&format!("/api/v10/users/{}", anna.id)).await.body;
    assert_eq!((&left["username"], &left["global_name"]), (&json!(name), &Value::Null));
    assert_eq!(boris.get(&format!("/api/v1/users/{}/profile", anna.id)).await.code(), 10013);
    assert_eq!(boris.get("/api/v1/relationships").await.body, json!([]));
    assert_eq!(boris.put(&format!("/api/v1/relationships/{}", anna.id), json!({})).await.code(), 10013);
    let again = world.person("anna").await;
    assert_ne!(again.id, anna.id, "the name is free again, and is someone else");
}

#[tokio::test]
async fn who_did_not_hear_of_it_hears_of_it_at_the_next_start() {
    let world = World::new("hear-again").await;
    let anna = world.person("anna").await;
    assert_eq!(anna.post(DELETE, json!({"password": PASSWORD})).await.status, 204);
    let deleted = world.hear::<AccountDeleted>();
    world.identity.republish().await.unwrap();
    assert_eq!(*deleted.lock().unwrap(), [AccountDeleted { user: anna.id.parse().unwrap() }]);
    world.clock.advance(std::time::Duration::from_secs(8 * 24 * 3600));
    world.identity.republish().await.unwrap();
    assert_eq!(deleted.lock().unwrap().len(), 1, "what is long past is not told for ever");
}

#[tokio::test]
async fn who_owns_a_guild_with_others_in_it_stays_until_it_is_given_away() {
    static OWNED: AtomicU32 = AtomicU32::new(1);
    let world = World::new("owner").await;
    let anna = world.person("anna").await;
    world.bus.serve(|_: OwnedGuilds| async { OWNED.load(Ordering::Relaxed) });
    let refused = anna.post(DELETE, json!({"password": PASSWORD})).await;
    assert_eq!((refused.status, refused.code()), (400, 150_006));
    assert_eq!(anna.get("/api/v10/users/@me").await.status, 200);
    OWNED.store(0, Ordering::Relaxed);
    assert_eq!(anna.post(DELETE, json!({"password": PASSWORD})).await.status, 204);
}
