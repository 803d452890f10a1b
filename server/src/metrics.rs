//! `GET /metrics`: what an operator's Prometheus watches, in its text format 0.0.4. Totals only: nobody is named.
//!
//! It answers programs on this machine, and whoever shows the token of `--metrics-token`. What came through a proxy is
//! not from this machine, whatever its address says.

use std::{fmt::Write as _, net::SocketAddr, sync::Arc, time::Instant};

use aws_lc_rs::constant_time::verify_slices_are_equal;
use axum::{
    Router,
    extract::{ConnectInfo, Request, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Response},
    routing::get,
};
use voxlink_gateway::Gateway;
use voxlink_media::Media;
use voxlink_protocol::{ErrorCode, Problem, Secret};
use voxlink_service_kit::ApiError;

use crate::{answer, tls};

/// What a proxy leaves on what it passes on.
const SIGNS_OF_A_PROXY: [&str; 5] = ["forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via"];

/// What is asked for numbers.
#[derive(Clone)]
pub(crate) struct Sources {
    pub(crate) gateway: Arc<Gateway>,
    pub(crate) media: Arc<Media>,
    pub(crate) token: Option<Secret>,
    pub(crate) started: Instant,
}

/// The one route.
pub(crate) fn router(sources: Sources) -> Router {
    Router::new().route("/metrics", get(show)).with_state(sources)
}

async fn show(State(sources): State<Sources>, request: Request) -> Response {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| *peer);
    if !may_see(peer, request.headers(), sources.token.as_ref().map(Secret::expose)) {
        // As if it were not there.
        let problem = Problem::new(ErrorCode::General, "404: Not Found");
        return ApiError::new(StatusCode::NOT_FOUND, problem).into_response();
    }
    let text = write(&sources).await;
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response()
}

fn may_see(peer: Option<SocketAddr>, headers: &HeaderMap, token: Option<&str>) -> bool {
    let shown =
        headers.get(header::AUTHORIZATION).and_then(|value| value.as_bytes().strip_prefix(b"Bearer "));
    if let (Some(shown), Some(token)) = (shown, token) {
        return verify_slices_are_equal(shown, token.as_bytes()).is_ok();
    }
    let local = peer.is_some_and(|peer| peer.ip().to_canonical().is_loopback());
    token.is_none() && local && !SIGNS_OF_A_PROXY.iter().any(|sign| headers.contains_key(*sign))
}

async fn write(sources: &Sources) -> String {
    let Sources { gateway, media, started, token: _ } = sources;
    let calls = media.call_counts().await;
    let mut text = String::new();
    let mut put = |name: &str, kind: &str, help: &str, value: f64| {
        // Writing to a string cannot fail.
        let _written = writeln!(
            text,
            "# HELP voxlink_{name} {help}\n# TYPE voxlink_{name} {kind}\nvoxlink_{name} {value}"
        );
    };
    put("uptime_seconds", "gauge", "Since the server started.", started.elapsed().as_secs_f64());
    if let Some(memory) = resident_bytes() {
        put("process_resident_memory_bytes", "gauge", "Memory in use.", memory);
    }
    if let Some(seconds) = cpu_seconds() {
        put("process_cpu_seconds_total", "counter", "Processor time used.", seconds);
    }
    let sockets = u64::try_from(gateway.connections()).unwrap_or(u64::MAX);
    put("gateway_connections", "gauge", "Open gateway sockets.", float(sockets));
    put("calls", "gauge", "Calls with somebody in them.", float(calls.calls));
    put("call_members", "gauge", "People in calls.", float(calls.members));
    put(
        "call_loss_up_ratio",
        "gauge",
        "Share of packets lost from people to the server, the mean over people in calls.",
        calls.loss_up,
    );
    put(
        "call_loss_down_ratio",
        "gauge",
        "Share of packets lost from the server to people, the mean over people in calls.",
        calls.loss_down,
    );
    let (counted, relayed) = (media.counters(), media.relay_counters());
    for (name, help, value) in [
        ("media_packets_received_total", "Datagrams received for calls.", counted.packets_in),
        ("media_bytes_received_total", "Their payload.", counted.bytes_in),
        ("media_packets_sent_total", "Datagrams sent for calls.", counted.packets_out),
        ("media_bytes_sent_total", "Their payload.", counted.bytes_out),
        (
            "media_sends_total",
            "Messages that carried them: with segmentation offload one carries several.",
            counted.sends,
        ),
        ("media_waits_total", "Times that a media thread slept until something came.", counted.waits),
        (
            "media_packets_dropped_total",
            "Datagrams not sent because the socket's buffer was full, or a client over TCP did not keep up.",
            counted.dropped_out,
        ),
        ("media_send_errors_total", "Datagrams that the system refused to send.", counted.send_errors),
        (
            "media_packets_ignored_total",
            "Datagrams of nobody in a call: from unproven addresses, or nothing that is spoken here.",
            counted.ignored,
        ),
        (
            "media_packets_rejected_total",
            "Datagrams of people in calls that were dropped: forged, repeated, malformed, too many.",
            counted.rejected,
        ),
        ("media_receive_errors_total", "Errors on receiving.", counted.receive_errors),
        (
            "media_lost_events_total",
            "Events of the media engine that were lost; should stay 0.",
            counted.lost_events,
        ),
        (
            "media_lost_copies_total",
            "Packets lost between media threads that share a call, because one did not keep up.",
            counted.lost_copies,
        ),
        (
            "tls_handshakes_refused_total",
            "Connections closed because too many were in the middle of their TLS handshake.",
            tls::refused(),
        ),
        (
            "media_lost_relayed_total",
            "Packets lost between media threads and those of the relay and of TCP, because one did not keep up.",
            counted.lost_relayed + relayed.lost_relayed,
        ),
        (
            "relay_packets_received_total",
            "Datagrams received by TURN, of clients and peers.",
            relayed.packets_in,
        ),
        ("relay_bytes_received_total", "Their payload.", relayed.bytes_in),
        ("relay_packets_sent_total", "Datagrams sent by TURN over UDP.", relayed.packets_out),
        ("relay_bytes_sent_total", "Their payload.", relayed.bytes_out),
        (
            "relay_packets_dropped_total",
            "Datagrams that TURN did not send because a socket's buffer was full.",
            relayed.dropped_out,
        ),
        (
            "relay_send_errors_total",
            "Datagrams of TURN that the system refused to send.",
            relayed.send_errors,
        ),
        ("media_panics_total", "Calls that ended by a crash; should stay 0.", counted.panics),
    ] {
        put(name, "counter", help, float(value));
    }
    let _written = writeln!(
        text,
        "# HELP voxlink_http_answers_total Answers to HTTP requests.\n# TYPE voxlink_http_answers_total counter"
    );
    for (class, count) in answer::answered() {
        let _written = writeln!(text, "voxlink_http_answers_total{{status=\"{class}xx\"}} {count}");
    }
    text
}

/// Counts stay below 2^53.
#[allow(clippy::cast_precision_loss)]
fn float(count: u64) -> f64 {
    count as f64
}

fn resident_bytes() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024.0)
}

/// All threads of the process, the ended ones included: fields 14 and 15 of its stat line (proc(5)), in hundredths.
fn cpu_seconds() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The name may hold anything, but ends with the last bracket.
    let rest = stat.rsplit_once(')')?.1;
    let mut fields = rest.split_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<f64>().ok();
    Some((ticks()? + ticks()?) / 100.0)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn asked(peer: &str, headers: &[(&'static str, &str)], token: Option<&str>) -> bool {
        let mut map = HeaderMap::new();
        headers.iter().for_each(|(name, value)| {
            map.insert(*name, value.parse().unwrap());
        });
        may_see(Some(peer.parse().unwrap()), &map, token)
    }

    #[test]
    fn without_a_token_only_this_machine_sees_the_numbers_and_no_proxy_on_it() {
        assert!(asked("127.0.0.1:5", &[], None));
        assert!(asked("[::1]:5", &[], None));
        assert!(asked("[::ffff:127.0.0.1]:5", &[], None));
        assert!(!asked("192.0.2.1:5", &[], None));
        assert!(!asked("127.0.0.1:5", &[("x-forwarded-for", "192.0.2.1")], None));
        assert!(!asked("127.0.0.1:5", &[("via", "1.1 proxy")], None));
    }

    #[test]
    fn with_a_token_nothing_else_counts() {
        assert!(asked("192.0.2.1:5", &[("authorization", "Bearer secret")], Some("secret")));
        assert!(!asked("192.0.2.1:5", &[("authorization", "Bearer secre")], Some("secret")));
        assert!(!asked("127.0.0.1:5", &[], Some("secret")));
        assert!(!asked("192.0.2.1:5", &[("authorization", "Bearer ")], None));
    }

    #[test]
    fn the_process_knows_its_own_memory_and_time() {
        assert!(resident_bytes().unwrap() > 1e6);
        assert!(cpu_seconds().unwrap() >= 0.0);
    }
}
