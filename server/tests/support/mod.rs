//! The binary as a process of a test's own.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs, dead_code, unreachable_pub)]

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

pub fn voxlink() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_voxlink"));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).env("RUST_LOG", "warn");
    command.current_dir(std::env::temp_dir());
    command
}

pub fn folder(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("voxlink-binary-{name}-{}", std::process::id()));
    let _old = std::fs::remove_dir_all(&path);
    path
}

pub struct Server {
    process: Child,
    /// Of plain HTTP.
    pub address: String,
    /// Of HTTPS, where it is served.
    pub encrypted: Option<String>,
}

impl Server {
    /// Starts on ports that are free, and waits for the ready line.
    pub fn start(data: &Path, more: &[&str]) -> Self {
        let mut command = voxlink();
        command
            .args(["serve", "--listen", "127.0.0.1:0", "--media-listen", "127.0.0.1:0", "--data-dir"])
            .arg(data);
        // Servers beside each other would fight for its port.
        if !more.iter().any(|argument| argument.starts_with("--turn")) {
            command.args(["--turn-mode", "off"]);
        }
        let mut process = command.args(more).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim_end().strip_prefix("VoxLink is ready at http://").map(str::to_owned);
        let Some(address) = address else {
            let mut log = String::new();
            process.stderr.as_mut().unwrap().read_to_string(&mut log).unwrap();
            panic!("{line:?} {log}");
        };
        let address = address.replace("localhost", "127.0.0.1");
        let (address, encrypted) = match address.split_once(" and https://") {
            Some((plain, encrypted)) => (plain.to_owned(), Some(encrypted.to_owned())),
            None => (address, None),
        };
        Self { process, address, encrypted }
    }

    /// Sends a request without a body; returns the whole answer.
    pub fn ask(&self, request_line: &str, headers: &str) -> String {
        let mut socket = TcpStream::connect(&self.address).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let request = format!("{request_line} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{headers}\r\n");
        socket.write_all(request.as_bytes()).unwrap();
        let mut answer = Vec::new();
        socket.read_to_end(&mut answer).unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// Waits until the log says this; the line that does.
    pub fn log_until(&mut self, words: &str) -> String {
        let mut log = String::new();
        let mut lines = BufReader::new(self.process.stderr.as_mut().unwrap());
        loop {
            let mut line = String::new();
            assert_ne!(lines.read_line(&mut line).unwrap(), 0, "it ended without saying {words:?}: {log}");
            if line.contains(words) {
                return line;
            }
            log.push_str(&line);
        }
    }

    pub fn terminate(mut self) -> Output {
        let killed = Command::new("kill").arg(self.process.id().to_string()).status().unwrap();
        assert!(killed.success());
        let deadline = Instant::now() + Duration::from_secs(15);
        while self.process.try_wait().unwrap().is_none() {
            assert!(Instant::now() < deadline, "it does not stop");
            std::thread::sleep(Duration::from_millis(10));
        }
        let mut process = std::mem::replace(&mut self.process, voxlink().arg("--version").spawn().unwrap());
        let mut output = Output { status: process.wait().unwrap(), stdout: vec![], stderr: vec![] };
        process.stdout.as_mut().unwrap().read_to_end(&mut output.stdout).unwrap();
        process.stderr.as_mut().unwrap().read_to_end(&mut output.stderr).unwrap();
        output
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _gone = self.process.kill();
        let _status = self.process.wait();
    }
}

/// What it says when it does not start.
pub fn refusal(arguments: &[&str]) -> String {
    let output = voxlink().arg("serve").args(arguments).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(output.stdout, b"");
    let words = String::from_utf8(output.stderr).unwrap();
    assert_eq!(words.lines().count(), 1, "{words}");
    words
}
