//! Connections: HTTP/1.1, plain or by TLS, and STUN by TLS; accepted up to a bound, each with limits on what its headers may cost.

use std::{convert::Infallible, io, net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use axum::Router;
use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch},
};

use crate::{
    answer::{Way, answer},
    tls::{Opened, Redirect, TlsDoor},
};

/// Connections that speak HTTP at once; upgraded ones count no longer (the gateway bounds its own).
const MOST_CONNECTIONS: usize = 16_384;
/// All headers of a request together.
const MOST_HEADER_BYTES: usize = 16 * 1024;
/// For a request's headers to arrive. It is also how long a connection may idle between two requests: a little more
/// than bot libraries keep one (15 s), or their next request meets a closing socket.
const HEADERS_WITHIN: Duration = Duration::from_secs(20);
/// Out of descriptors: nothing helps but a moment.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

/// What a listener takes connections for.
#[derive(Clone, Debug)]
pub(crate) enum Door {
    /// HTTP, perhaps only to be sent on to HTTPS.
    Plain(Option<Redirect>),
    Tls(TlsDoor),
}

/// What all connections share. Each holds a clone of `alive` for as long as it lives.
#[derive(Clone, Debug)]
pub(crate) struct Connections {
    application: Router,
    slots: Arc<Semaphore>,
    closing: watch::Receiver<bool>,
    alive: mpsc::Sender<Infallible>,
}

impl Connections {
    /// Connections to this application until `closing` turns true.
    pub(crate) fn new(
        application: Router,
        closing: watch::Receiver<bool>,
        alive: mpsc::Sender<Infallible>,
    ) -> Self {
        Self { application, slots: Arc::new(Semaphore::new(MOST_CONNECTIONS)), closing, alive }
    }

    /// Accepts until closing. When all slots are taken newcomers wait in the kernel's queue.
    pub(crate) async fn accept_from(self, listener: TcpListener, door: Door) {
        let mut closing = self.closing.clone();
        loop {
            let accepted = tokio::select! {
                accepted = self.accept_one(&listener) => accepted,
                () = until_closing(&mut closing) => return,
            };
            match accepted {
                Ok((stream, peer, slot)) => {
                    tokio::spawn(self.clone().attend(stream, peer, slot, door.clone()));
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_AGAIN).await;
                }
            }
        }
    }

    async fn accept_one(
        &self,
        listener: &TcpListener,
    ) -> io::Result<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
        let slot = self.slots.clone().acquire_owned().await.map_err(io::Error::other)?;
        let (stream, peer) = listener.accept().await?;
        Ok((stream, peer, slot))
    }

    async fn attend(mut self, stream: TcpStream, peer: SocketAddr, _slot: OwnedSemaphorePermit, door: Door) {
        // Latency is what small frames live on; a kernel that refuses is only slower.
        let _slower = stream.set_nodelay(true);
        let door = match door {
            Door::Plain(redirect) => return self.speak_http(stream, peer, Way::Plain(redirect)).await,
            Door::Tls(door) => door,
        };
        let opened = tokio::select! {
            opened = door.open(stream, peer) => opened,
            () = until_closing(&mut self.closing) => return,
        };
        match opened {
            Opened::Http(stream) => self.speak_http(stream, peer, Way::Tls { strict: door.strict() }).await,
            // The relay's end is its end, also when the server stops.
            Opened::Stun(stream) => door.carry(stream, peer).await,
            Opened::Over => {}
        }
    }

    async fn speak_http<S>(self, stream: S, peer: SocketAddr, way: Way)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let Self { application, mut closing, alive, .. } = self;
        let service = service_fn(move |request| {
            let application = application.clone();
            async move { Ok::<_, Infallible>(answer(application, (peer, way), request).await) }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEADERS_WITHIN)
            .max_buf_size(MOST_HEADER_BYTES)
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades();
        let mut connection = pin!(connection);
        let by_itself = tokio::select! {
            ended = connection.as_mut() => Some(ended),
            () = until_closing(&mut closing) => None,
        };
        let ended = match by_itself {
            Some(ended) => ended,
            None => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "a connection ended badly");
        }
        drop(alive);
    }
}

/// Returns when the server closes (or is gone).
async fn until_closing(closing: &mut watch::Receiver<bool>) {
    let _closed_or_gone = closing.wait_for(|closing| *closing).await;
}
