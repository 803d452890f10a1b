//! Pages of history at random places among a million messages, as a reader gets them: permission, rows, reactions, the
//! messages that are answered, people.

use std::{path::Path, time::Instant};

use serde_json::json;
use voxlink_chat::{
    Chat, ChatConfig,
    guild::create::NewGuild,
    store::{
        MIGRATIONS,
        messages::{self, Position, StoredMessage},
        reactions,
    },
};
use voxlink_protocol::{
    ChannelId, MessageId, MessageKind, ReactionEmoji, Snowflake, User, UserId,
    bus::GetUsers,
    text::{ChannelName, GuildName},
};
use voxlink_service_kit::{Auth, Bus, Db, DbTarget, Env, Sql, call_pass::PassKey};

use crate::{
    floor::{ms, quantile},
    report,
};

/// Rows of the channel.
const MESSAGES: u64 = 1_000_000;
/// Rows stored in one transaction.
const AT_ONCE: u64 = 10_000;
/// Pages read.
const PAGES: u64 = 5000;
/// Messages of a page.
const PAGE: u32 = 50;
/// When the first message was posted; one follows each millisecond.
const START: u64 = 1_790_000_000_000;

fn id(number: u64) -> MessageId {
    MessageId(Snowflake::compose(START + number, 0, 0))
}

fn target(folder: &Path) -> DbTarget {
    DbTarget::from(folder.join("history.db"))
}

async fn open(folder: &Path) -> Chat {
    let bus = Bus::in_process();
    bus.serve(|request: GetUsers| async move {
        request.ids.into_iter().map(|id| User::new(id, format!("user{id}"))).collect::<Vec<_>>()
    });
    let env = Env::real();
    let auth = Auth::new(bus.clone(), env.clone());
    let config = ChatConfig { database: target(folder), node: 0 };
    Chat::open(config, bus, env, auth, PassKey::new(&[7; 32])).await.expect("chat opens")
}

/// Each tenth message answers an older one, each twentieth has two reactions.
fn put(sql: &Sql<'_>, channel: ChannelId, number: u64) -> Result<(), voxlink_service_kit::DbError> {
    let author = UserId::new(1 + number % 100);
    let text = format!("message {number}: {}", "x".repeat(usize::try_from(number % 120).unwrap_or(0)));
    let mut stored = StoredMessage::new(id(number), author, text);
    if number % 10 == 9 {
        stored.kind = MessageKind::Reply;
        stored.reference = Some(id(number - number % 900));
    }
    messages::insert(sql, channel, &stored)?;
    if number.is_multiple_of(20) {
        for (place, name) in ["👍", "🚤"].into_iter().enumerate() {
            let emoji = ReactionEmoji { id: None, name: Some(name.to_owned()), animated: false };
            let place = Snowflake(u64::try_from(place).unwrap_or(0));
            reactions::add(sql, channel, stored.id, &emoji, author, place)?;
        }
    }
    Ok(())
}

pub(crate) async fn run(folder: &Path) {
    let anna = User::new(UserId::new(1), "anna");
    let new = NewGuild {
        name: GuildName::parse("Bench").expect("a good name"),
        text_channel: ChannelName::parse("Text").expect("a good name"),
        voice_channel: ChannelName::parse("Voice").expect("a good name"),
    };
    let channel = open(folder).await.create_guild(&anna, new).await.expect("a guild is made").channels[0].id;
    let db = Db::open(target(folder), MIGRATIONS).expect("the database opens");
    for first in (0..MESSAGES).step_by(usize::try_from(AT_ONCE).unwrap_or(1)) {
        let rows =
            move |sql: &Sql<'_>| (first..first + AT_ONCE).try_for_each(|number| put(sql, channel, number));
        db.write(rows).await.expect("messages are stored");
    }
    let chat = open(folder).await;
    let mut random = 0x9E37_79B9_7F4A_7C15_u64;
    let (mut pages, mut rows) = (Vec::new(), Vec::new());
    for _ in 0..PAGES {
        // xorshift: the same places in every run.
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let position = Position::Before(id(u64::from(PAGE) + random % (MESSAGES - u64::from(PAGE))));
        let start = Instant::now();
        let page = chat.messages(anna.id, channel, position, PAGE).await.expect("a page is read");
        pages.push(ms(start.elapsed()));
        assert_eq!(page.len(), 50);
        let start = Instant::now();
        let bare =
            db.read(move |sql| messages::page(sql, channel, position, PAGE)).await.expect("rows are read");
        rows.push(ms(start.elapsed()));
        assert_eq!(bare.len(), 50);
    }
    report(
        "history page of 50 at a random place in 1,000,000 messages",
        "ms",
        &json!({"p50": quantile(&mut pages, 0.5), "p99": quantile(&mut pages, 0.99), "floor_rows_alone_p50_p99": [quantile(&mut rows, 0.5), quantile(&mut rows, 0.99)], "target_p99": 1}),
    );
}
