//! A files service in a real folder, with an identity that knows everyone and a chat that lets everyone in.
#![allow(dead_code, clippy::unwrap_used)]

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, SystemTime},
};

use axum::{
    body::{Body, Bytes},
    http::{HeaderMap, Request, StatusCode},
};
use http_body_util::BodyExt as _;
use tower::ServiceExt as _;
use voxlink_files::{Files, FilesConfig};
use voxlink_protocol::{
    ChannelId, LoginId, User, UserId,
    bus::{ResolveToken, TokenOwner},
    files::{AttachGrant, AttachRefused, MayAttach},
};
use voxlink_service_kit::{Auth, Bus, Env, env::ManualClock};

/// Everyone may attach here.
pub(crate) const OPEN: ChannelId = ChannelId::new(500);
/// Everyone sees it, nobody may attach.
pub(crate) const MUTED: ChannelId = ChannelId::new(501);

/// A folder of its own, removed at the end.
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("voxlink-files-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        let _old = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    /// All files below, staged and kept.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        let (mut found, mut folders) = (Vec::new(), vec![self.0.join("files")]);
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).into_iter().flatten() {
                let path = entry.unwrap().path();
                if path.is_dir() { folders.push(path) } else { found.push(path) }
            }
        }
        found
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _kept = std::fs::remove_dir_all(&self.0);
    }
}

pub(crate) struct Stage {
    pub(crate) files: Files,
    pub(crate) bus: Bus,
    pub(crate) clock: Arc<ManualClock>,
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) bytes: Bytes,
}

impl Answer {
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.bytes).unwrap_or_default()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

pub(crate) fn config(folder: &Path) -> FilesConfig {
    FilesConfig {
        database: voxlink_test_postgres::target(&folder.join("files.db")),
        folder: folder.join("files"),
        storage: None,
        max_file_size: 1024 * 1024,
        quota: 3 * 1024 * 1024,
        previews: None,
        public_url: String::new(),
    }
}

pub(crate) async fn open(folder: &Folder) -> Stage {
    open_with(config(&folder.0), Bus::in_process()).await
}

pub(crate) async fn open_with(config: FilesConfig, bus: Bus) -> Stage {
    let clock = ManualClock::at(SystemTime::now());
    let env = Env { clock: clock.clone(), ..Env::real() };
    bus.serve(|request: ResolveToken| async move {
        let id = request.token.expose().strip_prefix("t-")?.parse().ok()?;
        Some(TokenOwner { user: User::new(UserId::new(id), format!("user{id}")), login: LoginId::new(id) })
    });
    bus.serve(|request: MayAttach| async move {
        match request.channel {
            OPEN => Ok(AttachGrant { guild: None }),
            MUTED => Err(AttachRefused::Forbidden),
            _ => Err(AttachRefused::Unknown),
        }
    });
    let auth = Auth::new(bus.clone(), env.clone());
    let files = Files::open(config, bus.clone(), env, auth).await.unwrap();
    Stage { files, bus, clock }
}

impl Stage {
    pub(crate) async fn ask(&self, request: Request<Body>) -> Answer {
        let answer = self.files.routes().into_router().oneshot(request).await.unwrap();
        let (parts, body) = answer.into_parts();
        Answer {
            status: parts.status,
            headers: parts.headers,
            bytes: body.collect().await.map(|all| all.to_bytes()).unwrap_or_default(),
        }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.ask(Request::get(path).body(Body::empty()).unwrap()).await
    }

    pub(crate) async fn get_with(&self, path: &str, header: &str, value: &str) -> Answer {
        self.ask(Request::get(path).header(header, value).body(Body::empty()).unwrap()).await
    }

    pub(crate) async fn upload_to(&self, user: u64, channel: ChannelId, name: &str, body: Body) -> Answer {
        let path = format!("/api/v1/attachments?channel_id={channel}&filename={name}");
        let request = Request::post(path).header("authorization", format!("Bearer t-{user}"));
        self.ask(request.body(body).unwrap()).await
    }

    /// As user 7 into the open channel; the answer's JSON.
    pub(crate) async fn upload(&self, name: &str, bytes: impl Into<Bytes>) -> serde_json::Value {
        let answer = self.upload_to(7, OPEN, name, Body::from(bytes.into())).await;
        assert_eq!(answer.status, 201, "{:?}", answer.bytes);
        answer.json()
    }

    pub(crate) fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }
}

pub(crate) fn picture(format: image::ImageFormat, width: u32, height: u32) -> Vec<u8> {
    let pixels =
        image::RgbImage::from_fn(width, height, |x, y| image::Rgb([(x % 256) as u8, (y % 256) as u8, 128]));
    let mut bytes = std::io::Cursor::new(Vec::new());
    image::DynamicImage::from(pixels).write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}
