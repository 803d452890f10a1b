//! The WebSocket at `/voice`: moves frames between the wire, the rules and the control side.

use std::time::Duration;

use axum::{
    extract::{Request, State},
    response::Response,
};
use tokio::{sync::mpsc, time::timeout};
use voxlink_service_kit::{
    ApiError,
    ws::{self, Message, SocketReader, SocketSender, WsError, WsLimits},
};

use super::{
    close::VoiceClose,
    connection::{Ask, Connection, Step},
    frame::{self, Numbered},
};
use crate::{
    MediaState,
    calls::{Farewell, SocketId},
    control::Inquiry,
};

/// docs/protocol/voice.md: SDP is long.
const MOST_MESSAGE_BYTES: usize = 1024 * 1024;
/// Frames that wait for a slow client; past it the socket is closed and the client resumes.
const OUTBOX_FRAMES: usize = 512;
/// How long a client may take to answer our close.
const FAREWELL: Duration = Duration::from_secs(2);
/// What the control side wants done with a socket.
#[derive(Clone, Debug)]
pub(crate) enum ToSocket {
    Send(Numbered),
    Close(VoiceClose),
}

/// `GET /voice`: upgrades.
pub(crate) async fn open(State(state): State<MediaState>, request: Request) -> Result<Response, ApiError> {
    let limits = WsLimits::new(MOST_MESSAGE_BYTES);
    let (response, opening) = ws::upgrade(request, limits)?;
    tokio::spawn(async move {
        match opening.await {
            Ok(socket) => {
                let (reader, sender) = socket.split();
                run(state, reader, sender).await;
            }
            Err(error) => tracing::debug!(%error, "a voice socket did not open"),
        }
    });
    Ok(response)
}

/// One socket's life.
async fn run(state: MediaState, mut reader: SocketReader, sender: SocketSender) {
    let id = state.next_socket();
    let (outbox, mut commands) = mpsc::channel(OUTBOX_FRAMES);
    if !state.control.tell(Inquiry::SocketOpened(id, outbox)).await {
        sender.close(VoiceClose::GoingAway.code(), VoiceClose::GoingAway.reason()).await;
        return;
    }
    let close = converse(&state, id, &mut reader, &sender, &mut commands).await;
    let farewell = Farewell::of(reader.close_code());
    let _over = state.control.tell(Inquiry::SocketClosed { socket: id, farewell }).await;
    if let Some(close) = close {
        sender.close(close.code(), close.reason()).await;
        // Reads on for a moment: what the client had on the way must not turn our close into a reset.
        let _late = timeout(FAREWELL, async { while let Ok(Some(_)) = reader.recv().await {} }).await;
    }
}

/// Until someone ends it; how to close when that is us.
async fn converse(
    state: &MediaState,
    id: SocketId,
    reader: &mut SocketReader,
    sender: &SocketSender,
    commands: &mut mpsc::Receiver<ToSocket>,
) -> Option<VoiceClose> {
    let clock = &state.env.clock;
    let mut connection = Connection::new(clock.monotonic());
    sender.send_text(&frame::hello()).await.ok()?;
    loop {
        let left = connection.deadline().saturating_duration_since(clock.monotonic());
        tokio::select! {
            biased;
            command = commands.recv() => match command {
                Some(ToSocket::Send(frame)) => sender.send_text(&frame.text()).await.ok()?,
                Some(ToSocket::Close(close)) => return Some(close),
                // Our outbox was full and the control side has dropped us.
                None => return Some(VoiceClose::TimedOut),
            },
            message = reader.recv() => {
                let step = match message {
                    Ok(Some(Message::Text(text))) => connection.on_text(&text, clock.monotonic()),
                    Ok(Some(Message::Binary(_))) => Err(VoiceClose::Decode),
                    Ok(None) => return None,
                    Err(WsError::TooBig { .. } | WsError::Protocol(_) | WsError::NotUtf8) => {
                        // The reader has said so to the client; the seat waits for a resume.
                        return None;
                    }
                    Err(WsError::Io(_) | WsError::Upgrade) => return None,
                };
                match step {
                    Ok(step) => take(state, id, sender, step).await?,
                    Err(close) => return Some(close),
                }
            }
            () = tokio::time::sleep(left) => return Some(connection.overdue()),
        }
    }
}

/// Does what a frame asks for; `None` when the socket cannot go on.
async fn take(state: &MediaState, id: SocketId, sender: &SocketSender, step: Step) -> Option<()> {
    match step {
        Step::Beat { reply, seen } => {
            sender.send_text(&reply).await.ok()?;
            if let Some(seen) = seen {
                state.control.tell(Inquiry::Ask(id, Ask::Seen(seen))).await.then_some(())?;
            }
            Some(())
        }
        Step::Ask(ask) => state.control.tell(Inquiry::Ask(id, ask)).await.then_some(()),
    }
}
