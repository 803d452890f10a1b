//! The binary between two real namespaces of its own, where the machine allows that.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs, unsafe_code)]

use std::{
    fs::File,
    io::{BufRead, BufReader, Write},
    net::UdpSocket,
    os::fd::AsRawFd,
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    thread,
    time::Duration,
};

use serde_json::Value;

struct Emulator {
    child: Child,
    commands: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    names: [String; 2],
}

impl Emulator {
    /// `None`, with the reason on stderr, where there is no root or no TUN.
    fn start(test: &str, settings: &[&str]) -> Option<Self> {
        let names = ["a", "b"].map(|end| format!("vxt-{test}-{}-{end}", std::process::id()));
        let mut child = Command::new(env!("CARGO_BIN_EXE_netemu"))
            .args([&names[0], "198.18.250.2/24", &names[1], "198.18.250.1/24", "seed=42"])
            .args(settings)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let commands = child.stdin.take();
        let mut answers = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        if answers.read_line(&mut line).unwrap() == 0 {
            let output = child.wait_with_output().unwrap();
            let words = String::from_utf8_lossy(&output.stderr);
            assert!(!output.status.success() && words.contains("netemu: "), "{words}");
            assert!(words.contains("root") || words.contains("ip"), "it says why: {words}");
            eprintln!("skipped, this machine has no namespaces for tests: {words}");
            return None;
        }
        assert_eq!(line.trim(), r#"{"ready":true}"#);
        Some(Self { child, commands, answers, names })
    }

    fn say(&mut self, line: &str) -> Value {
        writeln!(self.commands.as_mut().unwrap(), "{line}").unwrap();
        let mut answer = String::new();
        self.answers.read_line(&mut answer).unwrap();
        serde_json::from_str(&answer).unwrap()
    }

    /// A UDP socket at this address in the first (0) or second (1) namespace.
    fn socket(&self, end: usize, address: &'static str) -> UdpSocket {
        let name = File::open(Path::new("/run/netns").join(&self.names[end])).unwrap();
        // In a thread of its own: the namespace is the thread's, the socket stays in it.
        let made = thread::spawn(move || {
            // SAFETY: an open descriptor of a namespace; the call changes nothing but this thread.
            assert_eq!(unsafe { libc::setns(name.as_raw_fd(), libc::CLONE_NEWNET) }, 0);
            UdpSocket::bind(address).unwrap()
        });
        let socket = made.join().unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
        socket
    }

    /// How many of `count` datagrams come from the first to the second namespace, and how many echoes come back.
    fn echoes(&self, count: u8) -> (usize, usize) {
        let (here, there) = (self.socket(0, "198.18.250.2:7"), self.socket(1, "198.18.250.1:7"));
        here.connect("198.18.250.1:7").unwrap();
        there.connect("198.18.250.2:7").unwrap();
        (0..count).for_each(|number| _ = here.send(&[number]).unwrap());
        let mut buffer = [0; 16];
        let mut arrived = 0;
        while there.recv(&mut buffer).is_ok() {
            arrived += 1;
            there.send(&buffer[..1]).unwrap();
        }
        let back = std::iter::from_fn(|| here.recv(&mut buffer).ok()).count();
        (arrived, back)
    }

    fn end(mut self) {
        drop(self.commands.take());
        assert!(self.child.wait().unwrap().success());
        for name in &self.names {
            assert!(!Path::new("/run/netns").join(name).exists(), "{name} was made and is gone");
        }
    }
}

#[test]
fn packets_pass_are_lost_in_one_direction_and_stop_at_a_cut() {
    let Some(mut emulator) = Emulator::start("pass", &["delay=1"]) else { return };
    assert_eq!(emulator.echoes(50), (50, 50));
    emulator.say("ab.loss=50");
    let (arrived, back) = emulator.echoes(200);
    assert!((60..140).contains(&arrived), "{arrived}");
    assert_eq!(back, arrived);
    let counters = emulator.say("stat");
    assert!(counters["ab"]["lost"].as_u64().unwrap() >= 60, "{counters}");
    assert_eq!(counters["ba"]["lost"], 0, "{counters}");
    emulator.say("loss=0 down");
    assert_eq!(emulator.echoes(3), (0, 0));
    emulator.say("up");
    assert_eq!(emulator.echoes(3), (3, 3));
    emulator.end();
}

#[test]
fn a_wrong_word_changes_nothing_and_is_named() {
    let Some(mut emulator) = Emulator::start("word", &[]) else { return };
    let answer = emulator.say("loss=30 lost=3");
    assert!(answer["error"].as_str().unwrap().starts_with("lost=3: "), "{answer}");
    assert!(emulator.say("stat")["ab"]["sent"].is_u64());
    emulator.end();
}

#[test]
fn a_wrong_command_line_is_refused_in_words() {
    for words in [&["a"][..], &["a", "b", "c", "d", "lost=3"], &["a", "b", "c", "d", "stat"]] {
        let output = Command::new(env!("CARGO_BIN_EXE_netemu")).args(words).output().unwrap();
        assert!(!output.status.success());
        assert!(String::from_utf8_lossy(&output.stderr).starts_with("netemu: "));
    }
}
