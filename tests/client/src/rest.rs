//! REST over one kept-alive connection.

use std::{fmt, net::SocketAddr};

use http_body_util::{BodyExt, Full};
use hyper::{Method, Request, body::Bytes, client::conn::http1};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::{net::TcpStream, sync::Mutex};

/// What came back.
#[derive(Clone, Debug)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// The JSON body; null when there was none or it was not JSON.
    pub body: Value,
    /// The body as it came.
    pub bytes: Bytes,
    /// The headers that tests look at, lower-case names.
    pub headers: Vec<(String, String)>,
}

impl Reply {
    /// A field of the body as text; empty when it is absent or no string.
    #[must_use]
    pub fn text(&self, field: &str) -> String {
        self.body[field].as_str().unwrap_or_default().to_owned()
    }

    /// One header.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(is, _)| is == name).map(|(_, value)| value.as_str())
    }
}

/// The request did not reach the server or its answer did not reach us: it may or may not have been carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lost(pub String);

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the request was lost: {}", self.0)
    }
}

impl std::error::Error for Lost {}

/// A client of one server. Requests queue behind each other; a broken connection is opened anew by the next request.
pub struct Rest {
    address: SocketAddr,
    token: Option<String>,
    connection: Mutex<Option<http1::SendRequest<Full<Bytes>>>>,
}

impl fmt::Debug for Rest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rest({})", self.address)
    }
}

impl Rest {
    /// Without a token.
    #[must_use]
    pub fn new(address: SocketAddr) -> Self {
        Self { address, token: None, connection: Mutex::new(None) }
    }

    /// With a login's token.
    #[must_use]
    pub fn with_token(address: SocketAddr, token: &str) -> Self {
        Self { token: Some(format!("Bearer {token}")), ..Self::new(address) }
    }

    /// With a bot's token.
    #[must_use]
    pub fn with_bot_token(address: SocketAddr, token: &str) -> Self {
        Self { token: Some(format!("Bot {token}")), ..Self::new(address) }
    }

    /// One request; `body` null sends none.
    ///
    /// # Errors
    /// When the connection breaks before the whole answer is here.
    pub async fn send(&self, method: Method, path: &str, body: Value) -> Result<Reply, Lost> {
        let bytes = if body.is_null() { Bytes::new() } else { Bytes::from(body.to_string()) };
        self.send_raw(method, path, bytes).await
    }

    /// One request with any bytes as its body.
    ///
    /// # Errors
    /// As [`Rest::send`].
    pub async fn send_raw(&self, method: Method, path: &str, body: Bytes) -> Result<Reply, Lost> {
        self.send_with(method, path, body, &[("content-type", "application/json")]).await
    }

    /// One request with any bytes and these headers.
    ///
    /// # Errors
    /// As [`Rest::send`].
    pub async fn send_with(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
        headers: &[(&str, &str)],
    ) -> Result<Reply, Lost> {
        let lost = |error: &dyn fmt::Display| Lost(error.to_string());
        let mut slot = self.connection.lock().await;
        let mut sender = match slot.take() {
            Some(sender) if !sender.is_closed() => sender,
            _ => self.connect().await?,
        };
        sender.ready().await.map_err(|error| lost(&error))?;
        let mut request =
            Request::builder().method(method).uri(path).header("host", self.address.to_string());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(token) = &self.token {
            request = request.header("authorization", token);
        }
        let request = request.body(Full::new(body)).map_err(|error| lost(&error))?;
        let response = sender.send_request(request).await.map_err(|error| lost(&error))?;
        let status = response.status().as_u16();
        let header = |(name, value): (&hyper::header::HeaderName, &hyper::header::HeaderValue)| {
            (name.as_str().to_owned(), value.to_str().unwrap_or_default().to_owned())
        };
        let headers = response.headers().iter().map(header).collect();
        let bytes = response.into_body().collect().await.map_err(|error| lost(&error))?.to_bytes();
        *slot = Some(sender);
        let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        Ok(Reply { status, body, bytes, headers })
    }

    async fn connect(&self) -> Result<http1::SendRequest<Full<Bytes>>, Lost> {
        let stream = TcpStream::connect(self.address).await.map_err(|error| Lost(error.to_string()))?;
        stream.set_nodelay(true).map_err(|error| Lost(error.to_string()))?;
        let (sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(|error| Lost(error.to_string()))?;
        tokio::spawn(connection);
        Ok(sender)
    }
}
