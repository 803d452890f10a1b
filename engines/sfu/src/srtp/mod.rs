//! SRTP and SRTCP in both directions, sealed and opened in place.
//!
//! The nonce of AES-GCM is made from SSRC and packet index, so an index must never be sealed twice
//! with another content. Callers own that: a retransmission goes out on the RTX SSRC, each SSRC has
//! one 48-bit index that only grows, and there is one SRTCP index per key.

mod cipher;
mod kdf;
pub(crate) mod replay;

use cipher::Cipher;
use replay::ReplayWindow;
use rustc_hash::FxHashMap;

use crate::rtp::{Header, extend_sequence};

/// What DTLS agreed on (RFC 5764 §4.1.2, RFC 7714 §14.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Profile {
    Aes256Gcm,
    Aes128Gcm,
    Aes128CmSha1_80,
}

impl Profile {
    fn lengths(self) -> (usize, usize) {
        match self {
            Self::Aes256Gcm => (32, 12),
            Self::Aes128Gcm => (16, 12),
            Self::Aes128CmSha1_80 => (16, 14),
        }
    }
}

/// No client sends more streams than this over one transport.
const MAX_STREAMS: usize = 64;
/// Nor reports from more SSRCs: its own streams, and one for each slot at most.
const MAX_REPORTERS: usize = 256;

/// The receive state of one SSRC.
#[derive(Default)]
struct Stream {
    highest: u64,
    window: ReplayWindow,
}

/// Opens what the client sends.
pub(crate) struct Inbound {
    rtp: Cipher,
    rtcp: Cipher,
    streams: FxHashMap<u32, Stream>,
    /// By the sender SSRC: browsers count SRTCP indexes for each SSRC by itself.
    reporters: FxHashMap<u32, ReplayWindow>,
}

/// Seals what we send.
pub(crate) struct Outbound {
    rtp: Cipher,
    rtcp: Cipher,
    rtcp_index: u32,
}

/// Splits DTLS keying material (RFC 5764 §4.2) as a server: the client's keys open, ours seal.
pub(crate) fn server_keys(profile: Profile, material: &[u8]) -> Option<(Inbound, Outbound)> {
    let (key, salt) = profile.lengths();
    let client_key = material.get(..key)?;
    let server_key = material.get(key..2 * key)?;
    let client_salt = material.get(2 * key..2 * key + salt)?;
    let server_salt = material.get(2 * key + salt..2 * (key + salt))?;
    let gcm = profile != Profile::Aes128CmSha1_80;
    let (rtp, rtcp) = Cipher::derive_pair(client_key, client_salt, gcm)?;
    let inbound = Inbound { rtp, rtcp, streams: FxHashMap::default(), reporters: FxHashMap::default() };
    let (rtp, rtcp) = Cipher::derive_pair(server_key, server_salt, gcm)?;
    Some((inbound, Outbound { rtp, rtcp, rtcp_index: 0 }))
}

/// The same material from the client's side: what it seals, [`server_keys`] opens.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) fn client_keys(profile: Profile, material: &[u8]) -> Option<(Inbound, Outbound)> {
    let (key, salt) = profile.lengths();
    let (keys, salts) = material.get(..2 * (key + salt))?.split_at(2 * key);
    let swapped = [&keys[key..], &keys[..key], &salts[salt..], &salts[..salt]].concat();
    server_keys(profile, &swapped)
}

impl Inbound {
    /// Checks, decrypts in place and returns the packet's index (roll-over counter and sequence
    /// number) and its length without the tag. `None`: forged, replayed or too old.
    pub(crate) fn open_rtp(&mut self, packet: &mut [u8], header: &Header) -> Option<(u64, usize)> {
        let known = self.streams.get(&header.ssrc);
        let index = known.map_or(u64::from(header.sequence), |s| extend_sequence(s.highest, header.sequence));
        if known.is_some_and(|stream| !stream.window.is_fresh(index))
            || (known.is_none() && self.streams.len() >= MAX_STREAMS)
        {
            return None;
        }
        let length = self.rtp.open_rtp(packet, header.length, header.ssrc, index)?;
        let stream = self.streams.entry(header.ssrc).or_default();
        stream.window.accept(index);
        stream.highest = stream.highest.max(index);
        Some((index, length))
    }

    /// Checks and decrypts a compound packet in place; returns its length.
    pub(crate) fn open_rtcp(&mut self, packet: &mut [u8]) -> Option<usize> {
        let index = self.rtcp.rtcp_index(packet)?;
        let sender = u32::from_be_bytes(packet.get(4..8)?.try_into().ok()?);
        let known = self.reporters.get(&sender);
        if known.is_some_and(|window| !window.is_fresh(u64::from(index)))
            || (known.is_none() && self.reporters.len() >= MAX_REPORTERS)
        {
            return None;
        }
        let length = self.rtcp.open_rtcp(packet, index)?;
        self.reporters.entry(sender).or_default().accept(u64::from(index));
        Some(length)
    }
}

impl Outbound {
    /// Seals `packet[..length]` whose header is `header` bytes long; returns the length with the tag.
    /// `index` must never have been used with this SSRC before.
    pub(crate) fn seal_rtp(
        &self,
        packet: &mut [u8],
        header: usize,
        length: usize,
        ssrc: u32,
        index: u64,
    ) -> Option<usize> {
        self.rtp.seal_rtp(packet, header, length, ssrc, index)
    }

    /// Seals a compound packet of `length` bytes; returns the length with index and tag.
    pub(crate) fn seal_rtcp(&mut self, packet: &mut [u8], length: usize) -> Option<usize> {
        // RFC 3711 §9.2: 2^31 packets are the end of a key; at ten a second that is six years.
        let index = self.rtcp_index;
        self.rtcp_index = index.checked_add(1).filter(|next| *next < 1 << 31)?;
        self.rtcp.seal_rtcp(packet, length, index)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn hex(text: &str) -> Vec<u8> {
        let digits: Vec<u8> = text.chars().filter_map(|c| c.to_digit(16).map(|d| d as u8)).collect();
        digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
    }

    const GALLIA: &str = "8040f17b 8041f8d3 5501a0b2 47616c6c 69612065 7374206f 6d6e6973 20646976 69736120 696e2070 61727465 73207472 6573";

    #[test]
    fn aes_128_gcm_seals_as_in_rfc_7714_section_16_1_1() {
        let salt = *b"Quid pro quo";
        let cipher = Cipher::gcm(&hex("000102030405060708090a0b0c0d0e0f"), salt).expect("key");
        let mut packet = hex(GALLIA);
        let length = packet.len();
        packet.resize(length + 16, 0);
        let sealed = cipher.seal_rtp(&mut packet, 12, length, 0x5501_a0b2, 0xf17b).expect("seals");
        let expected = hex(
            "8040f17b 8041f8d3 5501a0b2 f24de3a3 fb34de6c acba861c 9d7e4bca be633bd5 0d294e6f 42a5f47a 51c7d19b 36de3adf 8833899d 7f27beb1 6a9152cf 765ee439 0cce",
        );
        assert_eq!(packet[..sealed], expected);
        assert_eq!(cipher.open_rtp(&mut packet[..sealed], 12, 0x5501_a0b2, 0xf17b), Some(length));
        assert_eq!(packet[..length], hex(GALLIA));
    }

    #[test]
    fn counter_mode_makes_the_key_stream_of_rfc_3711_appendix_b_2() {
        let key = kdf::counter_mode(&hex("2B7E151628AED2A6ABF7158809CF4F3C")).expect("key");
        let salt = hex("F0F1F2F3F4F5F6F7F8F9FAFBFCFD").try_into().expect("14 bytes");
        let authentication =
            aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &[0; 20]);
        let cipher = Cipher::Counter(Box::new(cipher::Counter { key, salt, authentication }));
        let mut packet = [0; 42];
        assert_eq!(cipher.seal_rtp(&mut packet, 0, 32, 0, 0), Some(42));
        assert_eq!(packet[..32], hex("E03EAD0935C95E80E166B16DD92B4EB4 D23513162B02D0F72A43A2FE4A5F97AB"));
    }

    /// A client's view of the same keying material: what it seals with, the server opens with.
    fn both_ends(profile: Profile) -> (Outbound, Inbound) {
        let (key, salt) = profile.lengths();
        let material: Vec<u8> = (0..2 * (key + salt)).map(|n| n as u8).collect();
        let client = client_keys(profile, &material).expect("keys").1;
        (client, server_keys(profile, &material).expect("keys").0)
    }

    /// What a server seals, and a client's view of it.
    pub(crate) fn both_directions() -> (Outbound, Inbound) {
        both_ends(Profile::Aes128Gcm)
    }

    const PROFILES: [Profile; 3] = [Profile::Aes256Gcm, Profile::Aes128Gcm, Profile::Aes128CmSha1_80];

    #[test]
    fn rtp_passes_once_across_the_sequence_wrap_and_not_when_changed() {
        for profile in PROFILES {
            let (client, mut server) = both_ends(profile);
            for index in [65_534u64, 65_535, 65_536, 65_537] {
                let mut packet = hex(GALLIA);
                packet[2..4].copy_from_slice(&(index as u16).to_be_bytes());
                let plain = packet.clone();
                packet.resize(plain.len() + 16, 0);
                let length =
                    client.seal_rtp(&mut packet, 12, plain.len(), 0x5501_a0b2, index).expect("seals");
                packet.truncate(length);
                let header = Header::parse(&packet).expect("header");
                let mut forged = packet.clone();
                forged[20] ^= 1;
                assert_eq!(server.open_rtp(&mut forged, &header), None);
                let mut again = packet.clone();
                assert_eq!(server.open_rtp(&mut packet, &header), Some((index, plain.len())));
                assert_eq!(packet[..plain.len()], plain);
                assert_eq!(server.open_rtp(&mut again, &header), None, "a replay");
            }
        }
    }

    #[test]
    fn rtcp_passes_once_and_not_when_cut_or_changed() {
        for profile in PROFILES {
            let (mut client, mut server) = both_ends(profile);
            let plain = hex("80c90001 01020304 81ca0002 01020304 01000000");
            let mut packet = plain.clone();
            packet.resize(plain.len() + 20, 0);
            let length = client.seal_rtcp(&mut packet, plain.len()).expect("seals");
            packet.truncate(length);
            for cut in 0..length {
                assert_eq!(server.open_rtcp(&mut packet[..cut].to_vec()), None);
            }
            let mut again = packet.clone();
            assert_eq!(server.open_rtcp(&mut packet), Some(plain.len()));
            assert_eq!(packet[..plain.len()], plain);
            assert_eq!(server.open_rtcp(&mut again), None, "a replay");
        }
    }

    #[test]
    fn every_rtcp_sender_counts_for_itself_as_browsers_do() {
        for profile in PROFILES {
            let (_, mut server) = both_ends(profile);
            for sender in ["01020304", "05060708"] {
                let (mut client, _) = both_ends(profile);
                let mut packet = hex(&format!("80c90001 {sender}"));
                packet.resize(8 + 20, 0);
                let length = client.seal_rtcp(&mut packet, 8).expect("seals");
                assert_eq!(server.open_rtcp(&mut packet[..length]), Some(8), "{sender}");
            }
        }
    }
}
