//! Connections that somebody else accepted and decrypts (TURN over TLS on the port of HTTPS).

use std::{io, net::SocketAddr, os::unix::net::UnixStream as StdUnixStream, sync::Arc};

use socket2::SockRef;
use tokio::{net::UnixStream, sync::watch};
use voxlink_service_kit::http::name_covers;

use super::{Command, Turn};

/// What the kernel holds of a connection in each direction besides what the relay itself holds.
const KERNEL_BUFFER: usize = 64 * 1024;

/// Where TURN over TLS is reached, for who asks which servers there are.
#[derive(Clone, Debug)]
pub struct TurnOverTls {
    /// The port of HTTPS.
    pub port: u16,
    /// What the certificate of now is good for: names, `*.example.org`, addresses.
    pub names: watch::Receiver<Vec<String>>,
}

impl TurnOverTls {
    /// The name that a client should use which reached us as `host` otherwise: that one, when the certificate is good for
    /// it; else the first that others than this machine can use.
    pub(crate) fn name_for(&self, host: &str) -> Option<String> {
        let names = self.names.borrow();
        let bare = host.trim_matches(['[', ']']);
        if names.iter().any(|name| name_covers(name, bare)) {
            return Some(host.to_owned());
        }
        let public = |name: &&String| {
            !name.contains('*')
                && *name != "localhost"
                && !name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
        };
        names
            .iter()
            .find(public)
            .map(|name| if name.contains(':') { format!("[{name}]") } else { name.clone() })
    }
}

/// A way into the relay. Cloning shares it.
#[derive(Clone, Debug)]
pub struct TurnDoor(pub(crate) Arc<Turn>);

impl TurnDoor {
    /// A client that connected from `remote` to `local`: whatever is written here it sent, what is read here is for it.
    /// The end of either is the end of both.
    ///
    /// # Errors
    /// When the system gives no more sockets.
    pub async fn open(&self, local: SocketAddr, remote: SocketAddr) -> io::Result<UnixStream> {
        let (ours, relays) = StdUnixStream::pair()?;
        for end in [&ours, &relays] {
            SockRef::from(end).set_send_buffer_size(KERNEL_BUFFER)?;
            end.set_nonblocking(true)?;
        }
        self.0.tell(Command::Carry { socket: relays, local, remote }).await;
        UnixStream::from_std(ours)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_told_a_name_that_the_certificate_is_good_for() {
        let told = |names: &[&str], host: &str| {
            let (_keep, names) = watch::channel(names.iter().map(|name| (*name).to_owned()).collect());
            TurnOverTls { port: 443, names }.name_for(host)
        };
        assert_eq!(told(&["chat.example.org"], "Chat.example.org").as_deref(), Some("Chat.example.org"));
        assert_eq!(told(&["*.example.org"], "chat.example.org").as_deref(), Some("chat.example.org"));
        assert_eq!(told(&["*.example.org"], "example.org"), None);
        assert_eq!(told(&["localhost", "::1", "192.0.2.7"], "other.example").as_deref(), Some("192.0.2.7"));
        assert_eq!(told(&["localhost", "::1"], "[::1]").as_deref(), Some("[::1]"));
        assert_eq!(told(&["localhost", "127.0.0.1"], "other.example"), None);
        assert_eq!(told(&["2001:db8::7"], "other.example").as_deref(), Some("[2001:db8::7]"));
    }
}
