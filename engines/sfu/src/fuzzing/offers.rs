//! Offers, from the text to the answer.

use std::net::SocketAddr;

use super::room::Stage;
use crate::{
    room::Plan,
    sdp::{self, Direction, Offer, answer},
    worker::{Candidates, Follow, MediaKind, Mid, Role, Source},
};

/// An offer in each role that there is: the answer has its m-lines, in its order, and no line that it smuggled in.
pub fn sdp_offer(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let mut understood = false;
    if let Ok(offer) = sdp::parse::parse(&text) {
        understood |= is_answered(&offer, &Role::Member { sources: sources(&offer) });
    }
    if let Ok(offer) = sdp::parse::parse_stranger(&text) {
        understood |= is_answered(&offer, &Role::Publisher);
        understood |= is_answered(&offer, &Role::Viewer(Follow::Stage));
    }
    understood
}

/// What one of our clients would say of the first m-lines that send.
fn sources(offer: &Offer) -> Vec<(Mid, Source)> {
    let mut left = vec![Source::Microphone, Source::Camera, Source::Screen, Source::ScreenAudio];
    let sending = offer.media.iter().filter(|media| media.direction == Direction::SendOnly);
    let named = sending.filter_map(|media| {
        let at = left.iter().position(|source| Some(kind(*source)) == media.kind)?;
        Some((media.mid.clone(), left.remove(at)))
    });
    named.collect()
}

fn kind(source: Source) -> MediaKind {
    match source {
        Source::Microphone | Source::ScreenAudio | Source::Sound | Source::Mixed => MediaKind::Audio,
        Source::Camera | Source::Screen => MediaKind::Video,
    }
}

fn is_answered(offer: &Offer, role: &Role) -> bool {
    let Ok(plan) = Plan::new(offer, role) else { return false };
    let mut stage = Stage::new();
    let lines = stage.join(1, &plan, None);
    assert_eq!(lines.len(), offer.media.len());
    let address = SocketAddr::from(([192, 0, 2, 1], 7_882));
    let candidates = Candidates { udp: vec![address], tcp: vec![address] };
    let session = answer::Session {
        fragment: "fragment",
        password: "a password of enough length",
        fingerprint: "00:11",
        candidates: &candidates,
        id: 1,
        version: 1,
    };
    let text = answer::write(offer, &session, &lines);
    let begins = |start: &str| text.lines().filter(|line| line.starts_with(start)).count();
    assert_eq!((begins("m="), begins("a=mid:")), (offer.media.len(), offer.media.len()));
    assert_eq!((begins("v=0"), begins("a=ice-lite"), begins("a=group:BUNDLE")), (1, 1, 1));
    assert!(begins("a=ice-ufrag:") <= offer.media.len() && begins("a=candidate:") <= 2);
    assert_eq!(text.matches('\n').count(), text.matches("\r\n").count());
    true
}
