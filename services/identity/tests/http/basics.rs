//! Accounts and logins as a client meets them, bad input included.

use axum::{
    body::Body,
    http::{Method, StatusCode},
};
use serde_json::json;

use super::world::{LOGIN, REGISTER, ask, get, post, registered, server};

#[tokio::test]
async fn registering_answers_with_a_token_and_the_user_in_exactly_json() {
    let router = server("register", true).await;
    let made = post(&router, REGISTER, json!({"username": "Anna", "password": "correct horse"})).await;
    assert_eq!(made.status, 201);
    assert_eq!(made.content_type.as_deref(), Some("application/json"));
    assert_eq!(made.body["user"]["username"], "anna");
    assert_eq!(made.body["user"]["discriminator"], "0");
    assert!(made.body["user"]["id"].is_string());
    let token = made.body["token"].as_str().unwrap();
    let me = get(&router, "/api/v10/users/@me", token).await;
    assert_eq!((me.status, &me.body["id"]), (200, &made.body["user"]["id"]));
}

#[tokio::test]
async fn every_wrong_registration_names_the_field() {
    let router = server("fields", false).await;
    registered(&router, "anna").await;
    let cases = [
        (json!({"password": "correct horse"}), "username", "BASE_TYPE_REQUIRED"),
        (json!({"username": 5, "password": "correct horse"}), "username", "FIELD_INVALID"),
        (
            json!({"username": "a".repeat(33), "password": "correct horse"}),
            "username",
            "BASE_TYPE_BAD_LENGTH",
        ),
        (json!({"username": "an na", "password": "correct horse"}), "username", "FIELD_INVALID"),
        (json!({"username": "anna", "password": "correct horse"}), "username", "USERNAME_ALREADY_TAKEN"),
        (json!({"username": "boris", "password": "short"}), "password", "BASE_TYPE_BAD_LENGTH"),
        (json!({"username": "boris", "password": "x1".repeat(200)}), "password", "BASE_TYPE_BAD_LENGTH"),
        (json!({"username": "boris", "password": "Password1"}), "password", "PASSWORD_TOO_COMMON"),
        (json!({"username": "boris", "password": ["correct horse"]}), "password", "FIELD_INVALID"),
    ];
    for (body, field, code) in cases {
        let answer = post(&router, REGISTER, body.clone()).await;
        assert_eq!((answer.status, &answer.body["code"]), (400, &json!(50035)), "{body}");
        assert_eq!(answer.body["errors"][field]["_errors"][0]["code"], code, "{body} {}", answer.body);
    }
}

#[tokio::test]
async fn what_is_not_json_or_not_an_object_is_refused() {
    let router = server("json", false).await;
    for (raw, code) in [("{", 50109), ("nonsense", 50109), ("[]", 50035), ("null", 50035), ("\u{0}", 50109)] {
        let answer = ask(&router, Method::POST, LOGIN, None, raw).await;
        assert_eq!((answer.status, &answer.body["code"]), (400, &json!(code)), "{raw:?}");
    }
    let deep = "[".repeat(100_000);
    assert_eq!(ask(&router, Method::POST, LOGIN, None, deep).await.status, 400);
}

#[tokio::test]
async fn wrong_credentials_are_one_answer() {
    let router = server("credentials", false).await;
    registered(&router, "anna").await;
    let mut answers = Vec::new();
    for (name, password) in [("anna", "wrong horse"), ("nobody", "correct horse"), ("no such name!", "")] {
        let answer = post(&router, LOGIN, json!({"username": name, "password": password})).await;
        assert_eq!((answer.status, &answer.body["code"]), (401, &json!(150_004)));
        answers.push(answer.body);
    }
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]));
}

#[tokio::test]
async fn without_a_good_token_nothing_is_told() {
    let router = server("token", false).await;
    let paths =
        ["/api/v10/users/@me", "/api/v10/users/1", "/api/v1/users/search?query=a", "/api/v1/auth/sessions"];
    for path in paths {
        for token in [None, Some("nonsense"), Some("")] {
            let answer = ask(&router, Method::GET, path, token, Body::empty()).await;
            assert_eq!((answer.status, &answer.body["code"]), (401, &json!(0)), "{path} {token:?}");
        }
    }
    assert_eq!(ask(&router, Method::POST, "/api/v1/auth/logout", None, Body::empty()).await.status, 401);
}

#[tokio::test]
async fn a_login_is_listed_and_revoked_and_foreign_ones_are_unknown() {
    let router = server("sessions", false).await;
    let (anna, _) = registered(&router, "anna").await;
    let (boris, _) = registered(&router, "boris").await;
    let again = post(&router, LOGIN, json!({"username": "anna", "password": "correct horse"})).await;
    let second = again.body["token"].as_str().unwrap();

    let listed = get(&router, "/api/v1/auth/sessions", &anna).await.body;
    let listed = listed.as_array().unwrap();
    assert_eq!(listed.len(), 2);
    assert_eq!(listed[0]["current"], false);
    assert_eq!(listed[1]["current"], true);
    assert_eq!(listed[0]["user_agent"], "Test/1");
    let path = format!("/api/v1/auth/sessions/{}", listed[0]["id"].as_str().unwrap());

    let foreign = ask(&router, Method::DELETE, &path, Some(&boris), Body::empty()).await;
    assert_eq!((foreign.status, &foreign.body["code"]), (404, &json!(0)));
    assert_eq!(ask(&router, Method::DELETE, &path, Some(&anna), Body::empty()).await.status, 204);
    assert_eq!(get(&router, "/api/v10/users/@me", second).await.status, 401);
    let nonsense = ask(&router, Method::DELETE, "/api/v1/auth/sessions/x", Some(&anna), Body::empty()).await;
    assert_eq!(nonsense.status, 400);

    assert_eq!(
        ask(&router, Method::POST, "/api/v1/auth/logout", Some(&anna), Body::empty()).await.status,
        204
    );
    assert_eq!(get(&router, "/api/v10/users/@me", &anna).await.status, 401);
}

#[tokio::test]
async fn people_are_searched_by_the_beginning_of_a_name() {
    let router = server("search", false).await;
    let (anna, _) = registered(&router, "anna").await;
    registered(&router, "annette").await;
    let names = async |query: &str| -> Vec<String> {
        let found = get(&router, &format!("/api/v1/users/search?{query}"), &anna).await;
        assert_eq!(found.status, 200);
        found
            .body
            .as_array()
            .unwrap()
            .iter()
            .map(|user| user["username"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(names("query=ANN").await, ["anna", "annette"]);
    assert_eq!(names("query=ann&limit=1").await, ["anna"]);
    assert_eq!(names("query=").await, Vec::<String>::new());
    assert_eq!(names(&format!("query={}", "a".repeat(5000))).await, Vec::<String>::new());
    assert_eq!(get(&router, "/api/v1/users/search?query=a&limit=-1", &anna).await.status, 400);
}

#[tokio::test]
async fn the_server_introduces_itself_to_strangers() {
    let router = server("about", true).await;
    let about = ask(&router, Method::GET, "/api/v1/server", None, Body::empty()).await;
    assert_eq!(about.body, json!({"name": "Workshop", "version": "1.2.3", "registration": "open"}));
}

#[tokio::test]
async fn only_the_first_account_makes_registration_invites() {
    let router = server("codes", false).await;
    let (anna, _) = registered(&router, "anna").await;
    let (boris, _) = registered(&router, "boris").await;
    let path = "/api/v1/registration-invites";
    let made = ask(&router, Method::POST, path, Some(&anna), Body::empty()).await;
    assert_eq!(made.status, 201);
    assert!(made.body["code"].as_str().unwrap().len() >= 20);
    let refused = ask(&router, Method::POST, path, Some(&boris), Body::empty()).await;
    assert_eq!((refused.status, &refused.body["code"]), (403, &json!(50013)));
}

#[tokio::test]
async fn a_guesser_is_told_to_wait() {
    let router = server("limits", true).await;
    registered(&router, "anna").await;
    let guess = json!({"username": "anna", "password": "wrong horse"});
    for _ in 0..5 {
        assert_eq!(post(&router, LOGIN, guess.clone()).await.status, StatusCode::UNAUTHORIZED);
    }
    let limited = post(&router, LOGIN, guess).await;
    assert_eq!(limited.status, 429);
    assert!(limited.retry_after.unwrap().parse::<u64>().unwrap() >= 1);
    assert!(limited.body["retry_after"].as_f64().unwrap() > 0.0);
    assert_eq!(limited.body["global"], false);
}
