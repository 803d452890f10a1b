//! A certificate that somebody else keeps fresh (certbot, lego, an operator): read again when its files change.

use std::{
    fs::Metadata,
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use std::os::unix::fs::MetadataExt as _;

use super::{Certificate, shown::Shown};

/// Certificates are replaced weeks before they end; looking is two `stat`s.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// More than any chain; whoever names a device or a log by mistake gets a sentence.
const MOST_BYTES: u64 = 1024 * 1024;

/// What both files looked like. Renewing tools exchange links: the inode tells, where the time does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seen([(Option<SystemTime>, u64, u64); 2]);

/// Reads both files.
///
/// # Errors
/// A sentence that names the file and what is wrong with it.
pub(super) fn load(chain: &Path, key: &Path) -> Result<(Certificate, Seen), String> {
    // Before reading: what changes meanwhile is read again.
    let seen = look(chain, key);
    let read = |option: &str, path: &Path| {
        let read = || -> io::Result<Vec<u8>> {
            if std::fs::metadata(path)?.len() > MOST_BYTES {
                return Err(io::Error::other("it is too large to be one"));
            }
            std::fs::read(path)
        };
        read().map_err(|error| format!("The file of {option}, {}, cannot be read: {error}.", path.display()))
    };
    let (chain_pem, key_pem) = (read("--tls-cert", chain)?, read("--tls-key", key)?);
    let certificate = Certificate::from_pem(&chain_pem, &key_pem).map_err(|error| {
        use super::certificate::CertificateError::{Key, NoCertificate, NoKey, OtherKey, Unreadable};
        let file = match error {
            NoKey | Key(_) | OtherKey => key,
            NoCertificate | Unreadable => chain,
        };
        format!("{} cannot be used, because {error}.", file.display())
    })?;
    if certificate.not_after <= SystemTime::now() {
        tracing::warn!(file = %chain.display(), "the certificate has expired: browsers will refuse it. Renew it; the server takes the new one by itself");
    }
    Ok((certificate, seen))
}

fn look(chain: &Path, key: &Path) -> Seen {
    let of = |path: &Path| {
        let known = std::fs::metadata(path).ok();
        let known = known.as_ref();
        (
            known.and_then(|m| m.modified().ok()),
            known.map_or(0, Metadata::len),
            known.map_or(0, Metadata::ino),
        )
    };
    Seen([of(chain), of(key)])
}

/// Shows each new pair; a broken one is said once and the old one stays.
pub(super) async fn watch(chain: PathBuf, key: PathBuf, mut seen: Seen, shown: Arc<Shown>) {
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        if look(&chain, &key) == seen {
            continue;
        }
        match load(&chain, &key) {
            Ok((certificate, new)) => {
                tracing::info!(names = ?certificate.names, fingerprint = certificate.fingerprint(), "the certificate was replaced");
                seen = new;
                shown.show(certificate);
            }
            Err(words) => {
                tracing::warn!("{words} The old certificate is still shown.");
                seen = look(&chain, &key);
            }
        }
    }
}
