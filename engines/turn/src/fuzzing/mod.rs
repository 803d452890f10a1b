//! What meets the network as a function over bytes, for `fuzz/` (cargo-fuzz) and for `fuzz.rs` (every test run): one
//! place says what must hold whatever arrives, and both start from the inputs in `fuzz/corpus`.
//!
//! Only with the feature `fuzzing` or in tests; no part of the library's face.

mod model;
mod requests;
pub mod world;

use crate::{
    framing::{self, Frame},
    stun::{Class, HEADER, Message, Method, Writer},
};

pub use model::server_beside_model;
pub use requests::server;

/// Reads an input and says whether it was understood, at least in part. It panics where an invariant does not hold.
pub type Target = fn(&[u8]) -> bool;

/// All of them by the names of their folders in `fuzz/corpus`.
pub const TARGETS: [(&str, Target); 4] = [
    ("turn_message", message),
    ("turn_stream", stream),
    ("turn_server", server),
    ("turn_model", server_beside_model),
];

/// A message: nothing lies outside of it, nobody is believed without the key, and what we write of it we read again.
pub fn message(bytes: &[u8]) -> bool {
    let Ok(message) = Message::parse(bytes) else { return false };
    assert!(bytes.len() >= HEADER && bytes.len().is_multiple_of(4));
    assert!(message.data.iter().all(|data| data.start >= HEADER && data.end <= bytes.len()));
    assert!(message.data.is_some() == (message.data_count > 0));
    assert!(message.peer_addresses().count() <= message.peers);
    assert_eq!(message.algorithm().is_some(), message.is_protected());
    for key in [&b""[..], b"a key that no input knows"] {
        assert!(!message.is_authentic(key));
    }
    // The values that stand for themselves, written and read again.
    let mut again = Vec::new();
    let mut writer = Writer::new(&mut again, message.class, message.method, message.transaction);
    let kinds: Vec<u16> = attributes(bytes).map(|(kind, _)| kind).collect();
    for (kind, value) in attributes(bytes) {
        writer.bytes(kind, value);
    }
    let last = kinds.last().copied();
    match Message::parse(&again) {
        Ok(read) => {
            assert_eq!(
                (read.username, read.realm, read.nonce),
                (message.username, message.realm, message.nonce)
            );
            assert_eq!(
                (read.channel, read.lifetime, read.peer),
                (message.channel, message.lifetime, message.peer)
            );
            assert_eq!((read.data_count, read.peers), (message.data_count, message.peers));
            assert_eq!(read.unknown.kinds(), message.unknown.kinds());
        }
        // Padding that was not zero is zero now: the checksum is another one.
        Err(_) => assert_eq!(last, Some(crate::stun::attributes::FINGERPRINT)),
    }
    matches!(
        (message.class, message.method),
        (Class::Request, _) | (Class::Indication, Method::Send | Method::Data)
    ) || message.class == Class::Success
        || message.class == Class::Error
}

/// The attributes of a message that was parsed.
fn attributes(bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    let mut rest = bytes.get(HEADER..).unwrap_or_default();
    std::iter::from_fn(move || {
        let (&[kind_high, kind_low, high, low], behind) = rest.split_first_chunk()?;
        let length = usize::from(u16::from_be_bytes([high, low]));
        rest = behind.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((u16::from_be_bytes([kind_high, kind_low]), behind.get(..length)?))
    })
}

/// A stream behind a byte that says in how large pieces it arrives: it is cut alike however that is.
pub fn stream(input: &[u8]) -> bool {
    let Some((&size, stream)) = input.split_first() else { return false };
    let (whole, end) = cut(stream, stream.len().max(1));
    assert_eq!(cut(stream, usize::from(size).max(1)), (whole.clone(), end));
    !whole.is_empty()
}

/// The frames, and whether the stream broke.
fn cut(stream: &[u8], at_once: usize) -> (Vec<Vec<u8>>, bool) {
    let (mut received, mut frames) = (Vec::new(), Vec::new());
    for piece in stream.chunks(at_once) {
        received.extend_from_slice(piece);
        loop {
            match framing::next(&received) {
                Frame::Whole { message, consumed } => {
                    assert!(message <= consumed && consumed <= received.len() && consumed - message < 4);
                    frames.push(received[..message].to_vec());
                    received.drain(..consumed);
                }
                Frame::NeedsAtLeast(count) => {
                    assert!(count > received.len() && count <= framing::MAX_FRAME);
                    break;
                }
                Frame::Broken => return (frames, true),
            }
        }
    }
    (frames, false)
}
