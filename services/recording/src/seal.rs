//! Addresses of files that players and downloads use without a token: good for some hours, and until the server stops.

use std::time::Duration;

use aws_lc_rs::hmac;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use voxlink_protocol::{RecordingId, Timestamp};
use voxlink_service_kit::Env;

/// For as long as one listens, and some.
const GOOD_FOR: Duration = Duration::from_secs(6 * 3600);

/// Makes and checks them.
pub(crate) struct Seals(hmac::Key);

impl Seals {
    pub(crate) fn new(env: &Env) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, &env.bytes::<32>()))
    }

    /// The address of a file of a recording.
    pub(crate) fn address(&self, id: RecordingId, file: &str, now: Timestamp) -> String {
        let until = now.plus(GOOD_FOR).0;
        let seal = self.sign(&sealed(id, file, until));
        format!("/api/v1/recordings/{id}/files/{file}?until={until}&seal={seal}")
    }

    /// Whether an address was made here and is still good.
    pub(crate) fn fits(&self, id: RecordingId, file: &str, until: u64, seal: &str, now: Timestamp) -> bool {
        now.0 < until && self.is_signed(&sealed(id, file, until), seal)
    }

    /// The seal of some words.
    pub(crate) fn sign(&self, words: &str) -> String {
        URL_SAFE_NO_PAD.encode(hmac::sign(&self.0, words.as_bytes()))
    }

    /// Whether it is theirs, and was made here.
    pub(crate) fn is_signed(&self, words: &str, seal: &str) -> bool {
        let Ok(seal) = URL_SAFE_NO_PAD.decode(seal) else { return false };
        hmac::verify(&self.0, words.as_bytes(), &seal).is_ok()
    }
}

fn sealed(id: RecordingId, file: &str, until: u64) -> String {
    format!("{id}/{until}/{file}")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_address_opens_one_file_for_some_hours() {
        let seals = Seals::new(&Env::real());
        let (id, now) = (RecordingId::new(7), Timestamp(1_000));
        let address = seals.address(id, "mix.opus", now);
        let (_, query) = address.split_once("?until=").unwrap();
        let (until, seal) = query.split_once("&seal=").unwrap();
        let until: u64 = until.parse().unwrap();
        let fits = |id, file, until, now| seals.fits(id, file, until, seal, now);
        assert!(fits(id, "mix.opus", until, now));
        assert!(!fits(RecordingId::new(8), "mix.opus", until, now));
        assert!(!fits(id, "1.camera.0.mkv", until, now));
        assert!(!fits(id, "mix.opus", until + 1, now));
        assert!(!fits(id, "mix.opus", until, Timestamp(until)));
        assert!(!seals.fits(id, "mix.opus", until, "", now) && !seals.fits(id, "mix.opus", until, "%", now));
        assert!(!Seals::new(&Env::real()).fits(id, "mix.opus", until, seal, now));
    }
}
