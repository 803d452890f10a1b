//! Asks for our own address by STUN (RFC 8489 §14.2): over UDP with repeats, or over a stream.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use aws_lc_rs::rand::{SecureRandom as _, SystemRandom};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::{TcpStream, UdpSocket},
    time::timeout,
};
use voxlink_media::stun::{
    Class, HEADER, Message, Method, TransactionId, Writer,
    attributes::{XOR_MAPPED_ADDRESS, read_xor_address},
};

/// How often a datagram may be lost, and how long each is waited for.
const TRIES: usize = 4;
const EACH_WITHIN: Duration = Duration::from_millis(500);
const STREAM_WITHIN: Duration = Duration::from_secs(5);

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
    let (question, transaction) = question()?;
    let mut buffer = [0; 1500];
    let mut last = io::Error::from(io::ErrorKind::TimedOut);
    for _ in 0..TRIES {
        socket.send(&question).await?;
        match timeout(EACH_WITHIN, socket.recv(&mut buffer)).await {
            Ok(Ok(length)) => {
                let mapped = buffer.get(..length).and_then(|answer| mapped(answer, transaction));
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
    let (question, transaction) = question()?;
    let asked = async {
        stream.write_all(&question).await?;
        stream.flush().await?;
        let mut answer = vec![0; HEADER];
        stream.read_exact(&mut answer).await?;
        let length = u16::from_be_bytes([answer[2], answer[3]]);
        answer.resize(HEADER + usize::from(length), 0);
        stream.read_exact(&mut answer[HEADER..]).await?;
        mapped(&answer, transaction).ok_or_else(|| io::Error::other("what answers does not speak STUN"))
    };
    timeout(STREAM_WITHIN, asked).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

/// What a media port at `to` sees us as over TCP, where messages stand behind their length (RFC 4571).
///
/// # Errors
/// As [`over_stream`].
pub(super) async fn over_framed_tcp(to: SocketAddr) -> io::Result<SocketAddr> {
    let (question, transaction) = question()?;
    let asked = async {
        let mut stream = TcpStream::connect(to).await?;
        let length = u16::try_from(question.len()).map_err(io::Error::other)?;
        stream.write_all(&[&length.to_be_bytes(), &question[..]].concat()).await?;
        let mut answer = vec![0; usize::from(stream.read_u16().await?)];
        stream.read_exact(&mut answer).await?;
        mapped(&answer, transaction).ok_or_else(|| io::Error::other("what answers does not speak STUN"))
    };
    timeout(STREAM_WITHIN, asked).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

fn question() -> io::Result<(Vec<u8>, TransactionId)> {
    let (mut question, mut transaction) = (Vec::with_capacity(HEADER), TransactionId::default());
    SystemRandom::new().fill(&mut transaction).map_err(io::Error::other)?;
    Writer::new(&mut question, Class::Request, Method::Binding, transaction);
    Ok((question, transaction))
}

/// XOR-MAPPED-ADDRESS of the answer to this question.
fn mapped(answer: &[u8], asked: TransactionId) -> Option<SocketAddr> {
    let answer = Message::parse(answer).ok()?;
    if (answer.class, answer.method, answer.transaction) != (Class::Success, Method::Binding, asked) {
        return None;
    }
    read_xor_address(answer.attribute(XOR_MAPPED_ADDRESS)?, &asked)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_answer_to_this_question_counts() {
        let asked = *b"\xb7\xe7\xa7\x01\xbc\x34\xd6\x86\xfa\x87\xdf\xae";
        // The address of RFC 5769 §2.2, behind an attribute that is none of ours.
        let mut answer = b"\x01\x01\x00\x14\x21\x12\xA4\x42".to_vec();
        answer.extend_from_slice(&asked);
        answer.extend_from_slice(b"\x80\x22\x00\x03abc\x00\x00\x20\x00\x08\x00\x01\xa1\x47\xe1\x12\xa6\x43");
        assert_eq!(mapped(&answer, asked), "192.0.2.1:32853".parse().ok());
        for cut in 0..answer.len() {
            assert_eq!(mapped(&answer[..cut], asked), None);
        }
        assert_eq!(mapped(&answer, *b"another one "), None);
    }
}
