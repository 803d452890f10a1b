//! A real server process on free ports with a data folder of its own.

use std::{
    ffi::OsString,
    io::{BufRead, BufReader, Read as _, Write as _},
    net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};

/// How to start it.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Keep this data folder instead of making one.
    pub data_dir: Option<PathBuf>,
    /// More arguments for `serve`.
    pub arguments: Vec<OsString>,
    /// More environment.
    pub environment: Vec<(OsString, OsString)>,
    /// In this network namespace, at this address, instead of on loopback.
    pub elsewhere: Option<(String, IpAddr)>,
}

impl Options {
    /// Servers beside each other would fight for its port: only who asks for TURN has it.
    fn without_turn(&self) -> &'static [&'static str] {
        let asks = |argument: &OsString| argument.to_string_lossy().starts_with("--turn");
        if self.arguments.iter().any(asks) { &[] } else { &["--turn-mode", "off"] }
    }
}

/// A running server. Dropping it kills the process and removes the folder that it made.
#[derive(Debug)]
pub struct TestServer {
    binary: PathBuf,
    options: Options,
    data_dir: PathBuf,
    made_folder: bool,
    /// Where REST and gateway are.
    pub address: SocketAddr,
    /// Where media is.
    pub media: SocketAddr,
    process: Option<Child>,
    /// From spawning to the ready line, of the last start.
    pub start_up: Duration,
}

/// Resident memory of a process in KiB; 0 when it is gone.
#[must_use]
pub fn rss_kib_of(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    line.trim().trim_end_matches(" kB").trim().parse().unwrap_or(0)
}

/// CPU time of all threads of a process so far (schedstat).
#[must_use]
pub fn cpu_of(pid: u32) -> Duration {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let nanos = tasks.filter_map(|task| {
        let text = std::fs::read_to_string(task.path().join("schedstat")).ok()?;
        text.split(' ').next()?.parse::<u64>().ok()
    });
    Duration::from_nanos(nanos.sum())
}

static NEXT: AtomicU32 = AtomicU32::new(0);

impl TestServer {
    /// The binary to test: `VOXLINK_BIN`, else the newer of the release and debug builds beside this crate's target folder.
    ///
    /// # Panics
    /// When there is none: build it first.
    #[must_use]
    pub fn binary() -> PathBuf {
        if let Some(named) = std::env::var_os("VOXLINK_BIN") {
            return named.into();
        }
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
        let built = ["debug", "release"].map(|profile| target.join(profile).join("voxlink"));
        let newest =
            built.into_iter().filter_map(|path| Some((path.metadata().ok()?.modified().ok()?, path))).max();
        newest
            .map(|(_, path)| path)
            .expect("no voxlink binary: run cargo build -p voxlink first, or set VOXLINK_BIN")
    }

    /// Starts [`TestServer::binary`] with rate limits off.
    ///
    /// # Panics
    /// When it does not become ready.
    #[must_use]
    pub fn start() -> Self {
        Self::start_with(&Self::binary(), Options::default())
    }

    /// Starts a binary.
    ///
    /// # Panics
    /// When it does not become ready within 30 s.
    #[must_use]
    pub fn start_with(binary: &Path, options: Options) -> Self {
        let free = |port: std::io::Result<SocketAddr>| port.expect("loopback has a free port");
        let (address, media) = match &options.elsewhere {
            // Nobody else is there who could have these ports.
            Some((_, ip)) => (SocketAddr::new(*ip, 8080), SocketAddr::new(*ip, 7882)),
            None => (
                free(TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr())),
                free(UdpSocket::bind("127.0.0.1:0").and_then(|socket| socket.local_addr())),
            ),
        };
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let made_folder = options.data_dir.is_none();
        let fresh = std::env::temp_dir().join(format!("voxlink-test-{}-{number}", std::process::id()));
        let data_dir = options.data_dir.clone().unwrap_or(fresh);
        let mut server = Self {
            binary: binary.to_owned(),
            options,
            data_dir,
            made_folder,
            address,
            media,
            process: None,
            start_up: Duration::ZERO,
        };
        server.spawn();
        server
    }

    fn spawn(&mut self) {
        let start = Instant::now();
        let mut command = match &self.options.elsewhere {
            None => Command::new(&self.binary),
            Some((namespace, _)) => {
                let mut command = Command::new("ip");
                command.args(["netns", "exec", namespace]).arg(&self.binary);
                command
            }
        };
        command
            .args(["serve", "--rate-limits", "off", "--data-dir"])
            .arg(&self.data_dir)
            .args(["--listen", &self.address.to_string(), "--media-listen", &self.media.to_string()])
            .args(self.options.without_turn())
            .args(&self.options.arguments)
            .envs(self.options.environment.iter().cloned())
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        if std::env::var_os("VOXLINK_TEST_LOG").is_none() {
            command.stderr(Stdio::null());
        }
        let mut process = command.spawn().expect("the binary starts");
        let mut line = String::new();
        let stdout = process.stdout.take().expect("stdout is piped");
        let read = BufReader::new(stdout).read_line(&mut line);
        assert!(
            read.is_ok() && line.starts_with("VoxLink is ready at"),
            "not ready: {line:?}; VOXLINK_TEST_LOG=1 shows its log"
        );
        self.start_up = start.elapsed();
        self.process = Some(process);
    }

    /// The process id.
    ///
    /// # Panics
    /// When it is not running.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.process.as_ref().expect("the server runs").id()
    }

    /// Where its data is.
    #[must_use]
    pub fn data_dir(&self) -> &Path {
        &self.data_dir
    }

    /// CPU time of its threads whose names begin like this.
    #[must_use]
    pub fn cpu_of_threads(&self, prefix: &str) -> Duration {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.pid()));
        let own = tasks.into_iter().flatten().flatten().map(|task| task.path());
        let named = own.filter(|task| {
            std::fs::read_to_string(task.join("comm")).is_ok_and(|name| name.starts_with(prefix))
        });
        let times = named.filter_map(|task| {
            let text = std::fs::read_to_string(task.join("schedstat")).ok()?;
            Some(Duration::from_nanos(text.split_whitespace().next()?.parse().ok()?))
        });
        times.sum()
    }

    /// A number from `/metrics`, asked for on a connection of its own; 0 when there is none by this name.
    ///
    /// # Panics
    /// When the server does not answer.
    #[must_use]
    pub fn metric(&self, name: &str) -> u64 {
        let mut socket = TcpStream::connect(self.address).expect("the server accepts");
        let ask = format!("GET /metrics HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n", self.address);
        let mut text = String::new();
        let asked = socket.write_all(ask.as_bytes()).and_then(|()| socket.read_to_string(&mut text));
        asked.expect("the server answers");
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
        value.unwrap_or_default()
    }

    /// kill -9.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _gone = process.kill();
            let _status = process.wait();
        }
    }

    /// Starts again on the same ports and data.
    pub fn restart(&mut self) {
        self.kill();
        self.spawn();
    }

    /// Resident memory in KiB.
    #[must_use]
    pub fn rss_kib(&self) -> u64 {
        rss_kib_of(self.pid())
    }

    /// CPU time of all its threads so far (schedstat).
    #[must_use]
    pub fn cpu(&self) -> Duration {
        cpu_of(self.pid())
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        self.kill();
        if self.made_folder {
            let _left = std::fs::remove_dir_all(&self.data_dir);
        }
    }
}
