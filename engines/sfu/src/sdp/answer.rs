//! Writing answers: ICE-lite, DTLS passive, one bundle, the offer's own numbers.

use std::fmt::Write;

use super::{
    AUDIO_LEVEL, DEPENDENCY_DESCRIPTOR, MID, Media, Offer, REPAIRED_STREAM_ID, STREAM_ID, TRANSPORT_CC,
    codecs::{Chosen, Codec},
};
use crate::worker::{Candidates, MediaKind};

/// What one m-line is answered with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// Port zero: this m-line carries nothing, ever.
    Refused,
    /// Kept, but nothing flows now.
    Inactive(Chosen),
    /// The client sends, in all its offered simulcast encodings; `stereo` asks for the settings that music needs.
    Receive { codec: Chosen, stereo: bool },
    /// A slot: we send any of these codecs with these SSRCs. `ordinal` counts the slots of its kind.
    Send { codecs: Vec<Chosen>, ssrc: u32, rtx_ssrc: u32, ordinal: usize },
}

/// What all m-lines share.
pub(crate) struct Session<'a> {
    pub(crate) fragment: &'a str,
    pub(crate) password: &'a str,
    pub(crate) fingerprint: &'a str,
    pub(crate) candidates: &'a Candidates,
    pub(crate) id: u64,
    pub(crate) version: u64,
}

/// The whole text, CRLF line ends. `lines` has one entry for each m-line of the offer.
pub(crate) fn write(offer: &Offer, session: &Session<'_>, lines: &[Line]) -> String {
    let mut out = String::with_capacity(600 * (lines.len() + 1));
    push(&mut out, format_args!("v=0"));
    push(&mut out, format_args!("o=- {} {} IN IP4 127.0.0.1", session.id, session.version));
    push(&mut out, format_args!("s=-"));
    push(&mut out, format_args!("t=0 0"));
    let bundled = offer.media.iter().zip(lines).filter(|(_, line)| **line != Line::Refused);
    let bundle = bundled.fold(String::from("a=group:BUNDLE"), |group, (media, _)| group + " " + &media.mid);
    push(&mut out, format_args!("{bundle}"));
    if offer.extmap_allow_mixed {
        push(&mut out, format_args!("a=extmap-allow-mixed"));
    }
    push(&mut out, format_args!("a=msid-semantic: WMS *"));
    push(&mut out, format_args!("a=ice-lite"));
    let mut candidates = Some(session.candidates);
    for (media, line) in offer.media.iter().zip(lines) {
        media_section(&mut out, session, offer, media, line, candidates);
        if *line != Line::Refused {
            // With BUNDLE the first section's candidates are everyone's (RFC 9143 §7.1.2).
            candidates = None;
        }
    }
    out
}

pub(super) fn push(out: &mut String, line: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _ = out.write_fmt(line);
    out.push_str("\r\n");
}

fn media_section(
    out: &mut String,
    session: &Session<'_>,
    offer: &Offer,
    media: &Media,
    line: &Line,
    candidates: Option<&Candidates>,
) {
    let (codecs, direction) = match line {
        Line::Refused => {
            push(out, format_args!("m={} 0 {} {}", media.name, media.protocol, media.first_format));
            push(out, format_args!("c=IN IP4 0.0.0.0"));
            push(out, format_args!("a=mid:{}", media.mid));
            push(out, format_args!("a=inactive"));
            return;
        }
        Line::Inactive(codec) => (std::slice::from_ref(codec), "inactive"),
        Line::Receive { codec, .. } => (std::slice::from_ref(codec), "recvonly"),
        Line::Send { codecs, .. } => (&codecs[..], "sendonly"),
    };
    let payload_types = codecs
        .iter()
        .flat_map(|codec| [Some(codec.payload_type), codec.rtx_payload_type, codec.red_payload_type]);
    let formats: String = payload_types.flatten().map(|payload_type| format!(" {payload_type}")).collect();
    push(out, format_args!("m={} 9 {}{formats}", media.name, media.protocol));
    push(out, format_args!("c=IN IP4 0.0.0.0"));
    push(out, format_args!("a=rtcp:9 IN IP4 0.0.0.0"));
    if let Some(candidates) = candidates {
        candidate_lines(out, candidates);
    }
    push(out, format_args!("a=ice-ufrag:{}", session.fragment));
    push(out, format_args!("a=ice-pwd:{}", session.password));
    push(out, format_args!("a=fingerprint:sha-256 {}", session.fingerprint));
    push(out, format_args!("a=setup:passive"));
    push(out, format_args!("a=mid:{}", media.mid));
    push(out, format_args!("a={direction}"));
    push(out, format_args!("a=rtcp-mux"));
    push(out, format_args!("a=rtcp-rsize"));
    extensions(out, offer, media, line);
    for codec in codecs {
        payloads(out, media, codec, matches!(line, Line::Receive { stereo: true, .. }));
    }
    match line {
        Line::Receive { .. } if !media.rids.is_empty() => {
            for rid in &media.rids {
                push(out, format_args!("a=rid:{rid} recv"));
            }
            push(out, format_args!("a=simulcast:recv {}", media.rids.join(";")));
        }
        Line::Send { ssrc, rtx_ssrc, ordinal, .. } => {
            let has_rtx = codecs.iter().any(|codec| codec.rtx_payload_type.is_some());
            sources(out, media, *ssrc, has_rtx.then_some(*rtx_ssrc), *ordinal);
        }
        Line::Refused | Line::Inactive(_) | Line::Receive { .. } => {}
    }
}

pub(super) fn candidate_lines(out: &mut String, candidates: &Candidates) {
    for (at, candidate) in candidates.udp.iter().enumerate() {
        // RFC 8445 §5.1.2.1: type preference of a host candidate, local preference by order.
        let priority = 126u32 << 24 | (65_535 - (at as u32).min(65_535)) << 8 | 255;
        let (ip, port) = (candidate.ip(), candidate.port());
        push(out, format_args!("a=candidate:{} 1 udp {priority} {ip} {port} typ host", at + 1));
    }
    for (at, candidate) in candidates.tcp.iter().enumerate() {
        // RFC 6544 §4.2: below all of UDP by type, above relays; 4 is the direction preference of a passive one.
        let priority = 90u32 << 24 | ((4 << 13) | (8_191 - (at as u32).min(8_191))) << 8 | 255;
        let (foundation, ip, port) = (candidates.udp.len() + at + 1, candidate.ip(), candidate.port());
        push(
            out,
            format_args!("a=candidate:{foundation} 1 tcp {priority} {ip} {port} typ host tcptype passive"),
        );
    }
    if !candidates.udp.is_empty() || !candidates.tcp.is_empty() {
        push(out, format_args!("a=end-of-candidates"));
    }
}

/// The offer's ids for the extensions that we use on this kind of media.
fn extensions(out: &mut String, offer: &Offer, media: &Media, line: &Line) {
    let is_video = media.kind == Some(MediaKind::Video);
    let is_slot = matches!(line, Line::Send { .. });
    let is_simulcast = !media.rids.is_empty() && !is_slot;
    let wanted = [
        (TRANSPORT_CC, is_video),
        (AUDIO_LEVEL, !is_video),
        // Slots need no names on the wire: their SSRCs are signalled.
        (MID, !is_slot),
        (STREAM_ID, is_simulcast),
        (REPAIRED_STREAM_ID, is_simulcast),
        // With a structure it is longer than the one-byte form allows.
        (DEPENDENCY_DESCRIPTOR, is_video && offer.extmap_allow_mixed),
    ];
    for (uri, _) in wanted.iter().filter(|(_, is_wanted)| *is_wanted) {
        if let Some(id) = media.extension(uri) {
            push(out, format_args!("a=extmap:{id} {uri}"));
        }
    }
}

fn payloads(out: &mut String, media: &Media, chosen: &Chosen, stereo: bool) {
    let payload_type = chosen.payload_type;
    push(out, format_args!("a=rtpmap:{payload_type} {}", chosen.codec.map()));
    match chosen.codec {
        Codec::Opus => {
            let more = if stereo { ";stereo=1;sprop-stereo=1;maxaveragebitrate=192000" } else { "" };
            push(out, format_args!("a=fmtp:{payload_type} minptime=10;useinbandfec=1;usedtx=1{more}"));
            if let Some(red) = chosen.red_payload_type {
                // Behind Opus: a browser sends what comes first. The client moves it up when it is told to (op 25).
                push(out, format_args!("a=rtpmap:{red} red/48000/2"));
                push(out, format_args!("a=fmtp:{red} {payload_type}/{payload_type}"));
            }
            return;
        }
        Codec::Vp8 => {}
        Codec::Vp9 | Codec::H264 | Codec::Av1 => {
            let offered = media.codecs.iter().find(|offered| offered.payload_type == payload_type);
            if let Some(offered) = offered.filter(|offered| !offered.parameters.is_empty()) {
                push(out, format_args!("a=fmtp:{payload_type} {}", offered.parameters));
            }
        }
    }
    if media.extension(TRANSPORT_CC).is_some() {
        push(out, format_args!("a=rtcp-fb:{payload_type} transport-cc"));
    }
    for feedback in ["ccm fir", "nack", "nack pli"] {
        push(out, format_args!("a=rtcp-fb:{payload_type} {feedback}"));
    }
    if let Some(rtx) = chosen.rtx_payload_type {
        push(out, format_args!("a=rtpmap:{rtx} rtx/90000"));
        push(out, format_args!("a=fmtp:{rtx} apt={payload_type}"));
    }
}

/// The n-th audio and the n-th video slot share a stream: browsers synchronise lips within one.
fn sources(out: &mut String, media: &Media, ssrc: u32, rtx_ssrc: Option<u32>, ordinal: usize) {
    let stream = format!("slot-{ordinal}");
    let track = format!("{}-{}", media.name, media.mid);
    push(out, format_args!("a=msid:{stream} {track}"));
    let mut ssrcs = vec![ssrc];
    if let Some(rtx_ssrc) = rtx_ssrc {
        push(out, format_args!("a=ssrc-group:FID {ssrc} {rtx_ssrc}"));
        ssrcs.push(rtx_ssrc);
    }
    for ssrc in ssrcs {
        push(out, format_args!("a=ssrc:{ssrc} cname:{stream}"));
        push(out, format_args!("a=ssrc:{ssrc} msid:{stream} {track}"));
    }
}
