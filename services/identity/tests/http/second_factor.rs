//! Two-factor, by an authenticator that this test is.

use std::time::{Duration, UNIX_EPOCH};

use aws_lc_rs::hmac;
use serde_json::json;
use voxlink_service_kit::{Bus, env::Clock as _};

use super::world::{Answer, Caller, PASSWORD, World};

const SETUP: &str = "/api/v1/auth/totp/setup";
const ENABLE: &str = "/api/v1/auth/totp/enable";
const DISABLE: &str = "/api/v1/auth/totp/disable";
const RECOVERY: &str = "/api/v1/auth/totp/recovery-codes";

/// What runs on a phone.
struct Authenticator(Vec<u8>);

impl Authenticator {
    fn new(secret: &str) -> Self {
        let mut bits = String::new();
        for letter in secret.chars() {
            let value = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".find(letter).unwrap();
            bits.push_str(&format!("{value:05b}"));
        }
        let byte = |bits: &[u8]| u8::from_str_radix(std::str::from_utf8(bits).unwrap(), 2).unwrap();
        Self(bits.as_bytes().chunks_exact(8).map(byte).collect())
    }

    fn code(&self, world: &World) -> String {
        let seconds = world.clock.wall().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &self.0);
        let tag = hmac::sign(&key, &(seconds / 30).to_be_bytes());
        let at = usize::from(tag.as_ref()[19] & 15);
        let word = u32::from_be_bytes(tag.as_ref()[at..at + 4].try_into().unwrap());
        format!("{:06}", (word & 0x7FFF_FFFF) % 1_000_000)
    }
}

async fn enabled(person: &Caller<'_>) -> (Authenticator, Vec<String>) {
    let prepared = person.post(SETUP, json!({"password": PASSWORD})).await;
    assert_eq!(prepared.status, 200, "{}", prepared.body);
    let authenticator = Authenticator::new(prepared.body["secret"].as_str().unwrap());
    let done = person.post(ENABLE, json!({"code": authenticator.code(person.world)})).await;
    assert_eq!(done.status, 200, "{}", done.body);
    let codes = done.body["recovery_codes"].as_array().unwrap();
    (authenticator, codes.iter().map(|code| code.as_str().unwrap().to_owned()).collect())
}

async fn log_in(world: &World, totp: Option<&str>) -> Answer {
    let mut body = json!({"username": "anna", "password": PASSWORD});
    if let Some(totp) = totp {
        body["totp"] = totp.into();
    }
    world.log_in(body).await
}

#[tokio::test]
async fn with_two_factor_one_logs_in_by_password_and_code() {
    let world = World::new("totp").await;
    let anna = world.person("anna").await;
    let (authenticator, codes) = enabled(&anna).await;
    assert_eq!(codes.len(), 10);
    assert_eq!(anna.get("/api/v10/users/@me").await.body["mfa_enabled"], true);

    let without = log_in(&world, None).await;
    assert_eq!((without.status, without.code()), (401, 60003));
    let reused = log_in(&world, Some(&authenticator.code(&world))).await;
    assert_eq!((reused.status, reused.code()), (400, 60008), "that code turned it on, and is used");
    world.clock.advance(Duration::from_secs(30));
    let code = authenticator.code(&world);
    assert_eq!(log_in(&world, Some(&format!("{} {}", &code[..3], &code[3..]))).await.status, 200);
    assert_eq!(log_in(&world, Some(&code)).await.code(), 60008, "once");
    assert_eq!(log_in(&world, Some("000000")).await.code(), 60008);
    let wrong_password =
        world.log_in(json!({"username": "anna", "password": "wrong horse", "totp": code})).await;
    assert_eq!(
        (wrong_password.status, wrong_password.code()),
        (401, 150_004),
        "without the password no word of it"
    );
}

#[tokio::test]
async fn of_two_who_bring_the_same_code_at_once_one_gets_in() {
    let world = World::new("totp-race").await;
    let anna = world.person("anna").await;
    let (authenticator, codes) = enabled(&anna).await;
    world.clock.advance(Duration::from_secs(30));
    for code in [authenticator.code(&world), codes[0].clone()] {
        let (one, other) = tokio::join!(log_in(&world, Some(&code)), log_in(&world, Some(&code)));
        let mut both = [one.status, other.status];
        both.sort_unstable();
        assert_eq!(both, [200, 400]);
    }
}

#[tokio::test]
async fn a_recovery_code_works_once_and_new_ones_replace_all() {
    let world = World::new("recovery").await;
    let anna = world.person("anna").await;
    let (authenticator, codes) = enabled(&anna).await;
    assert_eq!(log_in(&world, Some(&codes[0].to_uppercase())).await.status, 200);
    assert_eq!(log_in(&world, Some(&codes[0])).await.code(), 60008);
    let required = anna.post(RECOVERY, json!({"password": PASSWORD})).await;
    assert_eq!((required.status, required.code()), (400, 60003), "400: the login itself is not in doubt");
    world.clock.advance(Duration::from_secs(30));
    let proof = json!({"password": PASSWORD, "totp": authenticator.code(&world)});
    let renewed = anna.post(RECOVERY, proof).await.body;
    assert_eq!(renewed["recovery_codes"].as_array().unwrap().len(), 10);
    assert_eq!(log_in(&world, Some(&codes[1])).await.code(), 60008);
    assert_eq!(log_in(&world, renewed["recovery_codes"][9].as_str()).await.status, 200);
}

#[tokio::test]
async fn it_is_turned_on_and_off_only_by_who_has_the_password_and_the_code() {
    let world = World::new("totp-off").await;
    let anna = world.person("anna").await;
    assert_eq!(anna.post(ENABLE, json!({"code": "123456"})).await.code(), 60002);
    let wrong = anna.post(SETUP, json!({"password": "wrong horse"})).await;
    assert_eq!(wrong.body["errors"]["password"]["_errors"][0]["code"], "PASSWORD_DOES_NOT_MATCH");
    let prepared = anna.post(SETUP, json!({"password": PASSWORD})).await.body;
    let (secret, uri) = (prepared["secret"].as_str().unwrap(), prepared["uri"].as_str().unwrap());
    assert_eq!(uri, format!("otpauth://totp/Workshop:anna?secret={secret}&issuer=Workshop"));
    assert_eq!(anna.post(ENABLE, json!({"code": "000000"})).await.code(), 60008);
    assert_eq!(log_in(&world, None).await.status, 200, "what is only prepared asks nobody");

    let (authenticator, _) = enabled(&anna).await;
    assert_eq!(anna.post(SETUP, json!({"password": PASSWORD})).await.code(), 60001);
    assert_eq!(anna.post(ENABLE, json!({"code": authenticator.code(&world)})).await.code(), 60001);
    assert_eq!(anna.post(DISABLE, json!({"password": PASSWORD})).await.code(), 60003);
    world.clock.advance(Duration::from_secs(30));
    let proof = |password: &str| json!({"password": password, "totp": authenticator.code(&world)});
    assert_eq!(anna.post(DISABLE, proof("wrong horse")).await.code(), 50035);
    assert_eq!(anna.post(DISABLE, proof(PASSWORD)).await.status, 204);
    assert_eq!(log_in(&world, None).await.status, 200);
    assert_eq!(anna.post(RECOVERY, json!({"password": PASSWORD})).await.code(), 60002);
}

#[tokio::test]
async fn a_new_password_ends_all_other_logins_and_needs_the_code() {
    let world = World::new("new-password").await;
    let anna = world.person("anna").await;
    let elsewhere = log_in(&world, None).await.body["token"].as_str().unwrap().to_owned();
    let elsewhere =
        Caller { authorization: format!("Bearer {elsewhere}"), world: &world, id: anna.id.clone() };
    assert_eq!(elsewhere.get("/api/v10/users/@me").await.status, 200);
    let (authenticator, _) = enabled(&anna).await;
    let change = async |old: &str, new: &str, totp: Option<String>| {
        anna.post("/api/v1/auth/password", json!({"password": old, "new_password": new, "totp": totp})).await
    };
    let field = |answer: &Answer, field: &str| answer.body["errors"][field]["_errors"][0]["code"].clone();
    assert_eq!(change(PASSWORD, "battery staple", None).await.code(), 60003);
    world.clock.advance(Duration::from_secs(30));
    let code = authenticator.code(&world);
    let wrong = change("wrong horse", "battery staple", Some(code.clone())).await;
    assert_eq!(field(&wrong, "password"), "PASSWORD_DOES_NOT_MATCH");
    let obvious = change(PASSWORD, "password1", Some(code.clone())).await;
    assert_eq!(field(&obvious, "new_password"), "PASSWORD_TOO_COMMON");
    let short = change(PASSWORD, "short", Some(code.clone())).await;
    assert_eq!(field(&short, "new_password"), "BASE_TYPE_BAD_LENGTH");
    assert_eq!(elsewhere.get("/api/v10/users/@me").await.status, 200);

    assert_eq!(change(PASSWORD, "battery staple", Some(code)).await.status, 204);
    assert_eq!(elsewhere.get("/api/v10/users/@me").await.status, 401);
    assert_eq!(anna.get("/api/v10/users/@me").await.status, 200);
    assert_eq!(log_in(&world, None).await.status, 401);
    world.clock.advance(Duration::from_secs(30));
    let body = json!({"username": "anna", "password": "battery staple", "totp": authenticator.code(&world)});
    assert_eq!(world.log_in(body).await.status, 200);
}

#[tokio::test]
async fn wrong_codes_are_throttled_from_wherever_they_come() {
    let world = World::with("totp-throttle", true, Bus::in_process()).await;
    let anna = world.person("anna").await;
    let (authenticator, codes) = enabled(&anna).await;
    world.clock.advance(Duration::from_secs(60));
    let guess = async |from: u8, totp: &str| {
        let body = json!({"username": "anna", "password": PASSWORD, "totp": totp});
        world.log_in_from([203, 0, 113, from].into(), body).await
    };
    for from in 1..=5 {
        assert_eq!(guess(from, "000000").await.code(), 60008);
    }
    let limited = guess(6, "000000").await;
    assert_eq!(limited.status, 429);
    assert!(limited.retry_after.unwrap().parse::<u64>().unwrap() >= 1);
    assert_eq!(guess(7, &authenticator.code(&world)).await.status, 429, "not even the right one now");
    assert_eq!(guess(8, &codes[0]).await.status, 429);
    world.clock.advance(Duration::from_secs(30));
    assert_eq!(guess(9, &authenticator.code(&world)).await.status, 200);
    assert_eq!(guess(10, "000000").await.code(), 60008, "a right one forgives the typos");
}
