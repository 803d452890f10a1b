//! A client of TURN that does one thing after the other: for what needs many of them, or a call behind one.

use std::{
    io,
    net::{SocketAddr, UdpSocket},
    time::{Duration, Instant},
};

use voxlink_turn::stun::{
    Class, Message, Method, Writer, attributes as a,
    integrity::{Algorithm, LongTermKey, long_term_key},
};

/// Between two tries of a request, and how many there are.
const PATIENCE: Duration = Duration::from_millis(500);
const TRIES: usize = 6;
/// Between two looks for an answer.
const BETWEEN_LOOKS: Duration = Duration::from_micros(200);

/// An allocation.
pub struct TurnPath {
    /// Data goes through it as well.
    pub socket: UdpSocket,
    server: SocketAddr,
    /// The relayed address.
    pub relayed: SocketAddr,
    username: String,
    password: String,
    realm: String,
    nonce: Vec<u8>,
    key: LongTermKey,
    transaction: u64,
}

impl std::fmt::Debug for TurnPath {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TurnPath({} at {})", self.relayed, self.server)
    }
}

fn refused(code: u16) -> io::Error {
    io::Error::other(format!("the TURN server answered {code}"))
}

fn ask_for_udp(writer: &mut Writer<'_>) {
    writer.bytes(a::REQUESTED_TRANSPORT, &[a::PROTOCOL_UDP, 0, 0, 0]);
}

impl TurnPath {
    /// Asks a server for a relayed address, from the address `local`.
    ///
    /// # Errors
    /// When the server refuses or is silent.
    pub fn allocate(
        local: SocketAddr,
        server: SocketAddr,
        username: &str,
        password: &str,
    ) -> io::Result<Self> {
        let mut path = Self::new(local, server, username, password)?;
        path.ask(Method::Allocate, ask_for_udp)?;
        Ok(path)
    }

    /// The same for many at once, each with an address, a name and a password.
    ///
    /// # Errors
    /// As [`Self::allocate`].
    pub fn allocate_all<'a>(
        server: SocketAddr,
        whose: impl IntoIterator<Item = (SocketAddr, &'a str, &'a str)>,
    ) -> io::Result<Vec<Self>> {
        let new = |(local, username, password)| Self::new(local, server, username, password);
        let mut paths: Vec<Self> = whose.into_iter().map(new).collect::<io::Result<_>>()?;
        Self::ask_all(&mut paths, Method::Allocate, ask_for_udp)?;
        Ok(paths)
    }

    fn new(local: SocketAddr, server: SocketAddr, username: &str, password: &str) -> io::Result<Self> {
        Ok(Self {
            socket: UdpSocket::bind(local)?,
            server,
            relayed: server,
            username: username.to_owned(),
            password: password.to_owned(),
            realm: String::new(),
            nonce: Vec::new(),
            key: LongTermKey::default(),
            transaction: 0,
        })
    }

    /// Permits an address.
    ///
    /// # Errors
    /// As [`Self::allocate`].
    pub fn permit(&mut self, peer: SocketAddr) -> io::Result<()> {
        self.ask(Method::CreatePermission, |writer| _ = writer.xor_address(a::XOR_PEER_ADDRESS, peer))
    }

    /// Binds a channel, which permits the address as well.
    ///
    /// # Errors
    /// As [`Self::allocate`].
    pub fn bind_channel(&mut self, number: u16, peer: SocketAddr) -> io::Result<()> {
        let [high, low] = number.to_be_bytes();
        self.ask(Method::ChannelBind, |writer| {
            writer.bytes(a::CHANNEL_NUMBER, &[high, low, 0, 0]).xor_address(a::XOR_PEER_ADDRESS, peer);
        })
    }

    /// Gives the relayed address back.
    ///
    /// # Errors
    /// As [`Self::allocate`].
    pub fn end(&mut self) -> io::Result<()> {
        self.ask(Method::Refresh, |writer| _ = writer.number(a::LIFETIME, 0))
    }

    /// Sends what was made by [`Self::wrap`] or [`Self::indicate`]. A full buffer is a lost packet.
    pub fn send(&self, bytes: &[u8]) {
        let _lost = self.socket.send_to(bytes, self.server);
    }

    /// Writes ChannelData (RFC 8656 §12.4).
    pub fn wrap(number: u16, payload: &[u8], out: &mut Vec<u8>) {
        let length = u16::try_from(payload.len()).unwrap_or(u16::MAX);
        out.clear();
        out.extend_from_slice(&number.to_be_bytes());
        out.extend_from_slice(&length.to_be_bytes());
        out.extend_from_slice(payload);
    }

    /// Writes a Send indication (RFC 8656 §11.1).
    pub fn indicate(peer: SocketAddr, payload: &[u8], out: &mut Vec<u8>) {
        out.clear();
        let mut writer = Writer::new(out, Class::Indication, Method::Send, [9; 12]);
        writer.xor_address(a::XOR_PEER_ADDRESS, peer).bytes(a::DATA, payload);
    }

    /// The channel and payload of ChannelData.
    #[must_use]
    pub fn unwrap(datagram: &[u8]) -> Option<(u16, &[u8])> {
        let (&[high, low, length_high, length_low], rest) = datagram.split_first_chunk()?;
        let number = u16::from_be_bytes([high, low]);
        let length = usize::from(u16::from_be_bytes([length_high, length_low]));
        (0x4000..0x8000).contains(&number).then_some((number, rest.get(..length)?))
    }

    /// Asks until there is an answer, with the nonce that a refusal brings. What else comes meanwhile is lost.
    fn ask(&mut self, method: Method, fill: impl Fn(&mut Writer<'_>)) -> io::Result<()> {
        Self::ask_all(std::slice::from_mut(self), method, fill)
    }

    /// The same for many, all of them at once.
    fn ask_all(paths: &mut [Self], method: Method, fill: impl Fn(&mut Writer<'_>)) -> io::Result<()> {
        let mut waiting: Vec<&mut Self> = paths.iter_mut().collect();
        for _ in 0..TRIES {
            for path in &mut waiting {
                path.request(method, &fill)?;
            }
            waiting = Self::answers(waiting)?;
            if waiting.is_empty() {
                return Ok(());
            }
        }
        Err(io::ErrorKind::TimedOut.into())
    }

    fn request(&mut self, method: Method, fill: impl Fn(&mut Writer<'_>)) -> io::Result<()> {
        self.transaction += 1;
        let mut bytes = Vec::new();
        let mut writer = Writer::new(&mut bytes, Class::Request, method, self.transaction());
        fill(&mut writer);
        if !self.nonce.is_empty() {
            writer
                .bytes(a::USERNAME, self.username.as_bytes())
                .bytes(a::REALM, self.realm.as_bytes())
                .bytes(a::NONCE, &self.nonce)
                .integrity(Algorithm::Sha1, &self.key);
        }
        self.socket.set_nonblocking(true)?;
        self.socket.send_to(&bytes, self.server)?;
        Ok(())
    }

    fn transaction(&self) -> [u8; 12] {
        let mut transaction = [0; 12];
        transaction[4..].copy_from_slice(&self.transaction.to_be_bytes());
        transaction
    }

    /// Waits for the answers to the last requests; who must ask again. It looks now and then instead of sleeping until
    /// something comes: what the server pays for must not be to wake a client of this machine.
    fn answers(waiting: Vec<&mut Self>) -> io::Result<Vec<&mut Self>> {
        let until = Instant::now() + PATIENCE;
        let (mut waiting, mut again) = (waiting, Vec::new());
        while !waiting.is_empty() && Instant::now() < until {
            std::thread::sleep(BETWEEN_LOOKS);
            let mut silent = Vec::new();
            for path in waiting {
                match path.answer()? {
                    None => silent.push(path),
                    Some(answer) if path.heed(&answer)? => {}
                    Some(_) => again.push(path),
                }
            }
            waiting = silent;
        }
        again.append(&mut waiting);
        Ok(again)
    }

    /// Whether that is all; otherwise there is a nonce to ask with.
    fn heed(&mut self, answer: &[u8]) -> io::Result<bool> {
        let Ok(message) = Message::parse(answer) else { return Ok(false) };
        match (message.class, message.error) {
            (Class::Success, _) => {
                self.relayed = message.relayed.unwrap_or(self.relayed);
                Ok(true)
            }
            (_, Some(401)) if !self.nonce.is_empty() => Err(refused(401)),
            (_, Some(401 | 438)) => {
                self.realm = String::from_utf8_lossy(message.realm.unwrap_or_default()).into_owned();
                self.nonce = message.nonce.unwrap_or_default().to_vec();
                self.key = long_term_key(&self.username, &self.realm, &self.password);
                Ok(false)
            }
            (_, code) => Err(refused(code.unwrap_or_default())),
        }
    }

    /// The answer to the last request, if it is here.
    fn answer(&self) -> io::Result<Option<Vec<u8>>> {
        let mut buffer = [0; 2048];
        // Data may come before the answer does.
        for _ in 0..10_000 {
            match self.socket.recv_from(&mut buffer) {
                Ok((length, from)) if from == self.server => {
                    let answer = &buffer[..length];
                    if answer.get(8..20) == Some(&self.transaction()) && answer[0] < 0x40 {
                        return Ok(Some(answer.to_vec()));
                    }
                }
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }
}
