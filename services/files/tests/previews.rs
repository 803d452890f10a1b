//! Link previews against sites of our own, with names of our own.
#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use std::{
    collections::HashMap,
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex},
    time::Duration,
};

use common::{Folder, Stage, config, open_with, picture};
use futures_util::future::BoxFuture;
use image::ImageFormat;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};
use voxlink_files::{FilesConfig, PreviewConfig, Resolve};
use voxlink_protocol::{Embed, UserId, files::PreviewLinks};
use voxlink_service_kit::Bus;

/// Each name's answers, one after another; the last one stays.
#[derive(Debug, Default)]
struct Names(Mutex<HashMap<String, Vec<Vec<IpAddr>>>>);

impl Resolve for Names {
    fn resolve<'a>(&'a self, host: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>> {
        let mut names = self.0.lock().unwrap();
        let answers = names.get_mut(host);
        let answer =
            answers.map(|answers| if answers.len() > 1 { answers.remove(0) } else { answers[0].clone() });
        Box::pin(async move { answer.ok_or_else(|| io::Error::other("no such name")) })
    }
}

/// A site on one address; counts who connects.
struct Site {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
}

type Pages = HashMap<&'static str, Vec<u8>>;

async fn site(ip: Ipv4Addr, port: u16, pages: Pages) -> Site {
    let listener = TcpListener::bind((ip, port)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let asked: Arc<Mutex<Vec<String>>> = Arc::default();
    let (log, pages) = (asked.clone(), Arc::new(pages));
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let (log, pages) = (log.clone(), pages.clone());
            tokio::spawn(async move {
                let mut request = vec![0; 8192];
                let length = stream.read(&mut request).await.unwrap_or(0);
                let text = String::from_utf8_lossy(&request[..length]).into_owned();
                let path = text.split(' ').nth(1).unwrap_or("/").to_owned();
                log.lock().unwrap().push(text);
                match pages.get(path.as_str()) {
                    Some(answer) => {
                        let _gone = stream.write_all(answer).await;
                    }
                    // Says nothing, for ever.
                    None => std::future::pending().await,
                }
            });
        }
    });
    Site { address, asked }
}

fn answer(content_type: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

fn redirect(to: &str) -> Vec<u8> {
    format!("HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        .into_bytes()
}

const CARD: &[u8] = b"<head><title>plain</title><meta property='og:title' content='Boats'>
    <meta property='og:image' content='/boat.png'></head>";

async fn stage(folder: &Folder, names: &[(&str, &[&[&str]])], exceptions: Vec<SocketAddr>) -> Stage {
    let parse = |answers: &[&[&str]]| {
        let parse = |answer: &&[&str]| answer.iter().map(|ip| ip.parse().unwrap()).collect();
        answers.iter().map(parse).collect()
    };
    let names = names.iter().map(|(name, answers)| ((*name).to_owned(), parse(answers))).collect();
    let previews = PreviewConfig { resolver: Arc::new(Names(Mutex::new(names))), exceptions };
    open_with(FilesConfig { previews: Some(previews), ..config(&folder.0) }, Bus::in_process()).await
}

async fn preview(stage: &Stage, urls: &[String]) -> Vec<Embed> {
    stage.bus.call(PreviewLinks { user: UserId::new(7), urls: urls.to_vec() }).await.unwrap()
}

#[tokio::test]
async fn a_card_is_shown_with_a_copy_of_its_picture() {
    let folder = Folder::new();
    let pages = Pages::from([
        ("/", answer("text/html; charset=utf-8", CARD)),
        ("/boat.png", answer("text/plain", &picture(ImageFormat::Png, 800, 400))),
    ]);
    let site = site(Ipv4Addr::LOCALHOST, 0, pages).await;
    let stage = stage(&folder, &[("boats.test", &[&["127.0.0.1"]])], vec![site.address]).await;
    let link = format!("http://boats.test:{}/#part", site.address.port());
    let embeds = preview(&stage, &[link.clone(), link.clone(), "ftp://boats.test/".to_owned()]).await;
    assert_eq!(embeds.len(), 1, "the same link once");
    let thumbnail = embeds[0].thumbnail.clone().unwrap();
    assert_eq!((embeds[0].title.as_deref(), embeds[0].kind.as_str()), (Some("Boats"), "link"));
    assert_eq!((thumbnail.width, thumbnail.height), (Some(640), Some(320)));
    let copy = stage.get(&thumbnail.proxy_url.unwrap()).await;
    assert_eq!((copy.status.as_u16(), copy.header("content-type")), (200, "image/webp"));
    assert_eq!(preview(&stage, std::slice::from_ref(&link)).await, embeds);
    assert_eq!(site.asked.lock().unwrap().len(), 2, "remembered");
    assert!(site.asked.lock().unwrap()[0].contains(&format!("host: boats.test:{}", site.address.port())));
    stage.advance(Duration::from_secs(25 * 3600));
    let again = preview(&stage, &[link]).await;
    assert_eq!(again[0].thumbnail, embeds[0].thumbnail, "the same picture is kept once");
    assert_eq!(site.asked.lock().unwrap().len(), 4);
    // A year later nobody looks at it any more.
    stage.advance(Duration::from_secs(365 * 24 * 3600));
    stage.files.collect_now().await.unwrap();
    assert_eq!(folder.files(), Vec::<std::path::PathBuf>::new());
}

#[tokio::test]
async fn a_picture_itself_is_previewed_and_a_video_or_a_bomb_is_not() {
    let folder = Folder::new();
    let mut bomb = picture(ImageFormat::Png, 4, 4);
    bomb[16..24].copy_from_slice(&[0, 0, 0x40, 0, 0, 0, 0x40, 0]);
    let pages = Pages::from([
        ("/a", answer("image/png", &picture(ImageFormat::Png, 20, 20))),
        ("/b", answer("image/png", &bomb)),
        ("/c", answer("video/mp4", b"\0\0\0\x20ftypisom")),
        ("/d", answer("text/html", b"<body>no title")),
        ("/e", b"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n".to_vec()),
        ("/f", b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Encoding: gzip\r\nContent-Length: 1\r\n\r\n\x1f".to_vec()),
        ("/g", b"nonsense\r\n\r\n".to_vec()),
        ("/h", answer("image/svg+xml", b"<svg xmlns='http://www.w3.org/2000/svg'/>")),
    ]);
    let site = site(Ipv4Addr::LOCALHOST, 0, pages).await;
    let stage = stage(&folder, &[("a.test", &[&["127.0.0.1"]])], vec![site.address]).await;
    for (path, previewed) in [
        ("a", true),
        ("b", false),
        ("c", false),
        ("d", false),
        ("e", false),
        ("f", false),
        ("g", false),
        ("h", false),
    ] {
        let link = format!("http://a.test:{}/{path}", site.address.port());
        assert_eq!(preview(&stage, &[link]).await.len(), usize::from(previewed), "{path}");
    }
}

#[tokio::test]
async fn nothing_inside_is_ever_connected_to() {
    let folder = Folder::new();
    let inside = site(Ipv4Addr::LOCALHOST, 0, Pages::from([("/", answer("text/html", CARD))])).await;
    let port = inside.address.port();
    let names: [(&str, &[&[&str]]); 3] = [
        ("inside.test", &[&["127.0.0.1"]]),
        ("half.test", &[&["93.184.216.34", "127.0.0.1"]]),
        ("six.test", &[&["::ffff:127.0.0.1"]]),
    ];
    // Nothing is allowed but the public internet, and there only 80 and 443.
    let stage = stage(&folder, &names, vec![]).await;
    let links: Vec<String> = [
        "http://inside.test:PORT/",
        "http://half.test:PORT/",
        "http://six.test:PORT/",
        "http://127.0.0.1:PORT/",
        "http://127.1:PORT/",
        "http://0x7f.1:PORT/",
        "http://2130706433:PORT/",
        "http://0177.0.0.1:PORT/",
        "http://[::1]:PORT/",
        "http://[::ffff:127.0.0.1]:PORT/",
        "http://[64:ff9b::7f00:1]:PORT/",
        "http://localhost:PORT/",
        "http://user:pass@127.0.0.1:PORT/",
        "http://127.0.0.1./",
        "http://0:PORT/",
        "http://169.254.169.254/latest/meta-data/",
        "file:///etc/passwd",
        "gopher://127.0.0.1:PORT/",
    ]
    .iter()
    .map(|link| link.replace("PORT", &port.to_string()))
    .collect();
    for five in links.chunks(PreviewLinks::MOST) {
        assert_eq!(preview(&stage, five).await, []);
    }
    assert_eq!(*inside.asked.lock().unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn a_name_that_changes_its_answer_leads_nowhere_else() {
    let folder = Folder::new();
    let outside = site(
        Ipv4Addr::new(127, 0, 0, 2),
        0,
        Pages::from([("/", answer("text/html", b"<title>outside</title>")), ("/again", redirect("/"))]),
    )
    .await;
    let port = outside.address.port();
    let inside = site(Ipv4Addr::LOCALHOST, port, Pages::from([("/", answer("text/html", CARD))])).await;
    let rebinding: &[&[&str]] = &[&["127.0.0.2"], &["127.0.0.1"]];
    let names = [("rebind.test", rebinding), ("again.test", rebinding)];
    let stage = stage(&folder, &names, vec![outside.address]).await;
    // Checked once, connected to what was checked.
    let embeds = preview(&stage, &[format!("http://rebind.test:{port}/")]).await;
    assert_eq!(embeds[0].title.as_deref(), Some("outside"));
    // The redirect is checked anew, and by then the name leads inside.
    assert_eq!(preview(&stage, &[format!("http://again.test:{port}/again")]).await, []);
    assert_eq!(outside.asked.lock().unwrap().len(), 2);
    assert_eq!(*inside.asked.lock().unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn redirects_end_and_do_not_lead_inside() {
    let folder = Folder::new();
    let inside = site(Ipv4Addr::LOCALHOST, 0, Pages::from([("/", answer("text/html", CARD))])).await;
    let to = |link: &str| redirect(&link.replace("PORT", &inside.address.port().to_string()));
    let pages = Pages::from([
        ("/loop", redirect("/loop")),
        ("/in", to("http://127.0.0.1:PORT/")),
        ("/mapped", to("http://[::ffff:127.0.0.1]:PORT/")),
        ("/odd", to("http://0x7f.1:PORT/")),
        ("/file", redirect("file:///etc/passwd")),
        ("/three", redirect("/two")),
        ("/two", redirect("/one")),
        ("/one", redirect("/end")),
        ("/end", answer("text/html", b"<title>end</title>")),
    ]);
    let outside = site(Ipv4Addr::new(127, 0, 0, 2), 0, pages).await;
    let stage = stage(&folder, &[("out.test", &[&["127.0.0.2"]])], vec![outside.address]).await;
    let link = |path: &str| format!("http://out.test:{}/{path}", outside.address.port());
    for path in ["loop", "in", "mapped", "odd", "file"] {
        assert_eq!(preview(&stage, &[link(path)]).await, [], "{path}");
    }
    assert_eq!(preview(&stage, &[link("three")]).await.len(), 1);
    assert_eq!(*inside.asked.lock().unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn a_site_that_says_nothing_or_never_ends_costs_a_bounded_time_and_amount() {
    let folder = Folder::new();
    let mut endless = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<title>long</title>".to_vec();
    endless.extend(vec![b' '; 3 * 1024 * 1024]);
    let site = site(Ipv4Addr::LOCALHOST, 0, Pages::from([("/endless", endless)])).await;
    let stage = stage(&folder, &[("slow.test", &[&["127.0.0.1"]])], vec![site.address]).await;
    let link = |path: &str| format!("http://slow.test:{}/{path}", site.address.port());
    // The silent one never ends by itself.
    let links = [link("endless"), link("silent")];
    let looked = preview(&stage, &links);
    let embeds = tokio::time::timeout(Duration::from_secs(100), looked).await.expect("an end");
    assert_eq!(embeds.iter().map(|embed| embed.title.as_deref()).collect::<Vec<_>>(), [Some("long")]);
}

#[tokio::test]
async fn one_person_has_only_so_many() {
    let folder = Folder::new();
    let pages = Pages::from([("/", answer("text/html", b"<title>x</title>"))]);
    let site = site(Ipv4Addr::LOCALHOST, 0, pages).await;
    let names: Vec<String> = (0..30).map(|number| format!("n{number}.test")).collect();
    let local: &[&[&str]] = &[&["127.0.0.1"]];
    let known: Vec<(&str, &[&[&str]])> = names.iter().map(|name| (name.as_str(), local)).collect();
    let stage = stage(&folder, &known, vec![site.address]).await;
    let mut shown = 0;
    for name in &names {
        shown += preview(&stage, &[format!("http://{name}:{}/", site.address.port())]).await.len();
    }
    assert_eq!(shown, 20, "until the clock moves on");
    stage.advance(Duration::from_secs(60));
    let link = format!("http://n29.test:{}/", site.address.port());
    assert_eq!(preview(&stage, &[link]).await.len(), 1);
}
