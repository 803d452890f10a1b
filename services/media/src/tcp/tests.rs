//! A stream by itself: what it holds for who does not read, and what it is known by.
#![allow(clippy::unwrap_used)]

use std::{
    io::Read as _,
    net::{SocketAddr, TcpListener, TcpStream},
    time::Instant,
};

use voxlink_sfu::framing::{self, Frame, HEADER};

use super::stream::{Number, Stream};

/// A stream of ours and the client's end of it.
fn pair() -> (Stream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (ours, remote) = listener.accept().unwrap();
    ours.set_nonblocking(true).unwrap();
    let ends = (ours.local_addr().unwrap(), remote);
    (Stream::new(mio::net::TcpStream::from_std(ours), ends, 0, Instant::now()), client)
}

fn frame(length: usize, filling: u8) -> Vec<u8> {
    [&framing::header(length).unwrap()[..], &vec![filling; length]].concat()
}

#[test]
fn who_does_not_read_loses_pictures_first_and_never_half_a_frame() {
    let (mut stream, mut client) = pair();
    let (mut pictures, mut sounds) = (0, 0);
    // The kernel's buffers first, then ours.
    while stream.push(&frame(1_200, 1)) {
        pictures += 1;
        assert!(stream.flush());
        assert!(pictures < 100_000, "there is no bound");
    }
    while stream.push(&frame(100, 2)) {
        sounds += 1;
        assert!(sounds < 100_000, "there is no bound");
    }
    assert!(sounds > 100, "{sounds}");
    assert!(!stream.push(&frame(1_200, 1)));

    // Then it reads: all that was taken comes, in step.
    client.set_nonblocking(true).unwrap();
    let (mut received, mut got) = (Vec::new(), [0, 0]);
    let mut chunk = [0; 65_536];
    for _ in 0..1_000_000 {
        if got == [pictures, sounds] {
            break;
        }
        assert!(stream.flush());
        if let Ok(length) = client.read(&mut chunk) {
            received.extend_from_slice(&chunk[..length]);
        }
        while let Frame::Whole(length) = framing::next(&received, framing::LONGEST) {
            let filling = received[HEADER];
            assert!(received[HEADER..HEADER + length].iter().all(|byte| *byte == filling));
            assert_eq!(length, if filling == 1 { 1_200 } else { 100 });
            got[usize::from(filling - 1)] += 1;
            received.drain(..HEADER + length);
        }
    }
    assert_eq!(got, [pictures, sounds]);
    assert!(!stream.has_waiting() && stream.push(&frame(1_200, 1)), "there is room again");
}

#[test]
fn a_stream_is_a_path_of_its_own() {
    let remotes: [SocketAddr; 2] = ["192.0.2.1:5000".parse().unwrap(), "[2001:db8::1]:5000".parse().unwrap()];
    for remote in remotes {
        let (one, two) = (Number::FIRST.path(remote), Number::FIRST.next().path(remote));
        assert!(one != two && one != remote);
        assert_eq!((one.ip().to_canonical(), one.port()), (remote.ip(), remote.port()));
        assert_eq!(Number::of(two), Some(Number::FIRST.next()));
        assert_eq!(Number::of(remote), None);
    }
    let mut number = Number::FIRST;
    for _ in 0..0xF_FFFF {
        number = number.next();
    }
    assert_eq!(number, Number::FIRST, "it starts over");
}
