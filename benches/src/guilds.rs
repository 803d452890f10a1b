//! What a person waits for: READY with all their guilds, and the member list of a big one.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use rusqlite::{Connection, params};
use serde_json::{Value, json};
use voxlink_protocol::Snowflake;
use voxlink_test_client::{Gateway, Person, TestServer};

use crate::{
    floor::{self, ms, quantile},
    report,
};

/// Guilds of the person who identifies.
const GUILDS: usize = 100;
/// Members of each of them beside that person.
const MEMBERS: u64 = 30;
/// Members of the big guild.
const CROWD: u64 = 10_000;
/// Times that each is measured.
const TIMES: usize = 30;
/// Rows that a client asks for first.
const FIRST_ROWS: [[u32; 2]; 1] = [[0, 99]];
/// When the first of the crowd was born, in milliseconds since 1970.
const START: u64 = 1_790_000_000_000;
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) async fn run() {
    let mut server = TestServer::start();
    let owner = Person::register(server.address, "owner").await;
    let (crowded, channel, _) = owner.create_guild("Crowded").await;
    let reader = Person::register(server.address, "reader").await;
    let mut guilds = Vec::with_capacity(GUILDS);
    for number in 0..GUILDS {
        guilds.push(reader.create_guild(&format!("Guild {number}")).await.0);
    }
    // The crowd is written behind a stopped server's back: ten thousand passwords would take minutes to hash.
    server.kill();
    fill(server.data_dir(), &crowded, &guilds).expect("the databases take the crowd");
    server.restart();
    ready(&server, &reader).await;
    crowd(&server, &owner, &crowded, &channel).await;
}

fn fill(folder: &Path, crowded: &str, guilds: &[String]) -> rusqlite::Result<()> {
    let ids: Vec<i64> = (0..CROWD).map(|n| Snowflake::compose(START + n, 0, 0).0.cast_signed()).collect();
    let mut identity = Connection::open(folder.join("identity.db"))?;
    let change = identity.transaction()?;
    for (number, id) in ids.iter().enumerate() {
        change.execute(
            "INSERT INTO accounts (id, username, password, created_at) VALUES (?1, ?2, '', 0)",
            params![id, format!("person{number}")],
        )?;
    }
    change.commit()?;
    let mut chat = Connection::open(folder.join("chat.db"))?;
    let change = chat.transaction()?;
    let join = "INSERT INTO member (guild_id, user_id, joined_at) VALUES (?1, ?2, 0)";
    let number = |text: &str| text.parse::<i64>().unwrap_or_default();
    for id in &ids {
        change.execute(join, params![number(crowded), id])?;
    }
    for (place, guild) in guilds.iter().enumerate() {
        for id in ids.iter().cycle().skip(place * 7).take(usize::try_from(MEMBERS).unwrap_or_default()) {
            change.execute(join, params![number(guild), id])?;
        }
    }
    change.commit()
}

/// From IDENTIFY to READY and the last of a hundred GUILD_CREATE.
async fn ready(server: &TestServer, reader: &Person) {
    let (mut to_ready, mut to_last, mut bytes) = (Vec::new(), Vec::new(), 0);
    let before = server.cpu();
    for _ in 0..TIMES {
        let start = Instant::now();
        let mut gateway =
            Gateway::identify(server.address, &reader.token).await.expect("the reader identifies");
        to_ready.push(ms(start.elapsed()));
        bytes = gateway.ready.to_string().len();
        for _ in 0..GUILDS {
            let guild = gateway.next_of("GUILD_CREATE", PATIENCE).await.expect("each guild comes");
            bytes += guild.to_string().len();
        }
        to_last.push(ms(start.elapsed()));
    }
    let cpu = ms(server.cpu() - before) / TIMES as f64;
    let echo = floor::tcp_echo().await;
    report(
        "READY and GUILD_CREATE of 100 guilds with 31 members each, from the opened socket",
        "ms",
        &json!({
            "ready_p50": quantile(&mut to_ready, 0.5), "last_guild_p50": quantile(&mut to_last, 0.5),
            "last_guild_worst": quantile(&mut to_last, 1.0), "bytes_of_json": bytes, "server_cpu_each": cpu,
            "floor_tcp_echo_p50_p99": [echo.0, echo.1], "target": 50,
        }),
    );
}

/// From the wish for the first hundred rows to having them, in a guild of ten thousand.
async fn crowd(server: &TestServer, owner: &Person, guild: &str, channel: &str) {
    let start = Instant::now();
    let mut gateway = Gateway::identify(server.address, &owner.token).await.expect("the owner identifies");
    let created = gateway.next_of("GUILD_CREATE", PATIENCE).await.expect("the guild comes");
    let arrived = ms(start.elapsed());
    assert_eq!(created["member_count"], CROWD + 1);
    let (mut opened, mut bytes) = (Vec::new(), 0);
    let look =
        |ranges: Value| json!({"op": 14, "d": {"guild_id": guild, "channel_id": channel, "ranges": ranges}});
    let before = server.cpu();
    for _ in 0..TIMES {
        let start = Instant::now();
        gateway.send(look(json!(FIRST_ROWS))).await.expect("the wish is sent");
        let list = gateway.next_of("GUILD_MEMBER_LIST_UPDATE", PATIENCE).await.expect("the rows come");
        opened.push(ms(start.elapsed()));
        bytes = list.to_string().len();
        gateway.send(look(json!([]))).await.expect("the wish is taken back");
    }
    let cpu = ms(server.cpu() - before) / TIMES as f64;
    report(
        "opening a guild of 10,000 members: its first 100 rows",
        "ms",
        &json!({
            "rows_p50": quantile(&mut opened, 0.5), "rows_worst": quantile(&mut opened, 1.0), "bytes_of_json": bytes,
            "server_cpu_each": cpu, "guild_create": arrived, "guild_create_bytes": created.to_string().len(),
        }),
    );
}
