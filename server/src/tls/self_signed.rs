//! A certificate that the server makes for itself, once: whoever trusted it is not asked again after a restart.

use std::{
    path::Path,
    path::PathBuf,
    sync::Arc,
    time::{Duration, SystemTime},
};

use rcgen::{CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, KeyPair};

use super::{Certificate, shown::Shown};
use crate::{Failure, data_dir};

/// Key and certificate in one file, so that they are replaced together.
const FILE: &str = "self-signed.pem";
/// The longest life that Apple's systems accept (825 days); others accept longer ones.
const LIFE: Duration = Duration::from_hours(24 * 825);
/// A clock that is a little behind must not find it too young.
const BACKDATED: Duration = Duration::from_hours(24);
/// Replaced (with the same key) so long before its end.
const SPARE: Duration = Duration::from_hours(24 * 30);
const LOOK_AGAIN: Duration = Duration::from_hours(24);
const ALWAYS: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// The one that is kept, when it is still good for these names; else a new one, with the same key where there is one.
///
/// # Errors
/// When it cannot be kept.
pub(super) fn load_or_make(folder: &Path, names: &[String], now: SystemTime) -> Result<Certificate, Failure> {
    let path = folder.join(FILE);
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    let wanted = wanted(names);
    if let Ok(certificate) = Certificate::from_pem(kept.as_bytes(), kept.as_bytes())
        && wanted.iter().all(|name| certificate.names.contains(name))
        && now + SPARE < certificate.not_after
    {
        return Ok(certificate);
    }
    let failed = |error: &dyn std::fmt::Display| {
        Failure(format!("The server's own certificate {} could not be made: {error}.", path.display()))
    };
    let key = KeyPair::from_pem(&kept).or_else(|_| KeyPair::generate()).map_err(|error| failed(&error))?;
    let certificate = make(&key, wanted, now).map_err(|error| failed(&error))?;
    let pem = key.serialize_pem() + &certificate.pem();
    data_dir::keep(&path, pem.as_bytes()).map_err(|error| failed(&error))?;
    Certificate::from_pem(pem.as_bytes(), pem.as_bytes()).map_err(|error| failed(&error))
}

/// Those that were asked for, and this machine's own.
fn wanted(names: &[String]) -> Vec<String> {
    let mut wanted: Vec<String> = Vec::new();
    for name in names.iter().map(String::as_str).chain(ALWAYS) {
        if !wanted.iter().any(|known| known == name) {
            wanted.push(name.to_owned());
        }
    }
    wanted
}

fn make(key: &KeyPair, names: Vec<String>, now: SystemTime) -> Result<rcgen::Certificate, rcgen::Error> {
    let mut subject = DistinguishedName::new();
    let shown = names.first().cloned().unwrap_or_default();
    // RFC 5280 §A.1: a common name has 64 characters at most.
    subject.push(DnType::CommonName, shown.get(..64).map(str::to_owned).unwrap_or(shown));
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name = subject;
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.not_before = (now - BACKDATED).into();
    params.not_after = (now - BACKDATED + LIFE).into();
    params.self_signed(key)
}

/// Replaces it before it ends, for servers that run that long.
pub(super) async fn keep_fresh(folder: PathBuf, names: Vec<String>, shown: Arc<Shown>) {
    loop {
        tokio::time::sleep(LOOK_AGAIN).await;
        match load_or_make(&folder, &names, SystemTime::now()) {
            Ok(certificate) => shown.show(certificate),
            Err(failure) => tracing::warn!("{failure} The old one is still shown."),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn folder(name: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("voxlink-self-signed-{name}-{}", std::process::id()));
        let _old = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        path
    }

    #[test]
    fn it_is_made_once_and_only_its_owner_can_read_it() {
        let folder = folder("once");
        let now = SystemTime::now();
        let names = ["chat.example.org".to_owned(), "192.0.2.7".to_owned()];
        let first = load_or_make(&folder, &names, now).unwrap();
        assert_eq!(first.names, ["chat.example.org", "192.0.2.7", "localhost", "127.0.0.1", "::1"]);
        let mode = std::fs::metadata(folder.join(FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let again = load_or_make(&folder, &names, now).unwrap();
        assert_eq!(again.fingerprint(), first.fingerprint());
    }

    #[test]
    fn a_new_name_or_a_near_end_makes_a_new_one_with_the_same_key() {
        let folder = folder("again");
        let now = SystemTime::now();
        let first = load_or_make(&folder, &[], now).unwrap();
        let key = std::fs::read_to_string(folder.join(FILE)).unwrap();
        let named = load_or_make(&folder, &["a.example".to_owned()], now).unwrap();
        assert_ne!(named.fingerprint(), first.fingerprint());
        assert!(named.names.contains(&"a.example".to_owned()));
        let late = load_or_make(&folder, &[], now + LIFE - SPARE).unwrap();
        assert!(late.not_after > now + LIFE);
        let key_of = |pem: &str| KeyPair::from_pem(pem).unwrap().serialize_der();
        assert_eq!(key_of(&std::fs::read_to_string(folder.join(FILE)).unwrap()), key_of(&key));
    }

    #[test]
    fn a_broken_file_is_replaced() {
        let folder = folder("broken");
        std::fs::write(folder.join(FILE), "nonsense").unwrap();
        assert!(load_or_make(&folder, &[], SystemTime::now()).is_ok());
    }
}
