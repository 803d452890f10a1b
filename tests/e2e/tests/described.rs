//! Every ring-1 operation of the communities answers in the shape that the v10 description has for it.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod common;

use std::time::Duration;

use common::schemas::Description;
use hyper::Method;
use serde_json::{Value, json};
use voxlink_test_client::{Gateway, Person, Reply, Rest, TestServer};

const GET: Method = Method::GET;
const POST: Method = Method::POST;
const PUT: Method = Method::PUT;
const PATCH: Method = Method::PATCH;
const DELETE: Method = Method::DELETE;

/// A one by one pixel.
const PIXEL: &str = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

const SOON: Duration = Duration::from_secs(10);

/// What is answered, but never well: joining by an OAuth grant needs grants, and asking to speak needs a stage.
const REFUSED: &[&str] = &[
    "PUT /guilds/{guild_id}/members/{user_id}",
    "PATCH /guilds/{guild_id}/voice-states/@me",
    "PATCH /guilds/{guild_id}/voice-states/{user_id}",
];

/// Groups whose turn comes later: bots' commands, interactions and webhooks.
fn of_communities(group: &str) -> bool {
    !["webhooks", "commands", "interactions", "applications/guilds"].iter().any(|later| group.contains(later))
}

struct Caller<'a> {
    description: &'a Description,
    rest: &'a Rest,
    ids: Vec<(&'static str, String)>,
}

impl Caller<'_> {
    async fn call(&self, method: Method, path: &str, body: Value) -> Reply {
        let ids: Vec<(&str, &str)> = self.ids.iter().map(|(name, id)| (*name, id.as_str())).collect();
        self.description.call(self.rest, method, path, &ids, body).await
    }

    fn set(&mut self, name: &'static str, id: String) {
        self.ids.retain(|(known, _)| *known != name);
        self.ids.push((name, id));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_operation_answers_as_described() {
    let Some(description) = Description::find() else { return };
    let server = TestServer::start();
    let anna = Person::register(server.address, "anna").await;
    let boris = Person::register(server.address, "boris").await;
    let (guild, text, voice) = anna.create_guild("Harbour").await;
    let code = anna.invite(&text).await;
    boris.join(&code).await;
    let mut caller = Caller { description: &description, rest: &anna.rest, ids: Vec::new() };
    for (name, id) in [("guild_id", &guild), ("channel_id", &text), ("user_id", &boris.id), ("code", &code)] {
        caller.set(name, id.clone());
    }

    people(&caller).await;
    roles_and_members(&mut caller).await;
    channels(&mut caller, &text, &voice).await;
    voice_states(&caller, &anna, &boris, &voice).await;
    messages(&mut caller, &boris).await;
    guild_life(&mut caller, &anna).await;
    robots(&description, &anna, &guild).await;
    moderation(&caller, &boris, &code).await;
    caller.call(DELETE, "/guilds/{guild_id}/roles/{role_id}", Value::Null).await;
    description.verdict(of_communities, REFUSED);
}

/// Both sit in the same room for a moment.
async fn voice_states(caller: &Caller<'_>, anna: &Person, boris: &Person, voice: &str) {
    let guild = &caller.ids.iter().find(|(name, _)| *name == "guild_id").unwrap().1;
    let mut lines = Vec::new();
    for person in [anna, boris] {
        let mut line = Gateway::identify(person.address(), &person.token).await.unwrap();
        let seat = json!({"guild_id": guild, "channel_id": voice, "self_mute": false, "self_deaf": false});
        line.send(json!({"op": 4, "d": seat})).await.unwrap();
        line.next_of("VOICE_SERVER_UPDATE", SOON).await.unwrap();
        lines.push(line);
    }
    caller.call(GET, "/guilds/{guild_id}/voice-states/@me", Value::Null).await;
    caller.call(GET, "/guilds/{guild_id}/voice-states/{user_id}", Value::Null).await;
}

async fn people(caller: &Caller<'_>) {
    caller.call(GET, "/users/@me", Value::Null).await;
    caller.call(PATCH, "/users/@me", json!({"global_name": "Anna O."})).await;
    caller.call(GET, "/users/{user_id}", Value::Null).await;
    caller.call(GET, "/users/@me/guilds?with_counts=true", Value::Null).await;
    caller.call(GET, "/users/@me/guilds/{guild_id}/member", Value::Null).await;
    let users: Vec<_> = caller.ids.iter().filter(|(name, _)| *name == "user_id").collect();
    caller.call(POST, "/users/@me/channels", json!({"recipient_id": users[0].1})).await;
    caller.call(GET, "/gateway", Value::Null).await;
    caller.call(GET, "/voice/regions", Value::Null).await;
}

async fn roles_and_members(caller: &mut Caller<'_>) {
    let role = caller
        .call(
            POST,
            "/guilds/{guild_id}/roles",
            json!({"name": "Keepers", "color": 0x00_33_66, "hoist": true}),
        )
        .await
        .text("id");
    caller.set("role_id", role.clone());
    caller.call(GET, "/guilds/{guild_id}/roles", Value::Null).await;
    caller.call(GET, "/guilds/{guild_id}/roles/{role_id}", Value::Null).await;
    caller.call(PATCH, "/guilds/{guild_id}/roles/{role_id}", json!({"mentionable": true})).await;
    caller.call(PATCH, "/guilds/{guild_id}/roles", json!([{"id": role, "position": 1}])).await;
    caller.call(PUT, "/guilds/{guild_id}/members/{user_id}/roles/{role_id}", Value::Null).await;
    caller.call(GET, "/guilds/{guild_id}/members?limit=10", Value::Null).await;
    caller.call(GET, "/guilds/{guild_id}/members/search?query=bor", Value::Null).await;
    caller.call(GET, "/guilds/{guild_id}/members/{user_id}", Value::Null).await;
    caller.call(PATCH, "/guilds/{guild_id}/members/{user_id}", json!({"nick": "Bo"})).await;
    caller.call(PATCH, "/guilds/{guild_id}/members/@me", json!({"nick": "Ann"})).await;
    caller.call(DELETE, "/guilds/{guild_id}/members/{user_id}/roles/{role_id}", Value::Null).await;
}

async fn channels(caller: &mut Caller<'_>, text: &str, voice: &str) {
    let made = |name: &str, kind: u8| json!({"name": name, "type": kind});
    let category = caller.call(POST, "/guilds/{guild_id}/channels", made("Workshop", 4)).await.text("id");
    caller.call(POST, "/guilds/{guild_id}/channels", made("Stage left", 2)).await;
    caller.call(GET, "/guilds/{guild_id}/channels", Value::Null).await;
    caller
        .call(
            PATCH,
            "/guilds/{guild_id}/channels",
            json!([{"id": text, "position": 2, "parent_id": category}]),
        )
        .await;
    for channel in [voice, &category, text] {
        caller.set("channel_id", channel.to_owned());
        caller.call(GET, "/channels/{channel_id}", Value::Null).await;
    }
    caller
        .call(
            PATCH,
            "/channels/{channel_id}",
            json!({"topic": "Boats", "nsfw": false, "rate_limit_per_user": 0}),
        )
        .await;
    let role = caller.ids.iter().find(|(name, _)| *name == "role_id").unwrap().1.clone();
    caller.set("overwrite_id", role);
    let overwrite = json!({"type": 0, "allow": "2048", "deny": "0"});
    caller.call(PUT, "/channels/{channel_id}/permissions/{overwrite_id}", overwrite).await;
    caller.call(GET, "/channels/{channel_id}", Value::Null).await;
    caller.call(DELETE, "/channels/{channel_id}/permissions/{overwrite_id}", Value::Null).await;
    caller.call(POST, "/channels/{channel_id}/typing", Value::Null).await;
    let doomed = caller.call(POST, "/guilds/{guild_id}/channels", made("Doomed", 0)).await.text("id");
    caller.set("channel_id", doomed);
    caller.call(DELETE, "/channels/{channel_id}", Value::Null).await;
    caller.set("channel_id", text.to_owned());
}

async fn messages(caller: &mut Caller<'_>, boris: &Person) {
    const ONE: &str = "/channels/{channel_id}/messages/{message_id}";
    let said = json!({
        "content": format!("Look, <@{}> @everyone", boris.id),
        "embeds": [{"title": "Plan", "description": "Of the boat", "fields": [{"name": "a", "value": "b"}], "color": 255}],
    });
    let message = caller.call(POST, "/channels/{channel_id}/messages", said).await.text("id");
    caller.set("message_id", message.clone());
    let answer = json!({"content": "Seen", "message_reference": {"message_id": message}});
    caller.call(POST, "/channels/{channel_id}/messages", answer).await;
    caller.set("emoji_name", "%F0%9F%91%8D".to_owned());
    let mine = format!("{ONE}/reactions/{{emoji_name}}/@me");
    caller.call(PUT, &mine, Value::Null).await;
    caller.call(GET, ONE, Value::Null).await;
    caller.call(GET, &format!("{ONE}/reactions/{{emoji_name}}"), Value::Null).await;
    caller.call(DELETE, &mine, Value::Null).await;
    let channel = caller.ids.iter().find(|(name, _)| *name == "channel_id").unwrap().1.clone();
    let by_boris = format!("/api/v10/channels/{channel}/messages/{message}/reactions/%F0%9F%91%8D/@me");
    assert_eq!(boris.rest.send(PUT, &by_boris, Value::Null).await.unwrap().status, 204);
    caller.call(DELETE, &format!("{ONE}/reactions/{{emoji_name}}/{{user_id}}"), Value::Null).await;
    caller.call(PUT, &mine, Value::Null).await;
    caller.call(DELETE, &format!("{ONE}/reactions/{{emoji_name}}"), Value::Null).await;
    caller.call(PUT, &mine, Value::Null).await;
    caller.call(DELETE, &format!("{ONE}/reactions"), Value::Null).await;
    caller.call(PATCH, ONE, json!({"content": "Look again"})).await;
    for pins in ["/channels/{channel_id}/messages/pins", "/channels/{channel_id}/pins"] {
        caller.call(PUT, &format!("{pins}/{{message_id}}"), Value::Null).await;
        caller.call(GET, pins, Value::Null).await;
        caller.call(DELETE, &format!("{pins}/{{message_id}}"), Value::Null).await;
    }
    caller.call(GET, "/channels/{channel_id}/messages?limit=50", Value::Null).await;
    let mut doomed = Vec::new();
    for text in ["one", "two", "three"] {
        doomed.push(
            caller.call(POST, "/channels/{channel_id}/messages", json!({"content": text})).await.text("id"),
        );
    }
    let last = doomed.pop().unwrap();
    caller.call(POST, "/channels/{channel_id}/messages/bulk-delete", json!({"messages": doomed})).await;
    caller.set("message_id", last);
    caller.call(DELETE, ONE, Value::Null).await;
    let direct = caller.call(POST, "/users/@me/channels", json!({"recipient_id": boris.id})).await.text("id");
    let channel = std::mem::replace(
        &mut caller.ids.iter_mut().find(|(name, _)| *name == "channel_id").unwrap().1,
        direct,
    );
    caller.call(GET, "/channels/{channel_id}", Value::Null).await;
    caller.call(POST, "/channels/{channel_id}/messages", json!({"content": "Between us"})).await;
    caller.call(GET, "/channels/{channel_id}/messages", Value::Null).await;
    caller.call(DELETE, "/channels/{channel_id}", Value::Null).await;
    caller.set("channel_id", channel);
}

async fn guild_life(caller: &mut Caller<'_>, anna: &Person) {
    caller.call(GET, "/guilds/{guild_id}?with_counts=true", Value::Null).await;
    caller.call(PATCH, "/guilds/{guild_id}", json!({"name": "Harbour Workshop", "icon": PIXEL})).await;
    let emoji = caller
        .call(POST, "/guilds/{guild_id}/emojis", json!({"name": "boat", "image": PIXEL}))
        .await
        .text("id");
    caller.set("emoji_id", emoji);
    caller.call(GET, "/guilds/{guild_id}/emojis", Value::Null).await;
    caller.call(GET, "/guilds/{guild_id}/emojis/{emoji_id}", Value::Null).await;
    caller.call(PATCH, "/guilds/{guild_id}/emojis/{emoji_id}", json!({"name": "ship"})).await;
    caller.call(DELETE, "/guilds/{guild_id}/emojis/{emoji_id}", Value::Null).await;
    caller.call(GET, "/guilds/{guild_id}/regions", Value::Null).await;
    caller.call(POST, "/channels/{channel_id}/invites", json!({"max_age": 3600, "unique": true})).await;
    caller.call(GET, "/channels/{channel_id}/invites", Value::Null).await;
    caller.call(GET, "/guilds/{guild_id}/invites", Value::Null).await;
    caller.call(GET, "/invites/{code}?with_counts=true", Value::Null).await;
    let _left = anna.create_guild("Left soon").await;
}

async fn robots(description: &Description, anna: &Person, guild: &str) {
    let made = anna.post("/api/v1/applications", json!({"name": "Robot"})).await.unwrap();
    assert_eq!(made.status, 201, "{:?}", made.body);
    let application = made.text("id");
    let added = anna
        .rest
        .send(PUT, &format!("/api/v1/guilds/{guild}/applications/{application}"), json!({"permissions": "0"}))
        .await
        .unwrap();
    assert!(added.status < 300, "{:?}", added.body);
    let rest = Rest::with_bot_token(anna.address(), &made.text("token"));
    let bot = Caller {
        description,
        rest: &rest,
        ids: vec![("application_id", application), ("guild_id", guild.to_owned())],
    };
    bot.call(GET, "/gateway/bot", Value::Null).await;
    bot.call(GET, "/oauth2/applications/@me", Value::Null).await;
    bot.call(GET, "/applications/@me", Value::Null).await;
    bot.call(PATCH, "/applications/@me", json!({"description": "Beeps"})).await;
    bot.call(GET, "/applications/{application_id}", Value::Null).await;
    bot.call(PATCH, "/applications/{application_id}", json!({"description": "Beeps twice"})).await;
    bot.call(GET, "/users/@me", Value::Null).await;
    bot.call(GET, "/users/@me/guilds", Value::Null).await;
    bot.call(DELETE, "/users/@me/guilds/{guild_id}", Value::Null).await;
}

async fn moderation(caller: &Caller<'_>, boris: &Person, code: &str) {
    caller.call(DELETE, "/guilds/{guild_id}/members/{user_id}", Value::Null).await;
    boris.join(code).await;
    caller.call(PUT, "/guilds/{guild_id}/bans/{user_id}", json!({"delete_message_seconds": 0})).await;
    caller.call(GET, "/guilds/{guild_id}/bans", Value::Null).await;
    caller.call(GET, "/guilds/{guild_id}/bans/{user_id}", Value::Null).await;
    caller.call(DELETE, "/guilds/{guild_id}/bans/{user_id}", Value::Null).await;
    caller.call(GET, "/guilds/{guild_id}/audit-logs?limit=100", Value::Null).await;
    caller.call(DELETE, "/invites/{code}", Value::Null).await;
}
