//! Certificates from an authority, asked for, kept, renewed, and what happens when it gives none.

use std::{
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use crate::{
    authority::Authority,
    client::{ask, connect, connector, shown},
    support::{Server, folder},
};

const NAME: &str = "chat.example.org";

struct Scene {
    folder: PathBuf,
    at: String,
    authority: Authority,
}

impl Scene {
    async fn new(name: &str) -> Self {
        let folder = folder(name);
        std::fs::create_dir_all(&folder).unwrap();
        let at = free_address();
        let authority = Authority::start(&folder.join("root.pem"), &at).await;
        Self { folder, at, authority }
    }

    fn serve(&self) -> Server {
        self.serve_at(&self.at)
    }

    fn serve_at(&self, at: &str) -> Server {
        self.serve_with(at, &[])
    }

    fn serve_with(&self, at: &str, last: &[&str]) -> Server {
        let (root, directory) = (self.folder.join("root.pem"), self.authority.directory());
        let given = ["--tls-listen", at, "--tls", "acme", "--tls-name", NAME, "--acme-directory", &directory];
        let more = ["--acme-root", root.to_str().unwrap(), "--acme-contact", "ops@example.org"];
        Server::start(&self.data(), &[&given[..], &more[..], last].concat())
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// Waits until the server shows a certificate that the authority gave and that is not `than`.
    async fn other(&self, than: Option<&[u8]>) -> Vec<u8> {
        for _ in 0..400 {
            let seen = shown(&[self.authority.root()], &self.at, NAME).await;
            if let Some(seen) = seen.filter(|seen| Some(&seen[..]) != than) {
                return seen;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("no such certificate is shown")
    }
}

fn free_address() -> String {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

fn is_private(path: &Path) -> bool {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777 == 0o600
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_is_asked_for_kept_and_renewed_at_two_thirds_of_its_life() {
    let scene = Scene::new("acme-life").await;
    let server = scene.serve();
    let first = scene.other(None).await;
    let trusting = connector(&[scene.authority.root()], &[b"http/1.1"]);
    let mut stream = connect(&trusting, &scene.at, NAME).await.unwrap();
    let health = ask(&mut stream, "GET /healthz", &format!("host: {NAME}\r\n"), "").await;
    assert!(health.contains("strict-transport-security"), "{health}");
    for file in ["acme.pem", "acme-account.json"] {
        assert!(is_private(&scene.data().join("tls").join(file)), "{file}");
    }
    drop(server);

    // Fresh: nobody is asked. The next one that is given has two thirds of its life behind it.
    let server = scene.serve();
    assert_eq!(scene.other(None).await, first);
    assert_eq!(scene.authority.orders(), 1);
    drop(server);
    std::fs::remove_file(scene.data().join("tls/acme.pem")).unwrap();
    scene.authority.gives_for(70, 20);
    let server = scene.serve();
    let old = scene.other(Some(&first)).await;
    drop(server);

    scene.authority.gives_for(0, 90);
    let _server = scene.serve();
    let new = scene.other(Some(&old)).await;
    assert_ne!(new, old);
    assert_eq!(scene.authority.orders(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_authority_gives_none_the_old_one_stays_and_the_log_says_why() {
    let scene = Scene::new("acme-refused").await;
    scene.authority.gives_for(70, 20);
    let server = scene.serve();
    let old = scene.other(None).await;
    drop(server);
    scene.authority.refuses();
    let mut server = scene.serve();
    assert_eq!(scene.other(None).await, old);
    let log = server.log_until("too many certificates already issued");
    assert!(log.contains("The old one is shown, for 19 days"), "{log}");
    assert!(log.contains("\"again_in_minutes\":2"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_leads_elsewhere_is_said_in_a_sentence() {
    let scene = Scene::new("acme-elsewhere").await;
    let mut server = scene.serve_at(&free_address());
    let log = server.log_until("it could not check chat.example.org");
    assert!(log.contains("HTTPS does not work") && log.contains("--tls-listen"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_authority_that_asks_by_http_is_answered_by_the_plain_listener() {
    let scene = Scene::new("acme-http").await;
    let plain = free_address();
    scene.authority.checks_by_http(&plain);
    let _server = scene.serve_with(&scene.at, &["--listen", &plain, "--tls-redirect", "on"]);
    scene.other(None).await;
    assert_eq!(scene.authority.orders(), 1);
}
