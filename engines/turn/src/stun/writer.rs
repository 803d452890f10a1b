//! Writes a message into the caller's buffer, attribute after attribute; the length field is right at all times.

use std::net::SocketAddr;

use super::{
    COOKIE, Class, HEADER, Method, TransactionId, attributes as a,
    integrity::{self, Algorithm},
};

/// A message being written. What is in the buffer already stays before it.
pub struct Writer<'a> {
    out: &'a mut Vec<u8>,
    start: usize,
    transaction: TransactionId,
}

impl<'a> Writer<'a> {
    /// Writes the header.
    pub fn new(out: &'a mut Vec<u8>, class: Class, method: Method, transaction: TransactionId) -> Self {
        let start = out.len();
        out.extend_from_slice(&(method.number() | class.bits()).to_be_bytes());
        out.extend_from_slice(&[0, 0]);
        out.extend_from_slice(&COOKIE);
        out.extend_from_slice(&transaction);
        Self { out, start, transaction }
    }

    /// Any attribute; padded with zeros. A value past 64 KiB is cut.
    pub fn bytes(&mut self, kind: u16, value: &[u8]) -> &mut Self {
        let value = &value[..value.len().min(usize::from(u16::MAX))];
        let length = u16::try_from(value.len()).unwrap_or(u16::MAX);
        self.out.extend_from_slice(&kind.to_be_bytes());
        self.out.extend_from_slice(&length.to_be_bytes());
        self.out.extend_from_slice(value);
        self.out.resize(self.start + (self.out.len() - self.start).next_multiple_of(4), 0);
        self.set_length(self.out.len() - self.start - HEADER);
        self
    }

    /// A number of four bytes.
    pub fn number(&mut self, kind: u16, value: u32) -> &mut Self {
        self.bytes(kind, &value.to_be_bytes())
    }

    /// An XOR-…-ADDRESS.
    pub fn xor_address(&mut self, kind: u16, address: SocketAddr) -> &mut Self {
        let mut value = [0; 20];
        let length = a::write_xor_address(address, &self.transaction, &mut value);
        self.bytes(kind, &value[..length])
    }

    /// ERROR-CODE without a reason phrase: nobody reads it, and it would make reflections larger.
    pub fn error(&mut self, code: u16) -> &mut Self {
        let [hundreds, rest] = [code / 100, code % 100].map(|part| u8::try_from(part).unwrap_or_default());
        self.bytes(a::ERROR_CODE, &[0, 0, hundreds, rest])
    }

    /// MESSAGE-INTEGRITY or MESSAGE-INTEGRITY-SHA256 over all that was written.
    pub fn integrity(&mut self, algorithm: Algorithm, key: &[u8]) -> &mut Self {
        let message = &self.out[self.start..];
        let (kind, length) = match algorithm {
            Algorithm::Sha1 => (a::MESSAGE_INTEGRITY, 20),
            Algorithm::Sha256 => (a::MESSAGE_INTEGRITY_SHA256, 32),
        };
        let tag = integrity::tag(algorithm, key, message, message.len(), length);
        self.bytes(kind, tag.as_ref())
    }

    /// FINGERPRINT, which must be last.
    pub fn fingerprint(&mut self) -> &mut Self {
        self.set_length(self.out.len() - self.start - HEADER + 8);
        let check = integrity::fingerprint(&self.out[self.start..]);
        self.number(a::FINGERPRINT, check)
    }

    fn set_length(&mut self, length: usize) {
        let length = u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes();
        self.out[self.start + 2..self.start + 4].copy_from_slice(&length);
    }
}
