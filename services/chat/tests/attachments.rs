//! Files of messages, and the cards of their links: asked of a files service, told to it, never lost.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod common;
#[path = "../../identity/tests/http/schema.rs"]
mod schema;

use std::sync::{Arc, Mutex};

use common::{
    Folder, Stage, open_with,
    routes::{ask, done, refused},
};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use voxlink_protocol::{
    Attachment, AttachmentId, ChannelId, Embed, Message, MessageFlags, MessageId, Permissions, UserId,
    event::{ChannelChange, GuildChange, GuildEvent},
    files::{DescribeUploads, FilesNews, MayAttach, PreviewLinks, UploadsRefused},
};
use voxlink_service_kit::{Bus, Env, Unavailable};

const ANNA: u64 = 1;
const BORIS: u64 = 2;

fn upload(id: AttachmentId) -> Attachment {
    Attachment {
        id,
        filename: format!("карта {id}.png"),
        description: None,
        content_type: Some("image/png".to_owned()),
        size: 12,
        url: format!("/cdn/attachments/1/{id}/m.png?k=secret"),
        proxy_url: format!("/cdn/attachments/1/{id}/m.png?k=secret"),
        height: Some(2),
        width: Some(3),
        duration_secs: None,
        flags: 0,
    }
}

/// Anna's uploads are 100 to 199, Boris's 200 to 299; files above 900 are nobody's.
fn whose(id: AttachmentId) -> u64 {
    id.get() / 100
}

/// A files service that remembers what it was told, and fails each news once.
struct Files {
    news: mpsc::UnboundedReceiver<FilesNews>,
}

impl Files {
    fn serve(bus: &Bus) -> Self {
        bus.serve(|request: DescribeUploads| async move {
            let unknown = request.ids.iter().find(|id| whose(**id) != request.user.get());
            match unknown {
                Some(unknown) => Err(UploadsRefused { unknown: *unknown }),
                None => Ok(request.ids.into_iter().map(upload).collect()),
            }
        });
        let (tell, news) = mpsc::unbounded_channel();
        bus.try_serve(move |request: FilesNews| {
            let told = tell.send(request).map_err(|_| Unavailable);
            async move { told }
        });
        Self { news }
    }

    async fn next(&mut self) -> FilesNews {
        self.news.recv().await.unwrap()
    }
}

async fn harbour(folder: &Folder) -> (Stage, Files, ChannelId) {
    let bus = Bus::in_process();
    let files = Files::serve(&bus);
    let stage = open_with(&folder.database(), bus, Env::real()).await;
    let (_, text, _) = stage.guild(ANNA).await;
    stage.join(ANNA, text, BORIS).await;
    (stage, files, text)
}

fn ids(list: &[u64]) -> Vec<AttachmentId> {
    list.iter().copied().map(AttachmentId::new).collect()
}

fn id_of(message: &Value) -> MessageId {
    message["id"].as_str().unwrap().parse().unwrap()
}

#[test]
fn everything_here_holds_on_postgresql() {
    voxlink_test_postgres::run_all_again();
}

#[tokio::test]
async fn files_are_named_used_exchanged_and_released() {
    let folder = Folder::new();
    let (stage, mut files, text) = harbour(&folder).await;
    let path = format!("/channels/{text}/messages");
    let body = json!({"attachments": [{"id": "101", "description": "The harbour", "is_spoiler": true}, {"id": "102"}]});
    let sent = done(&stage, ANNA, "POST", &path, &body).await;
    schema::assert_is("MessageResponse", &sent);
    let message = id_of(&sent);
    assert_eq!(
        (&sent["content"], &sent["attachments"][0]["filename"]),
        (&json!(""), &json!("SPOILER_карта 101.png"))
    );
    assert_eq!(sent["attachments"][0]["description"], "The harbour");
    assert_eq!(files.next().await, FilesNews::AttachmentsUsed { message, ids: ids(&[101, 102]) });
    let one = format!("{path}/{message}");
    assert_eq!(done(&stage, BORIS, "GET", &one, &Value::Null).await["attachments"], sent["attachments"]);
    // The second stays, the first goes, another comes.
    let edit = json!({"attachments": [{"id": "102", "description": "plan"}, {"id": "103"}]});
    let edited = done(&stage, ANNA, "PATCH", &one, &edit).await;
    assert_eq!(
        (&edited["attachments"][0]["description"], &edited["attachments"][1]["id"]),
        (&json!("plan"), &json!("103"))
    );
    assert_eq!(files.next().await, FilesNews::AttachmentsUsed { message, ids: ids(&[103]) });
    assert_eq!(files.next().await, FilesNews::AttachmentsReleased { message, ids: ids(&[101]) });
    refused(&stage, ANNA, "PATCH", &one, &json!({"attachments": []}), 400, 50006).await;
    done(&stage, ANNA, "DELETE", &one, &Value::Null).await;
    assert_eq!(files.next().await, FilesNews::AttachmentsReleased { message, ids: ids(&[102, 103]) });
}

#[tokio::test]
async fn only_ones_own_files_and_only_where_one_may() {
    let folder = Folder::new();
    let (stage, _files, text) = harbour(&folder).await;
    let path = format!("/channels/{text}/messages");
    let attached = |list: &[u64]| {
        let list: Vec<Value> = list.iter().map(|id| json!({"id": id.to_string()})).collect();
        json!({"content": "x", "attachments": list})
    };
    for (list, at) in [
        (vec![201, 999], "/attachments/1/id/_errors/0/code"),
        (vec![101], "/attachments/0/id/_errors/0/code"),
    ] {
        let (status, answer) = ask(&stage, BORIS, "POST", &path, &attached(&list)).await;
        assert_eq!(
            (status, answer["errors"].pointer(at)),
            (400, Some(&json!("ATTACHMENT_NOT_FOUND"))),
            "{answer}"
        );
    }
    refused(&stage, BORIS, "POST", &path, &attached(&[201, 201]), 400, 50035).await;
    refused(&stage, BORIS, "POST", &path, &attached(&(200..211).collect::<Vec<_>>()), 400, 50035).await;
    let may_not = Permissions::new_everyone() - Permissions::ATTACH_FILES;
    let guild = stage.chat.guilds_of(UserId::new(ANNA))[0];
    let body = json!({"permissions": may_not.bits().to_string()});
    done(&stage, ANNA, "PATCH", &format!("/guilds/{guild}/roles/{guild}"), &body).await;
    refused(&stage, BORIS, "POST", &path, &attached(&[201]), 403, 50013).await;
    let may = |user| MayAttach { user: UserId::new(user), channel: text };
    assert!(stage.bus.call(may(ANNA)).await.unwrap().is_ok());
    assert!(stage.bus.call(may(BORIS)).await.unwrap().is_err());
    assert!(stage.bus.call(may(99)).await.unwrap().is_err());
}

#[tokio::test]
async fn a_deleted_channel_gives_its_files_back() {
    let folder = Folder::new();
    let (stage, mut files, text) = harbour(&folder).await;
    done(
        &stage,
        ANNA,
        "POST",
        &format!("/channels/{text}/messages"),
        &json!({"attachments": [{"id": "150"}]}),
    )
    .await;
    files.next().await;
    done(&stage, ANNA, "DELETE", &format!("/channels/{text}"), &Value::Null).await;
    stage.chat.sweep().await.unwrap();
    assert_eq!(files.next().await, FilesNews::ChannelsGone { channels: vec![text] });
}

fn hear_updates(bus: &Bus) -> mpsc::UnboundedReceiver<Message> {
    let (tell, heard) = mpsc::unbounded_channel();
    bus.subscribe(move |event: &Arc<GuildEvent>| {
        if let GuildChange::Channel(ChannelChange::MessageUpdate(message)) = &event.change {
            let _gone = tell.send(Message::clone(message));
        }
    });
    heard
}

#[tokio::test]
async fn links_get_cards_once_the_message_is_there_and_an_edit_takes_them_away() {
    let folder = Folder::new();
    let (stage, _files, text) = harbour(&folder).await;
    let asked: Arc<Mutex<Vec<Vec<String>>>> = Arc::default();
    let ears = asked.clone();
    stage.bus.serve(move |request: PreviewLinks| {
        ears.lock().unwrap().push(request.urls.clone());
        async move {
            let card = |url: String| Embed { kind: "link".to_owned(), url: Some(url), ..Embed::default() };
            request.urls.into_iter().map(card).collect::<Vec<_>>()
        }
    });
    let mut heard = hear_updates(&stage.bus);
    let path = format!("/channels/{text}/messages");
    let body =
        json!({"content": "see https://sea.example/a and <https://sea.example/b> `https://sea.example/c`"});
    let sent = done(&stage, BORIS, "POST", &path, &body).await;
    assert_eq!(sent["embeds"], json!([]));
    let told = heard.recv().await.unwrap();
    assert_eq!((told.embeds.len(), told.embeds[0].url.as_deref()), (1, Some("https://sea.example/a")));
    assert!(told.edited_timestamp.is_none() && told.member.is_some());
    assert_eq!(told.author.id, UserId::new(BORIS));
    let one = format!("{path}/{}", sent["id"].as_str().unwrap());
    assert_eq!(
        done(&stage, ANNA, "GET", &one, &Value::Null).await["embeds"][0]["url"],
        "https://sea.example/a"
    );
    let edited = done(&stage, BORIS, "PATCH", &one, &json!({"content": "no link"})).await;
    assert_eq!(edited["embeds"], json!([]));
    let quiet = json!({"content": "https://sea.example/d", "flags": MessageFlags::SUPPRESS_EMBEDS.bits()});
    done(&stage, BORIS, "POST", &path, &quiet).await;
    done(
        &stage,
        BORIS,
        "POST",
        &path,
        &json!({"content": "https://sea.example/e", "embeds": [{"title": "x"}]}),
    )
    .await;
    assert_eq!(*asked.lock().unwrap(), [["https://sea.example/a"]]);
}

#[tokio::test]
async fn cards_that_come_after_an_edit_are_dropped() {
    let folder = Folder::new();
    let (stage, _files, text) = harbour(&folder).await;
    let (answer, answered) = mpsc::unbounded_channel::<()>();
    let answered = Arc::new(tokio::sync::Mutex::new(answered));
    let (tell, mut asked) = mpsc::unbounded_channel();
    stage.bus.serve(move |request: PreviewLinks| {
        let (answered, tell) = (answered.clone(), tell.clone());
        async move {
            tell.send(request.urls[0].clone()).unwrap();
            answered.lock().await.recv().await;
            vec![Embed { kind: "link".to_owned(), url: request.urls.into_iter().next(), ..Embed::default() }]
        }
    });
    let mut heard = hear_updates(&stage.bus);
    let path = format!("/channels/{text}/messages");
    let sent = done(&stage, BORIS, "POST", &path, &json!({"content": "https://sea.example/old"})).await;
    assert_eq!(asked.recv().await.unwrap(), "https://sea.example/old");
    let one = format!("{path}/{}", sent["id"].as_str().unwrap());
    done(&stage, BORIS, "PATCH", &one, &json!({"content": "https://sea.example/new"})).await;
    assert_eq!(heard.recv().await.unwrap().embeds, []);
    answer.send(()).unwrap();
    answer.send(()).unwrap();
    let told = heard.recv().await.unwrap();
    assert_eq!(told.embeds[0].url.as_deref(), Some("https://sea.example/new"));
    assert!(heard.try_recv().is_err());
}
