//! Answers to who asks a media port for nothing but its own address (a STUN Binding without credentials, RFC 8489 §14.2):
//! `voxlink doctor` and the client's connection test learn that the port can be reached. Calls never need it.
//!
//! The answer is at most 1.4 times as long as the question on the wire, and a shard gives few in a second.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use voxlink_turn::stun::{Class, HEADER, Message, Method, Writer, attributes::XOR_MAPPED_ADDRESS};

/// Answers of one shard in a second: a person's test takes two or three.
const MOST_PER_SECOND: u32 = 50;
/// RFC 8489 §14.7: a whole attribute.
const FINGERPRINT: usize = 8;

/// Counts what was answered.
#[derive(Debug, Default)]
pub(crate) struct PlainBindings {
    second: Option<Instant>,
    answered: u32,
}

impl PlainBindings {
    /// The answer, when this is such a question and there were not too many.
    pub(crate) fn answer(&mut self, from: SocketAddr, datagram: &[u8], now: Instant) -> Option<Vec<u8>> {
        // What is longer carries credentials, or is no STUN: nearly everything that comes.
        let fingerprint = match datagram.len().checked_sub(HEADER)? {
            0 => false,
            FINGERPRINT => true,
            _ => return None,
        };
        let question = Message::parse(datagram).ok()?;
        if (question.class, question.method) != (Class::Request, Method::Binding)
            || question.has_fingerprint != fingerprint
        {
            return None;
        }
        if self.second.is_none_or(|since| now.saturating_duration_since(since) >= Duration::from_secs(1)) {
            (self.second, self.answered) = (Some(now), 0);
        }
        self.answered += 1;
        (self.answered <= MOST_PER_SECOND).then(|| {
            let mut answer = Vec::new();
            let seen = SocketAddr::new(from.ip().to_canonical(), from.port());
            Writer::new(&mut answer, Class::Success, Method::Binding, question.transaction)
                .xor_address(XOR_MAPPED_ADDRESS, seen);
            answer
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const QUESTION: &[u8] = b"\x00\x01\x00\x00\x21\x12\xA4\x42abcdefghijkl";

    fn ask(from: &str, question: &[u8]) -> Option<Vec<u8>> {
        PlainBindings::default().answer(from.parse().unwrap(), question, Instant::now())
    }

    #[test]
    fn the_asker_learns_its_own_address() {
        let v4 = ask("192.0.2.1:32853", QUESTION).unwrap();
        let head = b"\x01\x01\x00\x0c\x21\x12\xA4\x42abcdefghijkl\x00\x20\x00\x08\x00\x01";
        // The masked port and address of RFC 5769 §2.2.
        assert_eq!(v4, [&head[..], b"\xa1\x47\xe1\x12\xa6\x43"].concat());
        let v6 = ask("[2001:db8::7]:1", QUESTION).unwrap();
        assert_eq!((v6.len(), &v6[20..26]), (44, &b"\x00\x20\x00\x14\x00\x02"[..]));
        assert_eq!(v6[28..32], [0x20 ^ 0x21, 0x01 ^ 0x12, 0x0d ^ 0xA4, 0xb8 ^ 0x42]);
        assert_eq!(ask("[::ffff:192.0.2.1]:32853", QUESTION).unwrap(), v4);
    }

    #[test]
    fn whatever_else_gets_no_answer() {
        let broken: [&[u8]; 5] = [
            b"",
            b"\x00\x01\x00\x00\x21\x12\xA4\x42abc",
            b"\x00\x01\x00\x00\x21\x12\xA4\x43abcdefghijkl",
            b"\x00\x03\x00\x00\x21\x12\xA4\x42abcdefghijkl",
            b"\x00\x01\x00\x08\x21\x12\xA4\x42abcdefghijkl\x00\x06\x00\x04abcd",
        ];
        for question in broken {
            assert_eq!(ask("192.0.2.1:1", question), None);
        }
    }

    #[test]
    fn a_flood_gets_few_answers_until_the_next_second() {
        let (mut counted, now) = (PlainBindings::default(), Instant::now());
        let from = "192.0.2.1:1".parse().unwrap();
        let answers = (0..1_000).filter(|_| counted.answer(from, QUESTION, now).is_some()).count();
        assert_eq!(answers, MOST_PER_SECOND as usize);
        assert!(counted.answer(from, QUESTION, now + Duration::from_secs(1)).is_some());
    }
}
