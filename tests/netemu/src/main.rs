//! `netemu NAMESPACE ADDRESS/PREFIX NAMESPACE ADDRESS/PREFIX [seed=N] [SETTING…]`
//!
//! A bad network between two namespaces. Words on stdin change it while it runs (`ab.loss=30 rate=2000`, `down`, `up`),
//! `stat` prints counters, `quit` or the end of stdin ends it. Each line is answered by one line of JSON.
//! Namespaces that do not exist are made, and taken away at the end; what existed before stays as it was.

use std::{
    env,
    fs::File,
    io::{self, ErrorKind, Read, Write},
    os::fd::AsFd,
    process::ExitCode,
    time::Instant,
};

use serde_json::{Value, json};
use voxlink_netemu::{Command, Counters, Direction, Link, Settings};

mod namespaces;
mod sys;

use namespaces::End;

const USAGE: &str = "netemu NAMESPACE ADDRESS/PREFIX NAMESPACE ADDRESS/PREFIX [seed=N] \
[[ab.|ba.]loss=% ge=%:% delay=ms jitter=ms reorder=% rate=kbit/s queue=ms down up …]";
/// No packet through a TUN device is longer.
const LONGEST_PACKET: usize = 65_536;
/// Packets read from one device before the other has its turn.
const AT_ONCE: usize = 64;
/// A line of commands is shorter; what is longer is no line of ours.
const LONGEST_LINE: usize = 4_096;
/// Tells the chances of the way back from those of the way there.
const OTHER_WAY: u64 = 0x5EED_0BAC;

fn main() -> ExitCode {
    let words: Vec<String> = env::args().skip(1).collect();
    match prepare(&words).and_then(|mut emulator| emulator.run().map_err(|error| error.to_string())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("netemu: {problem}");
            ExitCode::FAILURE
        }
    }
}

/// Both directions, and what they run between.
struct Emulator {
    a: End,
    b: End,
    a_to_b: Link,
    b_to_a: Link,
    /// stdin without the buffer that would hide from waiting what it holds.
    commands: File,
    endings: File,
    line: Vec<u8>,
}

fn prepare(words: &[String]) -> Result<Emulator, String> {
    let [a, a_address, b, b_address, settings @ ..] = words else { return Err(format!("usage: {USAGE}")) };
    let mut seed = 1;
    let mut ways = [Settings::default(); 2];
    for word in settings {
        match Command::parse(word).map_err(|error| error.to_string())? {
            Command::Seed(wanted) => seed = wanted,
            Command::Set(direction, change) => {
                for (settings, _) in ways.iter_mut().zip(goes(direction)).filter(|(_, goes)| *goes) {
                    *settings = change.applied_to(*settings);
                }
            }
            Command::Stat | Command::Quit => return Err(format!("{word} is for stdin; usage: {USAGE}")),
        }
    }
    let commands = io::stdin().as_fd().try_clone_to_owned().map_err(|error| error.to_string())?;
    let endings = sys::catch_endings().map_err(|error| error.to_string())?;
    Ok(Emulator {
        a: End::make(a, a_address, 'a')?,
        b: End::make(b, b_address, 'b')?,
        a_to_b: Link::new(ways[0], seed),
        b_to_a: Link::new(ways[1], seed ^ OTHER_WAY),
        commands: commands.into(),
        endings,
        line: Vec::new(),
    })
}

/// Whether the way there and the way back are meant.
fn goes(direction: Direction) -> [bool; 2] {
    match direction {
        Direction::AToB => [true, false],
        Direction::BToA => [false, true],
        Direction::Both => [true, true],
    }
}

impl Emulator {
    fn run(&mut self) -> io::Result<()> {
        answer(&json!({"ready": true}))?;
        let mut buffer = vec![0; LONGEST_PACKET];
        loop {
            let now = Instant::now();
            let due = match (self.a_to_b.next_due(), self.b_to_a.next_due()) {
                (Some(one), Some(other)) => Some(one.min(other)),
                (one, other) => one.or(other),
            };
            let timeout = due.map(|due| due.saturating_duration_since(now));
            let watched =
                [self.a.device.as_fd(), self.b.device.as_fd(), self.commands.as_fd(), self.endings.as_fd()];
            let [from_a, from_b, spoken, ended] = sys::wait_readable(watched, timeout)?;
            if ended || (spoken && !self.listen()?) {
                return Ok(());
            }
            let now = Instant::now();
            if from_a {
                take(&mut self.a, &mut self.a_to_b, &mut buffer, now)?;
            }
            if from_b {
                take(&mut self.b, &mut self.b_to_a, &mut buffer, now)?;
            }
            hand_over(&mut self.a_to_b, &mut self.b, now)?;
            hand_over(&mut self.b_to_a, &mut self.a, now)?;
        }
    }

    /// Reads stdin; false when it has ended or says to quit.
    fn listen(&mut self) -> io::Result<bool> {
        let mut piece = [0; 1_024];
        let length = self.commands.read(&mut piece)?;
        if length == 0 {
            return Ok(false);
        }
        self.line.extend_from_slice(&piece[..length]);
        while let Some(end) = self.line.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.line.drain(..=end).collect();
            if !self.obey(&String::from_utf8_lossy(&line))? {
                return Ok(false);
            }
        }
        if self.line.len() > LONGEST_LINE {
            return Err(io::Error::new(ErrorKind::InvalidData, "a line on stdin has no end"));
        }
        Ok(true)
    }

    /// All words of a line, or none when one of them is wrong; false: quit.
    fn obey(&mut self, line: &str) -> io::Result<bool> {
        let commands: Result<Vec<Command>, _> = line.split_whitespace().map(Command::parse).collect();
        let commands = match commands {
            Ok(commands) => commands,
            Err(error) => {
                answer(&json!({"error": error.to_string()}))?;
                return Ok(true);
            }
        };
        let now = Instant::now();
        let mut goes_on = true;
        for command in commands {
            match command {
                Command::Set(direction, change) => {
                    let ways = [&mut self.a_to_b, &mut self.b_to_a].into_iter().zip(goes(direction));
                    for (link, _) in ways.filter(|(_, goes)| *goes) {
                        link.set(change.applied_to(link.settings()), now);
                    }
                }
                // The chances of a link that runs are what they are.
                Command::Seed(_) | Command::Stat => {}
                Command::Quit => goes_on = false,
            }
        }
        answer(&json!({"ab": told(self.a_to_b.counters()), "ba": told(self.b_to_a.counters())}))?;
        Ok(goes_on)
    }
}

fn told(counters: Counters) -> Value {
    let Counters { sent, delivered, delivered_bytes, lost, overflowed, cut, reordered } = counters;
    json!({
        "sent": sent, "delivered": delivered, "delivered_bytes": delivered_bytes,
        "lost": lost, "overflowed": overflowed, "cut": cut, "reordered": reordered,
    })
}

fn answer(value: &Value) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{value}")?;
    out.flush()
}

/// What came out of a namespace goes on the way.
fn take(end: &mut End, link: &mut Link, buffer: &mut [u8], now: Instant) -> io::Result<()> {
    for _ in 0..AT_ONCE {
        match end.device.read(buffer) {
            Ok(0) => return Ok(()),
            Ok(length) => link.send(buffer[..length].to_vec(), now),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// What has arrived goes into the other namespace.
fn hand_over(link: &mut Link, end: &mut End, now: Instant) -> io::Result<()> {
    while let Some(packet) = link.receive(now) {
        match end.device.write(&packet) {
            Ok(_) => {}
            // Full, or set down by its namespace: a lost packet, as on any network.
            Err(error) if matches!(error.raw_os_error(), Some(libc::EAGAIN | libc::ENOBUFS | libc::EIO)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
