//! A server moves from its files into PostgreSQL and nobody notices. Says so and passes where that is not installed.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use std::{
    ffi::OsString,
    path::Path,
    process::{Command, Output},
};

use serde_json::{Value, json};
use voxlink_test_client::{Options, Person, TestServer};
use voxlink_test_postgres::Database;

fn migrate(data: &Path, databases: &[String]) -> Output {
    let mut command = Command::new(TestServer::binary());
    command.args(["admin", "migrate", "--data-dir"]).arg(data).env("RUST_LOG", "warn");
    databases.iter().for_each(|database| {
        command.args(["--database", database]);
    });
    command.output().unwrap()
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn serve(data: &Path, databases: &[String]) -> TestServer {
    let arguments = databases.iter().flat_map(|one| ["--database".into(), OsString::from(one)]).collect();
    let options = Options { data_dir: Some(data.to_owned()), arguments, ..Options::default() };
    TestServer::start_with(&TestServer::binary(), options)
}

/// Everything that Anna's client shows of a guild.
async fn seen(anna: &Person, guild: &str, channel: &str) -> Vec<Value> {
    let mut all = Vec::new();
    for path in [
        format!("/api/v10/guilds/{guild}"),
        format!("/api/v10/guilds/{guild}/channels"),
        format!("/api/v10/guilds/{guild}/members?limit=10"),
        format!("/api/v10/channels/{channel}/messages?limit=100"),
        "/api/v10/users/@me".to_owned(),
        "/api/v10/users/@me/guilds".to_owned(),
    ] {
        let answer = anna.get(&path).await.unwrap();
        assert_eq!(answer.status, 200, "{path}");
        all.push(answer.body);
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_moves_into_postgresql_and_its_people_find_all_as_it_was() {
    let Some(database) = Database::new() else {
        eprintln!("skipped: PostgreSQL is not installed");
        return;
    };
    let data = std::env::temp_dir().join(format!("voxlink-moving-{}", std::process::id()));
    let _old = std::fs::remove_dir_all(&data);
    let databases = ["identity", "chat", "files"].map(|service| format!("{service}={}", database.url));

    let mut server = serve(&data, &[]);
    let anna = Person::register(server.address, "anna").await;
    let boris = Person::register(server.address, "boris").await;
    let (guild, text, _) = anna.create_guild("Harbour Workshop").await;
    boris.join(&anna.invite(&text).await).await;
    let messages = format!("/api/v10/channels/{text}/messages");
    for number in 0..120 {
        let body = json!({"content": format!("сообщение {number} 🚢 'quoted' \\ \"{number}\"")});
        assert_eq!(boris.post(&messages, body).await.unwrap().status, 200);
    }
    let before = seen(&anna, &guild, &text).await;

    let refused = migrate(&data, &databases);
    assert!(!refused.status.success() && said(&refused).contains("Another VoxLink"), "{}", said(&refused));
    server.kill();
    let moved = migrate(&data, &databases);
    assert!(moved.status.success(), "{}", said(&moved));
    assert!(said(&moved).contains("verified message, 120 rows"), "{}", said(&moved));
    // Again does no harm.
    let again = migrate(&data, &databases);
    assert!(again.status.success() && said(&again).contains("was moved before"), "{}", said(&again));
    // Started as if nothing had happened, it would look as if all were lost.
    let passed_over = Command::new(TestServer::binary())
        .args([
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--media-listen",
            "127.0.0.1:0",
            "--turn-mode",
            "off",
            "--data-dir",
        ])
        .arg(&data)
        .output()
        .unwrap();
    assert!(!passed_over.status.success() && said(&passed_over).contains("--database identity="));

    let mut server = serve(&data, &databases);
    let anna = Person::log_in(server.address, "anna").await;
    let boris = Person::log_in(server.address, "boris").await;
    assert_eq!(seen(&anna, &guild, &text).await, before);
    let new = boris.post(&messages, json!({"content": "still here"})).await.unwrap();
    assert_eq!(new.status, 200);
    server.restart();
    let newest = anna.get(&format!("{messages}?limit=1")).await.unwrap();
    assert_eq!(newest.body[0]["id"], new.body["id"]);
    assert_eq!(database.ask("SELECT count(*) FROM chat.message"), "121");
    // Those who come later find their way too.
    let clara = Person::register(server.address, "clara").await;
    clara.join(&anna.invite(&text).await).await;
    drop(server);
    let _left = std::fs::remove_dir_all(&data);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_holds_something_already_is_not_mixed_with_ours() {
    let Some(database) = Database::new() else { return };
    let data = std::env::temp_dir().join(format!("voxlink-moving-twice-{}", std::process::id()));
    let _old = std::fs::remove_dir_all(&data);
    let databases = [format!("chat={}", database.url)];
    let mut server = serve(&data, &[]);
    Person::register(server.address, "anna").await.create_guild("Harbour").await;
    server.kill();
    let _made = database.ask("CREATE SCHEMA chat; CREATE TABLE chat.guild (id BIGINT)");
    let refused = migrate(&data, &databases);
    assert!(!refused.status.success() && said(&refused).contains("is not empty"), "{}", said(&refused));
    assert!(data.join("chat.db").exists());
    let _left = std::fs::remove_dir_all(&data);
}
