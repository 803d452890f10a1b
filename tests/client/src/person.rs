//! A person with an account.

use std::net::SocketAddr;

use hyper::Method;
use serde_json::{Value, json};

use crate::rest::{Lost, Reply, Rest};

/// Someone who is signed in.
#[derive(Debug)]
pub struct Person {
    /// Their id.
    pub id: String,
    /// Their login's token.
    pub token: String,
    /// Their requests.
    pub rest: Rest,
    address: SocketAddr,
}

impl Person {
    /// Makes an account; panics when the server refuses, as only a test may.
    ///
    /// # Panics
    /// When the answer is not 201.
    pub async fn register(address: SocketAddr, name: &str) -> Self {
        let body = json!({"username": name, "password": format!("correct horse {name}")});
        let reply = Rest::new(address).send(Method::POST, "/api/v1/auth/register", body).await;
        let reply = reply.expect("the server answers");
        assert_eq!(reply.status, 201, "{:?}", reply.body);
        Self::from_reply(address, &reply)
    }

    /// Signs in with the password that [`Person::register`] chose.
    ///
    /// # Panics
    /// When the answer is not 200.
    pub async fn log_in(address: SocketAddr, name: &str) -> Self {
        let body = json!({"username": name, "password": format!("correct horse {name}")});
        let reply = Rest::new(address).send(Method::POST, "/api/v1/auth/login", body).await;
        let reply = reply.expect("the server answers");
        assert_eq!(reply.status, 200, "{:?}", reply.body);
        Self::from_reply(address, &reply)
    }

    fn from_reply(address: SocketAddr, reply: &Reply) -> Self {
        let token = reply.text("token");
        let id = reply.body["user"]["id"].as_str().unwrap_or_default().to_owned();
        Self { id, rest: Rest::with_token(address, &token), token, address }
    }

    /// A second connection of the same login.
    #[must_use]
    pub fn another_connection(&self) -> Self {
        Self {
            id: self.id.clone(),
            token: self.token.clone(),
            rest: Rest::with_token(self.address, &self.token),
            address: self.address,
        }
    }

    /// Where the server is.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// GET.
    ///
    /// # Errors
    /// When the connection breaks.
    pub async fn get(&self, path: &str) -> Result<Reply, Lost> {
        self.rest.send(Method::GET, path, Value::Null).await
    }

    /// POST.
    ///
    /// # Errors
    /// When the connection breaks.
    pub async fn post(&self, path: &str, body: Value) -> Result<Reply, Lost> {
        self.rest.send(Method::POST, path, body).await
    }

    /// PATCH.
    ///
    /// # Errors
    /// When the connection breaks.
    pub async fn patch(&self, path: &str, body: Value) -> Result<Reply, Lost> {
        self.rest.send(Method::PATCH, path, body).await
    }

    /// DELETE.
    ///
    /// # Errors
    /// When the connection breaks.
    pub async fn delete(&self, path: &str) -> Result<Reply, Lost> {
        self.rest.send(Method::DELETE, path, Value::Null).await
    }

    /// Makes a guild; returns its id and the ids of its text and voice channel.
    ///
    /// # Panics
    /// When the server refuses.
    pub async fn create_guild(&self, name: &str) -> (String, String, String) {
        let reply = self.post("/api/v1/guilds", json!({"name": name})).await.expect("the server answers");
        assert_eq!(reply.status, 201, "{:?}", reply.body);
        let guild = reply.text("id");
        let channels =
            self.get(&format!("/api/v10/guilds/{guild}/channels")).await.expect("the server answers").body;
        let of = |kind: u64| {
            let found = channels.as_array().into_iter().flatten().find(|channel| channel["type"] == kind);
            found.and_then(|channel| channel["id"].as_str()).unwrap_or_default().to_owned()
        };
        (guild, of(0), of(2))
    }

    /// Makes an invite without limits; returns its code.
    ///
    /// # Panics
    /// When the server refuses.
    pub async fn invite(&self, channel: &str) -> String {
        let body = json!({"max_age": 0, "max_uses": 0});
        let reply = self
            .post(&format!("/api/v10/channels/{channel}/invites"), body)
            .await
            .expect("the server answers");
        assert_eq!(reply.status, 200, "{:?}", reply.body);
        reply.text("code")
    }

    /// Joins by an invite.
    ///
    /// # Panics
    /// When the server refuses.
    pub async fn join(&self, code: &str) {
        let reply =
            self.post(&format!("/api/v1/invites/{code}"), Value::Null).await.expect("the server answers");
        assert_eq!(reply.status, 200, "{:?}", reply.body);
    }

    /// Posts a message.
    ///
    /// # Errors
    /// When the connection breaks: it may be stored or not.
    pub async fn say(&self, channel: &str, content: &str, nonce: &str) -> Result<Reply, Lost> {
        let body = json!({"content": content, "nonce": nonce, "enforce_nonce": true});
        self.post(&format!("/api/v10/channels/{channel}/messages"), body).await
    }

    /// The whole history of a channel, oldest first.
    ///
    /// # Panics
    /// When the server refuses.
    pub async fn whole_history(&self, channel: &str) -> Vec<Value> {
        let (mut all, mut after) = (Vec::new(), "0".to_owned());
        loop {
            let path = format!("/api/v10/channels/{channel}/messages?limit=100&after={after}");
            let page = self.get(&path).await.expect("the server answers");
            assert_eq!(page.status, 200, "{:?}", page.body);
            let mut page = page.body.as_array().cloned().unwrap_or_default();
            if page.is_empty() {
                return all;
            }
            page.reverse();
            if let Some(newest) = page.last().and_then(|message| message["id"].as_str()) {
                newest.clone_into(&mut after);
            }
            all.extend(page);
        }
    }
}
