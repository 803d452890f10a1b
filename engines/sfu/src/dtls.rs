//! The DTLS 1.2 server of one peer, and the fingerprint check that ties it to the signalling.
//!
//! Version 1.2 on purpose: with 1.3 `dimpl` takes the client's first SRTP profile, which for browsers
//! is the slow AES-CM one.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use aws_lc_rs::{constant_time::verify_slices_are_equal, digest};
use dimpl::{Config, Dtls, DtlsCertificate, Output, SrtpProfile};

use crate::{
    slab::SendSlab,
    srtp::{Profile, server_keys},
    transport::TransportEvent,
};

/// Largest handshake datagram: fits every path that WebRTC is used on.
const MTU: usize = 1_200;
/// First retransmission; the default of a second makes lossy joins slow.
const FIRST_RETRANSMISSION: Duration = Duration::from_millis(250);
/// 250 ms doubling: eight retries cover the handshake timeout.
const RETRIES: usize = 8;
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(30);
/// A record never decrypts to more.
const BUFFER: usize = 2_048;
/// `dimpl` may ask for this much when the peer sends large records.
const MAX_BUFFER: usize = 65_536;

/// The certificate's hash as the offer signalled it (RFC 8122 §5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fingerprint {
    pub(crate) algorithm: HashAlgorithm,
    pub(crate) bytes: Vec<u8>,
}

/// Hash functions we accept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HashAlgorithm {
    Sha256,
    Sha384,
    Sha512,
}

impl Fingerprint {
    fn matches(&self, certificate: &[u8]) -> bool {
        let algorithm = match self.algorithm {
            HashAlgorithm::Sha256 => &digest::SHA256,
            HashAlgorithm::Sha384 => &digest::SHA384,
            HashAlgorithm::Sha512 => &digest::SHA512,
        };
        verify_slices_are_equal(digest::digest(algorithm, certificate).as_ref(), &self.bytes).is_ok()
    }
}

/// Our certificate and DTLS settings, shared by all peers of a worker.
#[derive(Clone)]
pub(crate) struct Identity {
    config: Arc<Config>,
    certificate: Arc<DtlsCertificate>,
    /// For `a=fingerprint`: upper-case hex pairs of the SHA-256.
    pub(crate) fingerprint: Arc<str>,
}

impl Identity {
    /// Makes a fresh self-signed P-256 certificate. The key comes from the operating system's randomness.
    ///
    /// # Panics
    /// When the system has no randomness: the process cannot serve anyone then.
    pub(crate) fn generate() -> Self {
        let config = Config::builder()
            .mtu(MTU)
            .flight_start_rto(FIRST_RETRANSMISSION)
            .flight_retries(RETRIES)
            .handshake_timeout(HANDSHAKE_TIMEOUT)
            // ICE has already proven the client's address.
            .use_server_cookie(false)
            .build()
            .expect("constant DTLS settings are valid");
        let certificate =
            dimpl::certificate::generate_self_signed_certificate().expect("the system gives randomness");
        Self {
            config: Arc::new(config),
            fingerprint: certificate.fingerprint_str().into(),
            certificate: Arc::new(certificate),
        }
    }
}

enum State {
    /// No authenticated check yet: nothing was allocated.
    Idle,
    Running(Box<Dtls>),
    /// Keys are out and media flows: only the retransmission of the last flight was left.
    Finished,
    Failed,
}

/// Handshake state. `Connected` of `dimpl` is ignored: ready means verified certificate and keys.
pub(crate) struct DtlsServer {
    identity: Identity,
    expected: Fingerprint,
    state: State,
    verified: bool,
    has_keys: bool,
    deadline: Option<Instant>,
    event: Option<TransportEvent>,
}

impl DtlsServer {
    pub(crate) fn new(identity: Identity, expected: Fingerprint) -> Self {
        Self {
            identity,
            expected,
            state: State::Idle,
            verified: false,
            has_keys: false,
            deadline: None,
            event: None,
        }
    }

    /// The peer's address is proven: handshakes may begin.
    pub(crate) fn start(&mut self, now: Instant) {
        if matches!(self.state, State::Idle) {
            let certificate = DtlsCertificate::clone(&self.identity.certificate);
            self.state =
                State::Running(Box::new(Dtls::new_12(self.identity.config.clone(), certificate, now)));
        }
    }

    pub(crate) fn handle(&mut self, from: SocketAddr, datagram: &[u8], now: Instant, out: &mut SendSlab) {
        let State::Running(dtls) = &mut self.state else { return };
        if dtls.handle_timeout(now).and_then(|()| dtls.handle_packet(datagram)).is_err() {
            self.fail();
            return;
        }
        self.drain(Some(from), now, out);
    }

    pub(crate) fn handle_timeout(&mut self, to: Option<SocketAddr>, now: Instant, out: &mut SendSlab) {
        if self.deadline.is_none_or(|deadline| now < deadline) {
            return;
        }
        let State::Running(dtls) = &mut self.state else { return };
        if dtls.handle_timeout(now).is_err() {
            self.fail();
            return;
        }
        self.drain(to, now, out);
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    pub(crate) fn poll(&mut self) -> Option<TransportEvent> {
        self.event.take()
    }

    /// Drops the DTLS state once nobody needs its last flight.
    pub(crate) fn finish(&mut self) {
        if self.has_keys && matches!(self.state, State::Running(_)) {
            self.state = State::Finished;
            self.deadline = None;
        }
    }

    fn fail(&mut self) {
        self.state = State::Failed;
        self.deadline = None;
        self.event = Some(TransportEvent::Failed);
    }

    fn drain(&mut self, to: Option<SocketAddr>, now: Instant, out: &mut SendSlab) {
        let State::Running(dtls) = &mut self.state else { return };
        let mut buffer = vec![0; BUFFER];
        loop {
            match dtls.poll_output(&mut buffer) {
                Output::Packet(packet) => {
                    if let Some(to) = to {
                        out.write(to, |slab| {
                            slab.get_mut(..packet.len())?.copy_from_slice(packet);
                            Some(packet.len())
                        });
                    }
                }
                Output::BufferTooSmall { needed } if needed <= MAX_BUFFER => buffer.resize(needed, 0),
                Output::PeerCert(certificate) if self.expected.matches(certificate) => self.verified = true,
                Output::KeyingMaterial(material, profile) if self.verified && !self.has_keys => {
                    let keys = profile_of(profile).and_then(|profile| server_keys(profile, &material));
                    let Some(keys) = keys else { return self.fail() };
                    self.has_keys = true;
                    self.event = Some(TransportEvent::Keys(Box::new(keys)));
                }
                Output::Timeout(at) => {
                    // Never in the past, whatever the engine says: a wake-up must not spin.
                    self.deadline = Some(at.max(now + Duration::from_millis(5)));
                    return;
                }
                // A foreign certificate, a closed connection, or keys out of turn.
                Output::PeerCert(_)
                | Output::CloseNotify
                | Output::KeyingMaterial(..)
                | Output::BufferTooSmall { .. } => return self.fail(),
                // `Connected` comes before the keys and says nothing about the certificate;
                // application data would be a data channel, which is not offered. `Output` may grow.
                _ => {}
            }
        }
    }
}

fn profile_of(profile: SrtpProfile) -> Option<Profile> {
    match profile {
        SrtpProfile::AEAD_AES_256_GCM => Some(Profile::Aes256Gcm),
        SrtpProfile::AEAD_AES_128_GCM => Some(Profile::Aes128Gcm),
        SrtpProfile::AES128_CM_SHA1_80 => Some(Profile::Aes128CmSha1_80),
        // `SrtpProfile` may grow.
        _ => None,
    }
}
