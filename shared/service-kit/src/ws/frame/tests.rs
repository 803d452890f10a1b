#![allow(clippy::unwrap_used, clippy::panic)]
use super::*;

fn read(limit: usize, bytes: &[u8]) -> Result<Vec<Incoming>, Option<u16>> {
    let mut reader = FrameReader::new(limit);
    reader.feed(bytes);
    let mut messages = Vec::new();
    loop {
        match reader.next() {
            Ok(Some(message)) => messages.push(message),
            Ok(None) => return Ok(messages),
            Err(error) => return Err(error.close_code()),
        }
    }
}

/// A client's frame with a mask that is not neutral.
fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    let mask = [0x37, 0xFA, 0x21, 0x3D];
    let mut bytes = Vec::new();
    frame_header(first & 0x0F, payload.len(), &mut bytes);
    bytes[0] = first;
    bytes[1] |= 0x80;
    bytes.extend_from_slice(&mask);
    bytes.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, key)| byte ^ key));
    bytes
}

#[test]
fn the_masked_hello_of_the_rfc_is_read() {
    let bytes = [0x81, 0x85, 0x37, 0xFA, 0x21, 0x3D, 0x7F, 0x9F, 0x4D, 0x51, 0x58];
    assert_eq!(read(64, &bytes), Ok(vec![Incoming::Text("Hello".to_owned())]));
}

#[test]
fn the_unmasked_frames_of_the_rfc_are_what_we_write() {
    let mut out = Vec::new();
    frame(opcode::TEXT, b"Hello", &mut out);
    assert_eq!(out, [0x81, 0x05, 0x48, 0x65, 0x6C, 0x6C, 0x6F]);
    let mut out = Vec::new();
    frame_header(opcode::BINARY, 256, &mut out);
    assert_eq!(out, [0x82, 0x7E, 0x01, 0x00]);
    let mut out = Vec::new();
    frame_header(opcode::BINARY, 65_536, &mut out);
    assert_eq!(out, [0x82, 0x7F, 0, 0, 0, 0, 0, 1, 0, 0]);
    let mut out = Vec::new();
    close_frame(1000, &"я".repeat(200), &mut out);
    assert_eq!((out[1], out.len()), (124, 126));
}

#[test]
fn a_client_that_does_not_mask_breaks_the_protocol() {
    assert_eq!(read(64, &[0x81, 0x05, 0x48, 0x65, 0x6C, 0x6C, 0x6F]), Err(Some(1002)));
}

#[test]
fn a_message_over_the_limit_is_refused_before_its_payload_arrives() {
    assert_eq!(read(4, &masked(0x81, b"Hello")[..6]), Err(Some(1009)));
    let mut fragments = masked(0x01, b"Hel");
    fragments.extend(masked(0x80, b"lo"));
    assert_eq!(read(5, &fragments), Ok(vec![Incoming::Text("Hello".to_owned())]));
    assert_eq!(read(4, &fragments), Err(Some(1009)));
    let huge = [0x82, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0];
    assert_eq!(read(64, &huge), Err(Some(1009)));
}

#[test]
fn a_text_that_is_not_utf8_is_refused_but_may_be_cut_within_a_letter() {
    assert_eq!(read(64, &masked(0x81, &[0xC3, 0x28])), Err(Some(1007)));
    let mut cut = masked(0x01, &[0xD1]);
    cut.extend(masked(0x80, &[0x8F]));
    assert_eq!(read(64, &cut), Ok(vec![Incoming::Text("я".to_owned())]));
}

#[test]
fn control_frames_may_stand_between_fragments_but_not_be_fragments() {
    let mut bytes = masked(0x01, b"Hel");
    bytes.extend(masked(0x89, b"ping"));
    bytes.extend(masked(0x80, b"lo"));
    let expected = vec![Incoming::Ping(b"ping".to_vec()), Incoming::Text("Hello".to_owned())];
    assert_eq!(read(64, &bytes), Ok(expected));
    assert_eq!(read(64, &masked(0x09, b"ping")), Err(Some(1002)));
    assert_eq!(read(1024, &masked(0x89, &[0; 126])), Err(Some(1002)));
}

#[test]
fn nonsense_breaks_the_protocol() {
    for bytes in [
        masked(0x80, b"nothing to continue"),
        [masked(0x01, b"a"), masked(0x81, b"b")].concat(),
        masked(0xC1, b"reserved bit"),
        masked(0x83, b"reserved opcode"),
        masked(0x88, &[3]),
        masked(0x88, &1005_u16.to_be_bytes()),
        masked(0x88, &999_u16.to_be_bytes()),
        vec![0x82, 0xFE, 0x00, 0x05, 0, 0, 0, 0],
    ] {
        assert_eq!(read(64, &bytes), Err(Some(1002)), "{bytes:x?}");
    }
}

#[test]
fn a_close_brings_its_code() {
    assert_eq!(read(64, &masked(0x88, b"")), Ok(vec![Incoming::Close(None)]));
    assert_eq!(
        read(64, &masked(0x88, &[&4000_u16.to_be_bytes()[..], b"bye"].concat())),
        Ok(vec![Incoming::Close(Some(4000))])
    );
    assert_eq!(read(64, &masked(0x88, &[0x03, 0xE8, 0xFF])), Err(Some(1007)));
}

#[test]
fn bytes_may_arrive_one_by_one() {
    let bytes = [masked(0x81, &[b'x'; 300]), masked(0x82, b"")].concat();
    let mut reader = FrameReader::new(1024);
    let mut messages = Vec::new();
    for byte in bytes {
        reader.feed(&[byte]);
        messages.extend(reader.next().unwrap());
    }
    assert_eq!(messages, [Incoming::Text("x".repeat(300)), Incoming::Binary(Vec::new())]);
}

/// Mutated frames in pieces of any size: refused or read, never a panic, and never more memory than was fed.
fn read_mutations(rounds: usize) {
    let mut seed = 0x5EED_F4A3_u64;
    let mut random = move || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(seed >> 33).unwrap_or_default()
    };
    let good = [
        masked(0x01, b"first half"),
        masked(0x80, b", second half"),
        masked(0x89, b"ping"),
        masked(0x82, &[7; 200]),
        masked(0x88, &1000_u16.to_be_bytes()),
    ]
    .concat();
    for _ in 0..rounds {
        let mut bytes = good.clone();
        for _ in 0..random() % 5 {
            let at = random() % bytes.len();
            bytes[at] = u8::try_from(random() & 0xFF).unwrap_or_default();
        }
        let mut reader = FrameReader::new(128);
        'frames: for piece in bytes.chunks(1 + random() % 64) {
            reader.feed(piece);
            loop {
                match reader.next() {
                    Ok(Some(Incoming::Text(text))) => assert!(text.len() <= 128),
                    Ok(Some(_)) => {}
                    Ok(None) => break,
                    Err(_) => break 'frames,
                }
            }
        }
    }
}

#[test]
fn mutated_frames_never_panic() {
    read_mutations(2000);
}

#[test]
#[ignore = "make fuzz"]
fn fuzz_frames() {
    read_mutations(5_000_000);
}
