//! A gateway session: identifies, beats, counts, resumes.

use std::{
    fmt,
    net::SocketAddr,
    time::{Duration, Instant},
};

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, tungstenite::Message};

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// How a session ended or failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GatewayError {
    /// The socket broke without a close frame, or could not be opened.
    Lost(String),
    /// The server closed it with this code.
    Closed(u16),
    /// Op 9: identify anew.
    InvalidSession,
    /// Nothing that was waited for came in time.
    TooLate,
}

impl fmt::Display for GatewayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

impl std::error::Error for GatewayError {}

/// A session. Every dispatch has to carry the next sequence number: a hole or a repetition panics.
pub struct Gateway {
    address: SocketAddr,
    token: String,
    socket: Option<Socket>,
    /// From READY.
    pub session_id: String,
    /// The last sequence number seen.
    pub seq: u64,
    /// READY's body.
    pub ready: Value,
    beat_every: Duration,
    beat_at: Instant,
}

impl fmt::Debug for Gateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Gateway(session {}, seq {})", self.session_id, self.seq)
    }
}

async fn open(address: SocketAddr) -> Result<(Socket, Duration), GatewayError> {
    let lost = |error: tokio_tungstenite::tungstenite::Error| GatewayError::Lost(error.to_string());
    let (mut socket, _) =
        tokio_tungstenite::connect_async(format!("ws://{address}/gateway?v=10&encoding=json"))
            .await
            .map_err(lost)?;
    let hello = read(&mut socket).await?;
    assert_eq!(hello["op"], 10, "the first frame is HELLO: {hello}");
    Ok((socket, Duration::from_millis(hello["d"]["heartbeat_interval"].as_u64().unwrap_or(41_250))))
}

async fn read(socket: &mut Socket) -> Result<Value, GatewayError> {
    loop {
        match socket.next().await {
            Some(Ok(Message::Text(text))) => {
                return serde_json::from_str(&text)
                    .map_err(|error| GatewayError::Lost(format!("not JSON: {error}")));
            }
            Some(Ok(Message::Close(Some(frame)))) => return Err(GatewayError::Closed(frame.code.into())),
            Some(Ok(_)) => {}
            Some(Err(error)) => return Err(GatewayError::Lost(error.to_string())),
            None => return Err(GatewayError::Lost("end of stream".to_owned())),
        }
    }
}

impl Gateway {
    /// Opens a socket, identifies, waits for READY.
    ///
    /// # Errors
    /// When the server refuses or cannot be reached.
    pub async fn identify(address: SocketAddr, token: &str) -> Result<Self, GatewayError> {
        let (socket, beat_every) = open(address).await?;
        let mut this = Self {
            address,
            token: token.to_owned(),
            socket: Some(socket),
            session_id: String::new(),
            seq: 0,
            ready: Value::Null,
            beat_every,
            beat_at: Instant::now() + beat_every / 2,
        };
        let identify = json!({"op": 2, "d": {"token": token, "properties": {"os": "linux", "browser": "test", "device": "test"}, "intents": 33_554_431}});
        this.send(identify).await?;
        let ready = this.next_of("READY", Duration::from_secs(10)).await?;
        ready["session_id"].as_str().unwrap_or_default().clone_into(&mut this.session_id);
        this.ready = ready;
        Ok(this)
    }

    /// Sends any frame.
    ///
    /// # Errors
    /// When the socket is gone.
    pub async fn send(&mut self, frame: Value) -> Result<(), GatewayError> {
        let socket = self.socket.as_mut().ok_or_else(|| GatewayError::Lost("no socket".to_owned()))?;
        socket
            .send(Message::text(frame.to_string()))
            .await
            .map_err(|error| GatewayError::Lost(error.to_string()))
    }

    /// Loses the socket without a goodbye.
    pub fn cut(&mut self) {
        self.socket = None;
    }

    /// Opens a new socket and resumes; what was missed comes by [`Gateway::next`].
    ///
    /// # Errors
    /// [`GatewayError::InvalidSession`] when the server knows the session no more.
    pub async fn resume(&mut self) -> Result<(), GatewayError> {
        self.socket = None;
        let (socket, beat_every) = open(self.address).await?;
        (self.socket, self.beat_every) = (Some(socket), beat_every);
        self.send(
            json!({"op": 6, "d": {"token": self.token, "session_id": self.session_id, "seq": self.seq}}),
        )
        .await
    }

    /// The next dispatch, as (name, body). Answers and sends heartbeats by the way.
    ///
    /// # Errors
    /// When the socket ends, the session is invalid, or nothing comes in time.
    ///
    /// # Panics
    /// When a sequence number is skipped or repeated.
    pub async fn next(&mut self, within: Duration) -> Result<(String, Value), GatewayError> {
        let deadline = Instant::now() + within;
        loop {
            if Instant::now() >= self.beat_at {
                self.beat_at = Instant::now() + self.beat_every;
                let beat = json!({"op": 1, "d": self.seq});
                self.send(beat).await?;
            }
            let socket = self.socket.as_mut().ok_or_else(|| GatewayError::Lost("no socket".to_owned()))?;
            let until = deadline.min(self.beat_at.max(Instant::now() + Duration::from_millis(1)));
            let frame = match tokio::time::timeout_at(until.into(), read(socket)).await {
                Ok(frame) => frame?,
                Err(_) if Instant::now() >= deadline => return Err(GatewayError::TooLate),
                Err(_) => continue,
            };
            match frame["op"].as_u64() {
                Some(0) => {
                    let seq = frame["s"].as_u64().unwrap_or_default();
                    assert_eq!(seq, self.seq + 1, "a dispatch was lost or repeated: {}", frame["t"]);
                    self.seq = seq;
                    return Ok((frame["t"].as_str().unwrap_or_default().to_owned(), frame["d"].clone()));
                }
                Some(1) => self.beat_at = Instant::now(),
                Some(7) => return Err(GatewayError::Lost("asked to reconnect".to_owned())),
                Some(9) => return Err(GatewayError::InvalidSession),
                _ => {}
            }
        }
    }

    /// The next dispatch of one name; others are dropped.
    ///
    /// # Errors
    /// As [`Gateway::next`].
    pub async fn next_of(&mut self, name: &str, within: Duration) -> Result<Value, GatewayError> {
        self.next_where(within, |event, _| event == name).await.map(|(_, body)| body)
    }

    /// The next dispatch that fits; others are dropped.
    ///
    /// # Errors
    /// As [`Gateway::next`].
    pub async fn next_where(
        &mut self,
        within: Duration,
        fits: impl Fn(&str, &Value) -> bool,
    ) -> Result<(String, Value), GatewayError> {
        let deadline = Instant::now() + within;
        loop {
            let (name, body) = self.next(deadline.saturating_duration_since(Instant::now())).await?;
            if fits(&name, &body) {
                return Ok((name, body));
            }
        }
    }
}
