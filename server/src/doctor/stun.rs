//! Asks for our own address by STUN (RFC 8489 §14.2): over UDP with repeats, or over a stream.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use aws_lc_rs::rand::{SecureRandom as _, SystemRandom};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::UdpSocket,
    time::timeout,
};

/// How often a datagram may be lost, and how long each is waited for.
const TRIES: usize = 4;
const EACH_WITHIN: Duration = Duration::from_millis(500);
const STREAM_WITHIN: Duration = Duration::from_secs(5);

const HEADER: usize = 20;
const COOKIE: [u8; 4] = 0x2112_A442_u32.to_be_bytes();
const SUCCESS: [u8; 2] = [1, 1];
const XOR_MAPPED_ADDRESS: u16 = 0x0020;

/// What a server at `to` sees us as.
///
/// # Errors
/// `TimedOut` when nothing comes back, else what the system says.
pub(super) async fn over_udp(to: SocketAddr) -> io::Result<SocketAddr> {
    let any: IpAddr = match to {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((any, 0)).await?;
    socket.connect(to).await?;
    let question = question()?;
    let mut buffer = [0; 1500];
    let mut last = io::Error::from(io::ErrorKind::TimedOut);
    for _ in 0..TRIES {
        socket.send(&question).await?;
        match timeout(EACH_WITHIN, socket.recv(&mut buffer)).await {
            Ok(Ok(length)) => {
                let mapped = buffer.get(..length).and_then(|answer| mapped(answer, &question));
                if let Some(mapped) = mapped {
                    return Ok(mapped);
                }
            }
            // "Connection refused" may be of an earlier moment.
            Ok(Err(error)) => last = error,
            Err(_late) => {}
        }
    }
    Err(last)
}

/// The same over a connection, plain or encrypted.
///
/// # Errors
/// When it is not answered in time or not by STUN.
pub(super) async fn over_stream(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
) -> io::Result<SocketAddr> {
    let question = question()?;
    let asked = async {
        stream.write_all(&question).await?;
        stream.flush().await?;
        let mut answer = vec![0; HEADER];
        stream.read_exact(&mut answer).await?;
        let length = u16::from_be_bytes([answer[2], answer[3]]);
        answer.resize(HEADER + usize::from(length), 0);
        stream.read_exact(&mut answer[HEADER..]).await?;
        mapped(&answer, &question).ok_or_else(|| io::Error::other("what answers does not speak STUN"))
    };
    timeout(STREAM_WITHIN, asked).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

fn question() -> io::Result<[u8; HEADER]> {
    let mut question = [0; HEADER];
    question[1] = 1;
    question[4..8].copy_from_slice(&COOKIE);
    SystemRandom::new().fill(&mut question[8..]).map_err(io::Error::other)?;
    Ok(question)
}

/// XOR-MAPPED-ADDRESS of the answer to this question.
fn mapped(answer: &[u8], question: &[u8; HEADER]) -> Option<SocketAddr> {
    if answer.get(..2)? != SUCCESS || answer.get(4..HEADER)? != &question[4..] {
        return None;
    }
    let mut at = HEADER;
    loop {
        let kind = u16::from_be_bytes(answer.get(at..at + 2)?.try_into().ok()?);
        let length = usize::from(u16::from_be_bytes(answer.get(at + 2..at + 4)?.try_into().ok()?));
        let value = answer.get(at + 4..at + 4 + length)?;
        if kind == XOR_MAPPED_ADDRESS {
            let port = u16::from_be_bytes(value.get(2..4)?.try_into().ok()?) ^ 0x2112;
            let plain: Vec<u8> =
                value.get(4..)?.iter().zip(&question[4..]).map(|(byte, mask)| byte ^ mask).collect();
            let address = match value.get(1)? {
                1 => IpAddr::from(<[u8; 4]>::try_from(plain).ok()?),
                2 => IpAddr::from(<[u8; 16]>::try_from(plain).ok()?),
                _ => return None,
            };
            return Some((address, port).into());
        }
        at += 4 + length.next_multiple_of(4);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_answer_to_this_question_counts() {
        let mut question = [0; HEADER];
        question.copy_from_slice(
            b"\x00\x01\x00\x00\x21\x12\xA4\x42\xb7\xe7\xa7\x01\xbc\x34\xd6\x86\xfa\x87\xdf\xae",
        );
        // The address of RFC 5769 §2.2, behind an attribute that is none of ours.
        let mut answer = b"\x01\x01\x00\x14".to_vec();
        answer.extend_from_slice(&question[4..]);
        answer.extend_from_slice(b"\x80\x22\x00\x03abc\x00\x00\x20\x00\x08\x00\x01\xa1\x47\xe1\x12\xa6\x43");
        assert_eq!(mapped(&answer, &question), "192.0.2.1:32853".parse().ok());
        for cut in 0..answer.len() {
            assert_eq!(mapped(&answer[..cut], &question), None);
        }
        question[19] ^= 1;
        assert_eq!(mapped(&answer, &question), None);
    }
}
