//! The server: Debian's binaries, data in the temporary folder, a Unix socket, nothing kept.

use std::{
    fs::{self, File},
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    thread,
    time::{Duration, Instant},
};

/// Starts the server, again when it was stopped, and ends it when for some seconds no process held the lock that its
/// users share. It ends it under that lock, so that nobody can come in meanwhile.
const WATCH: &str = r#"
cd "$1" && shift
idle=0
while :; do
  "$@" & server=$!
  while kill -0 $server; do
    sleep 0.2
    if flock -n users.lock true; then idle=$((idle + 1)); else idle=0; fi
    if [ $idle -ge 30 ]; then
      flock -n users.lock sh -c "kill -QUIT $server; while kill -0 $server; do sleep 0.05; done; rm -rf data" && exit
    fi
  done
  wait $server
  while [ -e stopped ]; do flock -n users.lock rm -rf data stopped && exit; sleep 0.05; done
done
"#;
/// Long enough for a busy machine.
const START_WITHIN: Duration = Duration::from_secs(60);

/// A running server. It is there for as long as anyone has one of these.
#[derive(Debug)]
pub struct Server {
    programs: PathBuf,
    folder: PathBuf,
    _in_use: File,
}

impl Server {
    /// The server that all test processes share, without fsync; `None` where PostgreSQL is not installed.
    ///
    /// # Panics
    /// When it is installed and does not start.
    #[must_use]
    pub fn shared() -> Option<Self> {
        Self::in_folder("voxlink-test-postgres", &["-c", "fsync=off", "-c", "full_page_writes=off"])
    }

    /// A server of its own, with these options more; `None` where PostgreSQL is not installed.
    ///
    /// # Panics
    /// When it is installed and does not start.
    #[must_use]
    pub fn alone(options: &[&str]) -> Option<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        Self::in_folder(&format!("voxlink-test-postgres-{}-{number}", std::process::id()), options)
    }

    /// Ends it as a crash would.
    ///
    /// # Panics
    /// When it does not run.
    pub fn stop(&self) {
        let _mark = File::create(self.folder.join("stopped")).expect("the temporary folder is writable");
        let pid = self.pid().to_string();
        run(Command::new("kill").args(["-QUIT", &pid]));
        while Path::new("/proc").join(&pid).exists() {
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Starts it after [`Server::stop`].
    ///
    /// # Panics
    /// When it does not start.
    pub fn start_again(&self) {
        fs::remove_file(self.folder.join("stopped")).expect("it was stopped");
        self.wait();
    }

    /// Kills all connections and lets it recover from its log, as after a crash.
    ///
    /// # Panics
    /// When it does not run.
    pub fn crash(&self) {
        let backends = self
            .ask_in("postgres", "SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'voxlink%'");
        for pid in backends.lines() {
            // One is enough: the server ends the others itself.
            let _gone_already = Command::new("kill").args(["-KILL", pid]).status();
        }
    }

    /// Waits until it answers.
    ///
    /// # Panics
    /// When it does not within a minute.
    pub fn wait(&self) {
        let until = Instant::now() + START_WITHIN;
        while !self.answers() {
            assert!(Instant::now() < until, "PostgreSQL did not start");
            thread::sleep(Duration::from_millis(50));
        }
    }

    fn in_folder(name: &str, options: &[&str]) -> Option<Self> {
        let programs = programs()?;
        let folder =
            std::env::temp_dir().join(format!("{name}-{}", run(Command::new("id").arg("-un")).trim()));
        fs::create_dir_all(&folder).expect("the temporary folder is writable");
        let lock = |name: &str| {
            File::options()
                .create(true)
                .truncate(false)
                .write(true)
                .open(folder.join(name))
                .expect("a lock file")
        };
        let (in_use, starting) = (lock("users.lock"), lock("start.lock"));
        in_use.lock_shared().expect("a lock");
        starting.lock().expect("a lock");
        let server = Self { programs, folder, _in_use: in_use };
        if !server.answers() {
            server.start(options);
        }
        Some(server)
    }

    fn start(&self, options: &[&str]) {
        let data = self.folder.join("data");
        let _stale = fs::remove_dir_all(&data);
        let _stale = fs::remove_file(self.folder.join("stopped"));
        fs::create_dir(&data).expect("the temporary folder is writable");
        let user = unprivileged();
        if let Some(user) = &user {
            run(Command::new("chown").arg(user).arg(&data));
        }
        let initdb =
            ["--pgdata", ".", "--username", "voxlink", "--auth", "trust", "--encoding", "UTF8", "--no-sync"];
        // A collation that is not bytewise, where there is one: ours must not depend on it.
        let icu = ["--locale", "C.UTF-8", "--locale-provider", "icu", "--icu-locale", "en"];
        let initdb = |more: &[&str]| {
            self.command(user.as_deref(), "initdb").args(initdb).args(more).current_dir(&data).output()
        };
        if !initdb(&icu).expect("initdb runs").status.success() {
            let made = initdb(&["--locale", "C.UTF-8"]).expect("initdb runs");
            assert!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
        }
        let server = self.command(user.as_deref(), "postgres");
        let mut watch = Command::new("sh");
        watch.args(["-c", WATCH, "sh"]).arg(&self.folder).arg(server.get_program()).args(server.get_args());
        watch.args(["-D", "data", "-c", "listen_addresses=", "-c", "max_connections=400", "-c"]);
        watch.arg(format!("unix_socket_directories={}", data.display())).args(options);
        watch.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
        #[expect(clippy::zombie_processes, reason = "it outlives this process on purpose and ends by itself")]
        let _ends_by_itself = watch.spawn().expect("sh runs");
        self.wait();
    }

    /// A program of PostgreSQL's as someone who is not root, which it refuses to be.
    fn command(&self, user: Option<&str>, program: &str) -> Command {
        let program = self.programs.join(program);
        let Some(user) = user else { return Command::new(program) };
        let mut command = Command::new("setpriv");
        command.args(["--reuid", user, "--regid", user, "--clear-groups"]).arg(program);
        command
    }

    fn psql(&self, database: &str, sql: &str) -> Command {
        let mut psql = Command::new(self.programs.join("psql"));
        psql.args([
            "--no-psqlrc",
            "--quiet",
            "--tuples-only",
            "--no-align",
            "--username",
            "voxlink",
            "--host",
        ]);
        psql.arg(self.folder.join("data")).args(["--dbname", database, "--command", sql]);
        psql
    }

    fn answers(&self) -> bool {
        self.psql("postgres", "SELECT 1").output().is_ok_and(|output| output.status.success())
    }

    /// Runs SQL in its first database and returns what psql prints.
    ///
    /// # Panics
    /// When it fails.
    #[expect(clippy::must_use_candidate, reason = "most is asked for what it does")]
    pub fn ask(&self, sql: &str) -> String {
        self.ask_in("postgres", sql)
    }

    pub(crate) fn ask_in(&self, database: &str, sql: &str) -> String {
        run(&mut self.psql(database, sql)).trim().to_owned()
    }

    /// The process id of the server.
    ///
    /// # Panics
    /// When it does not run.
    #[must_use]
    pub fn pid(&self) -> u32 {
        let text = fs::read_to_string(self.folder.join("data/postmaster.pid")).expect("the server runs");
        text.lines().next().and_then(|line| line.parse().ok()).expect("a process id")
    }

    /// How to reach a database of it.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        format!("postgres:///{database}?user=voxlink&host={}", self.folder.join("data").display())
    }
}

fn run(command: &mut Command) -> String {
    let output = command.output().expect("it runs");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Whom to become, when we are root.
fn unprivileged() -> Option<String> {
    if run(Command::new("id").arg("-u")).trim() != "0" {
        return None;
    }
    let exists =
        |user: &&str| Command::new("id").arg(user).output().is_ok_and(|output| output.status.success());
    ["postgres", "nobody"].into_iter().find(exists).map(ToOwned::to_owned)
}

/// The folder of the newest PostgreSQL here.
fn programs() -> Option<PathBuf> {
    let debian = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let debian = debian.filter_map(|entry| {
        Some((entry.file_name().to_str()?.parse::<u32>().ok()?, entry.path().join("bin")))
    });
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&path).map(|folder| (0, folder));
    let has_all =
        |folder: &Path| ["initdb", "postgres", "psql"].iter().all(|name| folder.join(name).exists());
    debian.chain(on_path).filter(|(_, folder)| has_all(folder)).max().map(|(_, folder)| folder)
}
