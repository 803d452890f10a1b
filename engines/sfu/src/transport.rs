//! What the rest of the engine needs from a transport: datagrams in and out, keys at the end.
//!
//! [`LiteTransport`] is the only one: ICE-lite and DTLS 1.2. The trait is the seam at which a whole
//! WebRTC stack could stand in for it.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use crate::{
    dtls::{DtlsServer, Fingerprint, Identity},
    rng::Generator,
    slab::SendSlab,
    srtp::{Inbound, Outbound},
    stun::{BindingRequest, password_key},
};

/// RFC 7675 §5.1: consent expires 30 s after the last authenticated check.
pub(crate) const CONSENT: Duration = Duration::from_secs(30);

/// Our ICE credentials: 6 bits a character, so 48 and 144 bits (RFC 8445 §5.3 asks for 24 and 128).
/// A key from the password would be 1.2 KB for as long as somebody is there, and takes half a microsecond to make when
/// a check comes, every few seconds.
#[derive(Clone)]
pub(crate) struct Credentials {
    pub(crate) fragment: String,
    pub(crate) password: String,
}

impl Credentials {
    pub(crate) fn new(generator: &mut Generator) -> Self {
        let password = generator.ice_text::<24>();
        Self { fragment: generator.ice_text::<8>(), password }
    }

    /// Of a transport that no check ever reaches.
    pub(crate) fn unused() -> Self {
        Self { fragment: String::new(), password: String::new() }
    }
}

/// What became of a connectivity check.
pub(crate) enum Check {
    /// Not authentic: nothing was sent.
    Refused,
    /// Answered: the sender's address is the peer's.
    Accepted {
        /// Credentials that no longer count, after a restart was completed.
        retired: Option<String>,
    },
}

/// What a transport has to say.
pub(crate) enum TransportEvent {
    /// DTLS is done and the certificate is the signalled one.
    // Boxed: it happens once, and the other variant is empty.
    Keys(Box<(Inbound, Outbound)>),
    /// DTLS failed or was closed by the peer.
    Failed,
}

/// One peer's way in and out.
pub(crate) trait Transport: Send {
    /// What the answer tells the client.
    fn credentials(&self) -> &Credentials;
    /// The client restarts ICE: new credentials; the old ones count until a check with the new ones nominates.
    /// Returns a fragment that counts no more.
    fn restart(&mut self, credentials: Credentials) -> Option<String>;
    /// Answers a check that named one of our fragments.
    fn handle_check(
        &mut self,
        request: &BindingRequest<'_>,
        from: SocketAddr,
        now: Instant,
        out: &mut SendSlab,
    ) -> Check;
    /// A DTLS record from an address that passed a check.
    fn handle_dtls(&mut self, from: SocketAddr, datagram: &[u8], now: Instant, out: &mut SendSlab);
    /// Handshake retransmission.
    fn handle_timeout(&mut self, now: Instant, out: &mut SendSlab);
    /// When to call `handle_timeout` at the latest.
    fn deadline(&self) -> Option<Instant>;
    /// Drain until `None`.
    fn poll(&mut self) -> Option<TransportEvent>;
    /// Where media goes: the nominated address.
    fn egress(&self) -> Option<SocketAddr>;
    /// Whether the peer still agrees to be sent to (RFC 7675).
    fn is_consented(&self, now: Instant) -> bool;
    /// Authentic SRTP arrived, so the handshake is over on both sides.
    fn media_arrived(&mut self);
}

/// ICE-lite (RFC 8445 §2.5) and a DTLS server that starts at the first authenticated check.
pub(crate) struct LiteTransport {
    current: Credentials,
    previous: Option<Credentials>,
    egress: Option<SocketAddr>,
    nominated: bool,
    /// The last authenticated check, or when the transport was made.
    heard: Instant,
    dtls: DtlsServer,
}

impl LiteTransport {
    pub(crate) fn new(
        credentials: Credentials,
        identity: Identity,
        expected: Fingerprint,
        now: Instant,
    ) -> Self {
        Self {
            current: credentials,
            previous: None,
            egress: None,
            nominated: false,
            heard: now,
            dtls: DtlsServer::new(identity, expected),
        }
    }
}

impl Transport for LiteTransport {
    fn credentials(&self) -> &Credentials {
        &self.current
    }

    fn restart(&mut self, credentials: Credentials) -> Option<String> {
        let old = std::mem::replace(&mut self.current, credentials);
        if self.previous.is_some() {
            // A second restart before the first was completed: the ones in use stay, the middle ones go.
            return Some(old.fragment);
        }
        self.previous = Some(old);
        None
    }

    fn handle_check(
        &mut self,
        request: &BindingRequest<'_>,
        from: SocketAddr,
        now: Instant,
        out: &mut SendSlab,
    ) -> Check {
        let is_current = request.local_fragment == self.current.fragment;
        let credentials = match &self.previous {
            _ if is_current => &self.current,
            Some(previous) if previous.fragment == request.local_fragment => previous,
            _ => return Check::Refused,
        };
        let key = password_key(&credentials.password);
        if !request.is_authentic(&key) {
            return Check::Refused;
        }
        if request.controlled {
            // A lite agent never controls (RFC 8445 §6.1.1).
            out.write(from, |buffer| Some(request.answer_role_conflict(&key, buffer)));
            return Check::Refused;
        }
        out.write(from, |buffer| Some(request.answer(from, &key, buffer)));
        self.heard = now;
        let mut retired = None;
        if request.use_candidate {
            self.egress = Some(from);
            self.nominated = true;
            if is_current {
                retired = self.previous.take().map(|previous| previous.fragment);
            }
        } else if !self.nominated {
            self.egress = Some(from);
        }
        self.dtls.start(now);
        Check::Accepted { retired }
    }

    fn handle_dtls(&mut self, from: SocketAddr, datagram: &[u8], now: Instant, out: &mut SendSlab) {
        self.dtls.handle(from, datagram, now, out);
    }

    fn handle_timeout(&mut self, now: Instant, out: &mut SendSlab) {
        self.dtls.handle_timeout(self.egress, now, out);
    }

    fn deadline(&self) -> Option<Instant> {
        self.dtls.deadline()
    }

    fn poll(&mut self) -> Option<TransportEvent> {
        self.dtls.poll()
    }

    fn egress(&self) -> Option<SocketAddr> {
        self.egress
    }

    fn is_consented(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.heard) < CONSENT
    }

    fn media_arrived(&mut self) {
        self.dtls.finish();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_long_enough_and_never_the_same() {
        let mut generator = Generator::new(&[7; 32]);
        let (one, two) = (Credentials::new(&mut generator), Credentials::new(&mut generator));
        assert_eq!((one.fragment.len(), one.password.len()), (8, 24));
        assert_ne!(one.fragment, two.fragment);
        assert_ne!(one.password, two.password);
    }
}
