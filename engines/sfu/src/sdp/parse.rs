//! Reading offers: tolerant of what we do not use, exact about what we do.

use super::{Direction, Media, Offer, OfferedCodec};
use crate::{
    dtls::{Fingerprint, HashAlgorithm},
    worker::{MediaKind, OfferError},
};

/// An offer with 128 slots is about 150 KiB from a browser.
const MAX_TEXT: usize = 256 * 1024;
/// Four sending lines, 64 slots of each kind, and what was stopped since.
const MAX_MEDIA: usize = 300;
/// RFC 5888 sets no limit; the mid extension carries at most 16 bytes in its one-byte form.
const MAX_MID: usize = 16;
/// RFC 8852 §3.1 sets no limit; the one-byte header extension carries at most 16 bytes.
const MAX_RID: usize = 16;
/// Simulcast encodings of one m-line: browsers make three.
const MAX_ENCODINGS: usize = 4;
/// Payload types are seven bits.
const MAX_CODECS: usize = 128;

fn malformed<T>(what: impl Into<String>) -> Result<T, OfferError> {
    Err(OfferError::Malformed(what.into()))
}

/// What may stand at session level for all m-lines, or in one of them.
#[derive(Default)]
struct Shared {
    fragment: Option<String>,
    password: Option<String>,
    fingerprint: Option<Fingerprint>,
    setup: Option<String>,
}

/// Reads an offer of one of our clients.
///
/// # Errors
/// [`OfferError::Malformed`] says in words for a developer what is missing.
pub(crate) fn parse(text: &str) -> Result<Offer, OfferError> {
    let (offer, group) = read(text)?;
    check_media(&offer.media, &group)?;
    Ok(offer)
}

/// Reads an offer of whoever speaks WHIP or WHEP. There is one transport (RFC 9725 §4.4): what is outside of the
/// bundle counts as stopped and is refused in the answer.
///
/// # Errors
/// As [`parse`].
pub(crate) fn parse_stranger(text: &str) -> Result<Offer, OfferError> {
    let (mut offer, group) = read(text)?;
    for (at, media) in offer.media.iter_mut().enumerate() {
        if media.mid.is_empty() {
            // Not in any bundle then; the answer names it somehow.
            media.mid = format!("refused-{at}").into();
        }
        media.stopped |= !is_bundled(media, &group);
    }
    check_media(&offer.media, &group)?;
    if offer.media.iter().all(|media| media.stopped) {
        return malformed("no m-line is in a=group:BUNDLE: all media must share one transport");
    }
    Ok(offer)
}

fn read(text: &str) -> Result<(Offer, Vec<String>), OfferError> {
    if text.len() > MAX_TEXT {
        return malformed(format!("the offer is longer than {MAX_TEXT} bytes"));
    }
    if !text.starts_with("v=0") {
        return malformed("the offer does not start with v=0");
    }
    let mut shared = Shared::default();
    let mut extmap_allow_mixed = false;
    let mut media: Vec<Media> = Vec::new();
    let mut group = Vec::new();
    for line in text.lines() {
        let Some((kind, value)) = line.trim_end().split_once('=') else { continue };
        match kind {
            "m" if media.len() == MAX_MEDIA => return malformed(format!("more than {MAX_MEDIA} m-lines")),
            "m" => media.push(media_line(value)?),
            "a" => {
                let (name, value) = value.split_once(':').unwrap_or((value, ""));
                match name {
                    // Others, as LS for lip synchronisation, say nothing about transports (RFC 5888 §7).
                    "group" if media.is_empty() && group.is_empty() && value.starts_with("BUNDLE") => {
                        group = value.split_ascii_whitespace().map(str::to_owned).collect();
                    }
                    "extmap-allow-mixed" => extmap_allow_mixed = true,
                    _ if shared_attribute(&mut shared, name, value)? => {}
                    _ => {
                        if let Some(current) = media.last_mut() {
                            media_attribute(current, name, value)?;
                        }
                    }
                }
            }
            _ => {}
        }
    }
    let (Some(fragment), Some(_), Some(fingerprint)) = (shared.fragment, shared.password, shared.fingerprint)
    else {
        return malformed("a=ice-ufrag, a=ice-pwd and a=fingerprint (sha-256, -384 or -512) are needed");
    };
    if !matches!(shared.setup.as_deref(), Some("actpass" | "active")) {
        return malformed("a=setup must be actpass or active: the server is always passive");
    }
    for Media { rids, known_rids, .. } in &mut media {
        rids.retain(|rid| known_rids.contains(rid));
    }
    Ok((Offer { fragment, fingerprint, extmap_allow_mixed, media }, group))
}

fn is_bundled(media: &Media, group: &[String]) -> bool {
    group.first().is_some_and(|kind| kind == "BUNDLE") && group[1..].iter().any(|mid| **mid == *media.mid)
}

fn check_media(media: &[Media], group: &[String]) -> Result<(), OfferError> {
    if media.is_empty() {
        return malformed("the offer has no m-lines");
    }
    for (at, one) in media.iter().enumerate() {
        if one.mid.is_empty() {
            return malformed(format!("m-line {at} has no a=mid"));
        }
        if media[..at].iter().any(|other| other.mid == one.mid) {
            return malformed(format!("two m-lines have the mid {}", one.mid));
        }
        if one.kind.is_some() && !one.stopped && !is_bundled(one, group) {
            return malformed(format!("mid {} is not in a=group:BUNDLE", one.mid));
        }
    }
    Ok(())
}

/// True when the attribute was one of the transport's. With BUNDLE all m-lines say the same: the first counts.
fn shared_attribute(shared: &mut Shared, name: &str, value: &str) -> Result<bool, OfferError> {
    match name {
        "ice-ufrag" => drop(shared.fragment.get_or_insert(ice_ufrag(value)?.to_owned())),
        "ice-pwd" => drop(shared.password.get_or_insert(ice_password(value)?.to_owned())),
        "setup" => drop(shared.setup.get_or_insert_with(|| value.to_owned())),
        "fingerprint" => {
            if shared.fingerprint.is_none() {
                shared.fingerprint = fingerprint(value)?;
            }
        }
        _ => return Ok(false),
    }
    Ok(true)
}

/// RFC 8839 §5.4: 4 to 256 characters.
pub(super) fn ice_ufrag(value: &str) -> Result<&str, OfferError> {
    if (4..=256).contains(&value.len()) { Ok(value) } else { malformed("a=ice-ufrag has a wrong length") }
}

/// RFC 8839 §5.4: 22 to 256 characters.
pub(super) fn ice_password(value: &str) -> Result<&str, OfferError> {
    if (22..=256).contains(&value.len()) { Ok(value) } else { malformed("a=ice-pwd has a wrong length") }
}

/// `Ok(None)` for a hash we do not know: another line may have one that we do.
fn fingerprint(value: &str) -> Result<Option<Fingerprint>, OfferError> {
    let Some((name, hex)) = value.trim().split_once(' ') else {
        return malformed("a=fingerprint has no value");
    };
    let (algorithm, length) = match name.to_ascii_lowercase().as_str() {
        "sha-256" => (HashAlgorithm::Sha256, 32),
        "sha-384" => (HashAlgorithm::Sha384, 48),
        "sha-512" => (HashAlgorithm::Sha512, 64),
        _ => return Ok(None),
    };
    let bytes: Option<Vec<u8>> =
        hex.trim().split(':').map(|pair| u8::from_str_radix(pair, 16).ok()).collect();
    match bytes.filter(|bytes| bytes.len() == length) {
        Some(bytes) => Ok(Some(Fingerprint { algorithm, bytes })),
        None => malformed("a=fingerprint is not a list of hexadecimal pairs of the right length"),
    }
}

/// `audio 9 UDP/TLS/RTP/SAVPF 111 63 …`
fn media_line(value: &str) -> Result<Media, OfferError> {
    let mut words = value.split_ascii_whitespace();
    let (Some(name), Some(port), Some(protocol)) = (words.next(), words.next(), words.next()) else {
        return malformed("an m-line is cut short");
    };
    let first_format = words.clone().next().unwrap_or("0").to_owned();
    let secure = matches!(protocol, "UDP/TLS/RTP/SAVPF" | "TCP/TLS/RTP/SAVPF" | "UDP/TLS/RTP/SAVP");
    let kind = match name {
        "audio" if secure => Some(MediaKind::Audio),
        "video" if secure => Some(MediaKind::Video),
        _ => None,
    };
    let token = |word: &str| word.len() <= 32 && word.chars().all(|c| c.is_ascii_graphic());
    if !token(name) || !token(protocol) || !token(&first_format) {
        return malformed("an m-line has words that are too long or not printable");
    }
    let payload_types = words.filter_map(|word| word.parse::<u8>().ok()).filter(|number| *number < 128);
    let codecs = payload_types
        .take(MAX_CODECS)
        .map(|payload_type| OfferedCodec { payload_type, ..OfferedCodec::default() })
        .collect();
    Ok(Media {
        kind,
        name: name.to_owned(),
        protocol: protocol.to_owned(),
        first_format,
        stopped: port == "0",
        mid: "".into(),
        direction: Direction::SendRecv,
        codecs,
        extensions: Vec::new(),
        ssrc: None,
        rtx_ssrc: None,
        rids: Vec::new(),
        known_rids: Vec::new(),
    })
}

fn media_attribute(media: &mut Media, name: &str, value: &str) -> Result<(), OfferError> {
    match name {
        "mid" => {
            let is_token = value.chars().all(|c| c.is_ascii_graphic());
            if value.is_empty() || value.len() > MAX_MID || !is_token {
                return malformed(format!("a=mid must be 1 to {MAX_MID} printable characters"));
            }
            media.mid = value.into();
        }
        "sendrecv" => media.direction = Direction::SendRecv,
        "sendonly" => media.direction = Direction::SendOnly,
        "recvonly" => media.direction = Direction::RecvOnly,
        "inactive" => media.direction = Direction::Inactive,
        // An offer for a stopped m-line that is only kept in the bundle (RFC 8843 §6).
        "bundle-only" => media.stopped = false,
        "rtpmap" => {
            if let Some((codec, map)) = codec_and_rest(media, value) {
                let mut parts = map.split('/');
                codec.name = parts.next().unwrap_or_default().to_owned();
                codec.clock_rate = parts.next().and_then(|rate| rate.parse().ok()).unwrap_or_default();
            }
        }
        "fmtp" => {
            if let Some((codec, parameters)) = codec_and_rest(media, value) {
                codec.parameters = parameters.to_owned();
            }
        }
        "extmap" => extension(media, value),
        "ssrc" => {
            let ssrc = value.split(' ').next().and_then(|ssrc| ssrc.parse().ok());
            media.ssrc = media.ssrc.or(ssrc);
        }
        "rid" => rid(media, value),
        "simulcast" => simulcast(media, value),
        "ssrc-group" => {
            let mut words = value.split_ascii_whitespace();
            if words.next() == Some("FID") {
                let mut numbers = words.map_while(|word| word.parse().ok());
                if let (Some(ssrc), Some(rtx)) = (numbers.next(), numbers.next()) {
                    media.ssrc = Some(ssrc);
                    media.rtx_ssrc = Some(rtx);
                }
            }
        }
        _ => {}
    }
    Ok(())
}

fn codec_and_rest<'a, 'b>(media: &'a mut Media, value: &'b str) -> Option<(&'a mut OfferedCodec, &'b str)> {
    let (payload_type, rest) = value.split_once(' ')?;
    let payload_type = payload_type.parse().ok()?;
    Some((media.codecs.iter_mut().find(|codec| codec.payload_type == payload_type)?, rest))
}

/// `id direction [restrictions]` (RFC 8851 §4); only what is sent concerns us.
fn rid(media: &mut Media, value: &str) {
    let mut words = value.split_ascii_whitespace();
    let Some(id) = words.next().filter(|_| words.next() == Some("send")) else { return };
    // RFC 8852 §3: alphanumeric; as long as a one-byte header extension may be.
    let is_valid = id.len() <= MAX_RID && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if is_valid
        && media.known_rids.len() < MAX_ENCODINGS
        && !media.known_rids.iter().any(|known| **known == *id)
    {
        media.known_rids.push(id.into());
    }
}

/// `send q;h;f [recv …]` (RFC 8853 §5.1): of alternatives the first counts, `~` marks one that begins paused.
fn simulcast(media: &mut Media, value: &str) {
    let mut words = value.split_ascii_whitespace().skip_while(|word| *word != "send");
    let Some(streams) = words.nth(1) else { return };
    let ids = streams.split(';').filter_map(|stream| stream.split(',').next());
    for id in ids.map(|id| id.trim_start_matches('~')).take(MAX_ENCODINGS) {
        if !media.rids.iter().any(|known| **known == *id) {
            media.rids.push(id.into());
        }
    }
}

/// `3[/direction] uri [attributes]`; ids 0 and 15 mean nothing (RFC 8285 §4.2).
fn extension(media: &mut Media, value: &str) {
    let mut words = value.split_ascii_whitespace();
    let id = words.next().and_then(|id| id.split('/').next()?.parse::<u8>().ok());
    if let (Some(id), Some(uri)) = (id.filter(|id| !matches!(id, 0 | 15)), words.next())
        && media.extensions.len() < 64
    {
        media.extensions.push((id, uri.to_owned()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The shape of Firefox's offers: fingerprint for the whole session, bundle-only m-lines with port 0,
    /// directions on header extensions.
    const FIREFOX: &str = "v=0\r\no=mozilla...THIS_IS_SDPARTA-99.0 1 0 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n\
        a=fingerprint:sha-256 00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF\r\n\
        a=group:BUNDLE 0 1\r\na=ice-options:trickle\r\na=msid-semantic:WMS *\r\n\
        m=audio 9 UDP/TLS/RTP/SAVPF 109 9\r\nc=IN IP4 0.0.0.0\r\na=sendonly\r\n\
        a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\n\
        a=extmap:2/recvonly urn:ietf:params:rtp-hdrext:csrc-audio-level\r\n\
        a=fmtp:109 maxplaybackrate=48000;stereo=1;useinbandfec=1\r\na=ice-pwd:0123456789abcdef0123456789abcdef\r\n\
        a=ice-ufrag:01234567\r\na=mid:0\r\na=rtcp-mux\r\na=rtpmap:109 opus/48000/2\r\na=rtpmap:9 G722/8000/1\r\n\
        a=setup:actpass\r\na=ssrc:1234 cname:{x}\r\n\
        m=video 0 UDP/TLS/RTP/SAVPF 120 124\r\nc=IN IP4 0.0.0.0\r\na=bundle-only\r\na=recvonly\r\n\
        a=fmtp:124 apt=120\r\na=ice-pwd:0123456789abcdef0123456789abcdef\r\na=ice-ufrag:01234567\r\na=mid:1\r\n\
        a=rtpmap:120 VP8/90000\r\na=rtpmap:124 rtx/90000\r\na=setup:actpass\r\n";

    #[test]
    fn an_offer_in_firefox_s_shape_is_understood() {
        let offer = parse(FIREFOX).expect("valid");
        assert_eq!((offer.fragment.as_str(), offer.media.len()), ("01234567", 2));
        let [audio, video] = &offer.media[..] else { unreachable!() };
        assert_eq!((audio.direction, audio.ssrc, audio.stopped), (Direction::SendOnly, Some(1234), false));
        assert_eq!(audio.extension(crate::sdp::AUDIO_LEVEL), Some(1));
        assert!(!video.stopped, "bundle-only is no refusal");
        let chosen = crate::sdp::codecs::playable(video);
        let [chosen] = &chosen[..] else { unreachable!("VP8 alone") };
        assert_eq!((chosen.payload_type, chosen.rtx_payload_type), (120, Some(124)));
    }

    #[test]
    fn simulcast_names_the_encodings_that_were_described_before() {
        let lines = "a=rid:q send\r\na=rid:h send max-width=640\r\na=rid:f send\r\na=rid:x recv\r\na=rid:no! send\r\n\
            a=simulcast:send q;~h,f;f;x;unknown\r\n";
        let offer = parse(&format!("{FIREFOX}{lines}")).expect("valid");
        let rids: Vec<&str> = offer.media[1].rids.iter().map(|rid| &**rid).collect();
        assert_eq!(rids, ["q", "h", "f"]);
        assert!(offer.media[0].rids.is_empty());
    }

    #[test]
    fn codecs_are_taken_in_the_offer_s_order_and_profiles_we_do_not_forward_are_passed_over() {
        use crate::sdp::codecs::{Codec, playable};
        let offer = FIREFOX.replace(
            "a=rtpmap:120 VP8/90000",
            "a=rtpmap:120 H264/90000\r\na=fmtp:120 profile-level-id=42e01f;packetization-mode=0\r\na=rtpmap:124 VP9/90000",
        );
        let offer =
            offer.replace("m=video 0 UDP/TLS/RTP/SAVPF 120 124", "m=video 0 UDP/TLS/RTP/SAVPF 120 99 124 98");
        let more = "a=rtpmap:99 VP9/90000\r\na=fmtp:99 profile-id=2\r\na=rtpmap:98 AV1/90000\r\n";
        let offer = parse(&(offer.replace("a=rtpmap:124 rtx/90000\r\n", "") + more)).expect("valid");
        let found: Vec<_> = playable(&offer.media[1]).iter().map(|c| (c.codec, c.payload_type)).collect();
        assert_eq!(found, [(Codec::Vp9, 124), (Codec::Av1, 98)]);
    }

    #[test]
    fn no_cut_of_an_offer_makes_the_parser_panic() {
        for end in 0..FIREFOX.len() {
            let _ = parse(&FIREFOX[..end]);
            let _ = parse(&format!("{}\u{0}é{}", &FIREFOX[..end], &FIREFOX[end..]));
        }
    }
}
