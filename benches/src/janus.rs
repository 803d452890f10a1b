//! The same load through Janus, where it is installed (`apt-get install janus`): one publisher to many viewers in a
//! video room, with the same WebRTC stack at both ends.
//!
//! Its ICE library does not look at loopback: both ends use the address of a veth pair made for the run, whose packets
//! between two local sockets take the way of loopback all the same.

use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use str0m::{
    Candidate, Input, Rtc,
    change::{SdpAnswer, SdpOffer},
    media::Direction,
};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream,
    tungstenite::{Message, client::IntoClientRequest as _, http::HeaderValue},
};

use crate::{
    call::{Counters, Frames, Load, Way, drain, take_all},
    sfu,
};

const BINARY: &str = "/usr/bin/janus";
const ROOM: u64 = 1;
/// What it must not load: it would open ports, or want settings.
const PLUGINS: [&str; 11] = [
    "audiobridge",
    "duktape",
    "echotest",
    "lua",
    "nosip",
    "recordplay",
    "sip",
    "streaming",
    "textroom",
    "videocall",
    "voicemail",
];
const TRANSPORTS: [&str; 5] = ["http", "mqtt", "nanomsg", "pfunix", "rabbitmq"];
const PATIENCE: Duration = Duration::from_secs(15);
/// Janus forgets a session that says nothing for a minute.
const KEEP_ALIVE: Duration = Duration::from_secs(25);

/// The interface of the run, and its address (RFC 2544's range for such things).
const LINK: &str = "voxbench0";
const ADDRESS: &str = "198.18.77.1";

/// A veth pair with [`ADDRESS`], gone when it is dropped.
struct Link;

impl Link {
    fn make() -> Result<Self, String> {
        let this = Self;
        for words in [
            format!("link add {LINK} type veth peer name voxbench1"),
            format!("addr add {ADDRESS}/30 dev {LINK}"),
            "link set voxbench1 up".to_owned(),
            format!("link set {LINK} up"),
        ] {
            ip(&words).map_err(|error| format!("ip {words}: {error} (it needs root)"))?;
        }
        Ok(this)
    }
}

/// The files of some of its modules.
fn named(modules: &[&str]) -> String {
    modules.iter().map(|one| format!("libjanus_{one}.so")).collect::<Vec<_>>().join(",")
}

impl Drop for Link {
    fn drop(&mut self) {
        let _gone = ip(&format!("link del {LINK}"));
    }
}

fn ip(words: &str) -> Result<(), String> {
    let done =
        Command::new("ip").args(words.split(' ')).stderr(Stdio::null()).status().map_err(self::words)?;
    if done.success() { Ok(()) } else { Err(done.to_string()) }
}

/// A Janus with a room, ended when it is dropped.
pub(crate) struct Janus {
    process: Child,
    port: u16,
    folder: PathBuf,
    _link: Link,
}

/// What was measured.
pub(crate) struct Taken {
    /// Microseconds of its CPU for a forwarded packet.
    pub each: f64,
    /// The share of packets that arrived.
    pub arrived: f64,
    pub connected: usize,
    pub rss_mib: f64,
    /// Milliseconds, the median and the 99th percentile.
    pub latency: [f64; 2],
}

impl Drop for Janus {
    fn drop(&mut self) {
        let _gone = self.process.kill();
        let _status = self.process.wait();
        let _left = std::fs::remove_dir_all(&self.folder);
    }
}

impl Janus {
    /// # Errors
    /// Where it is not installed, or does not start.
    pub(crate) async fn start(folder: &Path) -> Result<Self, String> {
        if !Path::new(BINARY).exists() {
            return Err("it is not installed (apt-get install janus)".to_owned());
        }
        let link = Link::make()?;
        let free = TcpListener::bind("127.0.0.1:0").await.and_then(|listener| listener.local_addr());
        let port = free.map_err(words)?.port();
        let folder = folder.join("janus");
        std::fs::create_dir_all(&folder).map_err(words)?;
        let write = |name: &str, text: String| {
            std::fs::write(folder.join(name), text).expect("the folder is writable")
        };
        write(
            "janus.jcfg",
            format!(
                "general: {{ debug_level = 1 }}\nmedia: {{ rtp_port_range = \"30000-34000\" }}\nnat: {{ ice_enforce_list = \"{ADDRESS}\" }}\nplugins: {{ disable = \"{}\" }}\ntransports: {{ disable = \"{}\" }}\n",
                named(&PLUGINS),
                named(&TRANSPORTS)
            ),
        );
        write(
            "janus.transport.websockets.jcfg",
            format!(
                "general: {{ json = \"compact\" ws = true ws_port = {port} ws_interface = \"lo\" wss = false ws_logging = \"\" }}\nadmin: {{ admin_ws = false }}\n"
            ),
        );
        write(
            "janus.plugin.videoroom.jcfg",
            format!(
                "room-{ROOM}: {{ publishers = 2, bitrate = 20000000, videocodec = \"vp8\", audiocodec = \"opus\", notify_joining = false }}\n"
            ),
        );
        let process = Command::new(BINARY)
            .arg("-F")
            .arg(&folder)
            .args(["-o", "-N"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(words)?;
        let this = Self { process, port, folder, _link: link };
        let until = Instant::now() + PATIENCE;
        while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            if Instant::now() > until {
                return Err("it is installed but does not start".to_owned());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(this)
    }

    fn rss_mib(&self) -> f64 {
        let status =
            std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
        line.trim().trim_end_matches(" kB").parse::<f64>().unwrap_or_default() / 1024.0
    }

    /// Processor time of all its threads so far, the ended ones included.
    pub(crate) fn cpu(&self) -> Duration {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.process.id())).unwrap_or_default();
        let fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
        let ticks: u64 =
            fields.split_whitespace().skip(11).take(2).filter_map(|text| text.parse::<u64>().ok()).sum();
        Duration::from_millis(ticks * 10)
    }

    pub(crate) async fn forward(
        &self,
        viewers: usize,
        load: Load,
        warm_up: Duration,
        measured: Duration,
    ) -> Result<Taken, String> {
        let until = Instant::now() + warm_up + measured + Duration::from_secs(90);
        let sending = Arc::new(Counters::default());
        let mut tasks = Vec::new();
        let (publisher, feed_id) = Box::pin(Handle::publish(self.port, load)).await?;
        tasks.push(tokio::spawn(publisher.stay(Some(load), sending.clone(), until)));
        // There is no such feed before its media may flow.
        let deadline = Instant::now() + PATIENCE;
        while sending.sent.load(Ordering::Relaxed) == 0 && Instant::now() < deadline {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let mut counters = Vec::with_capacity(viewers);
        for _ in 0..viewers {
            let viewer = Box::pin(Handle::subscribe(self.port, feed_id)).await?;
            let counted = Arc::new(Counters::default());
            counters.push(counted.clone());
            tasks.push(tokio::spawn(viewer.stay(None, counted, until)));
        }
        let connected = || counters.iter().filter(|one| one.connected.load(Ordering::Relaxed) == 1).count();
        let deadline = Instant::now() + PATIENCE;
        while connected() < viewers && Instant::now() < deadline {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        tokio::time::sleep(warm_up).await;
        counters.iter().for_each(|one| one.measuring.store(1, Ordering::Relaxed));
        let received = || counters.iter().map(|one| one.received.load(Ordering::Relaxed)).sum::<u64>();
        let (cpu, before, sent) = (self.cpu(), received(), sending.sent.load(Ordering::Relaxed));
        tokio::time::sleep(measured).await;
        let (cpu, forwarded) = (self.cpu() - cpu, received() - before);
        let sent = sending.sent.load(Ordering::Relaxed) - sent;
        tasks.iter().for_each(tokio::task::JoinHandle::abort);
        let due = (sent.max(1) * viewers as u64) as f64;
        Ok(Taken {
            each: cpu.as_secs_f64() * 1e6 / forwarded.max(1) as f64,
            arrived: forwarded as f64 / due,
            connected: connected(),
            rss_mib: self.rss_mib(),
            latency: sfu::latencies(&counters),
        })
    }
}

/// One participant: its signalling and its media.
struct Handle {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    session: u64,
    handle: u64,
    rtc: Rtc,
    way: Way,
    mid: Option<str0m::media::Mid>,
}

impl Handle {
    async fn open(port: u16) -> Result<Self, String> {
        let mut request = format!("ws://127.0.0.1:{port}/").into_client_request().map_err(words)?;
        request.headers_mut().insert("sec-websocket-protocol", HeaderValue::from_static("janus-protocol"));
        let (socket, _) = tokio_tungstenite::connect_async(request).await.map_err(words)?;
        let udp = UdpSocket::bind((ADDRESS, 0)).await.map_err(words)?;
        let way = Way::direct(udp).map_err(words)?;
        let mut rtc = Rtc::builder()
            .set_rtp_mode(true)
            .clear_codecs()
            .enable_opus(true, false)
            .enable_vp8(true)
            .build(Instant::now());
        rtc.add_local_candidate(Candidate::host(way.local, "udp").map_err(words)?);
        let mut this = Self { socket, session: 0, handle: 0, rtc, way, mid: None };
        this.session =
            this.ask(json!({"janus": "create"})).await?["data"]["id"].as_u64().ok_or("no session")?;
        let attach = json!({"janus": "attach", "plugin": "janus.plugin.videoroom"});
        this.handle = this.ask(attach).await?["data"]["id"].as_u64().ok_or("no handle")?;
        Ok(this)
    }

    async fn publish(port: u16, load: Load) -> Result<(Self, u64), String> {
        let mut this = Box::pin(Self::open(port)).await?;
        let joined =
            this.message(json!({"request": "join", "ptype": "publisher", "room": ROOM}), None).await?;
        let feed =
            joined["plugindata"]["data"]["id"].as_u64().ok_or_else(|| format!("not joined: {joined}"))?;
        let mut api = this.rtc.sdp_api();
        this.mid = Some(api.add_media(load.kind, Direction::SendOnly, Some("me".to_owned()), None, None));
        let (offer, pending) = api.apply().ok_or("no offer")?;
        let jsep = json!({"type": "offer", "sdp": offer.to_sdp_string()});
        let answered = this.message(json!({"request": "configure"}), Some(jsep)).await?;
        let sdp = answered["jsep"]["sdp"].as_str().ok_or_else(|| format!("no answer: {answered}"))?;
        let answer = SdpAnswer::from_sdp_string(sdp).map_err(words)?;
        this.rtc.sdp_api().accept_answer(pending, answer).map_err(words)?;
        Ok((this, feed))
    }

    async fn subscribe(port: u16, feed: u64) -> Result<Self, String> {
        let mut this = Box::pin(Self::open(port)).await?;
        let join =
            json!({"request": "join", "ptype": "subscriber", "room": ROOM, "streams": [{"feed": feed}]});
        let offered = this.message(join, None).await?;
        let sdp = offered["jsep"]["sdp"].as_str().ok_or_else(|| format!("no offer: {offered}"))?;
        let offer = SdpOffer::from_sdp_string(sdp).map_err(words)?;
        let answer = this.rtc.sdp_api().accept_offer(offer).map_err(words)?;
        let jsep = json!({"type": "answer", "sdp": answer.to_sdp_string()});
        this.message(json!({"request": "start"}), Some(jsep)).await?;
        Ok(this)
    }

    /// The plugin's event in answer to a message.
    async fn message(&mut self, body: Value, jsep: Option<Value>) -> Result<Value, String> {
        let mut frame = json!({"janus": "message", "body": body});
        if let Some(jsep) = jsep {
            frame["jsep"] = jsep;
        }
        self.ask(frame).await
    }

    async fn ask(&mut self, mut frame: Value) -> Result<Value, String> {
        frame["transaction"] = json!("t");
        if self.session != 0 {
            frame["session_id"] = json!(self.session);
        }
        if self.handle != 0 {
            frame["handle_id"] = json!(self.handle);
        }
        self.socket.send(Message::text(frame.to_string())).await.map_err(words)?;
        let wanted = if frame["janus"] == "message" { "event" } else { "success" };
        loop {
            let next = tokio::time::timeout(PATIENCE, self.socket.next()).await.map_err(words)?;
            let message = next.ok_or("Janus closed the socket")?.map_err(words)?;
            let Message::Text(text) = message else { continue };
            let answer: Value = serde_json::from_str(&text).map_err(words)?;
            if answer["janus"] == wanted {
                return Ok(answer);
            }
            if answer["janus"] == "error" {
                return Err(answer.to_string());
            }
        }
    }

    /// Sends and counts until then.
    async fn stay(
        mut self,
        load: Option<Load>,
        counters: Arc<Counters>,
        until: Instant,
    ) -> Result<(), String> {
        let mut buffer = vec![0; 2048];
        let mut frames = Frames::default();
        let mut frame_at = None;
        let mut beat = Instant::now() + KEEP_ALIVE;
        while Instant::now() < until {
            let wake = drain(&mut self.rtc, &mut self.way, &counters, 0)?;
            frames.key |= counters.key_frame_wanted.swap(0, Ordering::Relaxed) == 1;
            if load.is_some() && frame_at.is_none() && counters.connected.load(Ordering::Relaxed) == 1 {
                frame_at = Some(Instant::now() + Duration::from_millis(500));
            }
            let wake = [Some(wake), frame_at, Some(beat)].into_iter().flatten().min().unwrap_or(wake);
            tokio::select! {
                biased;
                _ = self.way.udp.readable() => take_all(&mut self.rtc, &mut self.way, &mut buffer, &counters)?,
                said = self.socket.next() => if said.is_none() {
                    return Err("Janus closed the socket".to_owned());
                },
                () = tokio::time::sleep_until(wake.into()) => {
                    let now = Instant::now();
                    self.rtc.handle_input(Input::Timeout(now)).map_err(words)?;
                    if now >= beat {
                        beat = now + KEEP_ALIVE;
                        let alive = json!({"janus": "keepalive", "session_id": self.session, "transaction": "k"});
                        self.socket.send(Message::text(alive.to_string())).await.map_err(words)?;
                    }
                    if let (Some(load), Some(at), Some(mid)) = (load, frame_at, self.mid) && now >= at {
                        frames.write(&mut self.rtc, mid, load, now, &counters);
                        frame_at = Some(at + Duration::from_secs(1) / load.frames);
                    }
                }
            }
        }
        Ok(())
    }
}

fn words(error: impl std::fmt::Display) -> String {
    error.to_string()
}
