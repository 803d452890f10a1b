//! Whom a message rings, and whom it only names.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod common;

use common::{
    Folder, Stage, open,
    routes::{ask, done, refused},
};
use serde_json::{Value, json};
use voxlink_protocol::{ChannelId, GuildId};

const ANNA: u64 = 1;
const BORIS: u64 = 2;
const CLARA: u64 = 3;
/// An account that is not in the guild.
const STRANGER: u64 = 99;

struct Harbour {
    stage: Stage,
    guild: GuildId,
    text: ChannelId,
}

impl Harbour {
    async fn new(folder: &Folder) -> Self {
        let stage = open(folder).await;
        let (guild, text, _) = stage.guild(ANNA).await;
        stage.join(ANNA, text, BORIS).await;
        stage.join(ANNA, text, CLARA).await;
        Self { stage, guild, text }
    }

    async fn role(&self, mentionable: bool) -> String {
        let path = format!("/guilds/{}/roles", self.guild);
        let made = done(&self.stage, ANNA, "POST", &path, &json!({"mentionable": mentionable})).await;
        made["id"].as_str().unwrap().to_owned()
    }

    /// Who is rung: people, roles, everyone.
    async fn rings(&self, author: u64, body: Value) -> (Vec<String>, Vec<String>, bool) {
        let path = format!("/channels/{}/messages", self.text);
        let sent = done(&self.stage, author, "POST", &path, &body).await;
        let of = |list: &Value, key: Option<&str>| -> Vec<String> {
            let texts = list.as_array().unwrap().iter();
            texts.map(|one| key.map_or(one, |key| &one[key]).as_str().unwrap().to_owned()).collect()
        };
        let page = done(&self.stage, ANNA, "GET", &format!("{path}?limit=1"), &Value::Null).await;
        for field in ["mentions", "mention_roles", "mention_everyone", "content"] {
            assert_eq!(page[0][field], sent[field], "history says the same");
        }
        let (people, roles) = (of(&sent["mentions"], Some("id")), of(&sent["mention_roles"], None));
        (people, roles, sent["mention_everyone"].as_bool().unwrap())
    }
}

fn texts(ids: &[u64]) -> Vec<String> {
    ids.iter().map(ToString::to_string).collect()
}

#[test]
fn everything_here_holds_on_postgresql() {
    voxlink_test_postgres::run_all_again();
}

#[tokio::test]
async fn people_who_are_here_and_roles_that_anyone_may_ring_are_rung() {
    let folder = Folder::new();
    let harbour = Harbour::new(&folder).await;
    let (open, closed) = (harbour.role(true).await, harbour.role(false).await);
    let content = format!(
        "<@{CLARA}> <@!{BORIS}> <@{CLARA}> <@{STRANGER}> <@&{open}> <@&{closed}> <@&{}> <@&77> `<@{ANNA}>` @everyone",
        harbour.guild
    );
    let rung = harbour.rings(BORIS, json!({"content": content})).await;
    assert_eq!(rung, (texts(&[CLARA, BORIS]), vec![open.clone()], false));
    // Anna owns the guild: she may ring everyone, and every role but the one that everyone has.
    let rung = harbour.rings(ANNA, json!({"content": content})).await;
    assert_eq!(rung, (texts(&[CLARA, BORIS]), vec![open, closed], true));
    let rung = harbour.rings(ANNA, json!({"content": "```\n@here <@2>\n``` and mail@here.example"})).await;
    assert_eq!(rung, (Vec::new(), Vec::new(), false));
}

#[tokio::test]
async fn an_author_says_whom_of_those_to_ring() {
    let folder = Folder::new();
    let harbour = Harbour::new(&folder).await;
    let role = harbour.role(true).await;
    let content = format!("@here <@{BORIS}> <@{CLARA}> <@&{role}>");
    let with = |allowed: Value| json!({"content": content, "allowed_mentions": allowed});
    let rung = harbour.rings(ANNA, with(json!({"parse": []}))).await;
    assert_eq!(rung, (Vec::new(), Vec::new(), false));
    let rung =
        harbour.rings(ANNA, with(json!({"parse": ["everyone"], "users": [CLARA.to_string(), "55"]}))).await;
    assert_eq!(rung, (texts(&[CLARA]), Vec::new(), true));
    let rung = harbour.rings(ANNA, with(json!({"parse": ["users"], "roles": [role]}))).await;
    assert_eq!(rung, (texts(&[BORIS, CLARA]), vec![role], false));
    let rung = harbour.rings(ANNA, with(Value::Null)).await;
    assert!(rung.2 && rung.0.len() == 2, "null is as if it were left out");
    let path = format!("/channels/{}/messages", harbour.text);
    let both = with(json!({"parse": ["users"], "users": ["5"]}));
    let (_, answer) = ask(&harbour.stage, ANNA, "POST", &path, &both).await;
    let code = &answer["errors"]["allowed_mentions"]["_errors"][0]["code"];
    assert_eq!(code, "MESSAGE_ALLOWED_MENTIONS_PARSE_EXCLUSIVE");
    let many: Vec<String> = (0..101).map(|id| id.to_string()).collect();
    refused(&harbour.stage, ANNA, "POST", &path, &with(json!({"users": many})), 400, 50035).await;
    refused(&harbour.stage, ANNA, "POST", &path, &with(json!({"parse": ["nobody"]})), 400, 50035).await;
}

#[tokio::test]
async fn an_edit_changes_who_is_named() {
    let folder = Folder::new();
    let harbour = Harbour::new(&folder).await;
    let path = format!("/channels/{}/messages", harbour.text);
    let first = done(&harbour.stage, BORIS, "POST", &path, &json!({"content": "hi"})).await;
    let answer = json!({"content": format!("<@{CLARA}>"), "message_reference": {"message_id": first["id"]}});
    let sent = done(&harbour.stage, ANNA, "POST", &path, &answer).await;
    let named = |message: &Value| -> Vec<String> {
        message["mentions"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["id"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(named(&sent), texts(&[CLARA, BORIS]));
    let one = format!("{path}/{}", sent["id"].as_str().unwrap());
    let edited = done(&harbour.stage, ANNA, "PATCH", &one, &json!({"content": "@everyone"})).await;
    assert_eq!((named(&edited), &edited["mention_everyone"]), (texts(&[BORIS]), &json!(true)));
    let quiet = json!({"allowed_mentions": {"parse": []}});
    let edited = done(&harbour.stage, ANNA, "PATCH", &one, &quiet).await;
    assert_eq!((named(&edited), &edited["mention_everyone"]), (Vec::new(), &json!(false)));
    assert_eq!(edited["content"], "@everyone");
}
