//! The binary as an operator meets it.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod support;

use std::net::TcpStream;

use support::{Server, folder, refusal, voxlink};

#[test]
fn it_says_that_it_is_ready_answers_and_stops_when_asked_to() {
    let server = Server::start(&folder("ready"), &[]);
    let health = server.ask("GET /healthz", "");
    assert!(health.starts_with("HTTP/1.1 200"), "{health}");
    assert!(health.contains("content-type: application/json\r\n"), "{health}");
    assert!(health.ends_with("{\"status\":\"ok\"}"), "{health}");
    assert!(server.ask("GET /", "accept: text/html\r\n").contains("<!doctype html>"));
    assert!(server.ask("GET /api/v9/users/@me", "").contains("401: Unauthorized"));
    assert!(server.ask("GET /api/v10/nothing", "").ends_with("{\"code\":0,\"message\":\"404: Not Found\"}"));
    let about = server.ask("GET /api/v1/server", "");
    assert!(about.contains("\"registration\":\"open\""), "{about}");

    let idle = TcpStream::connect(&server.address).unwrap();
    let output = server.terminate();
    drop(idle);
    assert!(output.status.success(), "{:?}", output.status);
    assert_eq!(output.stdout, b"", "stdout has one line only");
}

#[test]
fn headers_beyond_the_limit_end_only_their_own_connection() {
    let server = Server::start(&folder("headers"), &[]);
    let answer = server.ask("GET /healthz", &format!("x: {}\r\n", "a".repeat(100_000)));
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431"), "{answer}");
    assert!(server.ask("nonsense", "").starts_with("HTTP/1.1 400"));
    assert!(server.ask("GET /healthz", "").contains("ok"));
}

#[test]
fn every_option_of_the_design_is_accepted() {
    let server = Server::start(
        &folder("options"),
        &[
            "--listen",
            "127.0.0.1:0",
            "--tls-listen",
            "127.0.0.1:0",
            "--tls",
            "self-signed",
            "--tls-name",
            "chat.example.org",
            "--tls-redirect",
            "off",
            "--turn-listen",
            "127.0.0.1:0",
            "--relay-ports",
            "40000-44999",
            "--public-address",
            "192.0.2.1",
            "--public-address",
            "2001:db8::1",
            "--registration",
            "invite",
            "--rate-limits",
            "off",
            "--only",
            "identity,chat",
        ],
    );
    assert!(server.ask("GET /api/v1/server", "").contains("\"registration\":\"invite\""));
    let log = server.terminate().stderr;
    let log = String::from_utf8(log).unwrap();
    assert_eq!(log.matches("\"option\":").count(), 1, "{log}");
    assert!(log.contains("\"option\":\"--only\""), "{log}");
}

#[test]
fn the_environment_and_the_file_set_what_the_command_line_does_not() {
    let data = folder("file");
    std::fs::create_dir_all(&data).unwrap();
    let file = data.join("voxlink.toml");
    std::fs::write(&file, "registration = \"closed\"\nrate-limits = \"off\"\n").unwrap();
    let server = Server::start(&data, &["--config", file.to_str().unwrap()]);
    assert!(server.ask("GET /api/v1/server", "").contains("\"registration\":\"closed\""));
    drop(server);

    std::fs::write(&file, "registratoin = \"closed\"\n").unwrap();
    let refused = voxlink().args(["serve", "--config"]).arg(&file).output().unwrap();
    let words = String::from_utf8(refused.stderr).unwrap();
    assert!(!refused.status.success() && words.contains("registratoin"), "{words}");
}

#[test]
fn what_keeps_it_from_starting_is_said_in_a_sentence() {
    let blocked = folder("blocked");
    std::fs::write(&blocked, "a file where the folder should be").unwrap();
    let words = refusal(&["--data-dir", blocked.join("data").to_str().unwrap()]);
    assert!(words.contains("cannot write to its data folder") && words.contains("--data-dir"), "{words}");

    let data = folder("first");
    let first = Server::start(&data, &[]);
    let words = refusal(&["--data-dir", data.to_str().unwrap(), "--listen", "127.0.0.1:0"]);
    assert!(words.contains("Another VoxLink"), "{words}");
    let words = refusal(&["--data-dir", folder("second").to_str().unwrap(), "--listen", &first.address]);
    assert!(words.contains("another program is using it") && words.contains("--listen"), "{words}");
}

#[test]
fn requests_are_limited_and_told_how_far_they_may_go() {
    let server = Server::start(&folder("limits"), &[]);
    let first = server.ask("GET /api/v1/server", "").to_lowercase();
    assert!(
        first.contains("x-ratelimit-limit: 100") && first.contains("x-ratelimit-remaining: 99"),
        "{first}"
    );
    let answers = (0..200).map(|_| server.ask("GET /api/v1/server", ""));
    let refused = answers.into_iter().find(|answer| answer.starts_with("HTTP/1.1 429")).unwrap();
    assert!(
        refused.to_lowercase().contains("retry-after: ") && refused.contains("\"retry_after\":"),
        "{refused}"
    );
    assert!(!server.ask("GET /healthz", "").starts_with("HTTP/1.1 429"));
}

/// A page of another site may make the browser of somebody who is logged in here connect; it is not let in.
#[test]
fn sockets_are_closed_to_pages_of_other_sites() {
    let server = Server::start(&folder("origin"), &[]);
    let upgrade =
        "upgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    for path in ["/gateway", "/gateway/", "/voice", "/voice/"] {
        let request = format!("GET {path}?v=10&encoding=json");
        let evil = server
            .ask(&request, &format!("{upgrade}connection: upgrade\r\norigin: https://evil.example\r\n"));
        assert!(evil.starts_with("HTTP/1.1 403"), "{path}: {evil}");
    }
}

#[test]
fn a_database_that_does_not_answer_is_named_without_its_password() {
    let words = refusal(&[
        "--data-dir",
        folder("no-database").to_str().unwrap(),
        "--listen",
        "127.0.0.1:0",
        "--database",
        "chat=postgres://anna:hush@127.0.0.1:9/vox",
    ]);
    assert!(words.contains("database of chat") && !words.contains("hush"), "{words}");
}

#[test]
fn the_operator_makes_an_invite_while_the_server_runs() {
    let data = folder("invite");
    let _server = Server::start(&data, &["--registration", "invite"]);
    let made = voxlink().args(["admin", "invite", "--data-dir"]).arg(&data).output().unwrap();
    assert!(made.status.success());
    assert_eq!(String::from_utf8(made.stdout).unwrap().trim_end().len(), 20);
    let nowhere = voxlink().args(["admin", "invite", "--data-dir"]).arg(folder("nowhere")).output().unwrap();
    assert!(!nowhere.status.success());
}
