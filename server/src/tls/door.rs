//! From a TCP connection to one that speaks HTTP or STUN: the handshake, then ALPN or the first bytes decide.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional_with_sizes},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{self, ServerConfig, crypto::aws_lc_rs},
    server::TlsStream,
};
use voxlink_media::TurnDoor;

use super::{
    half_open::HalfOpen,
    shown::{ACME_ALPN, Shown},
};
use crate::rewound::Rewound;

/// For the handshake, from the first byte to the last.
const HANDSHAKE_WITHIN: Duration = Duration::from_secs(10);
/// For the first bytes behind it. Browsers open connections ahead of need, and keep them.
const FIRST_BYTES_WITHIN: Duration = Duration::from_secs(20);
/// Each way between a TLS connection and the relay's thread.
const CARRIED_AT_ONCE: usize = 16 * 1024;

const HTTP_ALPN: &[u8] = b"http/1.1";
/// RFC 7443 §3.
const TURN_ALPN: [&[u8]; 2] = [b"stun.turn", b"stun.nat-discovery"];
/// RFC 8489 §5.
const MAGIC_COOKIE: [u8; 4] = 0x2112_A442_u32.to_be_bytes();

/// For whoever speaks plain HTTP to this port.
const NOT_ENCRYPTED: &[u8] =
    b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-type: text/plain\r\n\r\n\
    This port speaks HTTPS: write https:// before the address.\n";

/// Opens connections. Cloning shares the counters.
#[derive(Clone, Debug)]
pub(crate) struct TlsDoor {
    config: Arc<ServerConfig>,
    half_open: HalfOpen,
    turn: Option<TurnDoor>,
    strict: bool,
}

/// What came of a connection.
pub(crate) enum Opened {
    /// It speaks HTTP from its first byte.
    Http(Rewound<TlsStream<TcpStream>>),
    /// It speaks STUN: [`TlsDoor::carry`] it.
    Stun(Rewound<TlsStream<TcpStream>>),
    /// It answered an authority, or nothing came of it.
    Over,
}

impl TlsDoor {
    pub(super) fn new(
        shown: Arc<Shown>,
        turn: Option<TurnDoor>,
        strict: bool,
    ) -> Result<Self, rustls::Error> {
        let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(shown);
        config.alpn_protocols =
            [HTTP_ALPN].into_iter().chain(TURN_ALPN).chain([ACME_ALPN]).map(<[u8]>::to_vec).collect();
        // A client that comes back costs no signature; the keys change by themselves.
        config.ticketer = aws_lc_rs::Ticketer::new()?;
        Ok(Self { config: Arc::new(config), half_open: HalfOpen::default(), turn, strict })
    }

    /// Whether browsers are told never to come back without TLS.
    pub(crate) fn strict(&self) -> bool {
        self.strict
    }

    /// Does the handshake and finds out what is spoken.
    pub(crate) async fn open(&self, stream: TcpStream, remote: SocketAddr) -> Opened {
        let Some(entered) = self.half_open.enter(remote.ip()) else {
            tracing::debug!("too many handshakes at once: a connection was closed");
            return Opened::Over;
        };
        let handshake = timeout(HANDSHAKE_WITHIN, self.shake_hands(stream)).await;
        let Ok(Ok(Some(mut stream))) = handshake else { return Opened::Over };
        drop(entered);
        let mut first = Vec::new();
        match stream.get_ref().1.alpn_protocol() {
            Some(HTTP_ALPN) => Opened::Http(Rewound::new(stream, first)),
            Some(ACME_ALPN) => {
                // RFC 8737 §3: the authority has seen what it wanted.
                let _over = timeout(HANDSHAKE_WITHIN, stream.shutdown()).await;
                Opened::Over
            }
            Some(_) => Opened::Stun(Rewound::new(stream, first)),
            None => match timeout(FIRST_BYTES_WITHIN, looks_like_stun(&mut stream, &mut first)).await {
                Ok(Ok(true)) => Opened::Stun(Rewound::new(stream, first)),
                Ok(Ok(false)) => Opened::Http(Rewound::new(stream, first)),
                Ok(Err(_)) | Err(_) => Opened::Over,
            },
        }
    }

    async fn shake_hands(&self, mut stream: TcpStream) -> io::Result<Option<TlsStream<TcpStream>>> {
        let mut first = [0];
        if stream.peek(&mut first).await? == 1 && first[0].is_ascii_uppercase() {
            stream.write_all(NOT_ENCRYPTED).await?;
            return Ok(None);
        }
        TlsAcceptor::from(self.config.clone()).accept(stream).await.map(Some)
    }

    /// Carries bytes between a client and the relay's thread until either ends it. Without TURN it is closed.
    pub(crate) async fn carry(&self, mut stream: Rewound<TlsStream<TcpStream>>, remote: SocketAddr) {
        let (Some(turn), Ok(local)) = (&self.turn, stream.inner().get_ref().0.local_addr()) else { return };
        let mut relay = match turn.open(local, remote).await {
            Ok(relay) => relay,
            Err(error) => return tracing::debug!(%error, "TURN over TLS could not be carried"),
        };
        let (up, down) = (CARRIED_AT_ONCE, CARRIED_AT_ONCE);
        // Either side going away ends the other; there is nobody left to tell.
        let _ended = copy_bidirectional_with_sizes(&mut stream, &mut relay, up, down).await;
    }
}

/// STUN begins with two zero bits and has its cookie behind its type and length (RFC 8489 §5); HTTP begins with a letter.
/// What was read to know stands in `first`.
async fn looks_like_stun(stream: &mut (impl AsyncRead + Unpin), first: &mut Vec<u8>) -> io::Result<bool> {
    loop {
        if stream.read_buf(first).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if first.first().is_some_and(|byte| byte & 0xC0 != 0) {
            return Ok(false);
        }
        if let Some(cookie) = first.get(4..8) {
            return Ok(cookie == MAGIC_COOKIE);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    async fn look(bytes: &[u8]) -> Option<(bool, usize)> {
        let mut first = Vec::new();
        let mut stream = bytes;
        looks_like_stun(&mut stream, &mut first).await.ok().map(|is_stun| (is_stun, first.len()))
    }

    #[tokio::test]
    async fn the_first_bytes_tell_stun_from_http() {
        let binding = b"\x00\x01\x00\x00\x21\x12\xA4\x42abcdefghijkl";
        assert_eq!(look(binding).await, Some((true, binding.len())));
        assert_eq!(look(b"GET / HTTP/1.1\r\n").await.map(|(is_stun, _)| is_stun), Some(false));
        // An empty line before a request is forgiven by HTTP (RFC 9112 §2.2).
        assert_eq!(look(b"\r\nGET / HTTP/1.1\r\n").await.map(|(is_stun, _)| is_stun), Some(false));
        assert_eq!(look(b"\x00\x01\x00").await, None);
        assert_eq!(look(b"").await, None);
    }

    #[tokio::test]
    async fn a_cookie_that_comes_byte_by_byte_is_waited_for() {
        let (mut far, mut near) = tokio::io::duplex(64);
        let sent = tokio::spawn(async move {
            for byte in b"\x00\x03\x00\x08\x21\x12\xA4\x42" {
                far.write_all(&[*byte]).await.unwrap();
                tokio::task::yield_now().await;
            }
            far
        });
        let mut first = Vec::new();
        assert!(looks_like_stun(&mut near, &mut first).await.unwrap());
        assert_eq!(first, b"\x00\x03\x00\x08\x21\x12\xA4\x42");
        drop(sent.await);
    }
}
