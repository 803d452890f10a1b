//! Makes the services, in the order in which they need each other, and ends them in the other one.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{Router, middleware::from_fn_with_state};
use voxlink_chat::{Chat, ChatConfig};
use voxlink_files::{Files, FilesConfig, PreviewConfig};
use voxlink_gateway::{Gateway, GatewayConfig};
use voxlink_identity::{Config as IdentityConfig, Identity};
use voxlink_media::{Media, MediaConfig, TurnDoor, TurnOverTls};
use voxlink_protocol::Secret;
use voxlink_recording::{RecordingConfig, Recordings};
use voxlink_service_kit::{Auth, Bus, Env, Routes, call_pass::PassKey};

use crate::{
    Failure,
    data_dir::DataDir,
    databases::Keeper,
    doctor,
    limits::{self, Limits},
    metrics, openapi,
    settings::Settings,
};

/// A call of more people is spread over media threads: so many at full video rate are about half of a core.
const PEOPLE_ON_ONE_THREAD: usize = 500;

/// Node number of chat in snowflakes; identity has its own.
const CHAT_NODE: u16 = 0;

/// All services of this process.
#[derive(Debug)]
pub(crate) struct Services {
    identity: Identity,
    chat: Chat,
    files: Files,
    gateway: Arc<Gateway>,
    media: Arc<Media>,
    recordings: Recordings,
    limits: Option<Limits>,
    metrics_token: Option<Secret>,
    started: Instant,
}

impl Services {
    /// Opens and starts everything.
    ///
    /// # Errors
    /// When a database does not open or a port is taken.
    pub(crate) async fn start(
        settings: &Settings,
        data: &DataDir,
        turn_over_tls: Option<TurnOverTls>,
    ) -> Result<Self, Failure> {
        let env = Env::real();
        let bus = bus();
        let auth = Auth::new(bus.clone(), env.clone());
        // Chat signs and media verifies in this one process: the key may end with it.
        let pass_key = PassKey::new(&env.bytes::<32>());

        let identity = IdentityConfig {
            database: settings.databases.place(Keeper::Identity, data)?,
            key_file: data.file("identity.key"),
            registration: settings.registration,
            rate_limits: settings.rate_limits,
            server_name: "VoxLink".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        };
        let identity = Identity::open(identity, bus.clone(), env.clone(), auth.clone())
            .await
            .map_err(|error| unopened(Keeper::Identity, &error))?;

        let chat = ChatConfig { database: settings.databases.place(Keeper::Chat, data)?, node: CHAT_NODE };
        let chat = Chat::open(chat, bus.clone(), env.clone(), auth.clone(), pass_key.clone())
            .await
            .map_err(|error| unopened(Keeper::Chat, &error))?;

        let files = FilesConfig {
            database: settings.databases.place(Keeper::Files, data)?,
            folder: data.file("files"),
            storage: None,
            previews: settings.link_previews.then(preview_config),
            max_file_size: settings.max_file_size,
            quota: settings.file_quota,
            public_url: settings.public_url.clone(),
        };
        let files = Files::open(files, bus.clone(), env.clone(), auth.clone())
            .await
            .map_err(|error| unopened(Keeper::Files, &error))?;

        let gateway = Gateway::start(GatewayConfig::default(), bus.clone(), env.clone(), auth.clone());

        let limits = settings.rate_limits.then(|| Limits::new(auth.clone(), env.clone()));
        let turn = settings.turn.decide(&settings.data_dir, &settings.databases, &env)?;
        let media = MediaConfig {
            listen: settings.media_listen,
            public_addresses: settings.public_addresses.clone(),
            shards: 0,
            part: PEOPLE_ON_ONE_THREAD,
            turn: turn.embedded,
            external_turn: turn.external,
            turn_over_tls,
            database: settings.databases.place(Keeper::Media, data)?,
            loopback_first: settings.http_addresses().all(|address| address.ip().is_loopback()),
        };
        let media = Media::start(media, &bus, env.clone(), pass_key, auth.clone())
            .await
            .map_err(|error| Failure(error.to_string()))?;

        let recordings = RecordingConfig {
            database: settings.databases.place(Keeper::Recording, data)?,
            folder: data.file("recordings"),
            public_url: settings.public_url.clone(),
            ffmpeg: settings.recording_ffmpeg.clone(),
            ffmpeg_patience: ffmpeg_patience(),
            quota: settings.recording_quota,
            free_bytes: doctor::free_bytes,
        };
        let recordings = Recordings::open(recordings, bus, env, auth, Arc::new(media.taps()))
            .await
            .map_err(|error| unopened(Keeper::Recording, &error))?;
        identity.republish().await.map_err(|error| unopened(Keeper::Identity, &error))?;
        let (gateway, media) = (Arc::new(gateway), Arc::new(media));
        let metrics_token = settings.metrics_token.clone();
        let started = Instant::now();
        Ok(Self { identity, chat, files, gateway, media, recordings, limits, metrics_token, started })
    }

    /// The routes of all services.
    pub(crate) fn routes(&self) -> Routes {
        let Self { identity, chat, files, gateway, media, recordings, limits, .. } = self;
        let routes = identity
            .routes()
            .merge(chat.routes().layered(|router| files.multipart(router)))
            .merge(files.routes())
            .merge(gateway.routes())
            .merge(media.routes())
            .merge(recordings.routes())
            .merge(openapi::routes());
        match limits {
            Some(limits) => {
                routes.layered(|router| router.layer(from_fn_with_state(limits.clone(), limits::limit)))
            }
            None => routes,
        }
    }

    /// Where connections to TURN by TLS go.
    pub(crate) fn turn_door(&self) -> Option<TurnDoor> {
        self.media.turn_door()
    }

    /// `GET /metrics`.
    pub(crate) fn metrics(&self) -> Router {
        metrics::router(metrics::Sources {
            gateway: self.gateway.clone(),
            media: self.media.clone(),
            token: self.metrics_token.clone(),
            started: self.started,
        })
    }

    /// Lets go of clients: they come back to the next server and resume. Calls last for as long as the gateway takes.
    pub(crate) async fn drain(&self, within: Duration) {
        self.gateway.drain(within).await;
        self.recordings.shutdown().await;
        self.media.shutdown().await;
    }
}

fn unopened(keeper: Keeper, error: &dyn std::fmt::Display) -> Failure {
    Failure(format!("The database of {} cannot be opened: {error}.", keeper.name()))
}

/// `VOXLINK_PREVIEW_ALLOW=127.0.0.1:1234,…`, for tests: addresses of sites that stand in for the public internet.
fn preview_config() -> PreviewConfig {
    let named = std::env::var("VOXLINK_PREVIEW_ALLOW").unwrap_or_default();
    let exceptions = named.split(',').filter_map(|address| address.trim().parse().ok()).collect();
    PreviewConfig { exceptions, ..PreviewConfig::default() }
}

/// `VOXLINK_FFMPEG_PATIENCE_MS`, for tests: how long ffmpeg may stand still.
fn ffmpeg_patience() -> Duration {
    let named = std::env::var("VOXLINK_FFMPEG_PATIENCE_MS").ok().and_then(|text| text.parse().ok());
    named.map_or(RecordingConfig::FFMPEG_PATIENCE, Duration::from_millis)
}

/// `VOXLINK_BUS=serialising`, for tests: every call between services crosses as JSON, as between machines.
fn bus() -> Bus {
    match std::env::var("VOXLINK_BUS").as_deref() {
        Ok("serialising") => Bus::serialising(),
        _ => Bus::in_process(),
    }
}
