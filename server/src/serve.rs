//! `voxlink serve`: from the data folder to the ready line, and from the signal to the last connection.

use std::{
    convert::Infallible,
    io::{self, Write as _},
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use tokio::{
    net::TcpListener,
    signal::unix::{Signal, SignalKind, signal},
    sync::{mpsc, watch},
    time::{Instant, timeout_at},
};

use voxlink_media::TurnOverTls;

use crate::{
    Failure,
    answer::application,
    compose::Services,
    connections::{Connections, Door},
    data_dir::DataDir,
    descriptors,
    settings::Settings,
    tls::{Redirect, Tls},
};

/// Clients are let go of within this time; then the process ends all the same.
const DRAIN_WITHIN: Duration = Duration::from_secs(10);
/// Of which the gateway's clients get this much to reconnect; what is left is for calls and answers on their way.
const RECONNECT_WITHIN: Duration = Duration::from_secs(6);

/// Serves until SIGTERM or SIGINT, then drains.
///
/// # Errors
/// What keeps it from starting, as a sentence for the operator.
pub(crate) async fn serve(settings: Settings) -> Result<(), Failure> {
    for option in &settings.ahead_of_time {
        tracing::warn!(option, "accepted, but this part of VoxLink is not built yet: it changes nothing");
    }
    let files = descriptors::raise_limit();
    let mut signals = Signals::listen()?;
    let data = DataDir::open(&settings.data_dir)?;
    let listeners = bind(&settings.listen, "--listen").await?;
    let encrypted = match &settings.tls {
        None => None,
        Some(tls) => Some((bind(&tls.listen, "--tls-listen").await?, Tls::start(tls, &data)?)),
    };
    let turn_over_tls = encrypted.as_ref().and_then(|(listeners, tls)| {
        Some(TurnOverTls { port: listeners.first()?.local_addr().ok()?.port(), names: tls.names() })
    });
    let https = turn_over_tls.as_ref().map(|tls| tls.port);
    let services = Services::start(&settings, &data, turn_over_tls).await?;

    let (close, closing) = watch::channel(false);
    let (alive, mut all_gone) = mpsc::channel::<Infallible>(1);
    let mut routes = services.routes().into_router().merge(services.metrics());
    if let Some((_, tls)) = &encrypted {
        routes = routes.merge(tls.challenges());
    }
    let connections = Connections::new(application(routes), closing, alive);
    let first = listeners.first().and_then(|listener| listener.local_addr().ok());
    let redirect = https.filter(|_| settings.tls.as_ref().is_some_and(|tls| tls.redirect));
    let plain = Door::Plain(redirect.map(|port| Redirect { port }));
    for listener in listeners {
        tokio::spawn(connections.clone().accept_from(listener, plain.clone()));
    }
    if let Some((listeners, tls)) = encrypted {
        let door = Door::Tls(tls.door(services.turn_door())?);
        for listener in listeners {
            tracing::info!(address = ?listener.local_addr().ok(), "HTTPS listens");
            tokio::spawn(connections.clone().accept_from(listener, door.clone()));
        }
    }
    drop(connections);
    tracing::info!(version = env!("CARGO_PKG_VERSION"), data = %settings.data_dir.display(), files, "started");
    announce(first, https)?;

    signals.next().await;
    tracing::info!("draining");
    let deadline = Instant::now() + DRAIN_WITHIN;
    let drained = async {
        // No receiver is left when every connection has ended: then there is nobody to tell.
        let _nobody = close.send(true);
        services.drain(RECONNECT_WITHIN).await;
        while all_gone.recv().await.is_some() {}
    };
    tokio::select! {
        in_time = timeout_at(deadline, drained) => match in_time {
            Ok(()) => tracing::info!("stopped"),
            Err(_late) => tracing::warn!("stopped, though not all connections had ended"),
        },
        () = signals.next() => tracing::warn!("stopped at once: asked twice"),
    }
    Ok(())
}

async fn bind(addresses: &[SocketAddr], option: &str) -> Result<Vec<TcpListener>, Failure> {
    let mut listeners = Vec::with_capacity(addresses.len());
    for address in addresses {
        let listener = TcpListener::bind(address).await.map_err(|error| {
            let why = match error.kind() {
                io::ErrorKind::AddrInUse => "another program is using it".to_owned(),
                io::ErrorKind::PermissionDenied => "this user may not use that port".to_owned(),
                io::ErrorKind::AddrNotAvailable => "this machine does not have that address".to_owned(),
                _ => error.to_string(),
            };
            Failure(format!(
                "VoxLink cannot listen on {address}: {why}. Choose another address with {option}."
            ))
        })?;
        listeners.push(listener);
    }
    Ok(listeners)
}

/// The one line on stdout. Where nobody reads it, serving goes on.
fn announce(address: Option<SocketAddr>, https: Option<u16>) -> Result<(), Failure> {
    let address =
        address.ok_or_else(|| Failure("VoxLink listens nowhere. Give it a --listen.".to_owned()))?;
    let port = address.port();
    let host = match address.ip() {
        ip if ip.is_loopback() || ip.is_unspecified() => "localhost".to_owned(),
        IpAddr::V4(v4) => v4.to_string(),
        IpAddr::V6(v6) => format!("[{v6}]"),
    };
    let encrypted = https.map(|port| format!(" and https://{host}:{port}")).unwrap_or_default();
    let mut stdout = io::stdout();
    let printed =
        writeln!(stdout, "VoxLink is ready at http://{host}:{port}{encrypted}").and_then(|()| stdout.flush());
    if let Err(error) = printed {
        tracing::warn!(%error, "ready, but nobody could be told");
    }
    Ok(())
}

/// What asks the server to stop.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn listen() -> Result<Self, Failure> {
        let open =
            |kind| signal(kind).map_err(|error| Failure(format!("VoxLink cannot hear signals: {error}.")));
        Ok(Self { terminate: open(SignalKind::terminate())?, interrupt: open(SignalKind::interrupt())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
