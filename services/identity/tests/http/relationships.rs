//! Friends, requests, blocks: who learns what.

use serde_json::{Value, json};
use voxlink_protocol::{
    UserId,
    event::{UserChange, UserEvent},
    people::{Relation, RelationBetween, RelationsOf},
};
use voxlink_service_kit::Bus;

use super::world::{Caller, World};

const RELATIONSHIPS: &str = "/api/v1/relationships";

fn with(other: &Caller<'_>) -> String {
    format!("{RELATIONSHIPS}/{}", other.id)
}

fn id(person: &Caller<'_>) -> UserId {
    person.id.parse().unwrap()
}

async fn kinds(person: &Caller<'_>) -> Vec<(String, u64)> {
    let list = person.get(RELATIONSHIPS).await.body;
    let kind =
        |one: &Value| (one["user"]["username"].as_str().unwrap().to_owned(), one["type"].as_u64().unwrap());
    list.as_array().unwrap().iter().map(kind).collect()
}

/// What was told since the last time: to whom, what.
fn told(heard: &std::sync::Mutex<Vec<UserEvent>>) -> Vec<(UserId, String)> {
    let what = |event: UserEvent| {
        let words = match event.change {
            UserChange::RelationshipAdd(one) => format!("add {} {}", one.user.username, u8::from(one.kind)),
            UserChange::RelationshipUpdate(one) => {
                format!("update {} {}", one.user.username, u8::from(one.kind))
            }
            UserChange::RelationshipRemove { kind, .. } => format!("remove {}", u8::from(kind)),
            other => panic!("{other:?}"),
        };
        assert_eq!(event.to.len(), 1);
        (event.to[0], words)
    };
    heard.lock().unwrap().drain(..).map(what).collect()
}

#[tokio::test]
async fn one_asks_by_name_the_other_says_yes_and_both_hear_of_it() {
    let world = World::with("friends", false, Bus::serialising()).await;
    let (anna, boris) = (world.person("anna").await, world.person("boris").await);
    let heard = world.hear::<UserEvent>();
    let (a, b) = (id(&anna), id(&boris));
    let asked = anna.post(RELATIONSHIPS, json!({"username": "Boris"})).await;
    assert_eq!((asked.status, &asked.body["type"], &asked.body["id"]), (200, &json!(4), &json!(boris.id)));
    assert_eq!(told(&heard), [(a, "add boris 4".to_owned()), (b, "add anna 3".to_owned())]);
    assert_eq!(anna.post(RELATIONSHIPS, json!({"username": "boris"})).await.body, asked.body);
    assert_eq!(told(&heard), [], "asking twice is asking once");

    let agreed = boris.put(&with(&anna), json!({})).await;
    assert_eq!((agreed.status, &agreed.body["type"]), (200, &json!(1)));
    assert_eq!(told(&heard), [(b, "update anna 1".to_owned()), (a, "update boris 1".to_owned())]);
    assert_eq!(kinds(&anna).await, [("boris".to_owned(), 1)]);
    let between = world.bus.call(RelationBetween { a, b }).await.unwrap();
    assert_eq!(between, Relation { friends: true, ..Relation::default() });
    assert_eq!(world.bus.call(RelationsOf { user: b }).await.unwrap()[0].user.username, "anna");
    let profile = anna.get(&format!("/api/v1/users/{}/profile", boris.id)).await.body;
    assert_eq!(profile["relationship"], 1);

    assert_eq!(anna.delete(&with(&boris)).await.status, 204);
    assert_eq!(told(&heard), [(a, "remove 1".to_owned()), (b, "remove 1".to_owned())]);
    assert_eq!(anna.delete(&with(&boris)).await.status, 204);
    assert_eq!(told(&heard), []);
    assert_eq!(kinds(&boris).await, []);
}

#[tokio::test]
async fn two_who_ask_each_other_at_once_are_friends() {
    let world = World::new("at-once").await;
    let (anna, boris) = (world.person("anna").await, world.person("boris").await);
    let (to_boris, to_anna) = (with(&boris), with(&anna));
    let (one, other) =
        tokio::join!(anna.put(&to_boris, json!({"type": 1})), boris.put(&to_anna, json!({"type": 1})));
    assert_eq!((one.status, other.status), (200, 200));
    assert_eq!(kinds(&anna).await, [("boris".to_owned(), 1)]);
    assert_eq!(kinds(&boris).await, [("anna".to_owned(), 1)]);
}

#[tokio::test]
async fn who_is_blocked_never_learns_it() {
    let world = World::new("blocked").await;
    let (anna, boris) = (world.person("anna").await, world.person("boris").await);
    let (a, b) = (id(&anna), id(&boris));
    anna.put(&with(&boris), json!({})).await;
    boris.put(&with(&anna), json!({})).await;
    let heard = world.hear::<UserEvent>();

    let blocked = anna.put(&with(&boris), json!({"type": 2})).await;
    assert_eq!((blocked.status, &blocked.body["type"]), (200, &json!(2)));
    assert_eq!(
        told(&heard),
        [(a, "update boris 2".to_owned()), (b, "remove 1".to_owned())],
        "to him it looks like the end of a friendship"
    );
    // His request waits as any other would, and she sees nothing of it.
    let asked = boris.put(&with(&anna), json!({})).await;
    let stranger = world.person("chloe").await;
    let to_stranger = boris.put(&with(&stranger), json!({})).await;
    assert_eq!((asked.status, &asked.body["type"]), (to_stranger.status, &to_stranger.body["type"]));
    told(&heard);
    boris.put(&with(&anna), json!({})).await;
    assert_eq!(told(&heard), []);
    assert_eq!(kinds(&anna).await, [("boris".to_owned(), 2)]);
    let relation = Relation { blocked_by_b: true, ..Relation::default() };
    assert_eq!(world.bus.call(RelationBetween { a: b, b: a }).await, Ok(relation));
    let profile = boris.get(&format!("/api/v1/users/{}/profile", anna.id)).await;
    assert_eq!((profile.status, &profile.body["relationship"]), (200, &json!(4)));

    assert_eq!(anna.delete(&with(&boris)).await.status, 204);
    assert_eq!(told(&heard), [(a, "remove 2".to_owned())]);
    assert_eq!(anna.put(&with(&boris), json!({})).await.body["type"], 1, "he had asked all along");
}

#[tokio::test]
async fn nobody_asks_oneself_nobody_or_a_bot() {
    let world = World::new("nobody").await;
    let anna = world.person("anna").await;
    let oneself = anna.put(&with(&anna), json!({})).await;
    assert_eq!((oneself.status, oneself.code()), (400, 80003));
    let nobody = anna.put(&format!("{RELATIONSHIPS}/1"), json!({})).await;
    assert_eq!((nobody.status, nobody.code()), (404, 10013));
    let made = anna.post("/api/v1/applications", json!({"name": "Weather"})).await.body;
    let bot = format!("{RELATIONSHIPS}/{}", made["id"].as_str().unwrap());
    assert_eq!(anna.put(&bot, json!({})).await.body, nobody.body);
    assert_eq!(anna.put(&bot, json!({"type": 2})).await.status, 200, "a bot may be blocked");
    assert_eq!(anna.put(&bot, json!({"type": 3})).await.code(), 50035);
    let mut answers = Vec::new();
    for name in ["nobody", "no one!", "weather"] {
        let answer = anna.post(RELATIONSHIPS, json!({"username": name})).await;
        assert_eq!((answer.status, answer.code()), (404, 80004));
        answers.push(answer.body);
    }
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]));
    assert_eq!(anna.delete(&format!("{RELATIONSHIPS}/1")).await.status, 204);
}
