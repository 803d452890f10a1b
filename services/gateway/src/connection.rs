//! The task of one socket: reads and parses, counts ops, and tells the hub. It never writes: that is the hub's.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::{Notify, mpsc},
    time::timeout,
};
use voxlink_protocol::gateway::CloseCode;
use voxlink_service_kit::{
    env::Clock,
    ws::{FrameReader, Incoming, Stream},
};

use crate::{budget::OpBudget, door, hub::Input, session::LinkId, shell::ToHub};

/// How long the peer may take to answer our close.
const LINGER: Duration = Duration::from_secs(2);
/// Read at once; on the stack, so an idle socket holds no buffer.
const READ_CHUNK: usize = 8192;

/// What the hub tells a socket's task.
#[derive(Debug, Default)]
pub(crate) struct Control {
    flags: AtomicU8,
    wake: Notify,
}

impl Control {
    const WANT_WRITABLE: u8 = 1;
    const CLOSE: u8 = 2;

    /// Say when bytes are taken again.
    pub(crate) fn want_writable(&self) {
        self.set(Self::WANT_WRITABLE);
    }

    /// End.
    pub(crate) fn close(&self) {
        self.set(Self::CLOSE);
    }

    fn set(&self, flag: u8) {
        self.flags.fetch_or(flag, Ordering::AcqRel);
        self.wake.notify_one();
    }

    fn take(&self) -> u8 {
        self.flags.swap(0, Ordering::AcqRel)
    }
}

/// One socket.
pub(crate) struct Connection {
    pub(crate) link: LinkId,
    pub(crate) stream: Arc<Stream>,
    pub(crate) frames: FrameReader,
    pub(crate) control: Arc<Control>,
    pub(crate) hub: mpsc::Sender<ToHub>,
    pub(crate) clock: Arc<dyn Clock>,
}

impl Connection {
    /// Serves the socket until the hub ends it; the hub hears of every other end first.
    pub(crate) async fn run(mut self) {
        let mut budget = OpBudget::new(self.clock.monotonic());
        let mut want_writable = false;
        let mut reading = self.read_frames(&mut budget).await;
        loop {
            tokio::select! {
                ready = self.stream.readable(), if reading => {
                    reading = match ready.and_then(|()| read_into(&self.stream, &mut self.frames)) {
                        Ok(count) if count > 0 => self.read_frames(&mut budget).await,
                        Err(error) if error.kind() == io::ErrorKind::WouldBlock => true,
                        Ok(_) | Err(_) => {
                            self.tell(Input::Gone { link: self.link, code: None }).await;
                            false
                        }
                    };
                }
                _ready = self.stream.writable(), if want_writable => {
                    want_writable = false;
                    self.tell(Input::Writable { link: self.link }).await;
                }
                () = self.control.wake.notified() => {
                    let flags = self.control.take();
                    if flags & Control::CLOSE != 0 {
                        break;
                    }
                    want_writable |= flags & Control::WANT_WRITABLE != 0;
                }
                // The process is ending.
                () = self.hub.closed() => break,
            }
        }
        self.stream.finish();
        // The peer ends the connection once it has read our close; a reset for unread bytes must not overtake it.
        let _late = timeout(LINGER, drain(&self.stream)).await;
    }

    /// Passes on every message that is complete. False once the peer has closed or broken a rule.
    async fn read_frames(&mut self, budget: &mut OpBudget) -> bool {
        loop {
            let link = self.link;
            let input = match self.frames.next() {
                Ok(None) => return true,
                Ok(Some(Incoming::Pong(_))) => continue,
                Ok(Some(Incoming::Close(code))) => Input::Gone { link, code: Some(code.unwrap_or(1005)) },
                Ok(Some(_)) if !budget.take(self.clock.monotonic()) => {
                    fault(link, CloseCode::RateLimited, "More than 120 ops a minute.")
                }
                Ok(Some(Incoming::Text(text))) => match door::parse(&text) {
                    Ok(op) => Input::Op { link, op },
                    Err(code) => fault(link, code, "This cannot be understood."),
                },
                Ok(Some(Incoming::Binary(_))) => {
                    fault(link, CloseCode::DecodeError, "Only text is read here.")
                }
                Ok(Some(Incoming::Ping(payload))) => Input::Ping { link, payload },
                Err(error) => Input::Fault {
                    link,
                    code: error.close_code().unwrap_or(CloseCode::ProtocolError as u16),
                    reason: "The WebSocket protocol was broken.",
                },
            };
            let ends = matches!(input, Input::Gone { .. } | Input::Fault { .. });
            self.tell(input).await;
            if ends {
                return false;
            }
        }
    }

    async fn tell(&self, input: Input) {
        // Without a hub there is nothing left to serve: the loop sees that too.
        let _ending = self.hub.send(ToHub::Input(input)).await;
    }
}

/// Reads and throws away until the peer ends the connection.
async fn drain(stream: &Stream) {
    while stream.readable().await.is_ok() {
        match stream.try_read(&mut [0; READ_CHUNK]) {
            Ok(count) if count > 0 => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Ok(_) | Err(_) => return,
        }
    }
}

fn fault(link: LinkId, code: CloseCode, reason: &'static str) -> Input {
    Input::Fault { link, code: code as u16, reason }
}

fn read_into(stream: &Stream, frames: &mut FrameReader) -> io::Result<usize> {
    let mut chunk = [0_u8; READ_CHUNK];
    let count = stream.try_read(&mut chunk)?;
    frames.feed(&chunk[..count]);
    Ok(count)
}
