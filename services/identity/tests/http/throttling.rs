//! Guessing passwords: slowed down, and told nothing.

use std::{net::IpAddr, time::Duration};

use serde_json::{Value, json};
use voxlink_service_kit::Bus;

use super::world::{PASSWORD, World};

fn place(last: u8) -> IpAddr {
    IpAddr::from([203, 0, 113, last])
}

fn guess(name: &str) -> Value {
    json!({"username": name, "password": "wrong horse"})
}

#[tokio::test]
async fn names_that_exist_and_names_that_do_not_are_refused_and_throttled_alike() {
    let world = World::with("alike", true, Bus::in_process()).await;
    world.person("anna").await;
    let mut told = Vec::new();
    for (name, from) in [("anna", place(1)), ("nobody", place(2))] {
        let mut answers = Vec::new();
        for _ in 0..7 {
            let answer = world.log_in_from(from, guess(name)).await;
            answers.push((answer.status, answer.retry_after, answer.content_type, answer.body));
        }
        told.push(answers);
    }
    assert_eq!(told[0], told[1]);
    assert_eq!(
        told[0].iter().map(|(status, ..)| *status).collect::<Vec<_>>(),
        [401, 401, 401, 401, 401, 429, 429]
    );
}

#[tokio::test]
async fn one_place_that_tries_many_names_is_slowed_and_others_are_not() {
    let world = World::with("many-names", true, Bus::in_process()).await;
    world.person("anna").await;
    let mut refused = 0;
    for number in 0..45 {
        let answer = world.log_in_from(place(1), guess(&format!("name{number}"))).await;
        refused += usize::from(answer.status == 429);
    }
    assert_eq!(refused, 5);
    let right = json!({"username": "anna", "password": PASSWORD});
    assert_eq!(world.log_in_from(place(1), right.clone()).await.status, 429);
    assert_eq!(world.log_in_from(place(2), right.clone()).await.status, 200);
    world.clock.advance(Duration::from_secs(1));
    assert_eq!(world.log_in_from(place(1), right).await.status, 200);
}

#[tokio::test]
async fn many_places_that_try_one_name_are_slowed_together() {
    let world = World::with("many-places", true, Bus::in_process()).await;
    world.person("anna").await;
    let mut statuses = Vec::new();
    for last in 1..=51 {
        statuses.push(world.log_in_from(place(last), guess("anna")).await.status);
    }
    assert_eq!((statuses[49], statuses[50]), (401, 429));
    world.clock.advance(Duration::from_secs(3));
    let right = json!({"username": "anna", "password": PASSWORD});
    assert_eq!(world.log_in_from(place(60), right).await.status, 200, "its owner waits seconds, not hours");
}

#[tokio::test]
async fn a_right_password_forgives_the_typos_before_it() {
    let world = World::with("typos", true, Bus::in_process()).await;
    world.person("anna").await;
    let right = json!({"username": "anna", "password": PASSWORD});
    for _ in 0..3 {
        for _ in 0..4 {
            assert_eq!(world.log_in_from(place(1), guess("anna")).await.status, 401);
        }
        assert_eq!(world.log_in_from(place(1), right.clone()).await.status, 200);
    }
}

#[tokio::test]
async fn who_holds_a_token_cannot_guess_the_password_by_it() {
    let world = World::with("confirm", true, Bus::in_process()).await;
    let anna = world.person("anna").await;
    let body = json!({"password": "wrong horse", "new_password": "battery staple"});
    for _ in 0..5 {
        assert_eq!(anna.post("/api/v1/auth/password", body.clone()).await.status, 400);
    }
    let limited = anna.post("/api/v1/auth/password", body).await;
    assert_eq!(limited.status, 429);
    assert_eq!(anna.post("/api/v1/auth/totp/setup", json!({"password": PASSWORD})).await.status, 429);
    world.clock.advance(Duration::from_secs(10));
    assert_eq!(anna.post("/api/v1/auth/totp/setup", json!({"password": PASSWORD})).await.status, 200);
}
