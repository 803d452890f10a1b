//! A client's end of the SRTP keys in the wrong hands: it seals whatever it is given.

use rustc_hash::FxHashMap;

use crate::{
    rtp::{Header, extend_sequence},
    srtp::{Inbound, Outbound, Profile, client_keys},
};

/// Seals packets as the client that the keys belong to, and opens what that client is sent.
pub struct Forger {
    inbound: Inbound,
    outbound: Outbound,
    /// By SSRC: the highest index that was sealed.
    highest: FxHashMap<u32, u64>,
}

impl Forger {
    /// From the material that DTLS exports (RFC 5764 §4.2); its length tells the profile. `None` when it fits none.
    pub fn new(material: &[u8]) -> Option<Self> {
        let profile = match material.len() {
            88 => Profile::Aes256Gcm,
            56 => Profile::Aes128Gcm,
            60 => Profile::Aes128CmSha1_80,
            _ => return None,
        };
        let (inbound, outbound) = client_keys(profile, material)?;
        Some(Self { inbound, outbound, highest: FxHashMap::default() })
    }

    /// An RTP packet with its tag. Sealing the same one twice makes the same bytes: a replay. `None` without a header.
    pub fn seal_rtp(&mut self, plain: &[u8]) -> Option<Vec<u8>> {
        let header = Header::parse(plain)?;
        let highest = self.highest.entry(header.ssrc).or_insert(u64::from(header.sequence));
        let index = extend_sequence(*highest, header.sequence);
        *highest = index.max(*highest);
        let mut sealed = [plain, &[0; 16]].concat();
        let length = self.outbound.seal_rtp(&mut sealed, header.length, plain.len(), header.ssrc, index)?;
        sealed.truncate(length);
        Some(sealed)
    }

    /// A compound packet with its index and tag; `None` when it is shorter than a header and an SSRC.
    pub fn seal_rtcp(&mut self, plain: &[u8]) -> Option<Vec<u8>> {
        if plain.len() < 8 {
            return None;
        }
        let mut sealed = [plain, &[0; 20]].concat();
        let length = self.outbound.seal_rtcp(&mut sealed, plain.len())?;
        sealed.truncate(length);
        Some(sealed)
    }

    /// What the server sealed, RTP or RTCP; `None` when it is neither, or was opened before.
    pub fn open(&mut self, datagram: &[u8]) -> Option<Vec<u8>> {
        let mut bytes = datagram.to_vec();
        let length = match bytes.get(1)? {
            192..=223 => self.inbound.open_rtcp(&mut bytes)?,
            _ => {
                let header = Header::parse(&bytes)?;
                self.inbound.open_rtp(&mut bytes, &header)?.1
            }
        };
        bytes.truncate(length);
        Some(bytes)
    }
}
