//! Durable messages a second through the chat service: permission, nonce, version, commit, announcement.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use serde_json::json;
use voxlink_chat::{Chat, ChatConfig, Draft, guild::create::NewGuild};
use voxlink_protocol::{
    Nonce, User, UserId,
    bus::GetUsers,
    event::GuildEvent,
    text::{ChannelName, GuildName, MessageText},
};
use voxlink_service_kit::{Auth, Bus, DbTarget, Env, call_pass::PassKey, db::Sharing};
use voxlink_test_postgres::Server;

use crate::{floor, report};

/// Producers at once.
const PRODUCERS: u64 = 64;

/// On SQLite, and on PostgreSQL (with fsync) where that is installed.
pub(crate) async fn run(folder: &Path) {
    let (rate, cpu) = measure(folder.join("chat.db").into()).await;
    let floor = floor::sqlite_rows_per_second(folder);
    let sync = floor::fdatasync(folder);
    report(
        "durable messages through the chat service, 64 producers",
        "1/s",
        &json!({"rate": rate, "cpu_us_each": cpu, "floor_bare_sqlite_64_a_commit": floor, "floor_fdatasync_ms_p50_p99": [sync.0, sync.1], "target": 15_000}),
    );
    let Some(server) = Server::alone(&[]) else { return };
    let url = server.url("postgres").parse().expect("a URL");
    let target = DbTarget::Postgres { url, schema: "chat".to_owned(), sharing: Sharing::Alone };
    let (rate, cpu) = measure(target).await;
    report(
        "durable messages through the chat service on PostgreSQL, 64 producers",
        "1/s",
        &json!({"rate": rate, "cpu_us_each_without_the_database": cpu, "floor_fdatasync_ms_p50_p99": [sync.0, sync.1]}),
    );
}

/// Messages a second for five seconds, and microseconds of this process for each.
async fn measure(database: DbTarget) -> (f64, f64) {
    let bus = Bus::in_process();
    bus.serve(|request: GetUsers| async move {
        request.ids.into_iter().map(|id| User::new(id, "anna")).collect::<Vec<_>>()
    });
    let told = Arc::new(AtomicU64::new(0));
    let ears = told.clone();
    bus.subscribe(move |_: &Arc<GuildEvent>| {
        ears.fetch_add(1, Ordering::Relaxed);
    });
    let env = Env::real();
    let config = ChatConfig { database, node: 0 };
    let auth = Auth::new(bus.clone(), env.clone());
    let chat = Chat::open(config, bus, env, auth, PassKey::new(&[7; 32])).await.expect("chat opens");
    let anna = User::new(UserId::new(1), "anna");
    let new = NewGuild {
        name: GuildName::parse("Bench").expect("a good name"),
        text_channel: ChannelName::parse("Text").expect("a good name"),
        voice_channel: ChannelName::parse("Voice").expect("a good name"),
    };
    let guild = chat.create_guild(&anna, new).await.expect("a guild is made");
    let channel = guild.channels[0].id;

    let (start, cpu, stop) = (Instant::now(), process_cpu(), Instant::now() + Duration::from_secs(5));
    let producers: Vec<_> = (0..PRODUCERS)
        .map(|producer| {
            let (chat, anna) = (chat.clone(), anna.clone());
            tokio::spawn(async move {
                let mut sent = 0_u64;
                while Instant::now() < stop {
                    let text = format!("message {sent} of producer {producer}: {}", "x".repeat(60));
                    let draft = Draft {
                        nonce: Nonce::parse(&format!("{producer}-{sent}")).ok(),
                        ..Draft::text(MessageText::parse(&text).expect("a good text"))
                    };
                    chat.send(&anna, channel, draft).await.expect("a message is stored");
                    sent += 1;
                }
                sent
            })
        })
        .collect();
    let mut sent = 0;
    for producer in producers {
        sent += producer.await.expect("a producer ends well");
    }
    let rate = sent as f64 / start.elapsed().as_secs_f64();
    let cpu = (process_cpu() - cpu).as_secs_f64() * 1e6 / sent as f64;
    assert!(told.load(Ordering::Relaxed) >= sent, "each message was announced");
    (rate, cpu)
}

/// User and system time of this process.
#[allow(unsafe_code)]
fn process_cpu() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is a valid place for the result.
    let ok = unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &raw mut time) };
    assert_eq!(ok, 0);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
}
