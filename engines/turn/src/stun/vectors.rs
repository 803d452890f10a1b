//! The published vectors: RFC 5769 §2 and RFC 8489 appendix B.

use super::{
    Class, Message, Method, ParseError, Writer, attributes as a,
    integrity::{Algorithm, long_term_key, long_term_key_sha256, userhash},
};

pub(crate) fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.chars().filter_map(|c| c.to_digit(16)).map(|digit| digit as u8).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

const PASSWORD: &[u8] = b"VOkJxbRl1RmTxUk/WvJxBt";

/// RFC 5769 §2.1.
pub(crate) const REQUEST: &str =
    "000100582112a442b7e7a701bc34d686fa87dfae802200105354554e207465737420636c69656e74
    002400046e0001ff80290008932ff9b151263b36000600096576746a3a6836765920202000080014
    9aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a280280004e57a3bcf";
/// RFC 5769 §2.2.
const RESPONSE_V4: &str = "0101003c2112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f7220
    002000080001a147e112a643000800142b91f599fd9e90c38c7489f92af9ba53f06be7d780280004c07d4c96";
/// RFC 5769 §2.3.
const RESPONSE_V6: &str = "010100482112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f7220
    002000140002a1470113a9faa5d3f179bc25f4b5bed2b9d900080014a382954e4be67bf11784c97c8292c275bfe3ed41
    80280004c8fb0b4c";
/// RFC 5769 §2.4.
const LONG_TERM: &str =
    "000100602112a44278ad3433c6ad72c029da412e00060012e3839ee38388e383aae38383e382afe382b90000
    0015001c662f2f3439396b39353464364f4c33346f4c39465354767936347341
    0014000b6578616d706c652e6f72670000080014f67024656dd64a3e02b8e0712e85c9a28ca89666";
/// RFC 8489 appendix B.1.
const SHA256: &str =
    "000100902112a44278ad3433c6ad72c029da412e001e00204a3cf38fef6992bda952c6780417da0f24819415569e60b2
    05c46e41407f1704001500296f624d61744a6f733241414143662f2f3439396b39353464364f4c33346f4c394653547679363473
    410000000014000b6578616d706c652e6f726700001d000400020000001c0020
    b5c7bf005b6c52a21c51c5e892f81924136296cb927c43149309278cc6518e65";

/// Both vectors name the same person; the password as it is after SASLprep.
const NAME: &str = "\u{30DE}\u{30C8}\u{30EA}\u{30C3}\u{30AF}\u{30B9}";

#[test]
fn the_vectors_of_rfc_5769_are_authentic_and_each_flipped_byte_is_noticed() {
    for (vector, mapped) in [
        (REQUEST, None),
        (RESPONSE_V4, Some("192.0.2.1:32853")),
        (RESPONSE_V6, Some("[2001:db8:1234:5678:11:2233:4455:6677]:32853")),
    ] {
        let bytes = hex(vector);
        let message = Message::parse(&bytes).expect("a message");
        assert!(message.is_authentic(PASSWORD) && message.has_fingerprint);
        assert!(!message.is_authentic(b"another"));
        assert_eq!(message.mapped, mapped.map(|text| text.parse().expect("address")));
        for position in 0..bytes.len() {
            let mut forged = bytes.clone();
            forged[position] ^= 1;
            let believed = Message::parse(&forged)
                .is_ok_and(|message| message.has_fingerprint && message.is_authentic(PASSWORD));
            assert!(!believed, "byte {position}");
            assert!(Message::parse(&bytes[..position]).is_err(), "cut at {position}");
        }
    }
}

#[test]
fn the_long_term_vectors_are_authentic() {
    let bytes = hex(LONG_TERM);
    let message = Message::parse(&bytes).expect("a message");
    assert_eq!(message.username, Some(NAME.as_bytes()));
    assert_eq!(message.nonce, Some(&b"f//499k954d6OL34oL9FSTvy64sA"[..]));
    assert!(message.is_authentic(&long_term_key(NAME, "example.org", "TheMatrIX")));
    assert!(!message.is_authentic(&long_term_key(NAME, "example.com", "TheMatrIX")));

    let bytes = hex(SHA256);
    let message = Message::parse(&bytes).expect("a message");
    assert_eq!(message.userhash, Some(&userhash(NAME, "example.org")[..]));
    assert!(message.has_password_algorithm && message.algorithm() == Some(Algorithm::Sha256));
    assert!(message.is_authentic(&long_term_key_sha256(NAME, "example.org", "TheMatrIX")));
}

#[test]
fn what_is_written_is_what_the_vectors_say() {
    let transaction = *b"\xb7\xe7\xa7\x01\xbc\x34\xd6\x86\xfa\x87\xdf\xae";
    let mut out = Vec::new();
    let mut writer = Writer::new(&mut out, Class::Success, Method::Binding, transaction);
    writer
        .bytes(0x8022, b"test vector")
        .xor_address(a::XOR_MAPPED_ADDRESS, "192.0.2.1:32853".parse().expect("address"));
    writer.integrity(Algorithm::Sha1, PASSWORD).fingerprint();
    // The vector pads with blanks, we with zeros: the check values differ, all else is the same.
    let mut expected = hex(RESPONSE_V4);
    expected[35] = 0;
    let protected = out.len() - 32;
    assert_eq!(out[..protected], expected[..protected]);
    assert!(Message::parse(&out).expect("a message").is_authentic(PASSWORD));

    let transaction = *b"\x78\xad\x34\x33\xc6\xad\x72\xc0\x29\xda\x41\x2e";
    let mut out = Vec::new();
    Writer::new(&mut out, Class::Request, Method::Binding, transaction)
        .bytes(a::USERHASH, &userhash(NAME, "example.org"))
        .bytes(a::NONCE, b"obMatJos2AAACf//499k954d6OL34oL9FSTvy64sA")
        .bytes(a::REALM, b"example.org")
        .bytes(a::PASSWORD_ALGORITHM, &[0, 2, 0, 0])
        .integrity(Algorithm::Sha256, &long_term_key_sha256(NAME, "example.org", "TheMatrIX"));
    assert_eq!(out, hex(SHA256));
}

#[test]
fn what_follows_the_integrity_counts_for_nothing_and_a_second_one_is_malformed() {
    let mut out = Vec::new();
    Writer::new(&mut out, Class::Request, Method::Allocate, [7; 12])
        .integrity(Algorithm::Sha1, b"key")
        .bytes(a::REQUESTED_TRANSPORT, &[17, 0, 0, 0])
        .bytes(0x7ABC, b"");
    let message = Message::parse(&out).expect("a message");
    assert!(message.is_authentic(b"key") && !message.is_malformed);
    assert_eq!((message.requested_transport, message.unknown.kinds()), (None, &[][..]));

    let mut out = Vec::new();
    Writer::new(&mut out, Class::Request, Method::Allocate, [7; 12])
        .integrity(Algorithm::Sha1, b"key")
        .integrity(Algorithm::Sha1, b"key");
    assert!(Message::parse(&out).expect("a message").is_malformed);
}

#[test]
fn methods_that_turn_over_udp_does_not_have_are_none_of_ours() {
    let mut bytes = vec![0, 0x0A, 0, 0, 0x21, 0x12, 0xA4, 0x42];
    bytes.resize(20, 0);
    assert_eq!(Message::parse(&bytes).err(), Some(ParseError::UnknownMethod));
}
