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
    attributes::{Family, XOR_MAPPED_ADDRESS, read_xor_address},
};

/// RFC 5780 §7.4.
const OTHER_ADDRESS: u16 = 0x802C;

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
    // So that a refusal is heard.
    socket.connect(to).await?;
    Ok(ask(&socket, to).await?.seen)
}

/// What a server says of who asks it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Binding {
    /// XOR-MAPPED-ADDRESS.
    pub(super) seen: SocketAddr,
    /// RFC 5780 §7.4: where it may be asked as well, at another address and port.
    pub(super) other: Option<SocketAddr>,
}

/// What a server at `to` sees this socket as.
///
/// # Errors
/// As [`over_udp`].
pub(super) async fn ask(socket: &UdpSocket, to: SocketAddr) -> io::Result<Binding> {
    let (question, transaction) = question()?;
    let mut buffer = [0; 1500];
    let mut last = io::Error::from(io::ErrorKind::TimedOut);
    for _ in 0..TRIES {
        socket.send_to(&question, to).await?;
        match timeout(EACH_WITHIN, socket.recv_from(&mut buffer)).await {
            Ok(Ok((length, from))) if from == to => {
                let binding = buffer.get(..length).and_then(|answer| binding(answer, transaction));
                if let Some(binding) = binding {
                    return Ok(binding);
                }
            }
            Ok(Ok(_from_another)) => {}
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
        binding(&answer, transaction)
            .map(|found| found.seen)
            .ok_or_else(|| io::Error::other("what answers does not speak STUN"))
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
        binding(&answer, transaction)
            .map(|found| found.seen)
            .ok_or_else(|| io::Error::other("what answers does not speak STUN"))
    };
    timeout(STREAM_WITHIN, asked).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

fn question() -> io::Result<(Vec<u8>, TransactionId)> {
    let (mut question, mut transaction) = (Vec::with_capacity(HEADER), TransactionId::default());
    SystemRandom::new().fill(&mut transaction).map_err(io::Error::other)?;
    Writer::new(&mut question, Class::Request, Method::Binding, transaction);
    Ok((question, transaction))
}

/// What the answer to this question says.
fn binding(answer: &[u8], asked: TransactionId) -> Option<Binding> {
    let answer = Message::parse(answer).ok()?;
    if (answer.class, answer.method, answer.transaction) != (Class::Success, Method::Binding, asked) {
        return None;
    }
    let seen = read_xor_address(answer.attribute(XOR_MAPPED_ADDRESS)?, &asked)?;
    Some(Binding { seen, other: answer.attribute(OTHER_ADDRESS).and_then(read_address) })
}

/// RFC 8489 §14.1: an address as it is; `None` unless the value is exactly one.
fn read_address(value: &[u8]) -> Option<SocketAddr> {
    let (&[_, family, high, low], ip) = value.split_first_chunk::<4>()?;
    let ip = match Family::parse(family)? {
        Family::V4 => IpAddr::V4(<[u8; 4]>::try_from(ip).ok()?.into()),
        Family::V6 => IpAddr::V6(<[u8; 16]>::try_from(ip).ok()?.into()),
    };
    Some(SocketAddr::new(ip, u16::from_be_bytes([high, low])))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn only_an_answer_to_this_question_counts() {
        let asked = *b"\xb7\xe7\xa7\x01\xbc\x34\xd6\x86\xfa\x87\xdf\xae";
        // The address of RFC 5769 §2.2, behind an attribute that is none of ours.
        let mut answer = b"\x01\x01\x00\x14\x21\x12\xA4\x42".to_vec();
        answer.extend_from_slice(&asked);
        answer.extend_from_slice(b"\x80\x22\x00\x03abc\x00\x00\x20\x00\x08\x00\x01\xa1\x47\xe1\x12\xa6\x43");
        let said = binding(&answer, asked);
        assert_eq!(said, Some(Binding { seen: "192.0.2.1:32853".parse().unwrap(), other: None }));
        for cut in 0..answer.len() {
            assert_eq!(binding(&answer[..cut], asked), None);
        }
        assert_eq!(binding(&answer, *b"another one "), None);
    }

    #[test]
    fn the_other_address_of_a_server_is_one_whole_address_or_none() {
        let v4 = [0, 1, 0x0D, 0x97, 192, 0, 2, 7];
        assert_eq!(read_address(&v4), "192.0.2.7:3479".parse().ok());
        let v6 = [&[0, 2, 0x0D, 0x97][..], &[0; 15], &[1]].concat();
        assert_eq!(read_address(&v6), "[::1]:3479".parse().ok());
        for wrong in [&v4[..3], &v4[..7], &v6[..19], &[0, 3, 0, 0, 1, 1, 1, 1], &[]] {
            assert_eq!(read_address(wrong), None, "{wrong:?}");
        }
    }
}
