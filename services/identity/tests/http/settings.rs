//! Status, custom status and language.

use std::time::Duration;

use serde_json::{Value, json};
use voxlink_protocol::{
    UserId,
    gateway::Status,
    people::{SettingsOf, SettingsUpdated},
};

use super::world::World;

const SETTINGS: &str = "/api/v1/users/@me/settings";

#[tokio::test]
async fn what_one_chooses_is_kept_and_told() {
    let world = World::new("settings").await;
    let anna = world.person("anna").await;
    let told = world.hear::<SettingsUpdated>();
    let fresh = anna.get(SETTINGS).await.body;
    assert_eq!(
        fresh,
        json!({"status": "online", "custom_status": null, "locale": null, "hide_address": false})
    );
    assert_eq!(anna.patch(SETTINGS, json!({})).await.body, fresh);
    assert_eq!(told.lock().unwrap().len(), 0, "nothing changed, nothing is told");

    let chosen = anna.patch(SETTINGS, json!({"status": "dnd", "locale": "ru"})).await;
    assert_eq!((chosen.status, &chosen.body["status"]), (200, &json!("dnd")));
    assert_eq!(anna.get("/api/v10/users/@me").await.body["locale"], "ru");
    let custom = json!({"text": " at sea ", "emoji_name": "⛵"});
    let chosen = anna.patch(SETTINGS, json!({"custom_status": custom})).await.body;
    assert_eq!(chosen["custom_status"]["text"], "at sea");
    assert_eq!((&chosen["status"], &chosen["locale"]), (&json!("dnd"), &json!("ru")));
    assert_eq!(told.lock().unwrap().len(), 2);
    assert_eq!(told.lock().unwrap()[1].settings.status, Status::Dnd);

    let chosen = anna.patch(SETTINGS, json!({"hide_address": true})).await.body;
    assert_eq!((&chosen["hide_address"], &chosen["status"]), (&json!(true), &json!("dnd")));
    assert!(told.lock().unwrap()[2].settings.hide_address);

    let cleared = anna.patch(SETTINGS, json!({"custom_status": {"text": " "}, "locale": null})).await.body;
    assert_eq!((&cleared["custom_status"], &cleared["locale"]), (&Value::Null, &Value::Null));
}

#[tokio::test]
async fn what_cannot_be_chosen_names_the_field() {
    let world = World::new("wrong-settings").await;
    let anna = world.person("anna").await;
    for (body, field) in [
        (json!({"status": "offline"}), "/status"),
        (json!({"status": "busy"}), "/status"),
        (json!({"locale": "klingon"}), "/locale"),
        (json!({"custom_status": {"text": "x".repeat(129)}}), "/custom_status/text"),
        (json!({"custom_status": {"emoji_name": "x".repeat(33)}}), "/custom_status/emoji_name"),
        (json!({"custom_status": {"text": "x", "emoji_id": "5"}}), "/custom_status/emoji_name"),
        (
            json!({"custom_status": {"text": "x", "expires_at": "2020-01-01T00:00:00.000Z"}}),
            "/custom_status/expires_at",
        ),
    ] {
        let answer = anna.patch(SETTINGS, body.clone()).await;
        assert_eq!((answer.status, answer.code()), (400, 50035), "{body}");
        let named = answer.body["errors"].pointer(field).is_some_and(|errors| errors["_errors"].is_array());
        assert!(named, "{body}: {}", answer.body);
    }
}

#[tokio::test]
async fn a_custom_status_is_over_when_it_says_so() {
    let world = World::new("expiry").await;
    let anna = world.person("anna").await;
    // The test's clock stands at 2027-01-15T08:00:00Z.
    let custom = json!({"text": "lunch", "expires_at": "2027-01-15T09:00:00.000Z"});
    let chosen = anna.patch(SETTINGS, json!({"custom_status": custom})).await;
    assert_eq!(chosen.body["custom_status"]["expires_at"], "2027-01-15T09:00:00.000000+00:00");
    let told = world.hear::<SettingsUpdated>();
    world.clock.advance(Duration::from_secs(3599));
    world.identity.sweep().await.unwrap();
    assert_eq!(told.lock().unwrap().len(), 0);
    world.clock.advance(Duration::from_secs(1));
    let user: UserId = anna.id.parse().unwrap();
    let settings = world.bus.call(SettingsOf { user }).await.unwrap();
    assert_eq!(settings.custom_status, None, "before the sweep already");
    world.identity.sweep().await.unwrap();
    world.identity.sweep().await.unwrap();
    let told = std::mem::take(&mut *told.lock().unwrap());
    assert_eq!(told.iter().map(|one| (one.user, &one.settings)).collect::<Vec<_>>(), [(user, &settings)]);
}
