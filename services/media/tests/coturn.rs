//! The configuration that we print runs an installed coturn, and our credentials pass there.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use std::{
    io::ErrorKind,
    net::UdpSocket,
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::{Duration, SystemTime},
};

use voxlink_media::{TurnConfig, TurnSecret, coturn_config};
use voxlink_turn::{Secret, credentials};

/// Ends with the test, and takes its folder along.
struct Coturn(Child, PathBuf);

impl Drop for Coturn {
    fn drop(&mut self) {
        let _gone = self.0.kill();
        let _status = self.0.wait();
        let _stays = std::fs::remove_dir_all(&self.1);
    }
}

/// Until it answers; false when it has ended or never does.
fn answers(port: u16, child: &mut Child) -> bool {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    let mut binding = [0; 20];
    binding[1] = 1;
    binding[4..8].copy_from_slice(&[0x21, 0x12, 0xA4, 0x42]);
    (0..100).any(|_| {
        let _lost = socket.send_to(&binding, ("127.0.0.1", port));
        child.try_wait().is_ok_and(|ended| ended.is_none()) && socket.recv(&mut [0; 256]).is_ok()
    })
}

#[test]
fn a_coturn_runs_by_it_and_takes_credentials_of_both_secrets() {
    let folder = std::env::temp_dir().join(format!("voxlink-coturn-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let port = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut turn = TurnConfig::new(([127, 0, 0, 1], port).into());
    turn.ports = 34_000..=34_999;
    turn.secrets = ["current", "before"].map(TurnSecret::new).to_vec();
    // Here, and nowhere else, the relay's own address is loopback.
    let text = coturn_config(&turn, &[[127, 0, 0, 1].into()]).replace("external-ip=", "relay-ip=");
    let text = format!("{text}listening-ip=127.0.0.1\nallow-loopback-peers\ncli-password=x\n");
    let (config, log) = (folder.join("turnserver.conf"), folder.join("log"));
    std::fs::write(&config, text).unwrap();
    let started = Command::new("turnserver")
        .args(["-c".as_ref(), config.as_os_str(), "--log-file".as_ref(), log.as_os_str()])
        .args(["--simple-log", "--no-stdout-log", "--pidfile=/dev/null"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let mut coturn = match started {
        Ok(child) => Coturn(child, folder),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return eprintln!("left out: coturn is not installed (apt-get install coturn)");
        }
        Err(error) => panic!("{error}"),
    };
    let is_up = answers(port, &mut coturn.0);
    let said = std::fs::read_to_string(&log).unwrap_or_default();
    assert!(is_up, "coturn does not come up:\n{said}");
    assert!(!said.contains("Bad configuration format"), "{said}");

    let unix = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    for (secret, is_good) in [("current", true), ("before", true), ("guessed", false)] {
        let made = credentials::issue(&Secret::new(secret), "1/1", unix + 3_600);
        let output = Command::new("turnutils_uclient")
            .args(["-u", &made.username, "-w", &made.password, "-n", "5", "-m", "1", "-c", "-y", "-z", "5"])
            .args(["-p", &port.to_string(), "127.0.0.1"])
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        let said = said.concat();
        let all_came = said.contains("tot_send_msgs=10, tot_recv_msgs=10");
        assert_eq!(all_came, is_good, "{secret}: {said}");
    }
}
