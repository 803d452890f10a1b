//! `voxlink doctor` against a server that runs, with things broken on purpose.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod support;

use std::{
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream, UdpSocket},
    thread,
};

use serde_json::Value;
use support::{Server, folder, voxlink};

/// Its exit code and what it found.
fn examine(arguments: &[&str]) -> (i32, Value) {
    let output = voxlink().arg("doctor").arg("--json").args(arguments).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let report = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
    (output.status.code().unwrap(), report)
}

/// All that it says of this check, `state: sentence`.
fn said(report: &Value, check: &str) -> String {
    let findings = report["findings"].as_array().unwrap().iter().filter(|one| one["check"] == check);
    let sentences = findings.map(|one| {
        let change = one["change"].as_str().unwrap_or_default();
        format!("{}: {} {change}\n", one["state"].as_str().unwrap(), one["found"].as_str().unwrap())
    });
    sentences.collect()
}

/// What stands before a server and spoils something.
#[derive(Clone, Default)]
struct Spoils {
    upgrades: bool,
    host: bool,
    media_port: Option<u16>,
    media_tcp_port: Option<u16>,
}

/// An HTTP proxy; its address.
fn proxy(server: &Server, spoils: Spoils) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (at, upstream) = (listener.local_addr().unwrap().to_string(), server.address.clone());
    thread::spawn(move || {
        while let Ok((client, _)) = listener.accept() {
            let (upstream, spoils) = (upstream.clone(), spoils.clone());
            thread::spawn(move || pass_on(client, &upstream, &spoils));
        }
    });
    at
}

fn pass_on(mut client: TcpStream, upstream: &str, spoils: &Spoils) {
    let mut request = Vec::new();
    let mut byte = [0];
    while !request.ends_with(b"\r\n\r\n") {
        if client.read(&mut byte).unwrap_or(0) == 0 {
            return;
        }
        request.push(byte[0]);
    }
    let request = String::from_utf8(request).unwrap();
    let is_upgrade = request.contains("upgrade: websocket");
    let lines = request.trim_end().lines().map(|line| match line.split_once(':') {
        Some(("connection" | "upgrade", _)) if spoils.upgrades => String::new(),
        Some(("host", _)) if spoils.host => format!("host: {upstream}\r\n"),
        _ => format!("{line}\r\n"),
    });
    let mut server = TcpStream::connect(upstream).unwrap();
    let closing = if is_upgrade && !spoils.upgrades { "" } else { "connection: close\r\n" };
    let passed = lines.collect::<String>() + closing + "\r\n";
    server.write_all(passed.as_bytes()).unwrap();
    if is_upgrade && !spoils.upgrades {
        let _over = std::io::copy(&mut server, &mut client);
        return;
    }
    let mut answer = Vec::new();
    let _over = server.read_to_end(&mut answer);
    let mut answer = String::from_utf8(answer).unwrap();
    let ports = [("\"media_ports\":[", spoils.media_port), ("\"media_tcp_ports\":[", spoils.media_tcp_port)];
    for (name, port) in ports {
        let (Some(port), Some(at)) = (port, answer.find(name)) else { continue };
        let (start, end) = (at + name.len(), at + answer[at..].find(']').unwrap());
        answer.replace_range(start..end, &port.to_string());
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let head = head.lines().filter(|line| !line.starts_with("content-length"));
        let head: String = head.map(|line| format!("{line}\r\n")).collect();
        answer = format!("{head}content-length: {}\r\n\r\n{body}", body.len());
    }
    let _gone = client.write_all(answer.as_bytes());
}

#[test]
fn a_server_that_is_well_has_nothing_bad_about_it() {
    let server = Server::start(&folder("doctor-well"), &["--turn-listen", "127.0.0.1:0"]);
    let (code, report) = examine(&[&format!("http://{}", server.address)]);
    assert_eq!((code, &report["state"]), (1, &Value::from("weak")), "{report:#}");
    for check in ["http", "websocket", "media", "media-tcp"] {
        assert!(said(&report, check).lines().all(|line| line.starts_with("good: ")), "{report:#}");
    }
    let turn = said(&report, "turn");
    assert!(
        turn.contains("good: TURN answers on UDP") && turn.contains("good: TURN answers on TCP"),
        "{turn}"
    );
    assert!(turn.contains("weak: There is no TURN over TLS"), "{turn}");

    let output = voxlink().args(["doctor", &server.address.replace("127", "http://127")]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("ok    VoxLink answers at http://127.0.0.1"), "{text}");
    assert!(text.contains("      → Serve HTTPS by the server itself"), "{text}");
}

#[test]
fn a_proxy_without_upgrades_is_named_with_what_to_change() {
    let server = Server::start(&folder("doctor-upgrade"), &[]);
    let at = proxy(&server, Spoils { upgrades: true, ..Spoils::default() });
    let (code, report) = examine(&[&format!("http://{at}")]);
    assert_eq!(code, 2);
    let words = said(&report, "websocket");
    assert!(words.contains("bad: The WebSocket of messages does not open: the answer is 426"), "{words}");
    assert!(words.contains("Upgrade and Connection"), "{words}");
}

#[test]
fn a_proxy_that_changes_the_host_is_named() {
    let server = Server::start(&folder("doctor-host"), &[]);
    let at = proxy(&server, Spoils { host: true, ..Spoils::default() });
    let (code, report) = examine(&[&format!("http://{at}")]);
    assert_eq!(code, 2);
    assert!(said(&report, "proxy").contains("pass the Host header on"), "{report:#}");
    let at = proxy(&server, Spoils::default());
    let (_, report) = examine(&[&format!("http://{at}")]);
    assert_eq!(
        said(&report, "proxy") + &said(&report, "websocket").replace("good: ", ""),
        "The WebSocket of messages opens. \nThe WebSocket of calls opens. \n"
    );
}

#[test]
fn a_media_port_that_does_not_answer_is_bad_without_turn_and_weak_with_it() {
    // Nobody reads from it: as behind a firewall.
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    for (turn, state) in [(false, "bad"), (true, "weak")] {
        let more: &[&str] = if turn { &["--turn-listen", "127.0.0.1:0"] } else { &[] };
        let server = Server::start(&folder(&format!("doctor-media-{turn}")), more);
        let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
        let closed = tcp.local_addr().unwrap().port();
        drop(tcp);
        let spoils = Spoils { media_port: Some(port), media_tcp_port: Some(closed), ..Spoils::default() };
        let at = proxy(&server, spoils);
        let (_, report) = examine(&[&format!("http://{at}")]);
        let words = said(&report, "media-tcp");
        let without = if turn { "have calls through TURN only" } else { "have no calls" };
        assert!(words.starts_with(&format!("weak: Nothing comes back from TCP {closed}")), "{words}");
        assert!(words.contains(without), "{words}");

        // TCP makes up for UDP.
        let at = proxy(&server, Spoils { media_port: Some(port), ..Spoils::default() });
        let (_, over_tcp) = examine(&[&format!("http://{at}")]);
        assert!(said(&over_tcp, "media").contains("weak: Nothing comes back from UDP"), "{over_tcp:#}");
        assert!(said(&over_tcp, "media").contains("calls go over TCP"), "{over_tcp:#}");
        let words = said(&report, "media");
        assert!(words.starts_with(&format!("{state}: Nothing comes back from UDP {port}")), "{words}");
        assert!(words.contains("forward it in the router"), "{words}");
    }
}

#[test]
fn certificates_are_judged_as_browsers_judge_them() {
    let data = folder("doctor-tls");
    let tls = ["--tls-listen", "127.0.0.1:0", "--turn-listen", "127.0.0.1:0"];
    let server = Server::start(&data, &tls);
    let at = server.encrypted.clone().unwrap();
    let (code, report) = examine(&[&format!("https://{at}")]);
    assert_eq!(code, 1, "{report:#}");
    assert!(said(&report, "certificate").starts_with("weak: Browsers do not know who signed"), "{report:#}");
    assert!(said(&report, "turn").contains("good: TURN over TLS answers on the port of HTTPS"), "{report:#}");

    let key = rcgen::KeyPair::generate().unwrap();
    let other = rcgen::CertificateParams::new(vec!["other.example".to_owned()]).unwrap();
    let (chain, file) = (data.join("chain.pem"), data.join("key.pem"));
    std::fs::write(&chain, other.self_signed(&key).unwrap().pem()).unwrap();
    std::fs::write(&file, key.serialize_pem()).unwrap();
    let pair = ["--tls-cert", chain.to_str().unwrap(), "--tls-key", file.to_str().unwrap()];
    let server = Server::start(&folder("doctor-name"), &[&tls[..], &pair[..]].concat());
    let (code, report) = examine(&[&format!("https://{}", server.encrypted.clone().unwrap())]);
    assert_eq!(code, 2);
    let words = said(&report, "certificate");
    assert!(words.starts_with("bad: The certificate is for other.example, not for 127.0.0.1"), "{words}");
}

#[test]
fn what_is_no_server_is_said_so() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (code, report) = examine(&[&format!("http://{nobody}")]);
    assert_eq!(code, 2);
    assert!(said(&report, "http").contains("nobody listens on TCP port"), "{report:#}");
    assert_eq!(examine(&["ftp://a.example"]).0, 2);
}

#[test]
fn without_a_url_it_looks_at_this_machine_and_the_settings_of_serve() {
    let data = folder("doctor-here");
    let server = Server::start(&data, &["--turn-listen", "127.0.0.1:0"]);
    let address = server.address.clone();
    let begin = ["--data-dir", data.to_str().unwrap(), "--listen", &address];
    let (code, report) = examine(&begin);
    assert!(code < 2, "{report:#}");
    for check in ["disk", "open-files", "http", "websocket", "media", "turn", "address"] {
        assert!(!said(&report, check).is_empty(), "{check}: {report:#}");
    }
    assert!(said(&report, "listen").contains("listens on this machine only"), "{report:#}");
    // Its own TURN stands in for somebody else's STUN.
    let words = said(&report, "turn");
    let port: String = words.split_once("UDP ").unwrap().1.chars().take_while(char::is_ascii_digit).collect();
    let (_, report) = examine(&[&begin[..], &["--stun", &format!("127.0.0.1:{port}")]].concat());
    assert!(said(&report, "nat").contains("its own address, 127.0.0.1"), "{report:#}");
    let stun = format!("127.0.0.1:{port}");
    let (code, report) = examine(&[&begin[..], &["--stun", &stun, "--public-address", "127.0.0.9"]].concat());
    assert_eq!(code, 2);
    let words = said(&report, "nat");
    assert!(words.contains("sees this machine at 127.0.0.1, but calls are offered at 127.0.0.9"), "{words}");

    drop(server);
    let (code, report) = examine(&begin);
    assert_eq!(code, 2);
    assert!(said(&report, "http").contains("Start the server"), "{report:#}");
    let (code, report) = examine(&["--tls", "acme"]);
    assert_eq!(code, 2);
    assert!(said(&report, "settings").contains("--tls-listen"), "{report:#}");
}
