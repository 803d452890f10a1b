//! HTTPS as an operator and a browser meet it.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    time::Duration,
};

use rcgen::{CertificateParams, KeyPair};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::{
    client::{ask, certificates, connect, connect_from, connector, shown},
    support::{Server, folder, refusal},
};

const SELF_SIGNED: &[&str] = &["--tls-listen", "127.0.0.1:0", "--tls-name", "chat.example.org"];

fn own(data: &Path) -> PathBuf {
    data.join("tls/self-signed.pem")
}

fn at(server: &Server) -> String {
    server.encrypted.clone().unwrap()
}

#[tokio::test]
async fn a_certificate_of_its_own_is_made_once_and_good_for_its_names() {
    let data = folder("tls-own");
    let server = Server::start(&data, SELF_SIGNED);
    let roots = certificates(&own(&data));
    for name in ["chat.example.org", "localhost", "127.0.0.1"] {
        let mut stream = connect(&connector(&roots, &[b"http/1.1"]), &at(&server), name).await.unwrap();
        let health = ask(&mut stream, "GET /healthz", "host: chat.example.org\r\n", "").await;
        assert!(health.starts_with("HTTP/1.1 200"), "{health}");
        assert!(
            !health.contains("strict-transport-security"),
            "a certificate of our own may go again: {health}"
        );
    }
    assert!(connect(&connector(&roots, &[]), &at(&server), "other.example").await.is_err());
    let first = shown(&roots, &at(&server), "localhost").await.unwrap();
    assert!(server.terminate().status.success());

    let server = Server::start(&data, SELF_SIGNED);
    assert_eq!(shown(&roots, &at(&server), "localhost").await.unwrap(), first, "it is kept");
}

#[tokio::test]
async fn whoever_came_by_tls_is_told_addresses_by_tls_and_gets_a_websocket() {
    let data = folder("tls-gateway");
    let server = Server::start(&data, SELF_SIGNED);
    let connector = connector(&certificates(&own(&data)), &[b"http/1.1"]);
    let host = "host: chat.example.org\r\n";
    let mut stream = connect(&connector, &at(&server), "chat.example.org").await.unwrap();
    let gateway = ask(&mut stream, "GET /api/v10/gateway", host, "").await;
    assert!(gateway.ends_with("{\"url\":\"wss://chat.example.org/gateway\"}"), "{gateway}");
    assert!(server.ask("GET /api/v10/gateway", "").ends_with("{\"url\":\"ws://x/gateway\"}"));

    let mut stream = connect(&connector, &at(&server), "chat.example.org").await.unwrap();
    let upgrade = format!(
        "GET /gateway?v=10&encoding=json HTTP/1.1\r\n{host}origin: https://chat.example.org\r\nconnection: upgrade\r\n\
         upgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    stream.write_all(upgrade.as_bytes()).await.unwrap();
    let mut got = Vec::new();
    while !String::from_utf8_lossy(&got).contains("heartbeat_interval") {
        assert_ne!(stream.read_buf(&mut got).await.unwrap(), 0, "{}", String::from_utf8_lossy(&got));
    }
    assert!(got.starts_with(b"HTTP/1.1 101"));
}

#[test]
fn whoever_speaks_plain_http_to_the_port_of_https_is_told_so() {
    let server = Server::start(&folder("tls-plain"), SELF_SIGNED);
    let mut stream = TcpStream::connect(at(&server)).unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    let mut answer = String::new();
    let _closed = stream.read_to_string(&mut answer);
    assert!(answer.starts_with("HTTP/1.1 400") && answer.contains("https://"), "{answer}");
}

#[tokio::test]
async fn those_who_say_nothing_do_not_keep_others_out() {
    let data = folder("tls-silent");
    let server = Server::start(&data, SELF_SIGNED);
    let roots = certificates(&own(&data));
    let mut silent = Vec::new();
    for _ in 0..300 {
        silent.push(connect_from("127.0.0.2", &at(&server)).await);
    }
    // A first record that promises more than it holds.
    for stream in &mut silent {
        // Those over the bound are closed already.
        let _closed = stream.write_all(b"\x16\x03\x01\x02\x00\x01").await;
    }
    let mut stream = connect(&connector(&roots, &[]), &at(&server), "localhost").await.unwrap();
    assert!(ask(&mut stream, "GET /healthz", "host: x\r\n", "").await.contains("ok"));
    let mut closed = 0;
    for stream in &mut silent {
        let read = tokio::time::timeout(Duration::from_secs(20), stream.read(&mut [0; 64])).await;
        closed += usize::from(read.is_ok());
    }
    assert_eq!(closed, silent.len(), "each of them ends");
}

#[tokio::test]
async fn the_plain_port_leads_to_the_encrypted_one_when_it_should() {
    let data = folder("tls-redirect");
    let server = Server::start(&data, &[SELF_SIGNED, &["--tls-redirect", "on"]].concat());
    let port = at(&server).parse::<SocketAddr>().unwrap().port();
    let there = server.ask("GET /invite/a?b=c", "");
    assert!(there.starts_with("HTTP/1.1 308"), "{there}");
    assert!(there.contains(&format!("location: https://x:{port}/invite/a?b=c\r\n")), "{there}");
    assert!(server.ask("GET /healthz", "").contains("ok"));
    let behind = server.ask("GET /api/v10/gateway", "x-forwarded-proto: https\r\n");
    assert!(behind.contains("wss://x/gateway"), "{behind}");
}

/// Key and certificate for this name, in two files.
fn write_pair(folder: &Path, name: &str) -> Vec<u8> {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec![name.to_owned()]).unwrap().self_signed(&key).unwrap();
    std::fs::write(folder.join("key.pem"), key.serialize_pem()).unwrap();
    std::fs::write(folder.join("chain.pem"), certificate.pem()).unwrap();
    certificate.der().to_vec()
}

#[tokio::test]
async fn files_are_read_again_and_a_broken_pair_keeps_the_old_one() {
    let data = folder("tls-files");
    std::fs::create_dir_all(&data).unwrap();
    let first = write_pair(&data, "a.example");
    let (chain, key) = (data.join("chain.pem"), data.join("key.pem"));
    let (chain_text, key_text) = (chain.to_str().unwrap(), key.to_str().unwrap());
    let given = ["--tls-listen", "127.0.0.1:0", "--tls-cert", chain_text, "--tls-key", key_text];
    let mut server = Server::start(&data.join("data"), &given);
    let roots = [first.clone().into()];
    assert_eq!(shown(&roots, &at(&server), "a.example").await, Some(first.clone()));
    let mut stream = connect(&connector(&roots, &[]), &at(&server), "a.example").await.unwrap();
    let health = ask(&mut stream, "GET /healthz", "host: a.example\r\n", "").await;
    assert!(health.contains("strict-transport-security: max-age="), "{health}");

    std::fs::write(&chain, "half a certificate").unwrap();
    let log = server.log_until("chain.pem cannot be used");
    assert!(log.contains("The old certificate is still shown"), "{log}");
    assert_eq!(shown(&roots, &at(&server), "a.example").await, Some(first));

    let second = write_pair(&data, "a.example");
    let roots = [second.clone().into()];
    let mut seen = None;
    for _ in 0..200 {
        seen = shown(&roots, &at(&server), "a.example").await;
        if seen.is_some() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(seen, Some(second));
}

#[test]
fn what_is_wrong_with_a_certificate_is_said_in_a_sentence() {
    let data = folder("tls-wrong");
    std::fs::create_dir_all(&data).unwrap();
    let path = |name: &str| data.join(name).to_str().unwrap().to_owned();
    write_pair(&data, "a.example");
    std::fs::copy(data.join("key.pem"), data.join("other.pem")).unwrap();
    write_pair(&data, "a.example");
    let begin = ["--listen", "127.0.0.1:0", "--media-listen", "127.0.0.1:0", "--tls-listen", "127.0.0.1:0"];
    let folder = path("data");
    let refused = |chain: &str, key: &str| {
        let (chain, key) = (path(chain), path(key));
        let files = ["--data-dir", &folder, "--tls-cert", &chain, "--tls-key", &key];
        refusal(&[&begin[..], &files[..]].concat())
    };
    assert!(refused("none.pem", "key.pem").contains("--tls-cert"));
    assert!(refused("chain.pem", "chain.pem").contains("no private key"));
    assert!(refused("key.pem", "key.pem").contains("no certificate"));
    let words = refused("chain.pem", "other.pem");
    assert!(words.contains("does not belong to the certificate"), "{words}");
    assert!(refusal(&["--tls", "acme"]).contains("--tls-listen"));
}
