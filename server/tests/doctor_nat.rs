//! `voxlink doctor` behind real routers: namespaces with NAT by nftables, where the machine allows that.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod support;

use std::{
    io::{BufRead as _, BufReader, Write as _},
    process::{Child, Command, Stdio},
};

use serde_json::Value;
use support::folder;

const BINARY: &str = env!("CARGO_BIN_EXE_voxlink");
/// Where STUN servers are. Nothing leaves the namespaces: these addresses only must look like the internet's.
const SERVERS: [&str; 2] = ["11.0.0.1", "11.0.0.2"];
/// The router's, outside.
const OUTSIDE: &str = "11.0.1.2";

/// One port outside for one inside.
const FULL_CONE: &str = "masquerade";
/// Another port outside for each peer.
const SYMMETRIC: &str = "masquerade random";

/// A home, its router, and an internet with servers; taken away when dropped.
struct Internet {
    name: String,
    servers: Vec<Child>,
}

impl Internet {
    /// `None`, with the reason on stderr, where there is no root, no veth or no nftables.
    fn build(test: &str) -> Option<Self> {
        let this = Self { name: format!("vxd{}{test}", std::process::id()), servers: Vec::new() };
        let [hall, router, home] = ["s", "r", "h"].map(|end| this.namespace(end));
        let steps = [
            format!("netns add {hall}"),
            format!("netns add {router}"),
            format!("netns add {home}"),
            format!("-n {hall} link add far type veth peer name wan netns {router}"),
            format!("-n {router} link add lan type veth peer name home netns {home}"),
            format!("-n {hall} addr add {}/32 dev lo", SERVERS[0]),
            format!("-n {hall} addr add {}/32 dev lo", SERVERS[1]),
            format!("-n {hall} addr add 11.0.1.1/24 dev far"),
            format!("-n {router} addr add {OUTSIDE}/24 dev wan"),
            format!("-n {router} addr add 10.0.1.1/24 dev lan"),
            format!("-n {home} addr add 10.0.1.2/24 dev home"),
            format!("-n {hall} link set lo up"),
            format!("-n {router} link set lo up"),
            format!("-n {home} link set lo up"),
            format!("-n {hall} link set far up"),
            format!("-n {router} link set wan up"),
            format!("-n {router} link set lan up"),
            format!("-n {home} link set home up"),
            format!("-n {router} route add default via 11.0.1.1"),
            format!("-n {home} route add default via 10.0.1.1"),
            format!("netns exec {router} sh -c"),
        ];
        for step in &steps {
            let mut command = Command::new("ip");
            command.args(step.split(' '));
            if step.ends_with("sh -c") {
                command.arg("echo 1 > /proc/sys/net/ipv4/ip_forward");
            }
            let done = command.output();
            if !done.as_ref().is_ok_and(|output| output.status.success()) {
                eprintln!("skipped, this machine has no namespaces for tests: ip {step}: {done:?}");
                return None;
            }
        }
        this.translate(FULL_CONE).then_some(this)
    }

    fn namespace(&self, end: &str) -> String {
        format!("{}{end}", self.name)
    }

    /// From now on the router does this; false, with the reason on stderr, where it cannot.
    fn translate(&self, nat: &str) -> bool {
        let rules = format!(
            "flush ruleset
             table ip router {{
               chain out {{ type nat hook postrouting priority 100; oifname \"wan\" {nat}; }}
             }}"
        );
        let mut command = self.command("r", "nft");
        let command = command.args(["-f", "-"]).stdin(Stdio::piped()).stderr(Stdio::piped());
        let mut process = command.spawn().unwrap();
        process.stdin.take().unwrap().write_all(rules.as_bytes()).unwrap();
        let output = process.wait_with_output().unwrap();
        let words = String::from_utf8_lossy(&output.stderr);
        assert!(!words.contains("syntax error"), "{words}");
        if !output.status.success() {
            eprintln!("skipped, routers need NAT by nftables: {words}");
        }
        output.status.success()
    }

    fn command(&self, end: &str, program: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.namespace(end), program]);
        command
    }

    /// A VoxLink in the internet, whose TURN port is a STUN server; its address.
    fn serve(&mut self, ip: &str) -> String {
        let data = folder(&format!("doctor-nat-{}-{ip}", self.name));
        let stun = format!("{ip}:3478");
        let mut command = self.command("s", BINARY);
        command.args(["serve", "--listen", "127.0.0.1:0", "--media-listen", "127.0.0.1:0"]);
        command.args(["--turn-listen", &stun, "--data-dir"]).arg(data);
        let mut process = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        self.servers.push(process);
        assert!(line.starts_with("VoxLink is ready"), "{line:?}");
        stun
    }

    /// All that a doctor in that namespace says of the NAT, `state: sentence`.
    fn said(&self, end: &str, arguments: &[&str]) -> String {
        let data = folder(&format!("doctor-nat-{}", self.name));
        let mut command = self.command(end, BINARY);
        command.args(["doctor", "--json", "--media-listen", "0.0.0.0:7882", "--data-dir"]).arg(data);
        let output = command.args(arguments).output().unwrap();
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        let findings = report["findings"].as_array().unwrap().iter().filter(|one| one["check"] == "nat");
        let sentences = findings.map(|one| {
            let change = one["change"].as_str().unwrap_or_default();
            format!("{}: {} {change}\n", one["state"].as_str().unwrap(), one["found"].as_str().unwrap())
        });
        sentences.collect()
    }
}

impl Drop for Internet {
    fn drop(&mut self) {
        for server in &mut self.servers {
            let _ended = server.kill().and_then(|()| server.wait().map(drop));
        }
        for end in ["h", "r", "s"] {
            let _gone = Command::new("ip").args(["netns", "delete", &self.namespace(end)]).output();
        }
    }
}

#[test]
fn each_kind_of_nat_is_told_with_what_to_change() {
    let Some(mut internet) = Internet::build("k") else { return };
    let servers = SERVERS.map(|ip| internet.serve(ip));
    let both = ["--stun", &servers[0], "--stun", &servers[1]];

    let words = internet.said("r", &both);
    assert!(
        words.starts_with(&format!(
            "good: The world sees this machine at its own address, {OUTSIDE}: there is no NAT."
        )),
        "{words}"
    );

    let words = internet.said("h", &both);
    assert!(
        words.contains(&format!("weak: This machine is behind a NAT: the world sees it at {OUTSIDE}")),
        "{words}"
    );
    assert!(
        words.contains("in the router to this machine, and name the address with --public-address"),
        "{words}"
    );
    assert!(
        words.contains("good: The NAT gives a socket one port for everybody (endpoint-independent mapping), with the number that it has here"),
        "{words}"
    );
    let words = internet.said("h", &both[..2]);
    assert!(words.contains("takes a second STUN server, at another address"), "{words}");

    assert!(internet.translate(SYMMETRIC));
    let words = internet.said("h", &both);
    assert!(
        words.contains("(\"symmetric\"): media from outside does not come in. Forward UDP and TCP 7882"),
        "{words}"
    );
    let words = internet.said("h", &[&both[..], &["--public-address", OUTSIDE]].concat());
    assert!(
        words.contains(&format!("good: The world sees this machine at {OUTSIDE}, where calls are offered.")),
        "{words}"
    );
    assert!(
        words.contains("calls come in by the ports that the router forwards, and by no others"),
        "{words}"
    );
}

#[test]
fn one_server_with_two_addresses_is_enough() {
    let Some(mut internet) = Internet::build("o") else { return };
    let mut command = internet.command("s", "turnserver");
    command.args([
        "-n",
        "-L",
        SERVERS[0],
        "-L",
        SERVERS[1],
        "--no-tls",
        "--no-dtls",
        "--no-cli",
        "--no-auth",
    ]);
    command.args(["--log-file=stdout", "--simple-log"]);
    let Ok(mut coturn) = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn() else { return };
    let mut log = BufReader::new(coturn.stdout.take().unwrap());
    internet.servers.push(coturn);
    // Its sockets are open before its admin thread starts; without coturn nothing is said.
    let mut line = String::new();
    loop {
        line.clear();
        if log.read_line(&mut line).unwrap() == 0 {
            eprintln!("skipped, there is no coturn here");
            return;
        }
        if line.contains("IO method (admin thread)") {
            break;
        }
    }
    let stun = format!("{}:3478", SERVERS[0]);
    let words = internet.said("h", &["--stun", &stun]);
    assert!(words.contains("one port for everybody (endpoint-independent mapping)"), "{words}");
    assert!(internet.translate(SYMMETRIC));
    let words = internet.said("h", &["--stun", &stun]);
    assert!(words.contains("(\"symmetric\"): media from outside does not come in"), "{words}");
}
