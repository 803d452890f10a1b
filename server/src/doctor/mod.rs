//! `voxlink doctor`: what others can reach of a server, and what to change, in plain sentences.
//!
//! With a URL it looks at that server as somebody elsewhere does and needs no account. Without one it looks at this
//! machine, at the settings that `serve` would go by, and at the server that runs here. It changes nothing.

mod addresses;
mod machine;
mod nat;
mod outside;
mod report;
mod site;
mod stun;
mod system;

pub(crate) use system::free_bytes;

use std::{
    io::Write as _,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    process::ExitCode,
};

use self::{
    nat::Place,
    outside::From,
    report::{Report, State},
    site::Site,
};
use crate::{
    cli::DoctorOptions,
    settings::{self, Settings},
};

/// Exit codes beside 0: something could be better, something does not work.
const WEAK: u8 = 1;
const BAD: u8 = 2;

/// Looks, prints what was found, and says the worst of it as its exit code.
pub(crate) fn run(options: DoctorOptions) -> ExitCode {
    match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(examine(options)),
        Err(_) => ExitCode::from(BAD),
    }
}

async fn examine(options: DoctorOptions) -> ExitCode {
    let mut report = Report::default();
    let DoctorOptions { url, json, stun, serve } = options;
    match url {
        Some(url) => match Site::parse(&url) {
            Ok(site) => {
                outside::look(&site, From::Elsewhere, &mut report).await;
                nat::look(&stun, Place::Elsewhere, &mut report).await;
            }
            Err(words) => report.bad("url", words, "Give the address that people open."),
        },
        None => match settings::resolve(serve) {
            Ok(settings) => {
                here(&settings, &mut report).await;
                let ports = media_ports(settings.media_listen.port());
                let place = Place::Server { offered: &settings.public_addresses, ports: &ports };
                nat::look(&stun, place, &mut report).await;
            }
            Err(failure) => {
                report.bad("settings", failure.0, "The server does not start before that is mended.")
            }
        },
    }
    let text = if json { report.json() } else { report.text() };
    // Where nobody reads it the exit code still says it.
    let _unread = std::io::stdout().write_all(text.as_bytes());
    match report.state() {
        State::Good => ExitCode::SUCCESS,
        State::Weak => ExitCode::from(WEAK),
        State::Bad => ExitCode::from(BAD),
    }
}

/// This machine and the server on it.
async fn here(settings: &Settings, report: &mut Report) {
    machine::look(&settings.data_dir, report);
    let interfaces = voxlink_media::interface_addresses().unwrap_or_default();
    let ports = media_ports(settings.media_listen.port());
    machine::addresses(&settings.public_addresses, &interfaces, &ports, report);
    let foreign = settings.public_addresses.iter().filter(|address| !interfaces.contains(address));
    for address in foreign {
        forwarded(SocketAddr::new(*address, settings.media_listen.port()), report).await;
    }
    if settings.http_addresses().all(|address| address.ip().is_loopback()) {
        report.weak(
            "listen",
            "The server listens on this machine only: others need a proxy here that leads to it.",
            "Without a proxy: --tls-listen 0.0.0.0:443, with --tls acme and --tls-name YOUR.NAME.",
        );
    }
    if let Some(address) = settings.listen.first() {
        outside::look(&Site::plain(near(*address)), From::Here, report).await;
    }
    if let Ok(site) = Site::parse(&settings.public_url)
        && !settings.public_url.is_empty()
    {
        outside::look(&site, From::Elsewhere, report).await;
    }
}

/// One for each processor, as `serve` takes them.
fn media_ports(first: u16) -> String {
    let count = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let last = u16::try_from(count - 1).ok().and_then(|more| first.checked_add(more)).unwrap_or(u16::MAX);
    if last == first { first.to_string() } else { format!("{first}-{last}") }
}

/// Whether a router leads what comes to its public address to the server here. Many do so for others only: silence
/// proves nothing.
async fn forwarded(public: SocketAddr, report: &mut Report) {
    match stun::over_udp(public).await {
        Ok(_) => report.good("port-mapping", format!("The router leads UDP {} of {} here.", public.port(), public.ip())),
        Err(_) => report.weak(
            "port-mapping",
            format!(
                "UDP {} of {} does not lead here, or the router does so only for others.",
                public.port(),
                public.ip()
            ),
            "Forward it in the router, and run voxlink doctor with your address from another network to be sure.",
        ),
    }
}

/// Where a program on this machine reaches a listener.
fn near(listener: SocketAddr) -> SocketAddr {
    let ip = match listener.ip() {
        IpAddr::V4(v4) if v4.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(v6) if v6.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listener.port())
}
