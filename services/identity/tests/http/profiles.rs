//! What accounts say of themselves.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio::sync::mpsc;
use voxlink_protocol::{
    UserId,
    bus::UserUpdated,
    files::{FilesNews, ImagePurpose, ImageRefused, StoreImage, StoredImage},
};

use super::{
    schema::assert_is,
    world::{PASSWORD, World},
};

const ME: &str = "/api/v10/users/@me";

#[tokio::test]
async fn a_display_name_is_set_cleared_and_left_alone() {
    let world = World::new("display-name").await;
    let anna = world.person("anna").await;
    assert_eq!(anna.patch(ME, json!({"global_name": " Anna K. "})).await.body["global_name"], "Anna K.");
    assert_eq!(anna.patch(ME, json!({})).await.body["global_name"], "Anna K.");
    assert_eq!(anna.get(ME).await.body["global_name"], "Anna K.");
    assert_eq!(anna.patch(ME, json!({"global_name": "x".repeat(33)})).await.status, 400);
    assert_eq!(anna.patch(ME, json!({"global_name": 7})).await.status, 400);
    assert_eq!(anna.patch(ME, json!({"global_name": null})).await.body["global_name"], Value::Null);
    let user = |id: &str| format!("/api/v10/users/{id}");
    assert_eq!(anna.get(&user(&anna.id)).await.body["username"], "anna");
    assert_eq!(anna.get(&user("1")).await.code(), 10013);
    assert_eq!(anna.get(&user("99999999999999999999")).await.status, 400);
}

#[tokio::test]
async fn oneself_and_others_have_the_v10_shapes() {
    let world = World::new("shapes").await;
    let anna = world.person("anna").await;
    let me = anna.get(ME).await.body;
    assert_is("UserPIIResponse", &me);
    assert_eq!(
        (&me["mfa_enabled"], &me["locale"], &me["email"]),
        (&json!(false), &json!("en-US"), &Value::Null)
    );
    assert_is("UserPIIResponse", &anna.patch(ME, json!({"accent_color": 255, "bio": "Rows"})).await.body);
    assert_is("UserResponse", &anna.get(&format!("/api/v10/users/{}", anna.id)).await.body);
}

#[tokio::test]
async fn a_profile_shows_what_one_says_of_oneself_and_what_one_noted_for_oneself() {
    let world = World::new("profile").await;
    let (anna, boris) = (world.person("anna").await, world.person("boris").await);
    let updated = world.hear::<UserUpdated>();
    let said = json!({"bio": "Boats.\nAnd rivers.", "pronouns": "she/her", "accent_color": 0xFF_8800});
    assert_eq!(anna.patch(ME, said).await.status, 200);
    assert_eq!(updated.lock().unwrap().len(), 1);
    let path = format!("/api/v1/users/{}/profile", anna.id);
    let seen = boris.get(&path).await.body;
    assert_eq!(seen["bio"], "Boats.\nAnd rivers.");
    assert_eq!(seen["pronouns"], "she/her");
    assert_eq!(
        (&seen["accent_color"], &seen["user"]["accent_color"]),
        (&json!(0xFF_8800), &json!(0xFF_8800))
    );
    assert!(seen["created_at"].as_str().unwrap().starts_with("2027-01-15T"));
    assert_eq!((seen.get("relationship"), seen.get("note")), (None, None));

    let note = format!("/api/v1/users/{}/note", anna.id);
    assert_eq!(boris.put(&note, json!({"note": "Lent her the drill"})).await.status, 204);
    assert_eq!(boris.get(&path).await.body["note"], "Lent her the drill");
    assert_eq!(anna.get(&path).await.body.get("note"), None, "notes are for one's own eyes");
    assert_eq!(boris.put(&note, json!({"note": ""})).await.status, 204);
    assert_eq!(boris.get(&path).await.body.get("note"), None);
    assert_eq!(boris.put("/api/v1/users/1/note", json!({"note": "Who?"})).await.code(), 10013);
    assert_eq!(boris.put(&note, json!({"note": "x".repeat(257)})).await.status, 400);
    assert_eq!(boris.get("/api/v1/users/1/profile").await.code(), 10013);

    assert_eq!(anna.patch(ME, json!({"bio": "  ", "pronouns": null})).await.status, 200);
    let seen = boris.get(&path).await.body;
    assert_eq!((&seen["bio"], &seen["pronouns"]), (&Value::Null, &Value::Null));
    for wrong in
        [json!({"bio": "x".repeat(191)}), json!({"accent_color": 0x100_0000}), json!({"accent_color": -1})]
    {
        assert_eq!(anna.patch(ME, wrong.clone()).await.status, 400, "{wrong}");
    }
}

#[tokio::test]
async fn a_username_changes_with_the_password_and_is_nobody_elses() {
    let world = World::new("username").await;
    let (anna, _boris) = (world.person("anna").await, world.person("boris").await);
    let error = |body: &Value, field: &str| body["errors"][field]["_errors"][0]["code"].clone();
    let without = anna.patch(ME, json!({"username": "annika"})).await;
    assert_eq!((without.status, error(&without.body, "password")), (400, json!("PASSWORD_DOES_NOT_MATCH")));
    let wrong = anna.patch(ME, json!({"username": "annika", "password": "wrong horse"})).await;
    assert_eq!(wrong.status, 400);
    for taken in ["boris", "Deleted.5"] {
        let taken = anna.patch(ME, json!({"username": taken, "password": PASSWORD})).await;
        assert_eq!(error(&taken.body, "username"), "USERNAME_ALREADY_TAKEN");
    }
    let impossible = anna.patch(ME, json!({"username": "a b", "password": PASSWORD})).await;
    assert_eq!(error(&impossible.body, "username"), "STRING_TYPE_REGEX");
    let renamed = anna.patch(ME, json!({"username": "Annika", "password": PASSWORD})).await;
    assert_eq!((renamed.status, &renamed.body["username"]), (200, &json!("annika")));
    assert_eq!(
        anna.patch(ME, json!({"username": "annika"})).await.status,
        200,
        "the same name needs no password"
    );
    assert_eq!(world.log_in(json!({"username": "annika", "password": PASSWORD})).await.status, 200);
    assert_eq!(world.log_in(json!({"username": "anna", "password": PASSWORD})).await.status, 401);
}

/// A stand-in for files, which is another service: takes what looks like a picture, and tells what it heard.
fn files(world: &World) -> (Arc<Mutex<Vec<ImagePurpose>>>, mpsc::UnboundedReceiver<FilesNews>) {
    let stored: Arc<Mutex<Vec<ImagePurpose>>> = Arc::default();
    let shelf = stored.clone();
    world.bus.serve(move |request: StoreImage| {
        let picture = request.data_uri.starts_with("data:image/");
        let mut shelf = shelf.lock().unwrap();
        shelf.push(request.purpose);
        let hash = format!("hash{}", shelf.len());
        async move {
            if picture { Ok(StoredImage { hash, animated: false }) } else { Err(ImageRefused::NotADataUri) }
        }
    });
    let (tell, told) = mpsc::unbounded_channel();
    world.bus.serve(move |news: FilesNews| {
        tell.send(news).unwrap();
        async {}
    });
    (stored, told)
}

#[tokio::test]
async fn pictures_are_kept_by_files_and_released_when_nobody_uses_them() {
    let world = World::new("pictures").await;
    let (stored, mut told) = files(&world);
    let anna = world.person("anna").await;
    let id: UserId = anna.id.parse().unwrap();
    let released = |purpose, hash: &str| Some(FilesNews::ImageReleased { purpose, hash: hash.to_owned() });
    let picture = "data:image/png;base64,AAAA";
    let set = anna.patch(ME, json!({"avatar": picture, "banner": picture})).await;
    assert_eq!((&set.body["avatar"], &set.body["banner"]), (&json!("hash1"), &json!("hash2")));
    assert_eq!(*stored.lock().unwrap(), [ImagePurpose::Avatar(id), ImagePurpose::Banner(id)]);
    let replaced = anna.patch(ME, json!({"avatar": picture})).await;
    assert_eq!((&replaced.body["avatar"], &replaced.body["banner"]), (&json!("hash3"), &json!("hash2")));
    assert_eq!(told.recv().await, released(ImagePurpose::Avatar(id), "hash1"));
    assert_eq!(anna.patch(ME, json!({"banner": null})).await.body["banner"], Value::Null);
    assert_eq!(told.recv().await, released(ImagePurpose::Banner(id), "hash2"));

    let refused = anna.patch(ME, json!({"avatar": picture, "banner": "nonsense"})).await;
    assert_eq!(refused.body["errors"]["banner"]["_errors"][0]["code"], "IMAGE_INVALID");
    assert_eq!(told.recv().await, released(ImagePurpose::Avatar(id), "hash4"), "half a change is none");
    assert_eq!(anna.get(ME).await.body["avatar"], "hash3");
    assert_eq!(anna.post("/api/v1/auth/delete-account", json!({"password": PASSWORD})).await.status, 204);
    assert_eq!(told.recv().await, released(ImagePurpose::Avatar(id), "hash3"));
}
