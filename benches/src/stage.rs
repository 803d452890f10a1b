//! Two network namespaces with a wire between them: a server in one, everybody else in the other. Their addresses are
//! such as the internet has, so that no server refuses them as private ones, and lead nowhere else.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    process::{Child, Command, Stdio},
};

use serde_json::Value;
use voxlink_test_client::{Options, Person, Rest, TestServer};
use voxlink_turn::{Secret, credentials};

use crate::call::Turn;

/// The server's side, and the other.
pub(crate) const SERVER: IpAddr = IpAddr::V4(Ipv4Addr::new(25, 0, 0, 1));
pub(crate) const CLIENTS: IpAddr = IpAddr::V4(Ipv4Addr::new(25, 0, 0, 2));
/// All of these are on the clients' side as well.
pub(crate) const MANY: &str = "25.1.0.0/16";
/// STUN's port.
pub(crate) const TURN: SocketAddr = SocketAddr::new(SERVER, 3478);

/// The first word to this program when it is on the clients' side already.
pub(crate) const INSIDE: &str = "inside";

const SECRET: &str = "a bench's secret";

fn ip(arguments: &[&str]) -> Result<(), String> {
    let outcome = Command::new("ip").args(arguments).output().map_err(|error| error.to_string())?;
    let said = String::from_utf8_lossy(&outcome.stderr).into_owned();
    if outcome.status.success() { Ok(()) } else { Err(format!("ip {}: {said}", arguments.join(" "))) }
}

/// Taken away again when dropped; with them goes the wire.
struct Namespaces([String; 2]);

impl Drop for Namespaces {
    fn drop(&mut self) {
        for name in &self.0 {
            if let Err(error) = ip(&["netns", "delete", name]) {
                eprintln!("a namespace stays: {error}");
            }
        }
    }
}

fn make() -> Result<Namespaces, String> {
    let number = std::process::id();
    let [server, clients] = ["s", "c"].map(|side| format!("voxlink-{side}{number}"));
    let [near, far] = ["s", "c"].map(|side| format!("vb{side}{number}"));
    ip(&["netns", "add", &server])?;
    let made = Namespaces([server.clone(), clients.clone()]);
    ip(&["netns", "add", &clients])?;
    ip(&["link", "add", &near, "netns", &server, "type", "veth", "peer", "name", &far, "netns", &clients])?;
    for (namespace, device, address) in [(&server, &near, SERVER), (&clients, &far, CLIENTS)] {
        ip(&["-n", namespace, "address", "add", &format!("{address}/24"), "dev", device])?;
        ip(&["-n", namespace, "link", "set", "lo", "up"])?;
        ip(&["-n", namespace, "link", "set", device, "up"])?;
    }
    ip(&["-n", &clients, "route", "add", "local", MANY, "dev", "lo"])?;
    ip(&["-n", &server, "route", "add", MANY, "via", &CLIENTS.to_string()])?;
    Ok(made)
}

/// Runs this program again on the clients' side, to do what `name` says.
pub(crate) fn in_namespaces(name: &str) {
    let made = match make() {
        Ok(made) => made,
        Err(error) => return eprintln!("{name} was left out: it needs root and namespaces ({error})"),
    };
    let [server, clients] = &made.0;
    let me = std::env::current_exe().expect("this program has a path");
    let mut command = Command::new("ip");
    let status = command.args(["netns", "exec", clients]).arg(me).args([INSIDE, name, server]).status();
    if !status.as_ref().is_ok_and(std::process::ExitStatus::success) {
        eprintln!("{name} failed: {status:?}");
    }
}

/// A server that can be measured and gives out credentials.
pub(crate) enum Relay {
    Ours(Box<TestServer>, Vec<Person>),
    Coturn(Child),
}

impl Relay {
    /// Ours, with `people` of whom each may have twelve allocations.
    pub(crate) async fn ours(namespace: &str, people: usize) -> Self {
        let options = Options {
            elsewhere: Some((namespace.to_owned(), SERVER)),
            arguments: ["--turn-listen", &TURN.to_string()].map(Into::into).to_vec(),
            ..Options::default()
        };
        let server = TestServer::start_with(&TestServer::binary(), options);
        let mut registered = Vec::with_capacity(people);
        for number in 0..people {
            registered.push(Person::register(server.address, &format!("person{number}")).await);
        }
        Self::Ours(Box::new(server), registered)
    }

    /// coturn with one relay thread, as ours; none where it is not installed.
    pub(crate) fn coturn(namespace: &str, port: u16) -> Option<Self> {
        let (listen, secret) = (SERVER.to_string(), format!("--static-auth-secret={SECRET}"));
        let child = Command::new("ip")
            .args(["netns", "exec", namespace, "turnserver", "-n", "-m", "1", "-L", &listen, "-E", &listen])
            .args(["-p", &port.to_string(), "--min-port", "30000", "--max-port", "32767", "-r", "voxlink"])
            .args([
                "--use-auth-secret",
                &secret,
                "--no-tls",
                "--no-dtls",
                "--no-cli",
                "--no-software-attribute",
            ])
            .args(["--no-stdout-log", "--log-file", "/dev/null", "--simple-log", "--pidfile", "/dev/null"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let is_installed = Command::new("turnserver").arg("--version").output().is_ok();
        let child = child.ok().filter(|_| is_installed)?;
        std::thread::sleep(std::time::Duration::from_secs(1));
        Some(Self::Coturn(child))
    }

    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Ours(..) => "ours",
            Self::Coturn(_) => "coturn",
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        match self {
            Self::Ours(server, _) => server.pid(),
            Self::Coturn(child) => child.id(),
        }
    }

    /// How to reach it with the `number`-th credentials.
    pub(crate) async fn credential(&self, number: usize, server: SocketAddr) -> Turn {
        match self {
            Self::Ours(_, people) => ours(&people[number % people.len()], server).await,
            Self::Coturn(_) => coturns(number, server),
        }
    }
}

/// Credentials from the API.
pub(crate) async fn ours(person: &Person, server: SocketAddr) -> Turn {
    let rest = Rest::with_token(person.address(), &person.token);
    let path = "/api/v1/ice-servers";
    let reply = rest.send("GET".parse().expect("a method"), path, Value::Null).await.expect("an answer");
    let text = |name: &str| reply.body["ice_servers"][0][name].as_str().unwrap_or_default().to_owned();
    Turn { server, username: text("username"), password: text("credential") }
}

/// Credentials as a REST API would make them for coturn.
pub(crate) fn coturns(number: usize, server: SocketAddr) -> Turn {
    let unix = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let made = credentials::issue(&Secret::new(SECRET), &number.to_string(), unix.as_secs() + 3_600);
    Turn { server, username: made.username, password: made.password }
}

impl Drop for Relay {
    fn drop(&mut self) {
        if let Self::Coturn(child) = self {
            let _gone = child.kill();
            let _status = child.wait();
        }
    }
}
